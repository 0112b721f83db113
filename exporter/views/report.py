"""Snapshot -> the verdict for a terminal, root causes first, and the exit code of `check`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from exporter.core.law import FAILS
from exporter.core.model import Priority, State
from exporter.core.snapshot import ComponentStatus, JourneyState, JourneyStatus, RootCause, Snapshot

_COLOURS = {"red": "31", "green": "32", "yellow": "33", "bold": "1", "dim": "2"}
_OF_STATE = {State.UP: "green", State.DEGRADED: "yellow", State.DOWN: "red", State.FLAPPING: "red"}
_OF_JOURNEY = {JourneyState.UP: "green", JourneyState.BLOCKED: "red"}


class Paint:
    """Colours a text when the terminal wants colours; the words say it all without them."""

    def __init__(self, colour: bool) -> None:
        self._colour = colour

    def __call__(self, text: str, *styles: str) -> str:
        """`text` in these styles: red, green, yellow, bold, dim."""
        if not self._colour or not styles:
            return text
        return f"\x1b[{';'.join(_COLOURS[style] for style in styles)}m{text}\x1b[0m"


def exit_code(snapshot: Snapshot, fail_on: Priority) -> int:
    """1 for a root cause at or above `fail_on`; else 3 when something of such priority cannot be told; else 0."""
    if any(root.priority <= fail_on for root in snapshot.root_causes):
        return 1
    untold = {State.UNKNOWN, State.STARTING}
    checked = [s for s in snapshot.components.values() if not s.component.latent and s.component.priority <= fail_on]
    return 3 if snapshot.pending or any(status.state in untold for status in checked) else 0


def text(snapshot: Snapshot, *, colour: bool = False) -> str:
    """The verdict as a tired engineer wants it: roots, what suffers, what is not known, journeys."""
    paint = Paint(colour)
    return "\n".join([*_headline(snapshot, paint), *_body(snapshot, paint)]) + "\n"


def _headline(snapshot: Snapshot, paint: Paint) -> Iterator[str]:
    roots = snapshot.root_causes
    if roots:
        names = " and ".join(root.component for root in roots)
        verb = "is the root cause" if len(roots) == 1 else "are root causes"
        sentence = paint(f"{snapshot.environment} is {snapshot.state}: {names} {verb}", "bold", "red")
    else:
        style = _OF_STATE.get(snapshot.state, "yellow")
        sentence = paint(f"{snapshot.environment} is {snapshot.state}", "bold", style)
    yield sentence
    if not snapshot.online:
        yield paint("The exporter itself is offline: all of its vantage checks fail.", "yellow")
    if snapshot.pending:
        yield paint("A round is still open: the verdict may change within seconds.", "yellow")
    elif not snapshot.settled:
        yield paint("Some checks stayed silent: the verdict was published without them.", "yellow")


def _body(snapshot: Snapshot, paint: Paint) -> Iterator[str]:
    for root in snapshot.root_causes:
        yield ""
        yield from _root(root, snapshot.components[root.component], paint)
    yield from _section("Failing, recovering from a cause that is gone", _recovering(snapshot))
    yield from _section("Not known", _untold(snapshot))
    conflicts = [
        f"{name} passes although {', '.join(status.conflicts)} is down: it does not test what it claims to"
        for name, status in snapshot.components.items()
        if status.conflicts
    ]
    yield from _section("Conflicting evidence", conflicts)
    yield from _section("Journeys", [_journey(journey, paint) for journey in snapshot.journeys.values()])
    yield ""
    yield paint(_counts(snapshot), "dim")


def _section(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield f"{title}:"
        yield from (f"  {line}" for line in lines)


def _root(root: RootCause, status: ComponentStatus, paint: Paint) -> Iterator[str]:
    layer = f"layer {root.layer}"
    stale = ", no longer seen" if root.stale else ""
    title = paint(f"{root.priority}  {root.component}", "bold", "red")
    yield f"{title}  {root.state} ({root.reason}{stale}), {layer}{_since(root.since)}"
    yield f"    evidence    {root.detail or root.reason}"
    if status.deployed and root.since and root.since >= status.deployed.at:
        after = root.since - status.deployed.at
        yield f"    deployed    {status.deployed.revision or 'without a name'}, {after:.0f} s before"
    if root.affected:
        yield f"    suffering   {', '.join(root.affected)}"
    if root.journeys:
        yield f"    blocks      {', '.join(root.journeys)}"
    if status.contradicted_by:
        names = ", ".join(status.contradicted_by)
        yield f"    contradicts {names} needs it and is up: the fault may lie on the path from here"
    if root.suspects:
        yield f"    suspects    {', '.join(root.suspects)}"
    for name in ("owner", "runbook", "issue"):
        if name in status.component.links:
            yield f"    {name:<11} {status.component.links[name]}"


def _since(since: float | None) -> str:
    return "" if since is None else f", since {datetime.fromtimestamp(since, UTC):%H:%M:%S} UTC"


def _recovering(snapshot: Snapshot) -> list[str]:
    return [
        f"{name} is {status.state} ({status.reason}), recovering from {', '.join(status.recovering_from)}"
        for name, status in snapshot.components.items()
        if status.state in FAILS and status.recovering_from
    ]


def _untold(snapshot: Snapshot) -> list[str]:
    return [
        f"{name} is {status.state} ({status.reason}): {status.detail}"
        for name, status in snapshot.components.items()
        if status.state in (State.UNKNOWN, State.STARTING) and not status.component.latent
    ]


def _journey(journey: JourneyStatus, paint: Paint) -> str:
    state = paint(str(journey.state), _OF_JOURNEY.get(journey.state, "yellow"))
    at = f" at {journey.blocked_at}" if journey.blocked_at else ""
    because = f", because of {', '.join(journey.root_causes)}" if journey.root_causes else ""
    return f"{journey.name}: {state}{at}{because}"


def _counts(snapshot: Snapshot) -> str:
    states = [status.state for status in snapshot.components.values() if not status.component.latent]
    counted = [f"{count} {state}" for state in State if (count := states.count(state))]
    latents = len(snapshot.components) - len(states)
    return f"{len(states)} checked: {', '.join(counted)}; {latents} latent"
