"""The document -> the verdict for a terminal: conflicts, root causes, what is not known, journeys."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from staging_exporter.core.explain import span
from staging_exporter.core.model import LATENT, State
from staging_exporter.core.rules import EXCUSES, FAILS
from staging_exporter.core.snapshot import JourneyState
from staging_exporter.core.words import joined, verb
from staging_exporter.views.questions import UNTOLD, Document, conflicts, counts, unblamed

_COLOURS = {"red": "31", "green": "32", "yellow": "33", "bold": "1", "dim": "2"}
_VALUES = 16  # the column in which evidence, links and the like stand
_COLOUR = re.compile("\x1b\\[[0-9;]*m")
_OF_STATE: Mapping[str, str] = {State.UP: "green", State.DEGRADED: "yellow", State.DOWN: "red", State.FLAPPING: "red"}
_OF_JOURNEY: Mapping[str, str] = {JourneyState.UP: "green", JourneyState.BLOCKED: "red"}


class Paint:
    """Colours a text when the terminal wants colours; the words say it all without them."""

    def __init__(self, colour: bool) -> None:
        self._colour = colour

    def __call__(self, text: str, *styles: str) -> str:
        """`text` in these styles: red, green, yellow, bold, dim."""
        if not self._colour or not styles:
            return text
        return f"\x1b[{';'.join(_COLOURS[style] for style in styles)}m{text}\x1b[0m"


def text(document: Document, *, colour: bool = False, width: int | None = None) -> str:
    """The verdict as a tired engineer wants it: what contradicts itself, roots, what suffers, what is not known.

    `width` is that of the terminal, in columns; None leaves lines as long as they are.
    """
    paint = Paint(colour)
    lines = [*_headline(document, paint), *_body(document, paint)]
    return "\n".join(lines if width is None else [_fitted(line, width) for line in lines]) + "\n"


def _fitted(line: str, width: int) -> str:
    """The line, broken between words where it is too long: what follows a heading stands below it."""
    if len(_COLOUR.sub("", line)) <= width:
        return line
    hang = " " * (_VALUES if line.startswith("    ") else 4)
    return textwrap.fill(line, width, subsequent_indent=hang, break_long_words=False, break_on_hyphens=False)


def _headline(document: Document, paint: Paint) -> Iterator[str]:
    yield paint(document["verdict"], "bold", _OF_STATE.get(document["state"], "yellow"))
    if not document["online"]:
        yield paint("The exporter itself is offline: all of its vantage checks fail.", "yellow")
    if document["pending"]:
        yield paint("A round is still open: the verdict may change within seconds.", "yellow")
    elif not document["settled"]:
        yield paint("Some checks stayed silent: the verdict was published without them.", "yellow")


def _body(document: Document, paint: Paint) -> Iterator[str]:
    yield from _section("Conflicting evidence", conflicts(document), paint, "bold", "yellow")
    for root in document["root_causes"]:
        yield ""
        yield from _root(root, document["components"][root["component"]], paint)
    yield from _section("Failing, but nothing is blamed for it", _unblamed(document), paint)
    yield from _section("Not known", _untold(document), paint)
    journeys = [_journey(name, journey, paint) for name, journey in document["journeys"].items()]
    yield from _section("Journeys", journeys, paint)
    yield ""
    yield paint(counts(document), "dim")


def _section(title: str, lines: list[str], paint: Paint, *styles: str) -> Iterator[str]:
    if lines:
        yield ""
        yield paint(f"{title}:", *styles)
        yield from (f"  {line}" for line in lines)


def _root(root: Document, component: Document, paint: Paint) -> Iterator[str]:
    stale = ", no longer seen" if root["stale"] else ""
    title = paint(f"{root['priority']}  {root['component']}", "bold", "red")
    yield f"{title}  {root['state']} ({root['reason']}{stale}), layer {root['layer']}{_since(root['since'])}"
    yield f"    evidence    {root['detail'] or root['reason']}"
    deployed = component["deployed"]
    if deployed and root["since"] and root["since"] >= deployed["at"]:
        after = root["since"] - deployed["at"]
        yield f"    deployed    {deployed['revision'] or 'without a name'}, {span(after)} before"
    for word, key in (("suffering", "affected"), ("blocks", "journeys")):
        if root[key]:
            yield f"    {word:<11} {', '.join(root[key])}"
    if up := component["contradicted_by"]:
        needs = f"{joined(up)} {verb(up, 'needs', 'need')} it and {verb(up)} up"
        yield f"    contradicts {needs}: the fault may lie on the path from here"
    if root["suspects"]:
        yield f"    suspects    {', '.join(root['suspects'])}"
    for name in ("owner", "runbook", "issue"):
        if name in component["links"]:
            yield f"    {name:<11} {component['links'][name]}"


def _since(since: float | None) -> str:
    return "" if since is None else f", since {datetime.fromtimestamp(since, UTC):%H:%M:%S} UTC"


def _unblamed(document: Document) -> list[str]:
    """What waits for a start, or for the end of a maintenance, is spared: that is said of what it waits for."""
    return [
        said["explanation"]
        for name, said in document["components"].items()
        if said["state"] in FAILS and unblamed(document, name, EXCUSES)
    ]


def _untold(document: Document) -> list[str]:
    return [
        f"{name} is {said['state']} ({said['reason']}): {said['detail']}"
        for name, said in document["components"].items()
        if said["state"] in UNTOLD and said["kind"] != LATENT
    ]


def _journey(name: str, journey: Document, paint: Paint) -> str:
    state = paint(journey["state"], _OF_JOURNEY.get(journey["state"], "yellow"))
    at = f" at {journey['blocked_at']}" if journey["blocked_at"] else ""
    because = f", because of {', '.join(journey['root_causes'])}" if journey["root_causes"] else ""
    return f"{name}: {state}{at}{because}"
