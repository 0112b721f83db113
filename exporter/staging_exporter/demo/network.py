"""Ports and listeners: a port that stays claimed, a listener that can be closed and opened again, an HTTP server."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, ClassVar

from aiohttp import web

LOOPBACK = "127.0.0.1"
_TRIES = 20  # ports tried when the preferred one is taken
BUFFER = 64 * 1024  # bytes read at once

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def bind(port: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    """A non-blocking socket bound to `port` on loopback, 0 for any. Raises OSError when the port is taken."""
    sock = socket.socket(socket.AF_INET, kind)
    try:
        sock.setblocking(False)
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((LOOPBACK, port))
    except OSError:
        sock.close()
        raise
    return sock


class Claimed(socket.socket):
    """A bound socket whose port no other demo gets, even while nobody listens; SO_REUSEADDR alone allows that."""

    def __init__(self, bound: socket.socket) -> None:
        """Takes over `bound`. Raises OSError (EADDRINUSE) when another demo has the port."""
        self._lock = socket.socket(socket.AF_UNIX)
        try:
            self._lock.bind(f"\0staging-exporter-demo-{bound.getsockname()[1]}")  # Linux frees the name with the socket
        except OSError:
            self._lock.close()
            raise
        super().__init__(fileno=bound.detach())

    def close(self) -> None:
        """Free the port."""
        self._lock.close()
        super().close()


class Ports:
    """Hands out ports: the preferred one when it is free, else any, with an entry in `notes`."""

    def __init__(self, notes: list[str]) -> None:
        self._notes = notes

    def claim(self, name: str, preferred: int) -> socket.socket:
        """A bound socket that keeps the port for this process."""
        (sock,) = self._claim(name, preferred, (socket.SOCK_STREAM,))
        return sock

    def claim_both(self, name: str, preferred: int) -> tuple[socket.socket, socket.socket]:
        """The same for TCP and UDP on one port, as name servers have it."""
        tcp, udp = self._claim(name, preferred, (socket.SOCK_STREAM, socket.SOCK_DGRAM))
        return tcp, udp

    def _claim(self, name: str, preferred: int, kinds: Sequence[socket.SocketKind]) -> list[socket.socket]:
        for candidate in (preferred, *[0] * _TRIES):
            bound: list[socket.socket] = []
            try:
                for kind in kinds:
                    bound.append(bind(bound[0].getsockname()[1] if bound else candidate, kind))
                bound[0] = Claimed(bound[0])
            except OSError as error:
                for sock in bound:
                    sock.close()
                if error.errno != errno.EADDRINUSE:
                    raise
                continue
            if candidate != preferred:
                self._notes.append(f"{name}: port {preferred} is in use, using {bound[0].getsockname()[1]} instead")
            return bound
        raise OSError(errno.EADDRINUSE, f"no free port for {name}")


class Listener:
    """A TCP listener on a claimed port; while shut, connections are refused and the port stays claimed."""

    def __init__(self, claimed: socket.socket, handler: Handler, tls: ssl.SSLContext | None = None) -> None:
        self._claimed = claimed
        self._handler = handler
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port: int = claimed.getsockname()[1]

    async def open(self) -> None:
        """Accept connections; no effect when open. Raises OSError."""
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, sock=bind(self.port), ssl=self._tls, limit=BUFFER)

    def shut(self) -> None:
        """Refuse new connections; existing ones stay open."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def drop(self) -> None:
        """Abort every connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self) -> None:
        """Close everything and free the port."""
        self.shut()
        await self.drop()
        self._claimed.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._handler(reader, writer)
            await hang_up(writer)
        except (OSError, EOFError, ValueError):
            pass  # the peer disconnected, or sent something malformed
        finally:
            writer.transport.abort()


class HttpServer(ABC):
    """An aiohttp application on a socket that is bound already; subclasses give the application."""

    cancels: ClassVar[bool] = True  # whether a request ends with its client

    def __init__(self, claimed: socket.socket) -> None:
        """Takes over `claimed`."""
        self._socket = claimed
        self._runner: web.AppRunner | None = None
        self.port: int = claimed.getsockname()[1]
        self.url = f"http://{LOOPBACK}:{self.port}"

    @abstractmethod
    def application(self) -> web.Application:
        """What is served."""

    async def start(self) -> None:
        """Start serving."""
        self._runner = web.AppRunner(
            self.application(), handler_cancellation=self.cancels, shutdown_timeout=0.5, access_log=None
        )
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket).start()

    async def stop(self) -> None:
        """End every request and free the port."""
        if self._runner is not None:
            await self._runner.cleanup()
        self._socket.close()


async def hang_up(writer: asyncio.StreamWriter, seconds: float = 1.0) -> None:
    """Send what is buffered, then close; a peer that does not read it within `seconds` seconds is cut off."""
    writer.close()
    try:
        async with asyncio.timeout(seconds):
            await writer.wait_closed()
    except (OSError, TimeoutError):
        writer.transport.abort()


async def read_away(reader: asyncio.StreamReader) -> None:
    """Read and discard until the peer closes."""
    while await reader.read(BUFFER):
        pass


async def connect(target: int | Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Streams to a port on loopback or to a unix socket. Raises OSError."""
    if isinstance(target, Path):
        return await asyncio.open_unix_connection(target)
    return await asyncio.open_connection(LOOPBACK, target)


async def both(there: Coroutine[Any, Any, None], back: Coroutine[Any, Any, None]) -> None:
    """Run two directions of a connection until either ends. Raises OSError when that one failed."""
    tasks = {asyncio.create_task(there), asyncio.create_task(back)}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
