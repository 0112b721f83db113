"""The web application: every route, and who may write.

With `api.token` its bearer may; without it, clients on loopback, or nobody.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.log import server_logger

from staging_exporter.web.api import Api
from staging_exporter.web.exporter import Exporter
from staging_exporter.web.pages import Pages

Handler = Callable[[web.Request], Awaitable[web.Response]]

# A browser or a proxy on this machine acts for a client that may be elsewhere; it sends one of these headers.
_FORWARDED = ("Origin", "Forwarded", "X-Forwarded-For", "Via")


def make_app(exporter: Exporter) -> web.Application:
    """The web application over a running exporter."""
    server_logger.addFilter(_without_malformed_requests)
    api = Api(exporter)
    app = web.Application()
    app.add_routes(
        [
            *Pages(exporter.snapshot, exporter.suggestions, lambda: exporter.own_status().problem).routes(),
            web.get("/metrics", api.metrics),
            web.get("/probe", api.probe),
            web.get("/api/v1/status", api.status),
            web.get("/api/v1/components/{name}", api.component),
            web.get("/api/v1/incidents", api.incidents),
            web.get("/api/v1/suggestions", api.suggestions),
            web.post("/api/v1/maintenance", protected(api.maintain, exporter.token)),
            web.post("/api/v1/deploys", protected(api.deploy, exporter.token)),
            web.put("/api/v1/e2e/{name}", protected(api.push, exporter.token, loopback_without_token=False)),
            web.get("/-/healthy", api.healthy),
            web.get("/-/ready", api.ready),
            web.post("/-/reload", protected(api.reload, exporter.token)),
        ]
    )
    return app


def protected(
    handler: Handler, token: Callable[[], Awaitable[str | None]], *, loopback_without_token: bool = True
) -> Handler:
    """The handler behind the token rule; `token()` is asked on every request."""

    async def check(request: web.Request) -> web.Response:
        expected = await token()
        if expected is None and not loopback_without_token:
            return web.Response(status=403, text="this endpoint is disabled: api.token is not configured.\n")
        if expected is None and not _is_local(request):
            return web.Response(
                status=403, text="without api.token in the configuration this endpoint serves loopback only.\n"
            )
        given = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        if expected is not None and not hmac.compare_digest(given.encode(), expected.encode()):
            text = "this endpoint requires the api.token: pass --token or set STAGING_EXPORTER_TOKEN.\n"
            return web.Response(status=401, text=text, headers={"WWW-Authenticate": "Bearer"})
        return await handler(request)

    return check


def is_loopback(remote: str | None) -> bool:
    """True for a loopback address, IPv4 mapped into IPv6 included."""
    try:
        address = ipaddress.ip_address(remote or "")
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _is_local(request: web.Request) -> bool:
    return is_loopback(request.remote) and not any(name in request.headers for name in _FORWARDED)


def _without_malformed_requests(record: logging.LogRecord) -> bool:
    """False for what a client did wrong: such lines quote it, tokens included, and any client can make many."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))
