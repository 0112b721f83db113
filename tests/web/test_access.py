"""Who may read, write, push and probe: tokens, scopes, hosts, forged requests of browsers, the unix socket."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from staging_exporter.app import App
from staging_exporter.config import load_config
from staging_exporter.net.address import HostPort
from staging_exporter.web.failures import FailedLogins

from tests.support.live import staging_exporter
from tests.support.ports import free_port

CONFIG = """
environment: test
{api}
components:
  other: {{layer: service, priority: P1, check: {{kind: exec, command: ["true"]}}}}
  target: {{layer: service, priority: P1, check: {{kind: tcp, address: "127.0.0.1:{port}"}}}}
"""
SCOPED = """api:
  tokens:
    - {name: ci, scopes: [write, report], token: {env: CI_TOKEN}}
    - {name: prom, scopes: [read, probe], token: {env: PROM_TOKEN}}
    - {name: page, scopes: [read], token: {env: PAGE_TOKEN}}
"""
WINDOW = json.dumps({"components": ["target"], "duration": "1m"})


class Served:
    """An exporter on TCP and on a unix socket."""

    def __init__(self, directory: Path, api: str) -> None:
        self.file, self.socket = directory / "config.yml", directory / "socket"
        self.file.write_text(CONFIG.format(api=api, port=free_port()))
        self.app = App(self.file, load_config(self.file))

    async def start(self) -> None:
        self.url = await self.app.start([HostPort("127.0.0.1", 0), HostPort(str(self.socket), 0)])

    async def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: str = "", *, unix: bool = False
    ) -> tuple[int, str]:
        connector = aiohttp.UnixConnector(str(self.socket)) if unix else aiohttp.TCPConnector()
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.request(method, self.url + path, headers=headers, data=body) as response,
        ):
            return response.status, await response.text()


@pytest.fixture
async def served(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Served]:
    for name in ("CI", "PROM", "PAGE"):
        monkeypatch.setenv(f"{name}_TOKEN", f"{name.lower()}-secret ")
    exporter = Served(tmp_path, getattr(request, "param", ""))
    await exporter.start()
    try:
        yield exporter
    finally:
        await exporter.app.stop()


def bearer(token: str, scheme: str = "Bearer") -> dict[str, str]:
    return {"Authorization": f"{scheme} {token}", "Content-Type": "application/json"}


JSON = {"Content-Type": "application/json"}
LOCAL_PROXIES: list[dict[str, str]] = [
    {},
    {"X-Real-IP": "203.0.113.9"},
    {"X-Forwarded-Host": "a"},
    {"True-Client-IP": "a"},
    {"Origin": "http://evil.example.com"},
]


@pytest.mark.parametrize("headers", LOCAL_PROXIES)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/api/v1/maintenance"), ("POST", "/-/reload"), ("PUT", "/api/v1/e2e/x")]
)
async def test_without_a_token_writes_are_off_on_tcp(
    served: Served, method: str, path: str, headers: dict[str, str]
) -> None:
    status, text = await served.ask(method, path, JSON | headers, WINDOW)
    assert (status, "Add `api: {token: {env: STAGING_EXPORTER_TOKEN}}`" in text) == (403, True)
    assert "--to unix:/PATH" in text


async def test_without_a_token_writes_work_over_the_unix_socket(served: Served) -> None:
    assert (served.socket.stat().st_mode & 0o777) == 0o660
    status, text = await served.ask("POST", "/api/v1/maintenance", JSON, WINDOW, unix=True)
    assert (status, json.loads(text)["by"]) == (200, "anonymous at unix")
    assert (await served.ask("POST", "/-/reload", unix=True))[0] == 200
    for headers in LOCAL_PROXIES[1:]:
        assert (await served.ask("POST", "/-/reload", headers, unix=True))[0] == 403
    form = {"Content-Type": "text/plain"}
    assert (await served.ask("POST", "/api/v1/maintenance", form, WINDOW, unix=True))[0] == 403


EVERYTHING = {
    ("GET", "/metrics", ""): "read",
    ("GET", "/api/v1/status", ""): "read",
    ("GET", "/", ""): "read",
    ("POST", "/api/v1/maintenance", WINDOW): "write",
    ("POST", "/-/reload", ""): "write",
    ("PUT", "/api/v1/e2e/target", "x"): "report",
    ("GET", "/probe?component=other", ""): "probe",
}
HAS = {"ci-secret": {"write", "report"}, "prom-secret": {"read", "probe"}, "page-secret": {"read"}}


@pytest.mark.parametrize("served", [SCOPED], indirect=True)
@pytest.mark.parametrize("token", HAS)
@pytest.mark.parametrize("what", EVERYTHING, ids=lambda what: what[1])
async def test_a_token_allows_what_its_scopes_say(served: Served, token: str, what: tuple[str, str, str]) -> None:
    method, path, body = what
    status, text = await served.ask(method, path, bearer(token), body)
    allowed = EVERYTHING[what] in HAS[token]
    assert (status != 403) == allowed, text
    assert status != 401
    assert (await served.ask(method, path, bearer("wrong"), body))[0] == 401


@pytest.mark.parametrize("served", [SCOPED], indirect=True)
async def test_who_wrote_is_in_answer_and_log(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    status, text = await served.ask("POST", "/api/v1/maintenance", bearer("ci-secret"), WINDOW)
    assert (status, json.loads(text)["by"]) == (200, "ci at 127.0.0.1")
    fields = [vars(record)["fields"] for record in caplog.records if record.message == "maintenance started"]
    assert [field["by"] for field in fields] == ["ci at 127.0.0.1"]


@pytest.mark.parametrize("served", [SCOPED], indirect=True)
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "bearer ci-secret"}, 200),
        ({"Authorization": "Bearer  ci-secret "}, 200),
        ({"X-Staging-Exporter-Token": "ci-secret"}, 200),
        ({"X-Staging-Exporter-Token": "ci-secret", "Authorization": "Bearer token-of-a-proxy"}, 200),
        ({"X-Staging-Exporter-Token": "wrong", "Authorization": "Bearer ci-secret"}, 401),
        ({"Authorization": "ci-secret"}, 401),
        ({"Authorization": "Basic Y2k6Y2ktc2VjcmV0"}, 401),
        ({"Authorization": "Bearer "}, 401),
        ({"Authorization": "Bearer ci-secret\u00e9"}, 401),
        ({}, 401),
    ],
)
async def test_a_token_is_a_bearer_or_has_a_header_of_its_own(
    served: Served, headers: dict[str, str], status: int
) -> None:
    assert (await served.ask("POST", "/-/reload", headers))[0] == status


@pytest.mark.parametrize("value", ["", "   ", "\n"])
@pytest.mark.parametrize("given", [{}, bearer(""), {"X-Staging-Exporter-Token": ""}])
async def test_an_empty_token_lets_nobody_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, given: dict[str, str]
) -> None:
    monkeypatch.setenv("EMPTY_TOKEN", value)
    exporter = Served(tmp_path, "api: {token: {env: EMPTY_TOKEN}}")
    await exporter.start()
    try:
        assert (await exporter.ask("POST", "/-/reload", given))[0] == 401
        assert (await exporter.ask("POST", "/-/reload", given, unix=True))[0] == 401
        assert (await exporter.ask("GET", "/metrics"))[0] == 200
    finally:
        await exporter.app.stop()
    done = staging_exporter("validate", exporter.file, env={"EMPTY_TOKEN": value})
    message = f"{exporter.file}: api.token: the secret is empty: environment variable EMPTY_TOKEN\n"
    assert (done.returncode, done.stderr) == (2, message)


@pytest.mark.parametrize("served", [SCOPED + "  anonymous_reads: false\n"], indirect=True)
async def test_reads_may_require_a_token(served: Served) -> None:
    for path in (
        "/",
        "/metrics",
        "/api/v1/status",
        "/probe?component=target",
        "/static/page.css",
        "/components/target",
    ):
        assert (await served.ask("GET", path))[0] == 401, path
        assert (await served.ask("GET", path, bearer("page-secret")))[0] == 200, path
    for path in ("/-/healthy", "/-/ready"):
        assert (await served.ask("GET", path))[0] in (200, 503)


async def test_a_check_that_runs_a_program_is_not_for_everybody(served: Served) -> None:
    status, text = await served.ask("GET", "/probe?component=other")
    assert (status, text) == (403, "other runs a program: this needs an api.token with the scope probe.\n")
    assert (await served.ask("GET", "/probe?component=target"))[0] == 200


@pytest.mark.parametrize("served", ["api: {hosts: [exporter.example.com]}"], indirect=True)
@pytest.mark.parametrize(
    ("host", "status"),
    [("exporter.example.com", 200), ("Exporter.Example.com:9877", 200), ("evil.example.com", 421), ("127.0.0.1", 421)],
)
async def test_only_the_hosts_of_the_list_are_answered(served: Served, host: str, status: int) -> None:
    assert (await served.ask("GET", "/api/v1/status", {"Host": host}))[0] == status
    assert (await served.ask("GET", "/-/healthy", {"Host": host}))[0] == 200


@pytest.mark.parametrize(
    "path", ["/", "/metrics", "/api/v1/status", "/probe?component=target", "/nothing", "/-/healthy"]
)
async def test_every_response_forbids_sniffing_and_names_no_version(served: Served, path: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(served.url + path) as response:
        assert (response.headers["X-Content-Type-Options"], response.headers["Server"]) == (
            "nosniff",
            "staging-exporter",
        )


def test_failures_are_limited_for_each_address_and_user_and_forgotten() -> None:
    moment = [0.0]
    failures = FailedLogins(lambda: moment[0])
    for _ in range(10):
        assert not failures.too_many("a")
        failures.count("a")
    assert failures.too_many("a")
    assert not failures.too_many("b")
    assert not failures.too_many("a", "known")
    moment[0] = 6.1
    assert not failures.too_many("a")
    assert failures.total == 10


async def test_a_failed_login_is_counted_and_logged_once_a_minute_without_what_was_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CI_TOKEN", "ci-secret")
    exporter = Served(tmp_path, "api: {token: {env: CI_TOKEN}}")
    await exporter.start()
    try:
        for number in range(30):
            assert (await exporter.ask("POST", "/-/reload", bearer(f"guess-{number}")))[0] == 401
        _, metrics = await exporter.ask("GET", "/metrics")
    finally:
        await exporter.app.stop()
    assert 'staging_exporter_logins_failed_total{environment="test"} 30.0' in metrics
    lines: list[Any] = [record for record in caplog.records if record.message == "login failed"]
    assert [line.fields for line in lines] == [{"address": "127.0.0.1"}]
    assert "guess" not in caplog.text
