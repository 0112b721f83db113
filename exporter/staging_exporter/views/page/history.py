"""What the pages show of the past: uptime bars, the last incident; the page of all bars."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from staging_exporter.core.history import Sort, Subject
from staging_exporter.core.incidents import Incident, incident_id
from staging_exporter.core.model import Layer
from staging_exporter.core.past import Past
from staging_exporter.views.document_types import StatusDocument
from staging_exporter.views.incident import headline
from staging_exporter.views.page.templating import template
from staging_exporter.views.page.texts import banners
from staging_exporter.views.page.uptime import RANGES, Range, Uptime, uptime

DEFAULT = RANGES["24h"]


@dataclass(frozen=True, slots=True)
class Trace:
    """The past as the pages need it: the states over time, and the newest incident."""

    past: Past = field(default_factory=Past)
    newest: Incident | None = None

    def last_incident(self, now: float) -> dict[str, object] | None:
        """Its address, what it was, and when it was over (None while it lasts)."""
        if self.newest is None:
            return None
        return {"id": incident_id(self.newest), "text": headline(self.newest, now), "ended": self.newest.ended}

    def of_component(self, name: str, now: float) -> list[Uptime]:
        """The bars of a component, one for each range."""
        subject = Subject(Sort.COMPONENT, name)
        known = self.past.knows(subject)
        return [uptime(self.past, subject, shown, now) for shown in RANGES.values()] if known else []

    def of_journeys(self, document: StatusDocument) -> dict[str, Uptime]:
        """The bars of the last day of each journey."""
        now = document["generated_at"]
        subjects = [Subject(Sort.JOURNEY, name) for name in document["journeys"]]
        return {s.name: uptime(self.past, s, DEFAULT, now) for s in subjects if self.past.knows(s)}


def history_page(document: StatusDocument, trace: Trace, shown: Range) -> Iterator[str]:
    """The bars of all journeys and components, in pieces."""
    now = document["generated_at"]

    def row(sort: Sort, name: str, state: str) -> tuple[str, str, Uptime]:
        return name, state, uptime(trace.past, Subject(sort, name), shown, now)

    journeys = [row(Sort.JOURNEY, name, each["state"]) for name, each in document["journeys"].items()]
    layers = {
        layer: [
            row(Sort.COMPONENT, name, each["state"])
            for name, each in document["components"].items()
            if each["layer"] == layer
        ]
        for layer in map(str, Layer)
    }
    return template("history.html").generate(
        document=document,
        now=now,
        banners=list(banners(document)),
        ranges=RANGES.values(),
        shown=shown,
        journeys=journeys,
        layers=layers,
        last_incident=trace.last_incident(now),
        base="",
    )
