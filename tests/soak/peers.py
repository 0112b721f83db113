"""The peers, in a process of their own so that the exporter's is measured alone: `python -m tests.soak.peers DIR`.

Each listens on a port and changes its mood every few seconds. Their addresses go to standard output, as JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import ssl
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import trustme
import websockets.asyncio.server

from tests.support.dnsserver import name_server, zone
from tests.support.peers import serving
from tests.support.postgres import running_postgres
from tests.support.redis import running_redis
from tests.support.web import response

MOOD = 5.0  # seconds that one lasts
Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter
Handler = Callable[[Reader, Writer], Awaitable[None]]
HEALTHY = response(200, b'{"status": "healthy", "service": "shop"}')


def says(data: bytes) -> Handler:
    """Answers whatever comes first, and hangs up."""

    async def handler(reader: Reader, writer: Writer) -> None:
        await reader.read(65536)
        writer.write(data)
        await writer.drain()

    return handler


async def hangs_up(_reader: Reader, _writer: Writer) -> None:
    """Says nothing."""


async def is_silent(reader: Reader, _writer: Writer) -> None:
    while await reader.read(65536):
        pass


async def resets(reader: Reader, writer: Writer) -> None:
    await reader.read(65536)
    writer.transport.abort()


async def trickles(reader: Reader, writer: Writer) -> None:
    await reader.read(65536)
    for at in range(len(HEALTHY)):
        writer.write(HEALTHY[at : at + 1])
        await writer.drain()
        await asyncio.sleep(0.02)


async def never_ends(reader: Reader, writer: Writer) -> None:
    await reader.read(65536)
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"x" * 16384)
        await writer.drain()


BOMB = response(200, gzip.compress(bytes(8 * 1024 * 1024)), {"Content-Encoding": "gzip"})
WELL = (says(HEALTHY),) * 3
HTTP = (*WELL, says(response(500, b"no")), is_silent, *WELL, hangs_up, says(b"garbage\r\n"), *WELL, resets, trickles,
        *WELL, never_ends, says(BOMB), says(response(302, headers={"Location": "/"})), says(HEALTHY[:-9]))  # fmt: skip
TALK = (says(b"+PONG\r\n"), says(b"-ERR no\r\n"), is_silent, hangs_up, resets)


def moody(moods: Sequence[Handler], shift: int) -> Handler:
    """All connections of one moment meet the same mood."""

    async def handler(reader: Reader, writer: Writer) -> None:
        await moods[int(time.monotonic() / MOOD + shift) % len(moods)](reader, writer)

    return handler


async def websocket(connection: websockets.asyncio.server.ServerConnection) -> None:
    with contextlib.suppress(websockets.ConnectionClosed):
        said = await connection.recv()
        if int(time.monotonic() / MOOD) % 3:
            await connection.send(said)
            await connection.wait_closed()
        else:
            await connection.close(1011, "not now")


def contexts(directory: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's TLS with a good certificate, and with one for another name."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(directory / "ca.pem"))
    found = []
    for name in ("127.0.0.1", "other.test"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        found.append(context)
    return found[0], found[1]


async def serve(directory: Path, stack: AsyncExitStack) -> dict[str, object]:
    """Start all of them; their ports by name."""
    ports: dict[str, object] = {"http": [], "talk": []}
    for name, moods, count in (("http", HTTP, 12), ("talk", TALK, 6)):
        started = [await stack.enter_async_context(serving(moody(moods, shift))) for shift in range(count)]
        ports[name] = started
    for name, context in zip(("https", "other"), contexts(directory), strict=True):
        server = await asyncio.start_server(lambda r, w: _secured(r, w), "127.0.0.1", 0, ssl=context)
        ports[name] = (await stack.enter_async_context(server)).sockets[0].getsockname()[1]
    talking = await stack.enter_async_context(websockets.asyncio.server.serve(websocket, "127.0.0.1", 0))
    ports["websocket"] = talking.sockets[0].getsockname()[1]
    ports["dns"] = await stack.enter_async_context(name_server(zone({("a.test", "A"): ["127.0.0.1"]})))
    return ports


async def _secured(reader: Reader, writer: Writer) -> None:
    with contextlib.suppress(OSError, EOFError):
        await moody((*WELL, resets), 0)(reader, writer)
    writer.close()


async def main(directory: Path) -> None:
    with ExitStack() as processes:
        redis = processes.enter_context(running_redis())
        postgres = processes.enter_context(running_postgres())
        async with AsyncExitStack() as stack:
            ports = await serve(directory, stack) | {"redis": redis.port, "postgres": postgres.port}
            print(json.dumps(ports), flush=True)
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until the parent is done


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
