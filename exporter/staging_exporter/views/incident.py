"""Incidents -> the documents of the API, Markdown for a post-mortem, an Atom feed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

from staging_exporter.core.incidents import Incident, IncidentRootCause, Note, acknowledgement, incident_id
from staging_exporter.core.story import Event, EventSort, Story, most_urgent
from staging_exporter.core.words import joined, rfc3339, span, verb
from staging_exporter.views.document_types import (
    EventDocument,
    IncidentDetailDocument,
    IncidentDocument,
    IncidentRootCauseDocument,
    NoteDocument,
)

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~!])")
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def incident_document(incident: Incident, notes: Sequence[Note] = ()) -> IncidentDocument:
    """One entry of `/api/v1/incidents`."""
    acknowledged = acknowledgement(notes)
    return {
        "id": incident_id(incident),
        "began": rfc3339(incident.began),
        "ended": _moment(incident.ended),
        "duration": None if incident.ended is None else round(incident.ended - incident.began, 3),
        "root": incident.roots[0].component if incident.roots else "",
        "priority": most_urgent(incident),
        "roots": [_root(root) for root in incident.roots],
        "moved": [rfc3339(at) for at in incident.moved],
        "timeline": [_event(event) for event in _outline(incident)],
        "acknowledged": _note(acknowledged) if acknowledged else None,
    }


def incident_documents(incidents: Iterable[Incident], notes: Mapping[str, Sequence[Note]]) -> list[IncidentDocument]:
    """The document of `/api/v1/incidents`, in the order of `incidents`; `notes` are by id."""
    return [incident_document(incident, notes.get(incident_id(incident), ())) for incident in incidents]


def story_document(story: Story) -> IncidentDetailDocument:
    """The document of `/api/v1/incidents/ID`."""
    return {
        **incident_document(story.incident, story.notes),
        "timeline": [_event(event) for event in story.events],
        "first_failure": rfc3339(story.first_failure),
        "affected": list(story.affected),
        "journeys": list(story.journeys),
        "alerts": [
            {"priority": priority, "alert": plan.name, "receivers": list(plan.receivers), "sent_to": list(plan.sent_to)}
            for priority, plan in sorted(story.alerts.items())
        ],
        "notes": [_note(note) for note in story.notes],
    }


def headline(incident: Incident, now: float) -> str:
    """`postgres, 45 s`: its root causes and how long it took, or lasts."""
    names = incident.names
    shown = joined(names) if len(names) <= 3 else f"{', '.join(names[:3])} and {len(names) - 3} more"
    return f"{shown}, {span(incident.lasted(now))}" + (" so far" if incident.ended is None else "")


def markdown(story: Story, environment: str, now: float) -> str:
    """The incident as a draft of a post-mortem."""
    return "\n".join(_markdown(story, environment, now)) + "\n"


def _markdown(story: Story, environment: str, now: float) -> Iterator[str]:
    incident = story.incident
    ended = f"ended {rfc3339(incident.ended)}" if incident.ended is not None else "not over yet"
    yield f"# Incident {story.id} in {_plain(environment)}: {_plain(headline(incident, now))}"
    yield ""
    yield f"- began {rfc3339(incident.began)}, {ended}; first failure {rfc3339(story.first_failure)}"
    yield f"- priority {most_urgent(incident)}"
    yield f"- affected: {_list(story.affected)}"
    yield f"- blocked journeys: {_list(story.journeys)}"
    if story.acknowledged:
        yield f"- acknowledged by {_plain(story.acknowledged.by)} at {rfc3339(story.acknowledged.at)}"
    yield from ("", "## Root causes", "")
    for root in incident.roots:
        until = rfc3339(root.until) if root.until is not None else "now"
        yield f"- **{root.component}** ({root.layer}, {root.priority}, {root.reason}), {rfc3339(root.since)} to {until}"
        if root.detail:
            yield f"  - seen: {_code(root.detail)}"
    yield from ("", "## Timeline (UTC)", "", "| time | event | what |", "|---|---|---|")
    for event in story.events:
        seen = "" if event.sort in (EventSort.NOTE, EventSort.ACKNOWLEDGED) else event.detail
        detail = f": {_code(seen)}" if seen else ""
        yield f"| {rfc3339(event.at)} | {event.sort} | {_plain(event.text)}{detail} |"
    yield from ("", "## Notes", "")
    written = [note for note in story.notes if note.text]
    for note in written:
        yield f"- {rfc3339(note.at)}, {_plain(note.by)}: {_plain(note.text)}"
    yield from () if written else ("None.",)
    yield from ("", "## What went well", "", "## What went wrong", "", "## Actions")


def feed(
    incidents: Sequence[Incident], environment: str, now: float, notes: Mapping[str, Sequence[Note]], base: str
) -> str:
    """An Atom feed, RFC 4287; `base` is the URL of the status page, with a slash at its end, or empty."""
    updated = max((_updated(i, notes.get(incident_id(i), ())) for i in incidents), default=now)
    name = _xml(environment)
    entries = "".join(_entry(i, environment, now, notes.get(incident_id(i), ()), base) for i in incidents)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n'
        f"<id>urn:staging-exporter:{_urn(environment)}</id>\n<title>Incidents in {name}</title>\n"
        f"<updated>{rfc3339(updated)}</updated>\n<author><name>staging-exporter</name></author>\n"
        f'<link rel="self" href={quoteattr(base + "incidents.atom")}/>\n'
        f'<link rel="alternate" type="text/html" href={quoteattr(base + "incidents")}/>\n{entries}</feed>\n'
    )


def _entry(incident: Incident, environment: str, now: float, notes: Sequence[Note], base: str) -> str:
    id_ = incident_id(incident)
    state = "is over" if incident.ended is not None else "lasts"
    seen = "; ".join(f"{root.component} ({root.reason}): {root.detail}" for root in incident.roots)
    names = incident.names
    title = f"{joined(names)} {verb(names, 'was the root cause', 'were the root causes')}, {state}"
    return (
        f"<entry>\n<id>urn:staging-exporter:{_urn(environment)}:{id_}</id>\n<title>{_xml(title)}</title>\n"
        f"<published>{rfc3339(incident.began)}</published>\n<updated>{rfc3339(_updated(incident, notes))}</updated>\n"
        f'<category term="{most_urgent(incident)}"/>\n'
        f'<link rel="alternate" type="text/html" href={quoteattr(f"{base}incidents/{id_}")}/>\n'
        f"<summary>{_xml(f'{headline(incident, now)}. {seen}')}</summary>\n</entry>\n"
    )


def _updated(incident: Incident, notes: Sequence[Note]) -> float:
    times = [incident.began, *incident.moved, *(note.at for note in notes)]
    return max(times if incident.ended is None else [*times, incident.ended])


def _outline(incident: Incident) -> list[Event]:
    events = []
    for root in incident.roots:
        names = (root.component,)
        text = f"{root.component} became a root cause ({root.priority}, {root.reason})"
        events.append(Event(root.since, EventSort.VERDICT, text, names, root.detail))
        if root.until is not None:
            events.append(Event(root.until, EventSort.RECOVERY, f"{root.component} is no longer a root cause", names))
    return sorted(events, key=lambda event: event.at)


def _root(root: IncidentRootCause) -> IncidentRootCauseDocument:
    return {
        "component": root.component,
        "layer": root.layer,
        "priority": root.priority,
        "reason": root.reason,
        "detail": root.detail,
        "since": rfc3339(root.since),
        "until": _moment(root.until),
        "began": _moment(root.began),
        "contradicted_by": list(root.contradicted_by),
        "through": list(root.through),
    }


def _event(event: Event) -> EventDocument:
    return {
        "at": rfc3339(event.at),
        "event": str(event.sort),
        "text": event.text,
        "components": list(event.components),
        "detail": event.detail,
    }


def _note(note: Note) -> NoteDocument:
    return {"at": rfc3339(note.at), "by": note.by, "sort": note.sort, "text": note.text}


def _moment(at: float | None) -> str | None:
    return None if at is None else rfc3339(at)


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


def _plain(text: str) -> str:
    """Text in which Markdown and HTML mean nothing, on one line."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def _code(text: str) -> str:
    """As code on one line, also within a table; a backtick in it would end it."""
    return f"`{' '.join(text.split()).replace('`', chr(0x2BC)).replace('|', chr(0xA6))}`"


def _xml(text: str) -> str:
    return escape(_NOT_XML.sub("", text))


def _urn(environment: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "-", environment)
