"""Latent inference: what is known of a component without a check, from those that depend on it.

1. The convicts of a latent component are the largest group of at least two direct dependents that fail in one class of
   reasons, that no checked component accounts for, and that began to fail within two intervals of each other.
2. It is then `down`, or `degraded` when all of them are. One healthy dependent, checked or an exonerated latent,
   exonerates it. One convict alone, or convicts far apart in time, make it only a suspect.
3. Dependents are judged first, since a latent may depend on a latent: a convicted one can be a convict in turn.
4. When the evidence of one contains another's, only the larger is convicted; equal evidence convicts one (the more
   urgent, then the first by name) and names the others as suspects.
5. A suite (layer `test`) convicts and exonerates nobody. A dependent that has an alternative exonerates nobody, and
   convicts only when every alternative fails; an optional edge counts for a degraded dependent alone.

Used by `diagnosis` only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from staging_exporter.core.graph import Graph
from staging_exporter.core.model import Layer, State
from staging_exporter.core.rules import CLASS_OF, FAILS, Condition

_WITHIN = 2  # intervals


@dataclass(frozen=True, slots=True)
class Inference:
    """What is known of one latent: its state, its convicts, and the suspicion it lies under or casts.

    `evidence` are the checked components behind the convicts; `accused_by` are failing dependents too few or too far
    apart to convict; `suspects` are the other latents that the same evidence would convict. It is `outdone` when a
    larger body of evidence convicts another, and `held` when it stays convicted on what was seen before.
    """

    state: State = State.UNKNOWN
    convicts: tuple[str, ...] = ()
    evidence: frozenset[str] = frozenset()
    kind_of_failure: str = ""
    began: float = 0.0
    accused_by: tuple[str, ...] = ()
    suspects: tuple[str, ...] = ()
    outdone: bool = False
    held: bool = False

    def among(self, names: Collection[str]) -> Inference:
        """Without the components that are not among these."""
        return replace(
            self,
            convicts=only(self.convicts, names),
            evidence=frozenset(only(self.evidence, names)),
            accused_by=only(self.accused_by, names),
            suspects=only(self.suspects, names),
        )


@dataclass(frozen=True, slots=True)
class _Witness:
    name: str
    kind_of_failure: str
    began: float
    interval: float
    state: State
    evidence: frozenset[str]


def only(some: Iterable[str], names: Collection[str]) -> tuple[str, ...]:
    """Those of `some` that are among `names`."""
    return tuple(name for name in some if name in names)


def infer(graph: Graph, conditions: Mapping[str, Condition], explained: Collection[str]) -> dict[str, Inference]:
    """What is known of every latent; `explained` are failing components that need no latent to account for them."""
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
    witnesses = [
        witness
        for dependent in graph.dependents[name]
        if dependent not in explained
        and not _is_suite(graph, dependent)
        and (witness := _witness(dependent, graph, conditions, found)) is not None
        and _depends_fully(graph, dependent, name, witness.state, conditions)
    ]
    group = _largest_group(witnesses)
    if len(group) < 2:
        return Inference(accused_by=tuple(sorted(w.name for w in witnesses)))
    return Inference(
        state=State.DEGRADED if all(w.state == State.DEGRADED for w in group) else State.DOWN,
        convicts=tuple(sorted(w.name for w in group)),
        evidence=frozenset().union(*(w.evidence for w in group)),
        kind_of_failure=group[0].kind_of_failure,
        began=min(w.began for w in group),
    )


def _is_suite(graph: Graph, name: str) -> bool:
    return graph.components[name].layer == Layer.TEST


def _state(name: str, conditions: Mapping[str, Condition], found: Mapping[str, Inference]) -> State:
    return found[name].state if name in found else conditions[name].state


def _witness(
    name: str, graph: Graph, conditions: Mapping[str, Condition], found: Mapping[str, Inference]
) -> _Witness | None:
    interval = graph.components[name].interval
    if inference := found.get(name):
        if inference.state not in FAILS:
            return None
        return _Witness(name, inference.kind_of_failure, inference.began, interval, inference.state, inference.evidence)
    condition = conditions[name]
    kind = CLASS_OF.get(condition.reason)
    if condition.state not in FAILS or kind is None or condition.failing_since is None:
        return None
    return _Witness(name, kind, condition.failing_since, interval, condition.state, frozenset({name}))


def _depends_fully(
    graph: Graph, dependent: str, latent: str, state: State, conditions: Mapping[str, Condition]
) -> bool:
    """True when a fault of `latent` alone could make `dependent` as it is."""
    groups = [group for group in graph.components[dependent].depends_on if latent in group]
    if not groups:
        return state == State.DEGRADED
    others = [other for group in groups for other in group if other != latent]
    return all(other in conditions and conditions[other].state in FAILS for other in others)


def _largest_group(witnesses: Iterable[_Witness]) -> list[_Witness]:
    """The most witnesses of one class that began within two intervals of the earliest.

    Of equally many those that are down, not merely degraded; then the earliest.
    """
    best: list[_Witness] = []
    ordered = sorted(witnesses, key=lambda w: (w.began, w.kind_of_failure, w.name))
    for index, first in enumerate(ordered):
        group = [
            w
            for w in ordered[index:]
            if w.kind_of_failure == first.kind_of_failure
            and w.began - first.began <= _WITHIN * max(w.interval, first.interval)
        ]
        if _weight(group) > _weight(best):
            best = group
    return best


def _weight(group: list[_Witness]) -> tuple[int, bool]:
    return len(group), any(witness.state != State.DEGRADED for witness in group)


def _only_the_largest(graph: Graph, found: dict[str, Inference]) -> dict[str, Inference]:
    convicted: list[str] = []
    candidates = [name for name, inference in found.items() if inference.convicts]
    rank = {name: (-len(found[name].evidence), graph.components[name].priority, name) for name in candidates}
    suspects: dict[str, list[str]] = {}
    for name in sorted(candidates, key=lambda n: rank[n]):
        larger = next((c for c in convicted if found[c].evidence >= found[name].evidence), None)
        if larger is None:
            convicted.append(name)
        elif found[larger].evidence == found[name].evidence:
            suspects.setdefault(larger, []).append(name)
    return {name: _settled(inference, name in convicted, suspects.get(name, ())) for name, inference in found.items()}


def _settled(inference: Inference, convicted: bool, suspects: Iterable[str]) -> Inference:
    if not inference.convicts:
        return inference
    if not convicted:
        return Inference(outdone=True)
    return replace(inference, suspects=tuple(sorted(suspects)))
