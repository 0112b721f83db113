"""Kind `websocket` with servers that end a connection without the heartbeats that their protocol requires."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError
from staging_exporter.core.model import Observation, Reason
from staging_exporter.probes import load
from websockets.asyncio.server import ServerConnection

from tests.probes.test_websocket import Talk, talking
from tests.support.probing import probe

SILENCE = 1.0  # seconds that a server waits for a heartbeat
BUSY = {"every": "100ms"}


async def run(talk: Talk, path: str, *steps: dict[str, Any], **options: Any) -> Observation:
    async with talking(talk, select_subprotocol=lambda _, offered: next(iter(offered), None)) as address:
        check = {"kind": "websocket", "url": f"ws://{address}{path}", "steps": list(steps), **options}
        return await probe(check, timeout=20.0)


async def serve(
    socket: ServerConnection,
    is_beat: Callable[[Any], bool],
    beat: str = "",
    reply: Callable[[Any], str] | None = None,
) -> None:
    """Send heartbeats or reply to them; close where the client sends none in time, or anything else."""
    while True:
        if reply is None:
            await socket.send(beat)
        try:
            async with asyncio.timeout(SILENCE):
                message = await socket.recv()
        except TimeoutError:
            message = None
        if message is None or not is_beat(message):
            await socket.close(1011, "nothing" if message is None else "no heartbeat")
            return
        if reply is not None:
            await socket.send(reply(message))


def phoenix(version: int) -> Talk:
    """https://hexdocs.pm/phoenix/writing_a_channels_client.html: the reply has the reference of the request."""

    async def talk(socket: ServerConnection) -> None:
        joined = json.loads(await socket.recv())
        assert "phx_join" in (joined if version == 2 else joined.values())
        await socket.send(joined_reply)
        await serve(socket, is_beat, reply=reply)

    def is_beat(message: Any) -> bool:
        said = json.loads(message)
        if version == 2:
            return bool(said == [None, said[1], "phoenix", "heartbeat", {}] and isinstance(said[1], str))
        return bool(said == {"topic": "phoenix", "event": "heartbeat", "payload": {}, "ref": said["ref"]})

    def reply(message: Any) -> str:
        said = json.loads(message)
        if version == 2:
            return json.dumps([None, said[1], "phoenix", "phx_reply", ok])
        return json.dumps({"event": "phx_reply", "payload": ok, "ref": said["ref"], "topic": "phoenix"})

    ok = {"status": "ok", "response": {}}
    if version == 2:
        joined_reply = json.dumps(["1", "1", "room:lobby", "phx_reply", ok])
    else:
        joined_reply = json.dumps({"event": "phx_reply", "payload": ok, "ref": "1", "topic": "room:lobby"})
    return talk


async def signalr(socket: ServerConnection) -> None:
    """The JSON hub protocol: the handshake comes first, then both sides send pings, which nobody answers."""
    assert await socket.recv() == '{"protocol":"json","version":1}\x1e'
    await socket.send("{}\x1e")
    await serve(socket, lambda message: message == '{"type":6}\x1e', '{"type":6}\x1e')


async def graphql(socket: ServerConnection) -> None:
    """graphql-transport-ws: a ping may have a payload, and is answered by a pong."""
    assert json.loads(await socket.recv()) == {"type": "connection_init"}
    await socket.send('{"type": "connection_ack"}')
    await serve(socket, lambda message: json.loads(message) == {"type": "pong"}, '{"type":"ping","payload":{"n":1}}')


async def stomp(socket: ServerConnection) -> None:
    """STOMP 1.2: both sides promise heartbeats, which are line ends between frames."""
    assert "heart-beat:1000,1000\n" in str(await socket.recv())
    await socket.send("CONNECTED\nversion:1.2\nheart-beat:1000,1000\n\n\0")
    await serve(socket, lambda message: message == "\n", "\n")


