"""Several WebSockets of one run, and messages that make a conversation a degraded one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import ValidationError
from staging_exporter.core.model import Observation, Outcome, Reason
from staging_exporter.probes import load
from websockets.asyncio.server import ServerConnection, serve

from tests.support.probing import probe

WELCOME = {"expect": {"json": {"type": "welcome"}}}
START = {"send": {"json": {"type": "start"}}}
RUN = {"events": {"order": ["agent_started", "agent_completed"]}}


class Chat:
    """Greets everyone; `start` begins an agent run, whose events go to whom `audience` says: its own user, or all.

    `say` is delivered to all but the speaker, `bye` closes the others with 1011.
    """

    def __init__(self, audience: str = "own") -> None:
        self.audience = audience
        self.users: list[str] = []
        self.open: list[ServerConnection] = []

    async def __call__(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.users.append(socket.request.headers.get("Authorization", "nobody"))
        self.open.append(socket)
        await socket.send(json.dumps({"type": "welcome"}))
        async for message in socket:
            await self.take(socket, json.loads(message))

    async def take(self, socket: ServerConnection, message: dict[str, Any]) -> None:
        others = [other for other in self.open if other is not socket]
        match message["type"]:
            case "start":
                for event in ("agent_started", "agent_completed"):
                    for listener in self.open if self.audience == "all" else [socket]:
                        await listener.send(json.dumps({"type": event}))
            case "say":
                for other in others:
                    await other.send(json.dumps({"type": "said"}))
                await socket.send(json.dumps({"type": "delivered"}))
            case "bye":
                for other in others:
                    await other.close(1011, "bye")
                await socket.send(json.dumps({"type": "done"}))


@asynccontextmanager
async def served(chat: Chat) -> AsyncIterator[str]:
    async with serve(chat, "127.0.0.1", 0) as server:
        host, port = next(iter(server.sockets)).getsockname()
        yield f"ws://{host}:{port}/"


async def run(chat: Chat, *steps: dict[str, Any], connections: Any = 2, **options: Any) -> Observation:
    async with served(chat) as url:
        check = {"kind": "websocket", "url": url, "steps": list(steps), **options}
        return await probe(check | ({"connections": connections} if connections else {}))


async def test_what_one_connection_causes_the_others_do_not_see() -> None:
    chat = Chat()
    seen = await run(chat, WELCOME, START, RUN, connections=3)
    assert (seen.reason, seen.detail) == (Reason.OK, "")
    assert (len(chat.users), seen.facts["connections"], seen.facts["close_code"]) == (3, 3, 1000)
    assert {"connect", "upgrade", "first_message", "close"} <= set(seen.phases)


async def test_events_of_one_user_that_come_to_another_are_wrong_content() -> None:
    seen = await run(Chat("all"), WELCOME, START, RUN)
    assert (seen.reason, seen.detail) == (
        Reason.CONTENT,
        "connection 2 received agent_started, expected only connection 1 to receive it",
    )


async def test_each_connection_has_its_own_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALICE", "token-of-alice")
    monkeypatch.setenv("BOB", "token-of-bob")
    chat = Chat()
    users = [{"auth": {"bearer": {"env": "ALICE"}}}, {"headers": {"Authorization": {"env": "BOB"}}}]
    seen = await run(chat, WELCOME, START, RUN, connections=users)
    assert (seen.detail, chat.users) == ("", ["Bearer token-of-alice", "token-of-bob"])


async def test_secrets_of_a_connection_are_sent_by_that_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALICE", "a1")
    monkeypatch.setenv("BOB", "b2")
    asked: list[str] = []

    async def talk(socket: ServerConnection) -> None:
        assert socket.request is not None
        asked.append(socket.request.path)
        asked.append(str(await socket.recv()))
        await socket.wait_closed()

    async with serve(talk, "127.0.0.1", 0) as server:
        host, port = next(iter(server.sockets)).getsockname()
        users = [{"secrets": {"key": {"env": name}}} for name in ("ALICE", "BOB")]
        steps = [{"send": "hello {{key}}", "connection": number} for number in (1, 2)]
        check = {"kind": "websocket", "url": f"ws://{host}:{port}/?key={{{{key}}}}", "steps": steps}
        seen = await probe({**check, "connections": users})
    assert seen.detail == ""
    assert sorted(asked) == ["/?key=a1", "/?key=b2", "hello a1", "hello b2"]


SAY = {"send": {"json": {"type": "say"}}, "connection": 1}
SAID = {"expect": {"json": {"type": "said"}}}
DELIVERED = {"expect": {"json": {"type": "delivered"}}, "connection": 1}
DIRECTED: dict[str, tuple[Chat, int, list[dict[str, Any]], Reason, str]] = {
    "one speaks, the other hears it": (
        Chat(), 2, [WELCOME, SAY, {**SAID, "connection": 2}, DELIVERED], Reason.OK, "",
    ),
    "a third hears it as well": (
        Chat(), 3, [WELCOME, SAY, {**SAID, "connection": 2}, DELIVERED],
        Reason.CONTENT, "connection 3 received said, expected only connection 2 to receive it",
    ),
    "all may hear it when each waits for it": (
        Chat(), 3, [WELCOME, SAY, {**SAID, "connection": 2}, {**SAID, "connection": 3}, DELIVERED], Reason.OK, "",
    ),
    "each runs the steps that are those of all": (
        Chat(), 2, [WELCOME, START, RUN, {**DELIVERED, "connection": 2, "within": "200ms"}],
        Reason.TIMEOUT, 'connection 2: nothing received within 200ms, expected json type "delivered"',
    ),
    "one that is closed while it listens": (
        Chat(), 2, [WELCOME, {"send": {"json": {"type": "bye"}}}, {"expect": {"json": {"type": "done"}}}],
        Reason.SERVER_ERROR, "connection 2: the peer closed with 1011 'bye'",
    ),
    "all hold at once": (Chat(), 10, [WELCOME, {"hold": "500ms"}, {"ping": True}], Reason.OK, ""),
}  # fmt: skip


@pytest.mark.parametrize(("chat", "count", "steps", "reason", "detail"), DIRECTED.values(), ids=DIRECTED)
async def test_a_step_says_which_connection_runs_it(
    chat: Chat, count: int, steps: list[dict[str, Any]], reason: Reason, detail: str
) -> None:
    seen = await run(chat, *steps, connections=count)
    assert (seen.reason, detail in seen.detail) == (reason, True), seen.detail


async def test_a_connection_that_is_refused_is_named() -> None:
    taken: list[int] = []

    async def one_only(socket: ServerConnection, _request: Any) -> Any:
        taken.append(1)
        return None if len(taken) == 1 else socket.respond(503, "one user at a time\n")

    async with serve(Chat(), "127.0.0.1", 0, process_request=one_only) as server:
        host, port = next(iter(server.sockets)).getsockname()
        seen = await probe({"kind": "websocket", "url": f"ws://{host}:{port}/", "connections": 2})
    assert (seen.reason, seen.detail) == (
        Reason.SERVER_ERROR,
        "connection 2: status 503, expected 101; body: one user at a time",
    )


async def test_a_server_that_falls_silent_is_named_in_time() -> None:
    async def silent(socket: ServerConnection, _request: Any) -> Any:
        await asyncio.Event().wait()

    async with serve(Chat(), "127.0.0.1", 0, process_request=silent) as server:
        host, port = next(iter(server.sockets)).getsockname()
        seen = await probe({"kind": "websocket", "url": f"ws://{host}:{port}/", "connections": 2}, timeout=1.0)
    assert (seen.reason, seen.detail.startswith("connection 1: no answer within ")) == (Reason.TIMEOUT, True), seen


DEGRADED: dict[str, tuple[dict[str, Any], Outcome, str]] = {
    "a document that shows it": (
        {"json": {"mode": "fallback"}},
        Outcome.DEGRADED,
        'message status: json mode is "fallback", degraded when "fallback"',
    ),
    "a text that shows it": (
        {"matches": "fall.ack"}, Outcome.DEGRADED, "message status, degraded when it has a match of 'fall.ack'",
    ),
    "one of several matchers": (
        {"json": {"mode": "off", "type": "status"}}, Outcome.DEGRADED, 'message status: json type is "status"',
    ),
    "neither": ({"json": {"mode": "off"}, "matches": "slow"}, Outcome.PASS, ""),
}  # fmt: skip


@pytest.mark.parametrize(("degraded", "outcome", "detail"), DEGRADED.values(), ids=DEGRADED)
@pytest.mark.parametrize("steps", [[{"expect": {"json": {"type": "ready"}}}], [{"hold": "200ms"}]])
async def test_a_message_makes_the_run_degraded(
    degraded: dict[str, Any], outcome: Outcome, detail: str, steps: list[dict[str, Any]]
) -> None:
    async def talk(socket: ServerConnection) -> None:
        await socket.send('{"type": "status", "mode": "fallback"}')
        await socket.send('{"type": "ready"}')
        await socket.wait_closed()

    async with serve(talk, "127.0.0.1", 0) as server:
        host, port = next(iter(server.sockets)).getsockname()
        check = {"kind": "websocket", "url": f"ws://{host}:{port}/", "steps": steps, "degraded": degraded}
        seen = await probe(check)
    assert (seen.outcome, seen.detail.startswith(detail)) == (outcome, True), seen.detail


@pytest.mark.parametrize(
    ("then", "outcome", "reason"),
    [
        pytest.param("stay", Outcome.DEGRADED, Reason.CONTENT, id="the message that came instead shows it"),
        pytest.param("close", Outcome.FAIL, Reason.SERVER_ERROR, id="a server that closes is down all the same"),
    ],
)
async def test_degraded_comes_before_wrong_content_only(then: str, outcome: Outcome, reason: Reason) -> None:
    async def talk(socket: ServerConnection) -> None:
        await socket.send('{"status": "degraded"}')
        if then == "close":
            await socket.close(1011)
        await socket.wait_closed()

    async with serve(talk, "127.0.0.1", 0) as server:
        host, port = next(iter(server.sockets)).getsockname()
        steps = [{"expect": {"json": {"status": "ok"}}, "within": "300ms"}]
        check = {"kind": "websocket", "url": f"ws://{host}:{port}/", "steps": steps}
        seen = await probe({**check, "degraded": {"json": {"status": "degraded"}}})
    assert (seen.outcome, seen.reason) == (outcome, reason), seen.detail


async def test_frames_around_json_are_looked_into() -> None:
    async def talk(socket: ServerConnection) -> None:
        await socket.send('42["ok"]\x1e42["warning",{"mode":"fallback"}]\x1e')
        await socket.wait_closed()

    async with serve(talk, "127.0.0.1", 0) as server:
        host, port = next(iter(server.sockets)).getsockname()
        check = {"kind": "websocket", "url": f"ws://{host}:{port}/", "steps": [{"hold": "200ms"}]}
        degraded = {"prefix": "42", "separator": "\x1e", "json": {"$[1].mode": "fallback"}}
        seen = await probe({**check, "degraded": degraded})
    assert (seen.outcome, seen.detail.startswith("message warning: json")) == (Outcome.DEGRADED, True), seen.detail


def test_hosts_are_counted_once_per_connection() -> None:
    check = {"kind": "websocket", "url": "wss://api.test/", "connections": 3}
    assert load("websocket").model_validate(check).hosts() == ("api.test",) * 3


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "one": ({"connections": 1}, "greater than or equal to 2"),
    "too many": ({"connections": 11}, "less than or equal to 10"),
    "a list of one": ({"connections": [{}]}, "at least 2 items"),
    "a step of another": (
        {"connections": 2, "steps": [{"ping": True, "connection": 3}]},
        "connection: 3 is not among the 2 of connections",
    ),
    "a step of one without several": (
        {"steps": [{"ping": True, "connection": 1}]},
        "connection goes with connections, which says how many there are",
    ),
    "two credentials in one": (
        {"connections": [{"auth": {"bearer": {"env": "A"}}, "headers": {"Authorization": {"env": "B"}}}, {}]},
        "auth and header Authorization exclude each other",
    ),
    "a secret that is written out": (
        {"connections": [{"headers": {"Authorization": "Bearer x"}}, {}]},
        "a secret does not belong in this file",
    ),
}


@pytest.mark.parametrize(("options", "message"), BAD.values(), ids=BAD)
def test_bad_connections_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as error:
        load("websocket").model_validate({"kind": "websocket", "url": "ws://example.com/", **options})
    assert message in str(error.value)
