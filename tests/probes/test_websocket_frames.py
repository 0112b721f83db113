"""Kind `websocket` with servers that frame their JSON, send bytes, and want their heartbeats answered."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from pydantic import ValidationError
from staging_exporter.core.model import Observation, Outcome, Reason
from staging_exporter.probes import load
from websockets.asyncio.server import ServerConnection

from tests.probes.test_websocket import Talk, talking
from tests.support import peers
from tests.support.probing import probe

OPEN = {"sid": "x", "upgrades": [], "pingInterval": 100, "pingTimeout": 100, "maxPayload": 1000000}
EVENTS = ("agent_started", "tool_executing", "tool_completed", "agent_completed")
SOCKET_IO = "/socket.io/?EIO=4&transport=websocket"
CONNECT = [{"expect": {"prefix": "0", "json": {"pingInterval": 100}}}, {"send": "40"}]


async def socket_io(socket: ServerConnection) -> None:
    """Engine.IO 4 and socket.io: ends the connection when a heartbeat is not answered in time."""
    await socket.send("0" + json.dumps(OPEN))
    assert await socket.recv() == "40"
    await socket.send("40" + json.dumps({"sid": "y"}))
    for event in EVENTS:
        await socket.send("42" + json.dumps([event, {"run": 1}]))
    await socket.send(f"42/chat,7{json.dumps(['joined', {}])}")
    while True:
        await asyncio.sleep(0.05)
        await socket.send("2")
        try:
            async with asyncio.timeout(1.0):
                answer = await socket.recv()
        except TimeoutError:
            answer = "nothing"
        if answer != "3":
            await socket.close(1011, f"{answer} instead of a pong")
            return


async def signal_r(socket: ServerConnection) -> None:
    assert await socket.recv() == '{"protocol":"json","version":1}\x1e'
    await socket.send('{}\x1e{"type":6}\x1e{"type":1,"target":"ready"}\x1e')
    await socket.send('{"type":6}\x1e')
    await socket.send(f"again {await socket.recv()}\x1e")
    await socket.wait_closed()


async def mqtt(socket: ServerConnection) -> None:
    hello = await socket.recv()
    if isinstance(hello, str):
        await socket.close(1003, "binary only")
        return
    await socket.send("20020000")  # the text of the bytes is not the bytes
    await socket.send(bytes([0x20, 2, 0, 0]))
    await socket.wait_closed()


async def run(talk: Talk, path: str, *steps: dict[str, Any], **options: Any) -> Observation:
    async with talking(talk, select_subprotocol=lambda _, offered: next(iter(offered), None)) as address:
        check = {"kind": "websocket", "url": f"ws://{address}{path}", "steps": list(steps), **options}
        return await probe(check, timeout=20.0)


async def impatient(socket: ServerConnection) -> None:
    """Engine.IO 3, and other servers that want a message again and again, as bytes or as text."""
    while True:
        try:
            async with asyncio.timeout(1.0):
                message = await socket.recv()
        except TimeoutError:
            await socket.close(1011, "nobody is there")
            return
        await socket.send("3" if isinstance(message, str) else b"\xd0\0")


async def graphql(socket: ServerConnection) -> None:
    """Pings as json.dumps writes it, and ends the connection without a pong."""
    assert json.loads(await socket.recv()) == {"type": "connection_init"}
    await socket.send(json.dumps({"type": "ping"}))
    if json.loads(await socket.recv()) == {"type": "pong"}:
        await socket.send(json.dumps({"type": "connection_ack", "payload": {}}))
    await socket.wait_closed()


HANDSHAKE = {"send": '{"protocol":"json","version":1}\x1e'}
SEPARATED = {"separator": "\x1e"}
PING = '{"type":6}\x1e'
TALKS: dict[str, tuple[Talk, str, list[dict[str, Any]], dict[str, Any], Reason, str]] = {
    "JSON behind the type of Engine.IO": (socket_io, SOCKET_IO, CONNECT, {}, Reason.OK, ""),
    "the events of an agent run over socket.io": (
        socket_io,
        SOCKET_IO,
        [*CONNECT, {"events": {"prefix": "42", "path": "$[0]", "order": list(EVENTS)}}],
        {},
        Reason.OK,
        "",
    ),
    "an event that does not come": (
        socket_io,
        SOCKET_IO,
        [
            *CONNECT,
            {"events": {"prefix": "42", "path": "$[0]", "order": ["agent_started", "failed"]}, "within": "200ms"},
        ],
        {},
        Reason.CONTENT,
        'expected failed within 200ms; received: \'40{"sid": "y"}\', agent_started, tool_executing, tool_completed, '
        "agent_completed, joined",
    ),
    "JSON behind a namespace and the number of an acknowledgement": (
        socket_io,
        SOCKET_IO,
        [*CONNECT, {"expect": {"prefix": "42", "json": {"$[0]": "joined"}}}],
        {},
        Reason.OK,
        "",
    ),
    "another prefix": (
        socket_io,
        SOCKET_IO,
        [{"expect": {"prefix": "42", "json": {"pingInterval": 100}}, "skip_others": False}],
        {},
        Reason.CONTENT,
        f"the next message was {(chr(39) + '0' + json.dumps(OPEN))[:61] + chr(39)}, "
        "expected json pingInterval 100 behind '42'",
    ),
    "heartbeats of socket.io are answered during hold": (
        socket_io,
        SOCKET_IO,
        [*CONNECT, {"hold": "1500ms"}],
        {},
        Reason.OK,
        "",
    ),
    "heartbeats that are not answered": (
        socket_io,
        SOCKET_IO,
        [*CONNECT, {"hold": "4s"}],
        {"heartbeats": {}},
        Reason.SERVER_ERROR,
        "the peer closed with 1011 'nothing instead of a pong', expected the connection to stay open for 4s",
    ),
    "several messages of SignalR in one frame": (
        signal_r,
        "/hub",
        [
            HANDSHAKE,
            {"expect": {**SEPARATED, "matches": r"^\{\}$"}, "skip_others": False},
            {"expect": {**SEPARATED, "json": {"type": 6}}, "skip_others": False},
            {"expect": {**SEPARATED, "json": {"target": "ready"}}, "skip_others": False},
        ],
        {},
        Reason.OK,
        "",
    ),
    "heartbeats of one's own": (
        signal_r,
        "/hub",
        [HANDSHAKE, {"expect": {**SEPARATED, "matches": "^again .*6"}, "within": "1s"}],
        {"heartbeats": {PING: PING}},
        Reason.OK,
        "",
    ),
    "heartbeats of GraphQL": (
        graphql,
        "/graphql",
        [{"send": {"json": {"type": "connection_init"}}}, {"expect": {"json": {"type": "connection_ack"}}}],
        {"subprotocols": ["graphql-transport-ws"]},
        Reason.OK,
        "",
    ),
    "a server that wants a message again and again": (
        impatient,
        "/",
        [{"hold": "1500ms"}],
        {"keepalive": {"every": "100ms", "send": {"json": {"op": "ping"}}}},
        Reason.OK,
        "",
    ),
    "a server that wants bytes again and again": (
        impatient,
        "/mqtt",
        [{"hold": "1500ms"}, {"expect": {"binary": "d000"}}],
        {"keepalive": {"every": "100ms", "send": {"binary": "c000"}}},
        Reason.OK,
        "",
    ),
    "a server that waits in vain": (
        impatient,
        "/",
        [{"hold": "4s"}],
        {"keepalive": {"every": "10s", "send": "2"}},
        Reason.SERVER_ERROR,
        "the peer closed with 1011 'nobody is there', expected the connection to stay open for 4s",
    ),
    "answers of Engine.IO 3 are no messages": (
        impatient,
        "/socket.io/?transport=websocket&EIO=3",
        [{"send": "2"}, {"expect": {"matches": "^3$"}, "within": "200ms"}],
        {},
        Reason.TIMEOUT,
        "nothing received within 200ms, expected a match of '^3$'",
    ),
    "binary messages": (
        mqtt,
        "/mqtt",
        [{"send": {"binary": "10100004"}}, {"expect": {"binary": "20020000"}}],
        {},
        Reason.OK,
        "",
    ),
    "other bytes": (
        mqtt,
        "/mqtt",
        [{"send": {"binary": "10100004"}}, {"expect": {"binary": "20020005"}, "within": "100ms"}],
        {},
        Reason.CONTENT,
        "expected a binary message with 20020005 within 100ms; received: '20020000', binary 20020000",
    ),
    "text where bytes are wanted": (
        mqtt,
        "/mqtt",
        [{"send": "hello"}, {"expect": {"binary": "20"}}],
        {},
        Reason.STATUS,
        "the peer closed with 1003 'binary only', expected a binary message with 20",
    ),
    "a message that must be absent is": (
        socket_io,
        SOCKET_IO,
        [*CONNECT, {"expect": {"prefix": "42", "json": {"$[0]": "error"}, "absent": True}, "within": "100ms"}],
        {},
        Reason.OK,
        "",
    ),
    "a message that must be absent comes": (
        socket_io,
        SOCKET_IO,
        [*CONNECT, {"expect": {"prefix": "42", "json": {"$[0]": "joined"}, "absent": True}, "within": "1s"}],
        {},
        Reason.CONTENT,
        "joined came, expected no message with json $[0] \"joined\" behind '42' within 1s",
    ),
    "what came meanwhile is left for the next step": (
        socket_io,
        SOCKET_IO,
        [
            *CONNECT,
            {"expect": {"matches": "error", "absent": True}, "within": "100ms"},
            {"events": {"prefix": "42", "path": "$[0]", "order": list(EVENTS)}, "within": "1s"},
        ],
        {},
        Reason.OK,
        "",
    ),
}


@pytest.mark.parametrize("case", TALKS)
async def test_a_talk_in_frames(case: str) -> None:
    talk, path, steps, options, reason, detail = TALKS[case]
    seen = await run(talk, path, *steps, **options)
    assert (seen.reason, seen.detail) == (reason, detail)
    assert (seen.outcome == Outcome.PASS) == (reason == Reason.OK)


async def test_a_frame_that_is_full_of_messages_blocks_nothing() -> None:
    async def flood(socket: ServerConnection) -> None:
        for _ in range(3):
            await socket.send("x\x1e" * 500_000)
        await socket.wait_closed()

    async with talking(flood) as address:
        steps = [{"expect": {**SEPARATED, "json": {"type": 6}}}]
        seen = await peers.watched({"kind": "websocket", "url": f"ws://{address}/", "steps": steps}, timeout=2.0)
    assert seen.reason == Reason.CONTENT
    assert seen.detail.startswith("expected json type 6 within 2s; received: 'x' (")


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no hex": ({"steps": [{"send": {"binary": "xyz"}}]}, "'xyz' is not hex; write each byte as two digits"),
    "half a byte": ({"steps": [{"expect": {"binary": "123"}}]}, "'123' is not hex; write each byte as two digits"),
    "hex instead of binary": (
        {"steps": [{"send": {"hex": "10"}}]},
        "write a text in quotes, ",
    ),
    "absent without a time": ({"steps": [{"expect": {"matches": "x", "absent": True}}]}, "absent goes with within"),
    "an empty prefix": ({"steps": [{"expect": {"matches": "x", "prefix": ""}}]}, "at least 1 character"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_options_are_refused(case: str) -> None:
    options, message = BAD[case]
    with pytest.raises(ValidationError, match=message):
        load("websocket").model_validate({"kind": "websocket", "url": "ws://example.com/", **options})
