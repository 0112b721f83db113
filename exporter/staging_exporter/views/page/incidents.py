"""Incidents -> HTML: the list, and the page of one with its story and its replay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlencode

from staging_exporter.core.incidents import Incident, Note, Query, acknowledgement, incident_id
from staging_exporter.core.model import Priority
from staging_exporter.core.story import Story, most_urgent
from staging_exporter.core.words import span
from staging_exporter.views.document_types import StatusDocument
from staging_exporter.views.incident import headline
from staging_exporter.views.page.graph import graph
from staging_exporter.views.page.replay import as_it_was, drawn_in_replay, verdict_of
from staging_exporter.views.page.selection import Selection, layers_of
from staging_exporter.views.page.templating import template
from staging_exporter.views.page.texts import banners


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


def incident_page(document: StatusDocument, story: Story, number: int) -> Iterator[str]:
    """The page of one incident, in pieces, with its replay at the step of that number."""
    number = min(max(number, 0), max(len(story.steps) - 1, 0))
    then = as_it_was(document, story.steps[number]) if story.steps else None
    names = drawn_in_replay(document, story.steps)
    now, incident = document["generated_at"], story.incident
    return template("incident.html").generate(
        document=document,
        now=now,
        banners=[],
        story=story,
        incident=incident,
        headline=headline(incident, now),
        priority=most_urgent(incident),
        duration=span(incident.lasted(now)),
        names=incident.names,
        steps=[(step, verdict_of(step)) for step in story.steps],
        number=number,
        then=then,
        drawing=graph(then, names) if then else None,
        drawn_layers=layers_of(document, names),
        selection=Selection(),
        base="../",
    )


def _row(incident: Incident, notes: Sequence[Note], now: float) -> dict[str, object]:
    reasons = list(dict.fromkeys(root.reason for root in incident.roots))
    return {
        "id": incident_id(incident),
        "began": incident.began,
        "open": incident.ended is None,
        "took": span(incident.lasted(now)),
        "priority": most_urgent(incident),
        "names": incident.names,
        "reasons": ", ".join(reasons),
        "detail": incident.roots[0].detail if incident.roots else "",
        "acknowledged": acknowledgement(notes),
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
            + [(each, _link(query, priority=each), query.priority == each) for each in map(str, Priority)],
        ),
    ]


def _link(query: Query, **changed: object) -> str:
    chosen = {"component": query.component, "priority": query.priority, "open": query.open, **changed}
    is_open = chosen.pop("open")
    chosen["state"] = None if is_open is None else "open" if is_open else "over"
    given = {key: value for key, value in chosen.items() if value is not None}
    return f"incidents?{urlencode(given)}" if given else "incidents"
