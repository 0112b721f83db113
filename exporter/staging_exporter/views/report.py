"""Status document -> the verdict for a terminal: conflicts, root causes, what is undetermined, journeys."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from staging_exporter.core.model import LATENT, State
from staging_exporter.core.rules import FAILS, NOT_READY
from staging_exporter.core.snapshot import JourneyState
from staging_exporter.core.words import joined, span
from staging_exporter.views.document_types import (
    ComponentDocument,
    JourneyDocument,
    RootCauseDocument,
    StatusDocument,
)
from staging_exporter.views.queries import UNDETERMINED, conflicts, counts, starts_behind, without_root_cause

_COLOURS = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "magenta": "35", "bold": "1", "dim": "2"}
_LABEL = 14  # columns of the labels `evidence`, `runbook` and so on, behind an indent of 4
_COLOUR = re.compile("\x1b\\[[0-9;]*m")
OF_STATE: Mapping[str, str] = {State.UP: "green", State.DEGRADED: "yellow", State.DOWN: "red", State.FLAPPING: "red",
                               State.STARTING: "blue", State.MAINTENANCE: "blue"}  # fmt: skip
_OF_JOURNEY: Mapping[str, str] = {JourneyState.UP: "green", JourneyState.BLOCKED: "red"}


class Paint:
    """Colours a text, or leaves it plain on a terminal without colours; no meaning is in the colours alone."""

    def __init__(self, colour: bool) -> None:
        self._colour = colour

    def __call__(self, text: str, *styles: str) -> str:
        """`text` in these styles: red, green, yellow, blue, magenta, bold, dim."""
        if not self._colour or not styles:
            return text
        return f"\x1b[{';'.join(_COLOURS[style] for style in styles)}m{text}\x1b[0m"


def text(document: StatusDocument, *, colour: bool = False, width: int | None = None) -> str:
    """The whole report, most important first. `width` is that of the terminal in columns; None wraps nothing."""
    paint = Paint(colour)
    lines = [*_headline(document, paint), *_body(document, paint)]
    return "\n".join(lines if width is None else [_wrapped(line, width) for line in lines]) + "\n"


def _wrapped(line: str, width: int) -> str:
    """The line, wrapped between words and indented below its label."""
    if len(_COLOUR.sub("", line)) <= width:
        return line
    hang = " " * (4 + _LABEL if line.startswith("    ") else 4)
    return textwrap.fill(line, width, subsequent_indent=hang, break_long_words=False, break_on_hyphens=False)


def _headline(document: StatusDocument, paint: Paint) -> Iterator[str]:
    yield paint(document["verdict"], "bold", OF_STATE.get(document["state"], "yellow"))
    if not document["online"]:
        yield paint("All vantage checks of the exporter are failing: failures count as unknown.", "yellow")
    if document["pending"]:
        yield paint("A change is still being confirmed: the verdict may change within seconds.", "yellow")
    elif not document["settled"]:
        yield paint("Some checks did not finish in time: the verdict was published without them.", "yellow")


def _body(document: StatusDocument, paint: Paint) -> Iterator[str]:
    yield from _section("Conflicting evidence", conflicts(document), paint, "bold", "yellow")
    for root in document["root_causes"]:
        yield ""
        yield from _root_cause(root, document["components"][root["component"]], paint)
    yield from _section("Failing, no root cause identified", _without_root_cause(document), paint)
    yield from _section("Undetermined", _undetermined(document, paint), paint)
    journeys = [_journey(document, name, journey, paint) for name, journey in document["journeys"].items()]
    yield from _section("Journeys", journeys, paint)
    yield ""
    yield paint(counts(document), "dim")


def _section(title: str, lines: list[str], paint: Paint, *styles: str) -> Iterator[str]:
    if lines:
        yield ""
        yield paint(f"{title}:", *styles)
        yield from (f"  {line}" for line in lines)


def _root_cause(root: RootCauseDocument, component: ComponentDocument, paint: Paint) -> Iterator[str]:
    stale = ", stale" if root["stale"] else ""
    title = paint(f"{root['priority']}  {root['component']}", "bold", "red")
    yield f"{title}  {root['state']} ({root['reason']}{stale}), layer {root['layer']}{_since(root['since'])}"
    yield from (f"    {label:<{_LABEL}}{value}" for label, value in _about_root_cause(root, component))


def _about_root_cause(root: RootCauseDocument, component: ComponentDocument) -> Iterator[tuple[str, str]]:
    yield "evidence", root["detail"] or root["reason"]
    deployed = component["deployed"]
    if deployed and root["since"] and root["since"] >= deployed["at"]:
        yield "deployed", f"{deployed['revision'] or 'unnamed revision'}, {span(root['since'] - deployed['at'])} before"
    if root["affected"]:
        yield "affected", ", ".join(root["affected"])
    if root["journeys"]:
        yield "blocks", ", ".join(root["journeys"])
    yield from root["remarks"].items()
    if root["suspects"]:
        yield "suspects", ", ".join(root["suspects"])
    for name in ("owner", "runbook", "issue"):
        if name in component["links"]:
            yield name, component["links"][name]


def _since(since: float | None) -> str:
    return "" if since is None else f", since {datetime.fromtimestamp(since, UTC):%H:%M:%S} UTC"


def _without_root_cause(document: StatusDocument) -> list[str]:
    """A component that waits for a start or for the end of a maintenance is left out."""
    return [
        component["explanation"]
        for name, component in document["components"].items()
        if component["state"] in FAILS and without_root_cause(document, name, NOT_READY)
    ]


def _undetermined(document: StatusDocument, paint: Paint) -> list[str]:
    return [
        f"{name} is {_painted(component['state'], paint)} ({component['reason']}): {component['detail']}"
        for name, component in document["components"].items()
        if component["state"] in UNDETERMINED and component["kind"] != LATENT
    ]


def explained(document: StatusDocument, name: str, *, colour: bool) -> str:
    """The explanation of a component; its state has the colour of a root cause, a symptom or a state."""
    component, paint = document["components"][name], Paint(colour)
    state = component["state"]
    style = "magenta" if component["root_causes"] and component["certainty"] is None else OF_STATE.get(state, "yellow")
    return component["explanation"].replace(f"{name} is {state}", paint(f"{name} is {state}", "bold", style), 1)


def _painted(state: str, paint: Paint) -> str:
    return paint(state, OF_STATE.get(state, "yellow"))


def _journey(document: StatusDocument, name: str, journey: JourneyDocument, paint: Paint) -> str:
    state = paint(journey["state"], _OF_JOURNEY.get(journey["state"], "yellow"))
    at = f" at {journey['blocked_at']}" if journey["blocked_at"] else ""
    because = f", because of {', '.join(journey['root_causes'])}" if journey["root_causes"] else ""
    starting = starts_behind(document, journey)
    waiting = f", waiting for {joined(starting)}, still starting" if starting else ""
    return f"{name}: {state}{at}{because}{waiting}"
