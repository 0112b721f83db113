"""Connections: at most so many, none that says nothing, the oldest idle one makes room. Owned by `serving`.

Descriptors stay free for probes and files, whatever clients do.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from time import monotonic
from typing import cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from staging_exporter.logs import event

log = logging.getLogger("exporter")
_HEAD = 10.0  # seconds from the beginning of a connection to the end of the head of its first request
_REQUEST = 180.0  # seconds that a request may take, its response included
_GRACE = 0.05  # seconds that a new connection has before it makes room for others
_STALLED = 30.0  # seconds after which a request makes room for others when there is none
_KEEPALIVE = 75.0  # seconds between two requests
_MOST = 1000
_FEWEST = 8
_RESERVED = 16  # descriptors that the process has open from its start
_QUIET = 60.0  # seconds between two lines about the limit


def _anyone(_transport: asyncio.BaseTransport) -> bool:
    return True


class Connections:
    """The connections of one exporter."""

    def __init__(self, limit: int | None = None, allowed: Callable[[asyncio.BaseTransport], bool] = _anyone) -> None:
        """`limit` is by default half of what the process may open, without what it needs for itself.

        A connection that is not `allowed` is closed at its beginning: after the handshake, where there is one.
        """
        self.allowed = allowed
        self.limit = limit if limit is not None else limit_for(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        self._open: dict[Connection, None] = {}  # the oldest first
        self._logged = -_QUIET

    @property
    def count(self) -> int:
        """How many are open."""
        return len(self._open)

    async def room(self) -> None:
        """Wait until another one may be opened: closes the oldest that waits for a request, or whose request stalls."""
        while len(self._open) >= self.limit:
            if monotonic() - self._logged >= _QUIET:
                self._logged = monotonic()
                event(log, "connection limit reached, closing idle ones", logging.ERROR, limit=self.limit)
            victim = next((one for one in self._open if one.idle), None)
            if victim is None or victim.age < _GRACE:
                victim = next((one for one in self._open if one.age > _STALLED), None)
            if victim is None:
                await asyncio.sleep(_GRACE / 5)
                continue
            self._open.pop(victim, None)
            victim.abort()

    def add(self, connection: Connection) -> None:
        """Count it."""
        self._open[connection] = None

    def remove(self, connection: Connection) -> None:
        """It is closed."""
        self._open.pop(connection, None)


class Connection(RequestHandler):
    """A connection of the web server with a deadline for the head of a request, and for the request."""

    __slots__ = ("_connections", "_deadline", "_requested_at", "_socket", "idle")

    def __init__(
        self, server: web.Server, connections: Connections, loop: asyncio.AbstractEventLoop, client: socket.socket
    ) -> None:
        """It counts from now on: a handshake may come first."""
        # None is what `AppRunner(access_log=None)` passes on.
        super().__init__(server, loop=loop, access_log=None, keepalive_timeout=_KEEPALIVE)  # type: ignore[arg-type]
        self._connections, self._socket = connections, client
        connections.add(self)
        self._deadline: asyncio.TimerHandle | None = None
        self._requested_at = monotonic()
        self.idle = True  # no request is being answered

    @property
    def age(self) -> float:
        """Seconds since the last request began, or the connection."""
        return monotonic() - self._requested_at

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It may send a request."""
        if not self._connections.allowed(transport):
            cast(asyncio.Transport, transport).abort()  # those of uvloop only behave like one
            return
        self._until(_HEAD)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """It ended."""
        self._connections.remove(self)
        if self._deadline:
            self._deadline.cancel()
        super().connection_lost(exc)

    def request_begins(self) -> None:
        """The head of a request is here."""
        self.idle, self._requested_at = False, monotonic()
        self._until(_REQUEST)

    def request_ends(self) -> None:
        """Its response is ready; a slow reader still has the rest of the time."""
        self.idle = True

    def abort(self) -> None:
        """Close it without another word."""
        if self.transport is not None:
            self.transport.abort()
        elif self._socket.fileno() >= 0:  # in its handshake
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to a request that is not one, which says nothing of the server or of what it was sent."""
        if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            log.debug("malformed request")
            response = web.Response(status=status, text="the request is malformed.\n", headers={"Server": SERVER})
            response.force_close()
            return response
        return super().handle_error(request, status, exc, message)

    def _until(self, seconds: float) -> None:
        if self._deadline:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(seconds, self.abort)


SERVER = "staging-exporter"


def limit_for(descriptors: int) -> int:
    """How many connections a process that may open so many files accepts."""
    return max(_FEWEST, min(_MOST, (descriptors - _RESERVED) // 2))


def raise_descriptor_limit() -> None:
    """Open as many files as the system allows, as servers written in Go do."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
