"""The web application: every route with the scope that it needs, headers of every response. Imported by `app`."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.log import server_logger

from staging_exporter.options.access import Scope
from staging_exporter.views.document import Documents
from staging_exporter.views.page.history import Trace
from staging_exporter.web.access import CALLER, Access, over_unix_socket
from staging_exporter.web.api import Api
from staging_exporter.web.connections import SERVER, Connection
from staging_exporter.web.exporter import Exporter
from staging_exporter.web.incidents import Incidents
from staging_exporter.web.pages import Pages, with_a_way_back
from staging_exporter.web.security import WebSecurity

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(
    exporter: Exporter, access: Access, security: WebSecurity, prefix: str = "", external: str = ""
) -> web.Application:
    """The web application over a running exporter; `security` has the rate limit and further headers.

    All routes begin with `prefix`, which is empty or like `/staging`; `/` and the prefix itself lead to the page. Over
    a unix socket, where no proxy is, they are served without it as well.
    `external` is the URL of the page, for the feed.
    """
    server_logger.addFilter(_without_malformed_requests)
    documents = Documents()
    api, incidents = Api(exporter, documents), Incidents(exporter, documents, external)

    def problem() -> str:
        return exporter.own_status().problem

    def trace() -> Trace:
        return Trace(exporter.history.past, exporter.history.newest)

    pages = Pages(exporter.snapshot, exporter.suggestions, problem, exporter.tools, trace, documents)

    async def prepare(_request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Server"] = SERVER  # without versions
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.update(security.headers)

    @web.middleware
    async def limited(request: web.Request, handler: Handler) -> web.StreamResponse:
        security.admit()
        return await handler(request)

    app = web.Application(middlewares=[_timed, limited, with_a_way_back(prefix)])
    app.on_response_prepare.append(prepare)
    routes: list[tuple[str, str, Handler, Scope | None]] = [
        *(("GET", path, handler, Scope.READ) for path, handler in pages.routes().items()),
        ("GET", "/metrics", api.metrics, Scope.READ),
        ("GET", "/probe", api.probe, Scope.PROBE),
        ("GET", "/api/v1/status", api.status, Scope.READ),
        ("GET", "/api/v1/targets", api.targets, Scope.READ),
        ("GET", "/api/v1/components/{name}", api.component, Scope.READ),
        *(("GET", path, handler, Scope.READ) for path, handler in incidents.routes().items()),
        ("POST", "/api/v1/incidents/{id}/notes", incidents.annotate, Scope.WRITE),
        ("GET", "/api/v1/suggestions", api.suggestions, Scope.READ),
        ("POST", "/api/v1/maintenance", api.maintain, Scope.WRITE),
        ("POST", "/api/v1/deploys", api.deploy, Scope.WRITE),
        ("PUT", "/api/v1/e2e/{name}", api.push, Scope.REPORT),
        ("GET", "/-/healthy", api.healthy, None),
        ("GET", "/-/ready", api.ready, None),
        ("POST", "/-/reload", api.reload, Scope.WRITE),
    ]
    for method, path, handler, scope in routes:
        guarded = handler if scope is None else _guarded(handler, scope, access)
        app.add_routes([_route(method, prefix + path, guarded)])
        if prefix:
            app.add_routes([_route(method, path, _over_unix_socket(guarded, prefix))])
    if prefix:
        app.add_routes([web.get(prefix, _to(prefix))])
    return app


def _route(method: str, path: str, handler: Handler) -> web.RouteDef:
    return web.get(path, handler) if method == "GET" else web.route(method, path, handler)


def _to(prefix: str) -> Handler:
    async def redirect(_request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound(f"{prefix}/")

    return redirect


def _over_unix_socket(handler: Handler, prefix: str) -> Handler:
    async def serve(request: web.Request) -> web.StreamResponse:
        if over_unix_socket(request):
            return await handler(request)
        raise web.HTTPFound(f"{prefix}/") if request.path == "/" else web.HTTPNotFound

    return serve


def _guarded(handler: Handler, scope: Scope, access: Access) -> Handler:
    """The handler for requests that the rules admit; the rules are asked on every request."""

    async def check(request: web.Request) -> web.StreamResponse:
        request[CALLER] = await access.admit(request, scope)
        return await handler(request)

    return check


@web.middleware
async def _timed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tell the connection when a request begins and ends: it has deadlines."""
    connection = request.protocol
    if not isinstance(connection, Connection):
        return await handler(request)
    connection.request_begins()
    try:
        return await handler(request)
    finally:
        connection.request_ends()


def _without_malformed_requests(record: logging.LogRecord) -> bool:
    """False for what a client did wrong: such lines quote it, tokens included, and any client can make many."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))
