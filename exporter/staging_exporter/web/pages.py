"""The routes for people: status page, component pages, their static files, badges."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from difflib import get_close_matches
from time import monotonic

from aiohttp import web
from aiohttp.typedefs import Middleware

from staging_exporter.core.coincidence import Suggestions
from staging_exporter.core.snapshot import Snapshot
from staging_exporter.generate.examples import runbook
from staging_exporter.views.badge import badge
from staging_exporter.views.document import Documents, component_document
from staging_exporter.views.page import (
    CSP,
    STATIC,
    component_page,
    missing_page,
    runbook_page,
    static,
    status_page,
)
from staging_exporter.views.page.history import DEFAULT, Trace, history_page
from staging_exporter.views.page.selection import Selection
from staging_exporter.views.page.tools import Tools
from staging_exporter.views.page.uptime import RANGES, Range
from staging_exporter.views.suggestions import suggestions_document
from staging_exporter.web.responses import compressed, has_it, rendered, tag_of, unchanged, unknown_component

_MAX_AGE = 1.0  # seconds for which one rendering serves every viewer
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Pages:
    """The handlers; they belong to one event loop."""

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        suggestions: Callable[[], Suggestions],
        problem: Callable[[], str] = lambda: "",
        tools: Callable[[], Tools] = Tools,
        trace: Callable[[], Trace] = Trace,
        documents: Documents | None = None,
    ) -> None:
        """`problem` says what is wrong with the exporter itself, or nothing.

        `tools` are what pages link to, `trace` gives the past, `documents` are those of the API.
        """
        self._trace, self._documents = trace, documents or Documents()
        self._snapshot, self._suggestions, self._problem, self._tools = snapshot, suggestions, problem, tools
        self._rendered: dict[Selection, tuple[float, bytes]] = {}
        self._rendering = asyncio.Lock()

    def routes(self) -> dict[str, Handler]:
        """The handlers by path."""
        return {
            "/": self.status,
            "/components/{name}": self.component,
            "/runbooks/{name}": self.runbook,
            "/history": self.history,
            "/badge/{name}.svg": self.badge,
            "/static/{name}": self.static,
        }

    async def status(self, request: web.Request) -> web.Response:
        """The status page; concurrent viewers of one selection share one rendering."""
        return await html(request, await self._page(Selection.of(request.query)))

    async def _page(self, selection: Selection) -> bytes:
        async with self._rendering:
            fresh = monotonic() - _MAX_AGE
            self._rendered = {key: made for key, made in self._rendered.items() if made[0] > fresh}
            if selection not in self._rendered:
                now = self._snapshot(), self._suggestions(), self._problem(), selection, self._tools(), self._trace()
                args = self._documents, *now
                page = await rendered(await asyncio.to_thread(_status_pieces, *args))
                self._rendered[selection] = monotonic(), page
            return self._rendered[selection][1]

    async def component(self, request: web.Request) -> web.Response:
        """The page of one component."""
        snapshot, name = self._snapshot(), request.match_info["name"]
        if name not in snapshot.components:
            return _no_component(request, snapshot, name)
        about = name, self._tools(), self._trace()
        pieces = await asyncio.to_thread(_component_pieces, self._documents, snapshot, *about)
        return await html(request, await rendered(pieces))

    async def history(self, request: web.Request) -> web.Response:
        """The uptime bars of everything."""
        name = request.query.get("range", DEFAULT.name)
        if name not in RANGES:
            raise web.HTTPBadRequest(text=f"range: one of {', '.join(RANGES)}.\n")
        shown = self._trace(), RANGES[name]
        pieces = await asyncio.to_thread(_history_pieces, self._documents, self._snapshot(), *shown)
        return await html(request, await rendered(pieces))

    async def runbook(self, request: web.Request) -> web.Response:
        """The runbook of an alert."""
        snapshot, name = self._snapshot(), request.match_info["name"]
        try:
            text = runbook(name, snapshot.environment, self._tools().exporter)
        except KeyError:
            raise web.HTTPNotFound(text=f"there is no runbook {name[:100]!r}.\n") from None
        return await html(request, runbook_page(snapshot.environment, snapshot.generated_at, name, text).encode())

    async def badge(self, request: web.Request) -> web.Response:
        """The badge of a journey or of a component."""
        snapshot, name = self._snapshot(), request.match_info["name"]
        found = snapshot.journeys.get(name) or snapshot.components.get(name)
        if found is None:
            raise web.HTTPNotFound(text=f"there is no journey or component {name[:100]!r}.\n")
        return web.Response(text=badge(name, str(found.state)), content_type="image/svg+xml", headers=HEADERS)

    async def static(self, request: web.Request) -> web.Response:
        """The script, the style sheet or the icon."""
        name = request.match_info["name"]
        if name not in STATIC:
            raise web.HTTPNotFound(text="file not found.\n")
        return web.Response(body=static(name), content_type=STATIC[name], charset="utf-8", headers=HEADERS)


def _status_pieces(
    documents: Documents,
    snapshot: Snapshot,
    found: Suggestions,
    problem: str,
    selection: Selection,
    tools: Tools,
    trace: Trace,
) -> Iterator[str]:
    """Document and layout are computed here, in a thread; the text is generated later, piece by piece."""
    suggestions = suggestions_document(snapshot.environment, snapshot.generated_at, found)
    return status_page(documents.document(snapshot), suggestions, problem, selection, tools, trace)


def _component_pieces(documents: Documents, snapshot: Snapshot, name: str, tools: Tools, trace: Trace) -> Iterator[str]:
    return component_page(documents.document(snapshot), component_document(snapshot, name), tools, trace)


def _history_pieces(documents: Documents, snapshot: Snapshot, trace: Trace, shown: Range) -> Iterator[str]:
    return history_page(documents.document(snapshot), trace, shown)


def _no_component(request: web.Request, snapshot: Snapshot, name: str) -> web.Response:
    if not _is_browser(request):
        return unknown_component(name)
    near = get_close_matches(name[:100], snapshot.components, 3)
    return _missing(f"There is no component {name[:100]}", near, "../")


def with_a_way_back(prefix: str) -> Middleware:
    """A middleware: for browsers, what does not exist is a page that leads back, without a word on the environment."""

    @web.middleware
    async def lead_back(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPNotFound as error:
            if not _is_browser(request):
                raise
            text = (error.text or "").strip().removesuffix(".")
            sentence = text[:1].upper() + text[1:] if text and not text.startswith("404") else "There is nothing here"
            return _missing(sentence, (), "../" * (request.path.removeprefix(prefix).count("/") - 1))

    return lead_back


def _missing(sentence: str, near: Iterable[str], base: str) -> web.Response:
    page = missing_page(sentence, near, base)
    return web.Response(status=404, text=page, content_type="text/html", charset="utf-8", headers=HEADERS)


def _is_browser(request: web.Request) -> bool:
    return "text/html" in request.headers.get("Accept", "")


async def html(request: web.Request, body: bytes) -> web.Response:
    """A page, compressed where the client accepts it, unless the client has it."""
    tag = tag_of(body)
    if has_it(request, tag):
        return unchanged(tag, HEADERS)
    response = await compressed(request, body, {**HEADERS, "Content-Type": "text/html; charset=utf-8"})
    response.etag = tag
    return response
