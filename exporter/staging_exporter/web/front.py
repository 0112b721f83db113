"""The HTTP interface as a whole: sockets, TLS, users, tokens, routes; from `bind` to `stop`. Imported by `app`."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Any

from staging_exporter.net.address import HostPort
from staging_exporter.net.context import ProbeContext
from staging_exporter.options.access import Api, Token, TokenReader
from staging_exporter.web.access import Access, Options
from staging_exporter.web.connections import Connections
from staging_exporter.web.exporter import Exporter
from staging_exporter.web.failures import FailedLogins
from staging_exporter.web.listening import bind_all
from staging_exporter.web.security import WebSecurity
from staging_exporter.web.server import make_app
from staging_exporter.web.serving import Serving
from staging_exporter.web.site import Site, external_url, url_of
from staging_exporter.web.users import PasswordUsers

Listen = HostPort | Sequence[HostPort | socket.socket]


class Front:
    """The interface of one exporter."""

    def __init__(
        self,
        exporter: Exporter,
        api: Callable[[], Api],
        context: Callable[[], ProbeContext],
        security: WebSecurity,
        site: Site,
    ) -> None:
        """`api` is the key of the configuration now; `context` reads a token."""
        self._exporter, self._api, self._context = exporter, api, context
        self._security, self._site = security, site
        self._token_reader, self._failures = TokenReader(), FailedLogins()
        self._connections = Connections(allowed=security.allowed)
        self._listeners: list[socket.socket] = []
        self._serving: Serving | None = None
        self._follow: asyncio.Task[None] | None = None

    @property
    def logins_failed(self) -> int:
        """How many logins failed since the start."""
        return self._failures.total

    @property
    def connections(self) -> int:
        """How many there are now."""
        return self._connections.count

    @property
    def urls(self) -> list[str]:
        """Where each socket is reached from this machine; once bound."""
        tls = self._security.tls is not None
        urls = (url_of(listener, tls=tls) for listener in self._listeners)
        return [url if url.startswith("unix:") else url + self._site.prefix for url in dict.fromkeys(urls)]

    @property
    def addresses(self) -> dict[str, Any]:
        """The same for the log: the first URL, the others, and the external one where it is configured."""
        first, *others = self.urls
        external = {"external": self._site.external} if self._site.external else {}
        return {"url": first, **({"also": others} if others else {}), **external}

    @property
    def external_url(self) -> str:
        """Where people reach it; once bound."""
        over_tcp = [listener for listener in self._listeners if listener.family != socket.AF_UNIX]
        return external_url(self._site, [*over_tcp, *self._listeners][0], tls=self._security.tls is not None)

    def bind(self, listen: Listen) -> None:
        """Take the addresses. Raises OSError."""
        self._listeners = bind_all([listen] if isinstance(listen, HostPort) else [*listen])

    async def start(self) -> None:
        """Serve on what was bound."""
        users = PasswordUsers(lambda: self._security.hashes, self._failures)
        access = Access(self._tokens, users, self._failures, lambda: Options.of(self._api(), self._site.origin))
        app = make_app(self._exporter, access, self._security, self._site.prefix, self._site.external)
        self._serving = Serving(app, self._listeners, self._connections, lambda: self._security.tls)
        self._follow = asyncio.create_task(self._security.follow())
        await self._serving.start()

    async def stop(self) -> None:
        """Serve no more."""
        if self._follow:
            self._follow.cancel()
        if self._serving:
            await self._serving.stop()

    async def _tokens(self) -> list[Token]:
        return await self._token_reader.read(self._api(), self._context)
