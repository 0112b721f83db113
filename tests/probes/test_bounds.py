"""Results of runs, whatever the peer sends: no secret, no control character, at most 500 bytes of detail."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
import websockets.asyncio.server
from staging_exporter.core.model import Component, Layer, Observation, Priority, Reason
from staging_exporter.core.redaction import Masker, clean
from staging_exporter.engine.prober import Prober
from staging_exporter.evidence.google.reader import GoogleReader
from staging_exporter.net.address import HostPort
from staging_exporter.net.resolve import Resolver
from staging_exporter.net.url import parse_url
from staging_exporter.probes import kinds, load

from tests.support import peers
from tests.support.dnsserver import name_server, zone
from tests.support.postgres import PASSWORD, Postgres, running_postgres
from tests.support.web import Seen, Web, response, serving

SECRET = "s3cret-of-the-prober"  # also the password of the role in PostgreSQL
assert SECRET == PASSWORD
DIRT = "\x1b[31m\x07\u202e\r\n\x00\x9b"
LONG = "ä" * 20_000
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def echoed(request: Seen) -> str:
    """The secret in all encodings that a server may return, pieces of it, control characters, and much of all."""
    return f"{DIRT}{request.headers.get('authorization', SECRET)} {SECRET[:-4]} {SECRET[4:]} {SECRET!r}{DIRT}{LONG}"


@asynccontextmanager
async def http(options: dict[str, Any], answer: Callable[[Seen], bytes]) -> AsyncIterator[dict[str, Any]]:
    async with serving(Web({"*": answer})) as address:
        yield {"kind": "http", "url": f"http://{address}/", "auth": {"bearer": {"env": "BOUNDS"}}, **options}


def by_header(request: Seen) -> bytes:
    value = request.headers["authorization"]
    return response(200, b"", {"X-Token": value, "Server": f"me {value} {SECRET[:12]}", "Transport": "v" * 5000})


def by_redirect(_request: Seen) -> bytes:
    return response(302, b"", {"Location": f"/{SECRET}/%73?token={SECRET}"})


@asynccontextmanager
async def websocket() -> AsyncIterator[dict[str, Any]]:
    async def talk(connection: websockets.asyncio.server.ServerConnection) -> None:
        said = await connection.recv()
        await connection.send(f"{DIRT}{said}{LONG}")
        await connection.send(f"{said}")
        await connection.close(4001, f"no {SECRET}")

    async with websockets.asyncio.server.serve(talk, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        steps = [{"send": {"env": "BOUNDS"}}, {"expect": {"matches": "never"}, "within": "1s"}]
        yield {"kind": "websocket", "url": f"ws://127.0.0.1:{port}/", "steps": steps}


@asynccontextmanager
async def redis() -> AsyncIterator[dict[str, Any]]:
    said = f"-WRONGPASS {DIRT.replace(chr(13), '').replace(chr(10), '')}{SECRET} {LONG}\r\n".encode()
    async with peers.serving(peers.saying(said)) as port:
        yield {"kind": "redis", "address": f"127.0.0.1:{port}", "password": {"env": "BOUNDS"}}


@asynccontextmanager
async def tcp() -> AsyncIterator[dict[str, Any]]:
    async with peers.serving(peers.saying((DIRT + LONG).encode(), wait=False)) as port:
        steps = [{"send": "x"}, {"expect": "never"}]
        yield {"kind": "tcp", "address": f"127.0.0.1:{port}", "steps": steps}


@asynccontextmanager
async def dns() -> AsyncIterator[dict[str, Any]]:
    records = {("a.test", "TXT"): ['"\\027[31m\\226\\128\\174' + "x" * 200 + '"'] * 20}
    async with name_server(zone(records)) as port:
        options = {"server": f"127.0.0.1:{port}", "type": "TXT", "expect": {"matches": "never"}}
        yield {"kind": "dns", "name": "a.test", **options}


@asynccontextmanager
async def promql() -> AsyncIterator[dict[str, Any]]:
    def answer(request: Seen) -> bytes:
        metric = {"job": echoed(request)}
        data = {"resultType": "vector", "result": [{"metric": metric, "value": [1, "0"]}]}
        return response(200, json.dumps({"status": "success", "data": data}).encode())

    async with serving(Web({"*": answer})) as address:
        auth = {"basic": {"username": "me", "password": {"env": "BOUNDS"}}}
        yield {"kind": "promql", "url": f"http://{address}", "query": "up", "expect": {"value": 1}, "auth": auth}


@asynccontextmanager
async def domain() -> AsyncIterator[dict[str, Any]]:
    answer = response(200, json.dumps({"service": f"{DIRT}parking{LONG}"}).encode())
    async with serving(Web({"*": answer})) as address, name_server(zone({("a.b.test", "A"): ["127.0.0.1"]})) as port:
        options = {"scheme": "http", "port": int(address.split(":")[1]), "identity": {"json": {"service": "shop"}}}
        yield {"kind": "domain", "name": "a.b.test", **options, "servers": (HostPort("127.0.0.1", port),)}


@asynccontextmanager
async def command() -> AsyncIterator[dict[str, Any]]:
    script = f"import os; print({DIRT!r} + os.environ['T'] + 'x' * 250 + os.environ['T'] * 9); raise SystemExit(1)"
    yield {"kind": "exec", "command": ["python3", "-c", script], "env": {"T": {"env": "BOUNDS"}}}


@asynccontextmanager
async def grpc() -> AsyncIterator[dict[str, Any]]:
    async with peers.serving(peers.saying((DIRT + LONG).encode(), wait=False)) as port:
        yield {"kind": "grpc", "address": f"127.0.0.1:{port}"}


@asynccontextmanager
async def flow() -> AsyncIterator[dict[str, Any]]:
    def answer(request: Seen) -> bytes:
        return response(200, json.dumps({"token": SECRET, "said": echoed(request)}).encode(), {"Set-Cookie": SECRET})

    async with serving(Web({"*": answer})) as address:
        login = {"name": "login", "http": {"url": f"http://{address}/"}, "capture": {"token": {"json": "token"}}}
        step = {"name": "leak", "http": {"url": f"http://{address}/{{{{token}}}}", "expect": {"json": {"said": 1}}}}
        yield {"kind": "flow", "steps": [login, step]}


class Tokens:
    """The secret as access token."""

    quota_headers: ClassVar[dict[str, str]] = {}

    async def access_token(self, timeout: float) -> str:
        return SECRET

    def refused(self, token: str) -> None:
        pass


def resources(text: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """By kind: the option that names a resource, and an answer with `text` in all that is shown of it."""
    failed = {"state": "CONDITION_FAILED", "message": text, "reason": text}
    service = {"latestCreatedRevision": text, "trafficStatuses": [{"revision": text, "percent": 1}]}
    managed = {"status": "PROVISIONING_FAILED", "domainStatus": {text: text, "b": text}}
    url_map = {"selfLink": "x", "defaultService": text, "hostRules": [{"hosts": [text] * 500}]}
    return {
        "gcp_run": ("service", {"services": [{"name": "s", "terminalCondition": failed, **service}]}),
        "gcp_sql": ("instance", {"items": [{"name": "s", "state": "FAILED", "suspensionReason": [text]}]}),
        "gcp_vpc": ("connector", {"connectors": [{"name": "s", "state": text, "machineType": text}]}),
        "gcp_redis": ("instance", {"instances": [{"name": "s", "state": "DELETING", "statusMessage": text}]}),
        "gcp_certificate": (
            "name",
            {
                "items": {
                    "global": {
                        "sslCertificates": [{"name": "s", "managed": managed, "subjectAlternativeNames": [text] * 500}]
                    }
                }
            },
        ),
        "gcp_lb": ("url_map", {"items": {"global": {"urlMaps": [{"name": "s", **url_map}]}}}),
    }


@asynccontextmanager
async def google(kind: str, status: int = 200) -> AsyncIterator[dict[str, Any]]:
    def answer(request: Seen) -> bytes:
        refused = {"error": {"message": echoed(request), "details": [{"@type": echoed(request)}]}}
        document = resources(echoed(request))[kind][1] if status == 200 else refused
        return response(status, json.dumps(document).encode())

    async with serving(Web({"*": answer})) as address:
        endpoint = parse_url(f"http://{address}", ("http",))
        prober = Prober()
        prober._cache.put(("google", str(endpoint)), GoogleReader(endpoint, Tokens()))
        region = {"region": "us-central1"} if "region" in load(kind).model_fields else {}
        named = {resources("")[kind][0]: "s", **region}
        yield {"kind": kind, "project": "p", "endpoint": f"http://{address}", **named, "prober": prober}


GOOGLE = tuple(resources(""))
RUNS: dict[str, Callable[[], AbstractAsyncContextManager[dict[str, Any]]]] = {
    "http body": lambda: http({}, lambda request: response(500, echoed(request).encode())),
    "http json": lambda: http(
        {"expect": {"json": {"v": 1}}, "facts": {"v": "v"}},
        lambda request: response(200, json.dumps({"v": echoed(request)}).encode()),
    ),
    "http header": lambda: http({"expect": {"header": {"X-Token": "never"}}}, by_header),
    "http redirect": lambda: http({}, by_redirect),
    "websocket": websocket,
    "redis": redis,
    "tcp": tcp,
    "dns": dns,
    "promql": promql,
    "domain": domain,
    "exec": command,
    "grpc": grpc,
    "flow": flow,
    **{kind: partial(google, kind) for kind in GOOGLE},
    **{f"{kind} refused": partial(google, kind, 403) for kind in GOOGLE},
}


async def traced(options: dict[str, Any]) -> tuple[Observation, str]:
    """One run, and as text all that users see of it: the result, and the log of `/probe?debug=true`."""
    prober = options.pop("prober", None) or Prober(Resolver(options.pop("servers", ())))
    check = load(options["kind"]).model_validate(options)
    component = Component("target", Layer.SERVICE, Priority.P1, kind=options["kind"])
    context = prober.context(5.0)
    seen = await prober.attempt_with(component, check, context)
    log = [clean(line, Masker(context.secrets)) for _, line in context.lines]
    facts = json.dumps(dict(seen.facts), ensure_ascii=False)
    return seen, "".join([seen.detail, facts, *log])


def judge(kind: str, seen: Observation, text: str) -> None:
    assert seen.reason not in (Reason.OK, Reason.PROBE_ERROR), seen.detail
    assert len(seen.detail.encode()) <= 500
    assert not CONTROL.search(text)
    pieces = {SECRET[at : at + 8] for at in range(len(SECRET) - 7)}
    assert not [piece for piece in pieces if piece in text]
    assert len(text) < 30_000
    assert set(seen.phases) <= (set(load(kind).phase_names) or {"login", "leak"})


@pytest.mark.parametrize("name", RUNS)
async def test_no_secret_leaks_and_nothing_is_large(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOUNDS", SECRET)
    async with RUNS[name]() as options:
        kind = options["kind"]
        seen, text = await traced(options)
    judge(kind, seen, text)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with running_postgres() as running:
        yield running


@pytest.mark.parametrize(
    "query",
    [
        f"SELECT '{SECRET}'::int",
        f"SELECT E'\\n\\x1b[31m' || '{SECRET}' || repeat('x', 20000)",
        f"DO $$ BEGIN RAISE EXCEPTION E'\\n{SECRET}\\x1b'; END $$",
    ],
)
async def test_messages_of_postgresql_are_masked_and_short(
    server: Postgres, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOUNDS", SECRET)
    options = {"kind": "postgres", "host": "127.0.0.1", "port": server.port, "database": "postgres", "user": "prober"}
    options |= {"password": {"env": "BOUNDS"}, "query": query, "expect": {"value": "never"}}
    seen, text = await traced(options)
    judge("postgres", seen, text)
    assert "***" in text


def test_every_kind_with_a_peer_is_tested_here() -> None:
    here = {name.split(" ")[0] for name in RUNS} | {"postgres"}
    # `tls` only receives a certificate, `icmp` its own bytes; the limits of reports have tests of their own.
    assert set(kinds()) - here == {"tls", "icmp", "e2e"}


async def test_a_file_with_a_secret_is_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"line one\n{SECRET}\n")
    async with http({"headers": {"X-Key": {"file": str(tmp_path / "key")}}}, lambda _: response(200)) as options:
        seen, text = await traced({**options, "auth": {"bearer": {"file": str(tmp_path / "key")}}})
    assert "characters that HTTP does not allow" in seen.detail
    assert SECRET not in text
