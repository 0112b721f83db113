"""The routes of incidents: pages, export, feed and API, notes and acknowledgement."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aiohttp import web

from staging_exporter.clock import now
from staging_exporter.core.history import Sort
from staging_exporter.core.incidents import ACKNOWLEDGED, NOTE, Incident, Note, Query, incident_id
from staging_exporter.core.story import AFTER, BEFORE, LEAD, Story, first_failure, story
from staging_exporter.views.document import Documents
from staging_exporter.views.exporter_status import StorageFailed
from staging_exporter.views.incident import feed, incident_documents, markdown, story_document
from staging_exporter.views.page.incidents import incident_page, incidents_page
from staging_exporter.web.access import CALLER
from staging_exporter.web.exporter import Exporter
from staging_exporter.web.pages import HEADERS, html
from staging_exporter.web.requests import Remark, parsed
from staging_exporter.web.responses import has_it, not_stored, rendered, tag_of, unchanged

_ID = re.compile(r"\d{8}T\d{6}\.\d{3}Z")
_NAME = re.compile(r"[a-z0-9-]{1,63}")
_MOST = 500  # incidents in one answer of the API
_IN_FEED = 50
_STATES = {"open": True, "over": False, None: None, "": None}
T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Incidents:
    """The handlers; `server` says at which paths."""

    def __init__(self, exporter: Exporter, documents: Documents, external: str = "") -> None:
        """`external` is the URL under which people reach the pages; without it the feed has relative links."""
        self._exporter, self._documents, self._base = exporter, documents, f"{external}/" if external else ""

    def routes(self) -> dict[str, Handler]:
        """The handlers of what is read, by path."""
        return {
            "/incidents": self.page_of_all,
            "/incidents.atom": self.feed,
            r"/incidents/{id}.md": self.markdown,
            "/incidents/{id}": self.page,
            "/api/v1/incidents": self.documents,
            "/api/v1/incidents/{id}": self.document,
        }

    async def page_of_all(self, request: web.Request) -> web.Response:
        """The list of incidents."""
        query = _query(request)
        found, notes = await self._found(query)
        of_now = self._documents.document(self._exporter.snapshot())
        pieces = await asyncio.to_thread(incidents_page, of_now, found, notes, query)
        return await html(request, await rendered(pieces))

    async def page(self, request: web.Request) -> web.Response:
        """The page of one incident."""
        made, of_now = await self._story(request), self._documents.document(self._exporter.snapshot())
        number = request.query.get("step", "0")
        step = int(number) if number.isdecimal() and len(number) < 6 else 0
        pieces = await asyncio.to_thread(incident_page, of_now, made, step)
        return await html(request, await rendered(pieces))

    async def markdown(self, request: web.Request) -> web.Response:
        """One incident as a draft of a post-mortem."""
        made = await self._story(request)
        text = markdown(made, self._exporter.snapshot().environment, now())
        return web.Response(text=text, content_type="text/markdown", headers=HEADERS)

    async def feed(self, request: web.Request) -> web.Response:
        """The last incidents as an Atom feed; a reader that has this version gets 304."""
        found, notes = await self._found(Query(limit=_IN_FEED))
        at = found[0].began if found else 0.0
        body = feed(found, self._exporter.snapshot().environment, at, notes, self._base).encode()
        tag = tag_of(body)
        if has_it(request, tag):
            return unchanged(tag, HEADERS)
        response = web.Response(body=body, content_type="application/atom+xml", charset="utf-8", headers=HEADERS)
        response.etag = tag
        return response

    async def documents(self, request: web.Request) -> web.Response:
        """Past and present incidents, newest first."""
        return web.json_response(incident_documents(*await self._found(_query(request))))

    async def document(self, request: web.Request) -> web.Response:
        """One incident with its story."""
        return web.json_response(story_document(await self._story(request)))

    async def annotate(self, request: web.Request) -> web.Response:
        """Add a note to an incident, or acknowledge it."""
        body = await parsed(Remark, request)
        id_, by = request.match_info["id"], request[CALLER].name
        note = Note(now(), by, ACKNOWLEDGED if body.acknowledge else NOTE, body.note)
        try:
            await self._exporter.history.annotate(id_, note)
        except KeyError:
            return _unknown(id_)
        except StorageFailed as error:
            return not_stored(error)
        return web.json_response(story_document(await self._story(request)))

    async def _found(self, query: Query) -> tuple[list[Incident], dict[str, list[Note]]]:
        """The incidents that the query asks for, newest first, and the notes on each."""
        history = self._exporter.history
        found = await _read(history.incidents(query))
        return found, await _read(history.notes([incident_id(incident) for incident in found]))

    async def _story(self, request: web.Request) -> Story:
        """The story of the incident of the request. Raises HTTPNotFound."""
        id_, history = request.match_info["id"], self._exporter.history
        incident: Incident | None = await _read(history.incident(id_)) if _ID.fullmatch(id_) else None
        if incident is None:
            raise web.HTTPNotFound(text=_unknown(id_).text)
        begin = first_failure(incident)
        end = now() if incident.ended is None else incident.ended + AFTER
        changes = await _read(history.changes(begin - BEFORE, end))
        notes = await _read(history.notes([id_]))
        snapshot, alerts = self._exporter.snapshot(), self._exporter.alerts()
        states = history.past.states(Sort.COMPONENT, snapshot.components, begin - LEAD)
        journeys = history.past.states(Sort.JOURNEY, snapshot.journeys, begin - LEAD)
        return await asyncio.to_thread(story, incident, changes, states, alerts, notes[id_], journeys)


async def _read(answer: Awaitable[T]) -> T:
    """What was read. Raises HTTPServiceUnavailable when that is not possible now."""
    try:
        return await answer
    except StorageFailed as error:
        raise web.HTTPServiceUnavailable(text=f"the history cannot be read: {error}.\n") from None


def _query(request: web.Request) -> Query:
    """By the parameters of the request. Raises HTTPBadRequest."""
    component, priority, before = (request.query.get(name) or None for name in ("component", "priority", "before"))
    state, limit = request.query.get("state"), request.query.get("limit", "50")
    wrong = [
        text
        for text, right in (
            ("component: not the name of a component", component is None or _NAME.fullmatch(component)),
            ("priority: P0, P1 or P2", priority in (None, "P0", "P1", "P2")),
            ("state: open or over", state in _STATES),
            ("before: not the id of an incident", before is None or _ID.fullmatch(before)),
            (f"limit: a number from 1 to {_MOST}", re.fullmatch(r"[1-9]\d{0,2}", limit) and int(limit) <= _MOST),
        )
        if not right
    ]
    if wrong:
        raise web.HTTPBadRequest(text="".join(f"{text}.\n" for text in wrong))
    return Query(component, priority, _STATES[state], before, int(limit))


def _unknown(id_: str) -> web.Response:
    return web.Response(status=404, text=f"there is no incident {id_[:100]!r}; it may be older than the retention.\n")
