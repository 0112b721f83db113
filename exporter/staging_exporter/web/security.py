"""The web configuration file while it is in use: TLS and users follow its changes. Imported by `app`.

Whether TLS is on, and the rate limit, are those of the start, as in exporter-toolkit.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping
from time import monotonic

from aiohttp import web

from staging_exporter.logs import event
from staging_exporter.net.background import in_background
from staging_exporter.options.web_config import WebConfig
from staging_exporter.web.tls import has_allowed_name, server_context

log = logging.getLogger("exporter")
_INTERVAL = 5.0  # seconds between two looks at the files
Load = Callable[[], WebConfig]


class WebSecurity:
    """What the file says now."""

    def __init__(self, load: Load | None = None) -> None:
        """`load` reads the file; None without one. Raises what `load` raises, OSError, ssl.SSLError, ValueError."""
        self._load = load
        self._config = load() if load else WebConfig()
        tls = self._config.tls_server_config
        self._context = server_context(tls) if tls.on else None
        self._problem = ""
        limit = self._config.rate_limit
        self._interval, self._burst = limit.interval, float(limit.burst)
        self._allowed, self._at = self._burst, monotonic()

    @property
    def tls(self) -> ssl.SSLContext | None:
        """The context of the next connection; None for plain HTTP."""
        return self._context

    def allowed(self, transport: asyncio.BaseTransport) -> bool:
        """Whether the certificate of the client has one of the names that the file allows; over a unix socket any."""
        names = self._config.tls_server_config.client_allowed_sans
        if not names or transport.get_extra_info("ssl_object") is None:
            return True
        return has_allowed_name(transport.get_extra_info("peercert"), names)

    @property
    def hashes(self) -> Mapping[str, str]:
        """bcrypt of the passwords, by user."""
        return self._config.basic_auth_users

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of every response."""
        return {name: value for name, value in self._config.http_server_config.headers.items() if value}

    def admit(self) -> None:
        """Count a request. Raises HTTPTooManyRequests when there are too many."""
        if not self._interval:
            return
        moment = monotonic()
        self._allowed = min(self._burst, self._allowed + (moment - self._at) / self._interval)
        self._at = moment
        if self._allowed < 1.0:
            raise web.HTTPTooManyRequests(text="the rate limit of the web configuration file is reached.\n")
        self._allowed -= 1.0

    async def follow(self) -> None:
        """Read the files again and again; a bad one keeps what was, and is logged once."""
        while self._load:
            await asyncio.sleep(_INTERVAL)
            try:
                self._config, self._context = await in_background(self._read, ("web configuration", id(self)))
                self._problem = ""
            except Exception as error:
                if str(error) != self._problem:
                    event(
                        log, "cannot use the web configuration file, keeping the previous", logging.ERROR, error=error
                    )
                self._problem = str(error)

    def _read(self) -> tuple[WebConfig, ssl.SSLContext | None]:
        assert self._load
        config = self._load()
        if self._context is None:
            return config, None
        return config, server_context(config.tls_server_config)
