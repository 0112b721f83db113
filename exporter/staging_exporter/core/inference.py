"""Rule 3: what is known of each latent component, from its dependents. Used by `diagnosis` only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from staging_exporter.core.graph import Graph
from staging_exporter.core.model import Layer, State
from staging_exporter.core.rules import CLASS_OF, FAILS, Condition

_WITHIN = 2  # intervals


@dataclass(frozen=True, slots=True)
class Inference:
    """What is known of one latent component: its state, and the dependents that it is inferred from.

    `evidence` are the direct dependents whose failures make it down or degraded, `checked_evidence` the checked
    components behind them. `suspected_by` are failing dependents that are too few or too far apart to be evidence;
    `suspects` are the other latent components that the same evidence fits. It is `superseded` when more evidence, of
    which its own is a part, makes another one down; `stale` when it stays down by evidence that is seen no longer.
    """

    state: State = State.UNKNOWN
    evidence: tuple[str, ...] = ()
    checked_evidence: frozenset[str] = frozenset()
    failure_class: str = ""
    began: float = 0.0
    suspected_by: tuple[str, ...] = ()
    suspects: tuple[str, ...] = ()
    superseded: bool = False
    stale: bool = False

    def among(self, names: Collection[str]) -> Inference:
        """Without the components that are not among these."""
        return replace(
            self,
            evidence=only(self.evidence, names),
            checked_evidence=frozenset(only(self.checked_evidence, names)),
            suspected_by=only(self.suspected_by, names),
            suspects=only(self.suspects, names),
        )


@dataclass(frozen=True, slots=True)
class _Failing:
    """A failing dependent of a latent component."""

    name: str
    failure_class: str
    began: float
    interval: float
    state: State
    checked: frozenset[str]


def only(some: Iterable[str], names: Collection[str]) -> tuple[str, ...]:
    """Those of `some` that are among `names`."""
    return tuple(name for name in some if name in names)


def infer(graph: Graph, conditions: Mapping[str, Condition], explained: Collection[str]) -> dict[str, Inference]:
    """What is known of every latent component; `explained` are failing components that something else explains."""
    found: dict[str, Inference] = {}
    for name in reversed(graph.order):
        if graph.components[name].latent:
            found[name] = _judge(name, graph, conditions, explained, found)
    return _only_the_largest(graph, found)


def _judge(
    name: str,
    graph: Graph,
    conditions: Mapping[str, Condition],
    explained: Collection[str],
    found: Mapping[str, Inference],
) -> Inference:
    if any(_state(n, conditions, found) == State.UP for n in graph.needed_by[name] if not _is_suite(graph, n)):
        return Inference(State.UP)
    failing = [
        one
        for dependent in graph.dependents[name]
        if dependent not in explained
        and not _is_suite(graph, dependent)
        and (one := _failing(dependent, graph, conditions, found)) is not None
        and _depends_fully(graph, dependent, name, one.state, conditions)
    ]
    group = _largest_group(failing)
    if len(group) < 2:
        return Inference(suspected_by=tuple(sorted(one.name for one in failing)))
    return Inference(
        state=State.DEGRADED if all(one.state == State.DEGRADED for one in group) else State.DOWN,
        evidence=tuple(sorted(one.name for one in group)),
        checked_evidence=frozenset().union(*(one.checked for one in group)),
        failure_class=group[0].failure_class,
        began=min(one.began for one in group),
    )


def _is_suite(graph: Graph, name: str) -> bool:
    return graph.components[name].layer == Layer.TEST


def _state(name: str, conditions: Mapping[str, Condition], found: Mapping[str, Inference]) -> State:
    return found[name].state if name in found else conditions[name].state


def _failing(
    name: str, graph: Graph, conditions: Mapping[str, Condition], found: Mapping[str, Inference]
) -> _Failing | None:
    interval = graph.components[name].interval
    if inference := found.get(name):
        if inference.state not in FAILS:
            return None
        checked = inference.checked_evidence
        return _Failing(name, inference.failure_class, inference.began, interval, inference.state, checked)
    condition = conditions[name]
    failure_class = CLASS_OF.get(condition.reason)
    if condition.state not in FAILS or failure_class is None or condition.failing_since is None:
        return None
    return _Failing(name, failure_class, condition.failing_since, interval, condition.state, frozenset({name}))


def _depends_fully(
    graph: Graph, dependent: str, latent: str, state: State, conditions: Mapping[str, Condition]
) -> bool:
    """True when a fault of `latent` alone could put `dependent` into this state."""
    groups = [group for group in graph.components[dependent].depends_on if latent in group]
    if not groups:
        return state == State.DEGRADED
    others = [other for group in groups for other in group if other != latent]
    return all(other in conditions and conditions[other].state in FAILS for other in others)


def _largest_group(failing: Iterable[_Failing]) -> list[_Failing]:
    """The most dependents that fail in one class and began within two intervals of the earliest.

    Of equally many those that are down, not merely degraded; then the earliest.
    """
    best: list[_Failing] = []
    ordered = sorted(failing, key=lambda one: (one.began, one.failure_class, one.name))
    for index, first in enumerate(ordered):
        group = [
            one
            for one in ordered[index:]
            if one.failure_class == first.failure_class
            and one.began - first.began <= _WITHIN * max(one.interval, first.interval)
        ]
        if _weight(group) > _weight(best):
            best = group
    return best


def _weight(group: list[_Failing]) -> tuple[int, bool]:
    return len(group), any(one.state != State.DEGRADED for one in group)


def _only_the_largest(graph: Graph, found: dict[str, Inference]) -> dict[str, Inference]:
    kept: list[str] = []
    candidates = [name for name, inference in found.items() if inference.evidence]
    rank = {name: (-len(found[name].checked_evidence), graph.components[name].priority, name) for name in candidates}
    suspects: dict[str, list[str]] = {}
    for name in sorted(candidates, key=lambda n: rank[n]):
        evidence = found[name].checked_evidence
        larger = next((other for other in kept if found[other].checked_evidence >= evidence), None)
        if larger is None:
            kept.append(name)
        elif found[larger].checked_evidence == evidence:
            suspects.setdefault(larger, []).append(name)
    return {name: _decided(inference, name in kept, suspects.get(name, ())) for name, inference in found.items()}


def _decided(inference: Inference, kept: bool, suspects: Iterable[str]) -> Inference:
    if not inference.evidence:
        return inference
    if not kept:
        return Inference(superseded=True)
    return replace(inference, suspects=tuple(sorted(suspects)))
