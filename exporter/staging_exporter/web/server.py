"""The web application: every route, and which of them are behind the token rule."""

from __future__ import annotations

from aiohttp import web

from staging_exporter.web.access import protected
from staging_exporter.web.api import Api
from staging_exporter.web.exporter import Exporter
from staging_exporter.web.pages import Pages


def make_app(exporter: Exporter) -> web.Application:
    """The web application over a running exporter."""
    api = Api(exporter)
    app = web.Application()
    app.add_routes(
        [
            *Pages(exporter.snapshot, exporter.suggestions).routes(),
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