async def engine_io_3(socket: ServerConnection) -> None:
    """In version 3 of Engine.IO the client asks."""
    await socket.send("0{}")
    await serve(socket, lambda message: message == "2", reply=lambda _: "3")


JOIN_2 = {"send": '["1","1","room:lobby","phx_join",{}]'}
JOIN_1 = {"send": {"json": {"topic": "room:lobby", "event": "phx_join", "payload": {}, "ref": "1"}}}
CONNECT = {"send": "CONNECT\naccept-version:1.2\nhost:h\nheart-beat:1000,1000\n\n\0"}
# server, path, what is said first, and its answer, options; without those of `heartbeats` the server ends it
PROTOCOLS: dict[str, tuple[Talk, str, list[dict[str, Any]], dict[str, Any]]] = {
    "phoenix, version 2": (
        phoenix(2),
        "/socket/websocket?vsn=2.0.0",
        [JOIN_2, {"expect": {"json": {"$[4].status": "ok"}}}],
        {"heartbeats": "phoenix", "keepalive": BUSY},
    ),
    "phoenix, version 1": (
        phoenix(1),
        "/socket/websocket",
        [JOIN_1, {"expect": {"json": {"$.payload.status": "ok"}}}],
        {"heartbeats": "phoenix", "keepalive": BUSY},
    ),
    "signalr": (
        signalr,
        "/hub",
        [{"send": '{"protocol":"json","version":1}\x1e'}, {"expect": {"separator": "\x1e", "matches": r"^\{\}$"}}],
        {"heartbeats": "signalr", "keepalive": BUSY},
    ),
    "graphql-ws": (
        graphql,
        "/graphql",
        [{"send": {"json": {"type": "connection_init"}}}, {"expect": {"json": {"type": "connection_ack"}}}],
        {"heartbeats": "graphql-ws"},
    ),
    "stomp": (
        stomp,
        "/ws",
        [CONNECT, {"expect": {"matches": "^CONNECTED"}}],
        {"heartbeats": "stomp", "keepalive": BUSY},
    ),
    "socket.io, version 3 of Engine.IO": (
        engine_io_3,
        "/socket.io/?EIO=3&transport=websocket",
        [{"expect": {"matches": "^0"}}],
        {"heartbeats": "socket.io", "keepalive": BUSY},
    ),
}
ABSENT = {"expect": {"matches": "(?s).*", "absent": True}, "within": "200ms"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_heartbeats_of_a_protocol_keep_the_connection_and_are_no_messages(protocol: str) -> None:
    talk, path, steps, options = PROTOCOLS[protocol]
    seen = await run(talk, path, *steps, {"hold": "1500ms"}, ABSENT, **options)
    assert (seen.reason, seen.detail) == (Reason.OK, "")


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_without_them_the_server_ends_the_connection(protocol: str) -> None:
    talk, path, steps, _ = PROTOCOLS[protocol]
    seen = await run(talk, path, *steps, {"hold": "4s"}, heartbeats={})
    assert (seen.reason, seen.detail) == (
        Reason.SERVER_ERROR,
        "the peer closed with 1011 'nothing', expected the connection to stay open for 4s",
    )


async def test_the_subprotocol_names_the_protocol() -> None:
    talk, path, steps, _ = PROTOCOLS["stomp"]
    options = {"subprotocols": ["v12.stomp", "v11.stomp"], "keepalive": BUSY}
    assert (await run(talk, path, *steps, {"hold": "1500ms"}, ABSENT, **options)).reason == Reason.OK


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        pytest.param({"keepalive": BUSY}, "keepalive needs `send`", id="no protocol says what to send"),
        pytest.param(
            {"keepalive": BUSY, "heartbeats": "graphql-ws"}, "keepalive needs `send`", id="its client only answers"
        ),
        pytest.param({"heartbeats": "phenix"}, "'phoenix', 'signalr'", id="an unknown protocol"),
    ],
)
def test_options_that_cannot_work(options: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValidationError, match=wrong):
        load("websocket").model_validate({"kind": "websocket", "url": "ws://h/", **options})
