"""Incidents -> HTML: the list, and the page of one with its story and its replay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlencode

from staging_exporter.core.incidents import ACKNOWLEDGED, Incident, Note, Query, incident_id
from staging_exporter.core.model import Layer
from staging_exporter.core.story import Story, most_urgent
from staging_exporter.core.words import span
from staging_exporter.views.document_types import StatusDocument
from staging_exporter.views.incident import headline
from staging_exporter.views.page.graph import graph
from staging_exporter.views.page.replay import as_it_was, drawn_in_replay, verdict_of
from staging_exporter.views.page.selection import Selection
from staging_exporter.views.page.templating import template
from staging_exporter.views.page.texts import banners

_PRIORITIES = ("P0", "P1", "P2")


def incidents_page(
    document: StatusDocument, incidents: Sequence[Incident], notes: Mapping[str, Sequence[Note]], query: Query
) -> Iterator[str]:
    """The list, in pieces; when it is full there is a link to older ones."""
    last = incident_id(incidents[-1]) if len(incidents) == query.limit else None
    return template("incidents.html").generate(
        document=document,
        now=document["generated_at"],
        banners=list(banners(document)),
        rows=[_row(incident, notes.get(incident_id(incident), ()), document["generated_at"]) for incident in incidents],
        filters=_filters(query),
        component=query.component,
        all_components=_link(query, component=None),
        older=_link(query, before=last) if last else None,
        filtered=any((query.component, query.priority, query.open is not None, query.before)),
        base="",
    )


def incident_page(document: StatusDocument, told: Story, number: int) -> Iterator[str]:
    """The page of one incident, in pieces, with its replay at the step of that number."""
    number = min(max(number, 0), max(len(told.steps) - 1, 0))
    then = as_it_was(document, told.steps[number]) if told.steps else None
    names = drawn_in_replay(document, told.steps)
    used = {document["components"][name]["layer"] for name in names}
    now, incident = document["generated_at"], told.incident
    return template("incident.html").generate(
        document=document,
        now=now,
        banners=[],
        story=told,
        incident=incident,
        headline=headline(incident, now),
        priority=most_urgent(incident),
        duration=span((now if incident.ended is None else incident.ended) - incident.began),
        names=list(dict.fromkeys(root.component for root in incident.roots)),
        steps=[(step, verdict_of(step)) for step in told.steps],
        number=number,
        then=then,
        drawing=graph(then, names) if then else None,
        drawn_layers=[layer for layer in map(str, Layer) if layer in used],
        selection=Selection(),
        base="../",
    )


def _row(incident: Incident, notes: Sequence[Note], now: float) -> dict[str, object]:
    end = now if incident.ended is None else incident.ended
    reasons = list(dict.fromkeys(root.reason for root in incident.roots))
    return {
        "id": incident_id(incident),
        "began": incident.began,
        "open": incident.ended is None,
        "took": span(end - incident.began),
        "priority": most_urgent(incident),
        "names": list(dict.fromkeys(root.component for root in incident.roots)),
        "reasons": ", ".join(reasons),
        "detail": incident.roots[0].detail if incident.roots else "",
        "acknowledged": next((note for note in notes if note.sort == ACKNOWLEDGED), None),
        "notes": sum(bool(note.text) for note in notes),
    }


def _filters(query: Query) -> list[tuple[str, list[tuple[str, str, bool]]]]:
    """Groups of links, as (text, address, whether it is the present choice)."""
    states = {"all": None, "open": True, "over": False}
    return [
        ("state", [(text, _link(query, open=value), query.open is value) for text, value in states.items()]),
        (
            "priority",
            [("all", _link(query, priority=None), query.priority is None)]
            + [(each, _link(query, priority=each), query.priority == each) for each in _PRIORITIES],
        ),
    ]


def _link(query: Query, **changed: object) -> str:
    chosen = {"component": query.component, "priority": query.priority, "open": query.open, **changed}
    is_open = chosen.pop("open")
    chosen["state"] = None if is_open is None else "open" if is_open else "over"
    given = {key: value for key, value in chosen.items() if value is not None}
    return f"incidents?{urlencode(given)}" if given else "incidents"
