"""Rule 6: verdicts come only from completed rounds.

A first failure, or a first pass of what was down, opens a round over the affected set: the component, its ancestors of
every sort, the other dependents of latent ancestors, its descendants. All of them are probed at once. The round is
complete when each has a result that began after it opened, or a failure that ended after it, and none is still
confirming. While a round covers a component, its verdict waits. Overlapping rounds thereby act as one; but a component
waits at most `fall x (timeout + retry_interval)` of the slowest that decides about it: then its verdict is published
as it stands, and those that were silent are named as suspects. A descendant decides nothing: one that cannot report
within the bound is not waited for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from exporter.core.graph import Graph
from exporter.core.health import Health
from exporter.core.model import Component, Observation, Outcome, Reason, State


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
