"""Independent units to break: HTTP servers as a database, an API that depends on it, and a web page on the API."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

ANSWERING = ("refused", "error", "wrong")
HANGING = "hang"
PARTS = ("db", "api", "web")
_ANSWERS = {
    "ok": (200, '{"status": "ok"}'),
    "error": (503, '{"status": "down"}'),
    "wrong": (200, '{"status": "broken"}'),
}


@dataclass
class Server:
    """One part of a unit; `mode` is its answer to requests."""

    mode: str = "ok"
    port: int = 0
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen, on the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def set(self, mode: str) -> None:
        """Change the mode."""
        if self.mode == "refused":
            await self.start()
        self.mode = mode
        if mode == "refused" and self._server:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError, TimeoutError):
            await reader.readuntil(b"\r\n\r\n")
            if self.mode == HANGING:
                await asyncio.wait_for(reader.read(), 30)
            else:
                status, body = _ANSWERS.get(self.mode, _ANSWERS["error"])
                head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                writer.write((head + body).encode())
                await writer.drain()
        writer.close()


@dataclass
class Units:
    """All units, in a thread with an event loop of its own."""

    loop: asyncio.AbstractEventLoop
    servers: dict[str, Server] = field(default_factory=dict)

    def set(self, unit: int, mode: str) -> None:
        """Break the database in that mode, and the others because of it; `ok` restores all three."""
        others = {"ok": "ok", HANGING: HANGING}.get(mode, "error")
        for part in PARTS:
            server = self.servers[f"{part}-{unit}"]
            asyncio.run_coroutine_threadsafe(server.set(mode if part == "db" else others), self.loop).result(10)


@contextmanager
def units(count: int) -> Iterator[Units]:
    """So many units, all in mode `ok`."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    made = Units(loop, {f"{part}-{unit}": Server() for unit in range(count) for part in PARTS})
    try:
        for server in made.servers.values():
            asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
        yield made
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
