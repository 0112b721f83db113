"""The next command of a root cause, by kind and reason: what can be pasted into a shell, without a secret."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from staging_exporter.config import load_config
from staging_exporter.core.advice import ADVICE
from staging_exporter.core.model import Reason

EXAMPLE = Path(__file__).parents[2] / "deploy" / "netra-staging.yml"
HOLDERS = "select usename, application_name, state, count(*) from pg_stat_activity group by 1, 2, 3 order by 4 desc"
CURL = "curl -sSi -m 20 "
POSTGRES = "{kind: postgres, host: db.test, database: app, user: prober, password: {env: PGPASSWORD}}"
HTTP = '{kind: http, url: "https://a.test/h?key={{key}}", secrets: {key: {env: KEY}}}'
GOOGLE = "{kind: gcp_run, service: web, project: p-1, region: europe-west1, endpoint: http://127.0.0.1:1}"
REDIS = "gcloud redis {} list --region=- '--filter=name~{}$' --project=p-1"
COMMANDS = {
    "a name": (HTTP, Reason.DNS, "dig +noall +answer +comments a.test"),
    "a port": (HTTP, Reason.REFUSED, "nc -vz -w 5 a.test 443"),
    "an answer, without the query of the URL": (HTTP, Reason.SERVER_ERROR, CURL + "https://a.test/h"),
    "a WebSocket": ("{kind: websocket, url: wss://a.test/ws}", Reason.IDENTITY, CURL + "https://a.test/ws"),
    "a server that hangs up": ("{kind: tcp, address: 'a.test:25'}", Reason.CLOSED, "nc -vz -w 5 a.test 25"),
    "a unix socket": ("{kind: tcp, address: /run/a.sock}", Reason.REFUSED, "nc -vzU /run/a.sock"),
    "a full database": (
        POSTGRES,
        Reason.SATURATED,
        f"psql -h db.test -p 5432 -d app -U prober -c '{HOLDERS}'",
    ),
    "a database": (POSTGRES, Reason.TIMEOUT, "pg_isready -h db.test -p 5432 -d app -U prober"),
    "redis": ("{kind: redis, address: 'a.test:6379'}", Reason.DENIED, "redis-cli -h a.test -p 6379 ping"),
    "a name server": ("{kind: dns, name: a.test, server: 10.0.0.2}", Reason.DNS, "dig @10.0.0.2 -p 53 a.test A"),
    "a ping": ("{kind: icmp, host: a.test}", Reason.TIMEOUT, "ping -c 3 a.test"),
    "Cloud Run": (GOOGLE, Reason.FAILED, "gcloud run services describe web --region=europe-west1 --project=p-1"),
    "Memorystore": (
        "{kind: gcp_redis, project: p-1, instance: cache}",
        Reason.FAILED,
        REDIS.format("instances", "cache"),
    ),
    "its clusters": ("{kind: gcp_redis, project: p-1, cluster: shop}", Reason.FAILED, REDIS.format("clusters", "shop")),
    "a program: a run shows it best": ("{kind: exec, command: ['true']}", Reason.FAILED, None),
}


def command(tmp_path: Path, check: str, reason: Reason) -> str | None:
    file = tmp_path / "staging.yml"
    file.write_text(f"environment: test\ncomponents:\n  a: {{layer: service, priority: P0, check: {check}}}\n")
    return load_config(file).checks["a"].next_command(reason)


@pytest.mark.parametrize(("check", "reason", "expected"), COMMANDS.values(), ids=COMMANDS)
def test_a_command(tmp_path: Path, check: str, reason: Reason, expected: str | None) -> None:
    assert command(tmp_path, check, reason) == expected


def test_a_certificate_and_the_times_of_a_slow_answer(tmp_path: Path) -> None:
    certificate = command(tmp_path, HTTP, Reason.TLS_EXPIRED)
    assert certificate is not None
    assert certificate.startswith("openssl s_client -connect a.test:443 -servername a.test </dev/null | openssl x509")
    slow = command(tmp_path, HTTP, Reason.SLOW)
    assert slow is not None
    assert "%{time_starttransfer}" in slow
    assert shlex.split(slow)[-1] == "https://a.test/h"


def test_every_check_of_the_example_gives_a_command_or_none_for_every_reason() -> None:
    checks = load_config(EXAMPLE).checks
    found = [check.next_command(reason) for check in checks.values() for reason in Reason]
    assert sum(each is not None for each in found) > len(found) / 2
    assert all(each is None or shlex.split(each) for each in found)


def test_every_reason_has_advice() -> None:
    assert set(ADVICE) == set(Reason)
    assert all(advice.meaning.endswith(".") and advice.look.endswith(".") for advice in ADVICE.values())
