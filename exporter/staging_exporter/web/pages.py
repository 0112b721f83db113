"""The routes for people: status page, component pages, their files, badges. Made from the document alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from time import monotonic

from aiohttp import web

from staging_exporter.core.snapshot import Snapshot
from staging_exporter.views.badge import badge
from staging_exporter.views.document import component_document, document
from staging_exporter.views.page import CSP, STATIC, component_page, static, status_page
from staging_exporter.web.responses import compressed, unknown
from staging_exporter.web.turns import in_turns

_KEPT = 1.0  # seconds for which one answer serves all that look at the same page
_HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class Pages:
    """The pages over whatever `snapshot()` publishes. One loop owns it."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot
        self._made_at = -_KEPT
        self._page = b""
        self._making = asyncio.Lock()

    def routes(self) -> list[web.RouteDef]:
        """All routes of this module."""
        return [
            web.get("/", self.status),
            web.get("/components/{name}", self.component),
            web.get("/badge/{name}.svg", self.badge),
            web.get("/static/{name}", self.static),
        ]

    async def status(self, request: web.Request) -> web.Response:
        """The status page; those who look at the same time share one rendering."""
        async with self._making:
            if monotonic() - self._made_at >= _KEPT:
                made = await asyncio.to_thread(_status_pieces, self._snapshot())
                self._page, self._made_at = await in_turns(made), monotonic()
        return await _html(request, self._page)

    async def component(self, request: web.Request) -> web.Response:
        """The page of one component."""
        snapshot, name = self._snapshot(), request.match_info["name"]
        if name not in snapshot.components:
            return unknown(name)
        pieces = await asyncio.to_thread(_component_pieces, snapshot, name)
        return await _html(request, await in_turns(pieces))

    async def badge(self, request: web.Request) -> web.Response:
        """The badge of a journey, or of a component."""
        snapshot, name = self._snapshot(), request.match_info["name"]
        found = snapshot.journeys.get(name) or snapshot.components.get(name)
        if found is None:
            raise web.HTTPNotFound(text=f"there is no journey and no component {name[:100]!r}.\n")
        return web.Response(text=badge(name, str(found.state)), content_type="image/svg+xml", headers=_HEADERS)

    async def static(self, request: web.Request) -> web.Response:
        """The script, the style sheet and the icon."""
        name = request.match_info["name"]
        if name not in STATIC:
            raise web.HTTPNotFound(text="there is no such file.\n")
        return web.Response(body=static(name), content_type=STATIC[name], charset="utf-8", headers=_HEADERS)


def _status_pieces(snapshot: Snapshot) -> Iterator[str]:
    """The document and the drawing are made here, in a thread; the text is not made before it is asked for."""
    return status_page(document(snapshot))


def _component_pieces(snapshot: Snapshot, name: str) -> Iterator[str]:
    return component_page(document(snapshot), component_document(snapshot, name))


async def _html(request: web.Request, body: bytes) -> web.Response:
    return await compressed(request, body, {**_HEADERS, "Content-Type": "text/html; charset=utf-8"})
