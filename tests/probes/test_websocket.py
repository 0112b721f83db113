"""Kind `websocket` against real servers on loopback, well-behaved ones by the `websockets` library."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from staging_exporter.core.model import Observation, Outcome, Reason
from staging_exporter.probes import load
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from tests.probes.test_http_ways import ProxyServer
from tests.support.probing import probe
from tests.support.web import ca_file, response, server_tls, serving

Talk = Callable[[ServerConnection], Awaitable[None]]
WELCOME = {"expect": {"json": {"type": "welcome"}}}
RUN = ["agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed"]
EVENTS = {"events": {"order": RUN, "repeat": RUN[1:4]}}


@asynccontextmanager
async def talking(talk: Talk, **options: Any) -> AsyncIterator[str]:
    async with serve(talk, "127.0.0.1", 0, **options) as server:
        host, port = next(iter(server.sockets)).getsockname()
        yield f"{host}:{port}"


def says(*items: object, code: int | None = None, reason: str = "") -> Talk:
    """Sends these messages (texts, or types of JSON messages), closes with `code` if any, else reads."""

    async def talk(socket: ServerConnection) -> None:
        for item in items:
            await socket.send(item if isinstance(item, bytes) else json.dumps({"type": item}))
        if code is not None:
            await socket.close(code, reason)
        await socket.wait_closed()

    return talk


async def run(talk: Talk, *steps: dict[str, Any], timeout: float = 5.0, **options: Any) -> Observation:
    async with talking(talk) as address:
        check = {"kind": "websocket", "url": f"ws://{address}/ws", "steps": list(steps), **options}
        return await probe(check, timeout=timeout)


async def test_a_pass_records_phases_and_facts() -> None:
    seen = await run(says("welcome"), WELCOME, {"ping": True})
    assert (seen.outcome, seen.reason, seen.detail) == (Outcome.PASS, Reason.OK, "")
    assert list(seen.phases) == ["resolve", "connect", "upgrade", "first_message", "ping", "close"]
    facts = dict(seen.facts)
    assert 0 < facts.pop("ping_rtt") <= seen.phases["ping"]
    assert facts.pop("server").startswith("Python")
    assert facts == {
        "status": 101,
        "subprotocol": None,
        "messages": 1,
        "close_code": 1000,
        "ip": "127.0.0.1",
        "ip_family": 4,
        "http_version": "1.1",
    }


STEPS: dict[str, tuple[Talk, list[dict[str, Any]], Reason, str]] = {
    "no steps": (says(), [], Reason.OK, ""),
    "others are skipped": (says("a", "b", "welcome"), [WELCOME], Reason.OK, ""),
    "others are not skipped": (
        says("a", "welcome"),
        [{**WELCOME, "skip_others": False}],
        Reason.CONTENT,
        'the next message was a, expected json type "welcome"',
    ),
    "text pattern": (says(b"hello 42"), [{"expect": {"matches": r"hello \d+"}}], Reason.OK, ""),
    "both must hold": (
        says("welcome"),
        [{"expect": {"json": {"type": "welcome"}, "matches": "user"}, "within": "100ms"}],
        Reason.CONTENT,
        "expected json type \"welcome\" and a match of 'user' within 100ms; received: welcome",
    ),
    "silence": (
        says(),
        [{**WELCOME, "within": "100ms"}],
        Reason.TIMEOUT,
        'nothing received within 100ms, expected json type "welcome"',
    ),
    "only other messages": (
        says("system_message", "ping", "ping", b"\xff raw"),
        [{**WELCOME, "within": "100ms"}],
        Reason.CONTENT,
        'expected json type "welcome" within 100ms; received: system_message, ping (2), binary ff20726177',
    ),
    "closed with 1000": (
        says("a", code=1000),
        [WELCOME],
        Reason.CLOSED,
        'the peer closed with 1000, expected json type "welcome"; received: a',
    ),
    "closed with 1000 after all that was expected": (says("welcome", code=1000), [WELCOME], Reason.OK, ""),
    "closed with 1011": (
        says(code=1011, reason="not ready"),
        [WELCOME],
        Reason.SERVER_ERROR,
        "the peer closed with 1011 'not ready', expected json type \"welcome\"",
    ),
    "closed with 1011 after the last step": (
        says("welcome", code=1011),
        [WELCOME, {"hold": "1s"}],
        Reason.SERVER_ERROR,
        "the peer closed with 1011, expected the connection to stay open for 1s",
    ),
    "closed with 1012": (says(code=1012), [WELCOME], Reason.SERVER_ERROR, "1012"),
    "closed with 1013": (says(code=1013), [WELCOME], Reason.SERVER_ERROR, "1013"),
    "closed with 1008": (says(code=1008), [WELCOME], Reason.DENIED, "1008"),
    "closed with 1003": (says(code=1003), [WELCOME], Reason.STATUS, "1003"),
    "closed with 4401": (says(code=4401), [WELCOME], Reason.DENIED, "4401"),
    "closed with 4403": (says(code=4403), [WELCOME], Reason.DENIED, "4403"),
    "closed with another code of the application": (says(code=4404), [WELCOME], Reason.STATUS, "4404"),
    "closed in a ping": (says(code=1008), [{"ping": True}], Reason.DENIED, "expected a pong"),
    "hold": (says("a", "b"), [{"hold": "100ms"}], Reason.OK, ""),
    "closed in a hold": (
        says(code=1000),
        [{"hold": "1s"}],
        Reason.CLOSED,
        "expected the connection to stay open for 1s",
    ),
    "a hold that does not fit": (says(), [{"hold": "10s"}], Reason.PROBE_ERROR, "hold 10s does not fit into the "),
    "messages of a hold are kept": (says("welcome"), [{"hold": "100ms"}, WELCOME], Reason.OK, ""),
    "messages of a ping are kept": (says("welcome"), [{"ping": True}, WELCOME], Reason.OK, ""),
    "each message once": (
        says("welcome"),
        [WELCOME, {**WELCOME, "within": "100ms"}],
        Reason.TIMEOUT,
        "nothing received within 100ms",
    ),
    "events in order": (says(*RUN), [EVENTS], Reason.OK, ""),
    "events by another path": (
        says({"name": "a"}, {"name": "b"}),
        [{"events": {"path": "$.type.name", "order": ["a", "b"]}, "within": "1s"}],
        Reason.OK,
        "",
    ),
    "events that repeat": (says(*RUN[:4], *RUN[1:4], "ping", *RUN[2:]), [EVENTS], Reason.OK, ""),
    "events out of order": (
        says("ping", *RUN[:2], "tool_completed"),
        [EVENTS],
        Reason.CONTENT,
        "tool_completed came out of order, expected tool_executing; received: ping, agent_started, agent_thinking",
    ),
    "an event that may not repeat": (
        says("agent_started", "agent_started"),
        [EVENTS],
        Reason.CONTENT,
        "agent_started came out of order",
    ),
    "events never begin": (
        says("system_message", "system_message"),
        [{**EVENTS, "within": "100ms"}],
        Reason.CONTENT,
        "expected agent_started within 100ms; received: system_message (2)",
    ),
    "events never end": (
        says(*RUN[:4]),
        [{**EVENTS, "within": "100ms"}],
        Reason.CONTENT,
        "expected agent_completed within 100ms; "
        "received: agent_started, agent_thinking, tool_executing, tool_completed",
    ),
    "events cut off": (
        says(RUN[0], code=1011),
        [EVENTS],
        Reason.SERVER_ERROR,
        "the peer closed with 1011, expected agent_thinking; received: agent_started",
    ),
}


@pytest.mark.parametrize(("talk", "steps", "reason", "detail"), STEPS.values(), ids=STEPS)
async def test_the_steps_decide_the_reason(
    talk: Talk, steps: list[dict[str, Any]], reason: Reason, detail: str
) -> None:
    seen = await run(talk, *steps)
    assert (seen.reason, detail in seen.detail) == (reason, True), seen.detail


async def test_close_codes_have_the_reasons_that_are_configured() -> None:
    for code, reasons, reason in (
        (4429, {"4429": "rate_limited"}, Reason.RATE_LIMITED),
        (4401, {"4401": "status"}, Reason.STATUS),
        (4403, {"4401": "status"}, Reason.DENIED),
    ):
        seen = await run(says(code=code), WELCOME, close_reasons=reasons)
        assert seen.reason == reason, seen.detail


@pytest.mark.parametrize(
    "reasons", [{"999": "denied"}, {"x": "denied"}, {"4401": "ok"}, {"4401": "inferred"}, ["4401"]]
)
def test_bad_close_reasons_are_refused(reasons: Any) -> None:
    with pytest.raises(ValidationError):
        load("websocket").model_validate({"kind": "websocket", "url": "ws://w.test", "close_reasons": reasons})


async def test_without_within_a_step_may_take_the_remaining_timeout() -> None:
    seen = await run(says("a"), WELCOME, timeout=1.0)
    assert (seen.reason, seen.detail) == (Reason.CONTENT, 'expected json type "welcome" within 1s; received: a')


async def test_texts_documents_and_secrets_are_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TICKET", "sesame-street")
    (tmp_path / "hello").write_text("from a file\n")
    got: list[str | bytes] = []

    async def talk(socket: ServerConnection) -> None:
        async for message in socket:
            got.append(message)
            await socket.send(message)

    seen = await run(
        talk,
        {"send": "plain"},
        {"send": {"json": {"type": "start", "n": 1}}},
        {"send": {"file": str(tmp_path / "hello")}},
        {"send": {"env": "TICKET"}},
        {"expect": {"matches": "nothing like it"}, "within": "200ms"},
    )
    assert got == ["plain", '{"type":"start","n":1}', "from a file", "sesame-street"]
    assert seen.detail == ("expected a match of 'nothing like it' within 200ms; received: 'plain', start, '***', '***'")


async def test_subprotocols_may_hold_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT", "ey.J0.wt-_")
    offered: list[str] = []

    def select(_socket: ServerConnection, names: Any) -> Subprotocol | None:
        offered.extend(names)
        return Subprotocol(names[-1])

    async with talking(says(), select_subprotocol=select) as address:
        check = {
            "kind": "websocket",
            "url": f"ws://{address}/",
            "subprotocols": ["jwt-auth", {"prefix": "jwt.", "secret": {"env": "JWT"}}],
            "expect": {"subprotocol": "jwt-auth"},
        }
        seen = await probe(check)
    assert offered == ["jwt-auth", "jwt.ey.J0.wt-_"]
    assert (seen.reason, seen.facts["subprotocol"]) == (Reason.CONTENT, "jwt.***")
    assert seen.detail == "the server chose subprotocol 'jwt.***', expected 'jwt-auth'"


@pytest.mark.parametrize(("offered", "reason"), [(["chat"], Reason.OK), ([], Reason.CONTENT)])
async def test_the_server_must_choose_the_expected_subprotocol(offered: list[str], reason: Reason) -> None:
    async with talking(says(), subprotocols=[Subprotocol("chat")], select_subprotocol=None) as address:
        check = {"kind": "websocket", "url": f"ws://{address}/", "expect": {"subprotocol": "chat"}}
        seen = await probe({**check, "subprotocols": offered} if offered else check)
    assert seen.reason == (reason if offered else Reason.STATUS), seen.detail


async def test_a_subprotocol_that_cannot_be_sent_is_a_probe_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT", "with space")
    seen = await run(says(), subprotocols=[{"env": "JWT"}])
    assert (seen.reason, "space" in seen.detail) == (Reason.PROBE_ERROR, False)


async def test_the_handshake_is_sent_as_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "sesame-street")
    requests: list[Request] = []

    async def look(_socket: ServerConnection, request: Request) -> None:
        requests.append(request)

    async with talking(says(), process_request=look) as address:
        check = {
            "kind": "websocket",
            "url": f"ws://{address}/ws?client=probe",
            "headers": {"Host": "api.internal", "X-Tenant": "staging"},
            "auth": {"bearer": {"env": "TOKEN"}},
            "origin": "https://app.example.com",
        }
        assert (await probe(check)).outcome == Outcome.PASS
    (request,) = requests
    assert request.path == "/ws?client=probe"
    names = ("Host", "X-Tenant", "Authorization", "Origin")
    assert [request.headers[n] for n in names] == [
        "api.internal",
        "staging",
        "Bearer sesame-street",
        "https://app.example.com",
    ]
    assert request.headers["User-Agent"].startswith("staging-exporter/")
    assert "Sec-WebSocket-Extensions" not in request.headers


REFUSED = {
    503: (Reason.SERVER_ERROR, Outcome.FAIL),
    502: (Reason.SERVER_ERROR, Outcome.FAIL),
    401: (Reason.DENIED, Outcome.FAIL),
    403: (Reason.DENIED, Outcome.FAIL),
    404: (Reason.STATUS, Outcome.FAIL),
    302: (Reason.STATUS, Outcome.FAIL),
    200: (Reason.STATUS, Outcome.FAIL),
    429: (Reason.RATE_LIMITED, Outcome.UNKNOWN),
}


@pytest.mark.parametrize("status", REFUSED)
async def test_a_refused_handshake_has_the_reason_of_its_status(status: int) -> None:
    async def refuse(socket: ServerConnection, _request: Request) -> Response:
        answer = socket.respond(HTTPStatus(status), "service starting\n")
        answer.headers["Retry-After"] = "7"
        answer.headers["Location"] = "/elsewhere"
        return answer

    async with talking(says(), process_request=refuse) as address:
        seen = await probe({"kind": "websocket", "url": f"ws://{address}/"})
        starting = await probe({"kind": "websocket", "url": f"ws://{address}/", "startup_when": {"status": status}})
    assert (seen.reason, seen.outcome) == REFUSED[status]
    assert seen.detail == f"status {status}, expected 101; body: service starting"
    assert (seen.facts["status"], seen.facts["retry_after"]) == (status, 7.0)
    assert starting.reason == Reason.STARTING


async def test_a_refusal_whose_body_never_ends_is_still_judged() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 503 X\r\n\r\nnot yet")
        await reader.read()
        await asyncio.Event().wait()

    async with serving(endless) as address:
        seen = await probe({"kind": "websocket", "url": f"ws://{address}/"}, timeout=1.0)
    assert (seen.reason, seen.detail) == (Reason.SERVER_ERROR, "status 503, expected 101; body: not yet")


async def test_wss_records_a_phase_and_the_certificate(tmp_path: Path) -> None:
    async with talking(says("welcome"), ssl=server_tls()) as address:
        check = {"kind": "websocket", "url": f"wss://{address}/", "tls": {"ca_file": ca_file(tmp_path)}}
        seen = await probe({**check, "steps": [WELCOME]})
        untrusted = await probe({"kind": "websocket", "url": f"wss://{address}/"})
    assert (seen.outcome, seen.facts["tls_verified"]) == (Outcome.PASS, True)
    assert list(seen.phases) == ["resolve", "connect", "tls", "upgrade", "first_message", "close"]
    assert (untrusted.reason, untrusted.facts["tls_names"]) == (Reason.TLS_UNTRUSTED, ["127.0.0.1"])


@pytest.mark.parametrize("secure", [False, True])
async def test_a_proxy_is_used_with_connect(secure: bool, tmp_path: Path) -> None:
    server = ProxyServer()
    async with serving(server) as proxy, talking(says("welcome"), ssl=server_tls() if secure else None) as address:
        check = {
            "kind": "websocket",
            "url": f"{'wss' if secure else 'ws'}://{address}/",
            "proxy": f"http://{proxy}",
            "tls": {"ca_file": ca_file(tmp_path)},
        }
        seen = await probe({**check, "steps": [WELCOME]})
    assert (seen.outcome, seen.detail) == (Outcome.PASS, "")
    assert [(request.method, request.target) for request in server.seen] == [("CONNECT", address)]


async def test_a_proxy_that_refuses_is_named() -> None:
    async with serving(ProxyServer(503)) as proxy:
        seen = await probe({"kind": "websocket", "url": "ws://api.invalid/", "proxy": f"http://{proxy}"})
    assert (seen.reason, seen.detail) == (
        Reason.SERVER_ERROR,
        f"proxy {proxy}: refused CONNECT api.invalid:80 with status 503",
    )


async def test_a_slow_run_is_degraded() -> None:
    seen = await run(says(), {"hold": "50ms"}, degraded={"slower_than": "10ms"})
    assert (seen.outcome, seen.reason) == (Outcome.DEGRADED, Reason.SLOW)


def test_the_host_is_that_of_the_url() -> None:
    assert load("websocket").model_validate({"kind": "websocket", "url": "wss://Api.Example.com/x"}).hosts() == (
        "api.example.com",
    )


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "wrong scheme": ({"url": "https://example.com"}, "begins with https://, expected ws:// or wss://"),
    "no action": ({"steps": [{}]}, "a step is exactly one of send, expect, events, ping, hold"),
    "two actions": ({"steps": [{"ping": True, "hold": "1s"}]}, "a step is exactly one of"),
    "within of a send": ({"steps": [{"send": "a", "within": "1s"}]}, "within goes with expect, events or ping"),
    "skip_others of a ping": ({"steps": [{"ping": True, "skip_others": False}]}, "skip_others goes with expect"),
    "nothing expected": ({"steps": [{"expect": {}}]}, "expect at least one of json, matches and binary"),
    "bad pattern": ({"steps": [{"expect": {"matches": "("}}]}, "is not an RE2 pattern"),
    "bad path": ({"steps": [{"events": {"path": "$.[", "order": ["a"]}}]}, "is not a JSONPath"),
    "no order": ({"steps": [{"events": {"order": []}}]}, "at least 1 item"),
    "an event twice": ({"steps": [{"events": {"order": ["a", "a"]}}]}, "order names an event twice"),
    "repeat of another": ({"steps": [{"events": {"order": ["a"], "repeat": ["b"]}}]}, "repeat names b, which order"),
    "literal secret": ({"headers": {"authorization": "Bearer x"}}, "a secret does not belong in this file"),
    "bad send": ({"steps": [{"send": 5}]}, "write a text in quotes, {json: ...}"),
    "bad duration": ({"steps": [{"hold": "5"}]}, "'5' is not a duration"),
}


@pytest.mark.parametrize(("options", "message"), BAD.values(), ids=BAD)
def test_bad_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as error:
        load("websocket").model_validate({"kind": "websocket", "url": "ws://example.com/", **options})
    assert message in str(error.value)


async def test_a_refusal_by_another_server_has_the_reason_of_its_status() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response(200, b'{"service": "frontend"}'))
        await writer.drain()

    async with serving(plain) as address:
        seen = await probe({"kind": "websocket", "url": f"ws://{address}/ws"})
    assert (seen.reason, seen.detail) == (Reason.STATUS, 'status 200, expected 101; body: {"service": "frontend"}')


def sends_events(*events: tuple[str, int]) -> Talk:
    async def talk(socket: ServerConnection) -> None:
        for name, number in events:
            await socket.send(json.dumps({"type": name, "id": number}))
        await socket.wait_closed()

    return talk


@pytest.mark.parametrize(
    ("events", "detail"),
    [
        ((("a", 1), ("b", 2), ("b", 3), ("c", 4)), ""),
        ((("a", 1), ("b", 2), ("b", 2), ("c", 4)), "b came twice, with the same id"),
        ((("a", 1), ("other", 1), ("b", 2), ("c", 4)), ""),
    ],
    ids=["each once", "one twice", "another message with that id"],
)
async def test_no_event_may_come_twice(events: tuple[tuple[str, int], ...], detail: str) -> None:
    step = {"events": {"order": ["a", "b", "c"], "repeat": ["b"], "unique": "id"}}
    seen = await run(sends_events(*events), step)
    assert (seen.detail.startswith(detail), seen.reason) == (True, Reason.CONTENT if detail else Reason.OK)
    assert {"a", "b"} <= set(seen.facts["event_seconds"])


@pytest.mark.parametrize(
    ("events", "detail"),
    [
        ((("a", 2), ("a", 1), ("b", 3), ("b", 1)), ""),
        ((("b", 2), ("a", 1), ("b", 1)), ""),
        (
            (("a", 1), ("b", 2), ("other", 3)),
            "expected b with json id 1 within 200ms; received: a, b whose json id is 2, other",
        ),
        (
            (("a", 1), ("a", 2), ("a", 1)),
            "a came out of order, expected b with json id 1; received: a, a whose json id is 2",
        ),
    ],
    ids=["in order", "out of order", "missing", "mine out of order"],
)
async def test_events_of_another_id_are_not_counted(events: tuple[tuple[str, int], ...], detail: str) -> None:
    step = {"events": {"order": ["a", "b"], "where": {"json": {"id": 1}}}, "within": "200ms" if detail else "5s"}
    seen = await run(sends_events(*events), step)
    assert (seen.detail, seen.reason) == (detail, Reason.CONTENT if detail else Reason.OK)
