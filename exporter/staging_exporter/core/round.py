"""Rule 6, one round: what it asks, what it waits for, whose verdicts wait for it, and when it is complete."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from staging_exporter.core.graph import Graph
from staging_exporter.core.health import Health
from staging_exporter.core.model import Component, Outcome, Reason, State
from staging_exporter.core.records import Record, Records

Key = tuple[str, bool]  # the trigger of a round, and whether it is the first of that component


@dataclass(frozen=True, slots=True)
class Round:
    """An open question about `trigger`: `asked` are probed at once, `wanted` awaited, the verdicts of `covers` wait.

    `evidence` is awaited, too: one set that the first rounds of many components share.

    `urgent` are those that need it and are more urgent: what it costs depends on them.

    The `first` one of a component is that of the start, before which nothing is known of it.
    """

    trigger: str
    first: bool
    opened: float
    deadline: float
    asked: frozenset[str]
    wanted: frozenset[str]
    covers: frozenset[str]
    urgent: frozenset[str] = frozenset()
    evidence: frozenset[str] = frozenset()

    @property
    def key(self) -> Key:
        """By which it is known: a component has at most one first round, and one other, open at a time."""
        return self.trigger, self.first


def bound(component: Component) -> float:
    """Seconds that one component may take to confirm a change."""
    return max(component.fall, component.rise) * (component.timeout + component.retry_interval)


def first_rounds(graph: Graph, at: float, spread: float) -> Iterator[Round]:
    """What every start opens for each component: the first verdict waits for all that decides about it to have run."""
    shared: dict[frozenset[str], tuple[frozenset[str], float]] = {}
    for name in graph.components:
        own, evidence = graph.rests_on(name)
        if evidence not in shared:
            seen = _checked(graph, evidence)
            shared[evidence] = seen, _longest(graph, seen)
        checked, (others, longest) = _checked(graph, own), shared[evidence]
        deadline = at + spread + max(longest, _longest(graph, checked))
        yield Round(name, True, at, deadline, frozenset(), checked, graph.itself[name], evidence=others)


def _longest(graph: Graph, names: Iterable[str]) -> float:
    return max((bound(graph.components[name]) for name in names), default=0.0)


def open_round(graph: Graph, trigger: str, at: float, blind: Collection[str] = ()) -> Round:
    """A round over the affected set of `trigger`; `blind` are checked components that cannot be seen now."""
    causes = _checked(graph, graph.deciding(trigger, blind))
    allowed = _longest(graph, causes)
    descendants = _checked(graph, graph.descendants(trigger))
    in_time = {name for name in descendants if graph.components[name].timeout <= allowed}
    priority = graph.components[trigger].priority
    urgent = frozenset(
        n for n in (in_time & graph.needing(trigger)) - causes if graph.components[n].priority < priority
    )
    return Round(trigger, False, at, at + allowed, causes | in_time, causes, graph.decided_by(trigger, blind), urgent)


def _checked(graph: Graph, names: Collection[str]) -> frozenset[str]:
    return frozenset(name for name in names if not graph.components[name].latent)


def calls_for_a_round(before: Health, after: Health) -> bool:
    """A first failure, a first pass of what was down, or a state that changed without such a notice."""
    if before.known_at is None and after.last == Outcome.PASS:
        return False  # its first round waits for it anyway
    if after.confirming:
        return not before.confirming
    return after.state != before.state and after.state != State.UNKNOWN and not before.confirming


def silent(a_round: Round, names: Iterable[str], records: Records) -> frozenset[str]:
    """Those of these components for which the round still waits."""
    return frozenset(name for name in names if not is_settled(a_round, name, records[name]))


def is_settled(a_round: Round, name: str, record: Record) -> bool:
    """True when the round does not wait for this component any more."""
    health, last = record.health, record.last
    if health.state == State.UNKNOWN and health.reason == Reason.RATE_LIMITED:
        return True  # it must not be asked, so there is no use in waiting
    if last is None or health.confirming:
        return False
    failed = last.outcome in (Outcome.FAIL, Outcome.DEGRADED)
    fresh = last.started >= a_round.opened or (failed and last.ended >= a_round.opened)
    return fresh or (name == a_round.trigger and last.ended >= a_round.opened)
