"""Serves the web application on listening sockets. Owns the accept loops; imported by `app`."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from aiohttp import web

from staging_exporter.logs import event
from staging_exporter.web.connections import Connection, Connections
from staging_exporter.web.listening import remove

log = logging.getLogger("exporter")
_SHUTDOWN = 0.5  # seconds that responses under way have at the stop
_HANDSHAKE = 10.0  # seconds
_TURNS = 3  # of the loop after which what a client has sent is read
_AGAIN = 0.2  # seconds until the next attempt when the system accepts nothing

Tls = Callable[[], ssl.SSLContext | None]


class Serving:
    """A web application on its sockets, from `start` to `stop`."""

    def __init__(
        self,
        app: web.Application,
        listeners: Sequence[socket.socket],
        connections: Connections,
        tls: Tls = lambda: None,
    ) -> None:
        """`tls` gives the context of the next connection over TCP, None for plain HTTP."""
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN)
        self._listeners, self._connections, self._tls = listeners, connections, tls
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Accept connections."""
        await self._runner.setup()
        for listener in self._listeners:
            listener.setblocking(False)
            self._keep(self._accept(listener))

    async def stop(self) -> None:
        """Accept no more, and let responses under way end."""
        for listener in self._listeners:
            remove(listener)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for listener in self._listeners:
            listener.close()
        await self._runner.cleanup()

    async def _accept(self, listener: socket.socket) -> None:
        """One at a time: a burst of silent clients must not push out one whose request is on its way."""
        loop = asyncio.get_running_loop()
        while True:
            await self._connections.room()
            try:
                client, _ = await loop.sock_accept(listener)
            except OSError as error:
                event(log, "cannot accept a connection", logging.ERROR, error=error)
                await asyncio.sleep(_AGAIN)
                continue
            tls = None if listener.family == socket.AF_UNIX else self._tls()
            self._keep(self._connect(client, tls))
            for _ in range(_TURNS):
                await asyncio.sleep(0)

    async def _connect(self, client: socket.socket, tls: ssl.SSLContext | None) -> None:
        loop, server = asyncio.get_running_loop(), self._runner.server
        assert server is not None
        connection = Connection(server, self._connections, loop, client)
        timeout = None if tls is None else _HANDSHAKE
        try:
            await loop.connect_accepted_socket(lambda: connection, client, ssl=tls, ssl_handshake_timeout=timeout)
        except (OSError, TimeoutError):
            self._connections.remove(connection)  # a handshake that failed is the client's business
            client.close()

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
