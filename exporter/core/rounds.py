"""Rule 6: verdicts come only from completed rounds.

A first failure, or a first pass of what was down, opens a round over the affected set: the component, its ancestors of
every sort, all that speaks for or against latent ones, its descendants. All of them are probed at once. The round is
complete when each has a result that began after it opened, or a failure that ended after it, none is still confirming,
and a vantage check has answered. While a round covers a component, its verdict waits. Overlapping rounds thereby act as
one; but a component waits at most `fall x (timeout + retry_interval)` of the slowest that decides about it: then its
verdict is published as it stands, and those that were silent are named as suspects. A descendant decides nothing: one
that cannot report within the bound is not waited for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from exporter.core.graph import Graph
from exporter.core.health import Health
from exporter.core.model import Component, Observation, Outcome, Reason, State
from exporter.core.vantage import Vantage


@dataclass(frozen=True, slots=True)
class Round:
    """An open question about `trigger`; `wanted` are asked and awaited, the verdicts of `covers` wait for it."""

    trigger: str
    opened: float
    deadline: float
    wanted: frozenset[str]
    covers: frozenset[str]


def bound(component: Component) -> float:
    """Seconds that one component may take to confirm a change."""
    return max(component.fall, component.rise) * (component.timeout + component.retry_interval)


def opening_round(graph: Graph, at: float, spread: float) -> Round:
    """The round that every start opens: all checks run once, the first runs spread over `spread` seconds."""
    checked = frozenset(name for name, component in graph.components.items() if not component.latent)
    longest = max((bound(graph.components[name]) for name in checked), default=0.0)
    return Round("", at, at + spread + longest, checked, frozenset(graph.components))


def open_round(graph: Graph, trigger: str, at: float) -> Round:
    """A round over the affected set of `trigger`."""
    components = graph.components
    deciding = graph.deciding(trigger)
    allowed = max(bound(components[name]) for name in deciding if not components[name].latent)
    descendants = graph.descendants(trigger)
    wanted = {name for name in descendants if components[name].timeout <= allowed} | deciding
    checked = frozenset(name for name in wanted if not components[name].latent)
    return Round(trigger, at, at + allowed, checked, frozenset(deciding | descendants))


class Rounds:
    """The rounds that are open, who is covered by them, and whom those that were cut short still waited for."""

    def __init__(self, graph: Graph, opening: Round) -> None:
        self._graph = graph
        self._open: dict[str, Round] = {}
        self._covered: Counter[str] = Counter()
        self._blocked_by: dict[str, str] = {}  # one for whom a round is known to wait: looked at first
        self.unsettled: dict[str, frozenset[str]] = {}
        self._begin(opening)

    @property
    def pending(self) -> bool:
        """True while a round is open."""
        return bool(self._open)

    @property
    def opening(self) -> bool:
        """True until the round that every start opens is over."""
        return "" in self._open

    def covers(self, name: str) -> bool:
        """True when the verdict on a component has to wait."""
        return self._covered[name] > 0

    def open(self, trigger: str, at: float) -> frozenset[str] | None:
        """Open a round and return whom else it asks; None when this component has one open."""
        if trigger in self._open:
            return None
        self._begin(open_round(self._graph, trigger, at))
        return self._open[trigger].wanted - {trigger}

    def skip(self, known: Collection[str]) -> None:
        """The opening round does not wait for what is known from before a reload."""
        opening = self._open[""]
        self._open[""] = replace(opening, wanted=opening.wanted - frozenset(known))

    def heard(self, name: str) -> None:
        """A component has reported: no round that was cut short misses it any more."""
        if self.unsettled:
            self.unsettled = {trigger: left for trigger, names in self.unsettled.items() if (left := names - {name})}

    def close(
        self, now: float, health: Mapping[str, Health], last: Mapping[str, Observation], vantage: Vantage
    ) -> tuple[frozenset[str], frozenset[str]]:
        """Close the rounds that are complete or overdue; returns the triggers of all of them, and of the overdue."""
        closed: set[str] = set()
        overdue: set[str] = set()
        for trigger, a_round in list(self._open.items()):
            late = now >= a_round.deadline
            if not late and (self._waits(a_round, health, last) or not vantage.answered(a_round.opened)):
                continue
            closed.add(trigger)
            self._end(a_round)
            if waiting := silent(a_round, health, last):
                self.unsettled[trigger] = waiting
                overdue.add(trigger)
        return frozenset(closed), frozenset(overdue)

    def _begin(self, a_round: Round) -> None:
        self._open[a_round.trigger] = a_round
        self._covered.update(a_round.covers)

    def _end(self, a_round: Round) -> None:
        del self._open[a_round.trigger]
        self._blocked_by.pop(a_round.trigger, None)
        self._covered.subtract(a_round.covers)

    def _waits(self, a_round: Round, health: Mapping[str, Health], last: Mapping[str, Observation]) -> bool:
        known = self._blocked_by.get(a_round.trigger)
        names = a_round.wanted if known is None else (known, *a_round.wanted)
        blocker = next((name for name in names if not _settled(a_round, name, health[name], last.get(name))), None)
        if blocker is not None:
            self._blocked_by[a_round.trigger] = blocker
        return blocker is not None


def silent(a_round: Round, health: Mapping[str, Health], last: Mapping[str, Observation]) -> frozenset[str]:
    """Those that the round still waits for; it is complete when there are none."""
    return frozenset(name for name in a_round.wanted if not _settled(a_round, name, health[name], last.get(name)))


def _settled(a_round: Round, name: str, health: Health, last: Observation | None) -> bool:
    if health.state == State.UNKNOWN and health.reason == Reason.RATE_LIMITED:
        return True  # it must not be asked, so there is no use in waiting
    if last is None or health.confirming:
        return False
    failed = last.outcome in (Outcome.FAIL, Outcome.DEGRADED)
    fresh = last.started >= a_round.opened or (failed and last.ended >= a_round.opened)
    return fresh or name == a_round.trigger
