"""Rule 3: what is inferred of a component that nobody can see, from those that depend on it.

Judged are latent components (no check), blind ones (`unknown`: rate limited, without credentials, without evidence),
and those that fail and were not seen for long enough to be called down.

1. The evidence is the largest group of at least two direct dependents that fail in one class of reasons, that no other
   component explains, and that began to fail within two intervals of each other. A group that has nothing in common but
   the moment counts where no class has two.
2. The component is then `down`, or `degraded` when all of them are. A healthy dependent, one that is up by a run that
   began after they did and passed, clears it, unless twice as many fail in one class: then the component is inferred
   all the same, `likely`, contradicted by the healthy one.
3. Dependents are judged first, since a latent may depend on a latent. A latent with one failing dependent, too few to
   infer it, hands that one on to what it depends on itself.
4. When the evidence of one contains that of another, only the larger is inferred. Equal evidence infers one (one whose
   runs fail, the nearest, the more urgent, then the first by name) and names the others as suspects.
5. A suite (layer `test`) is no evidence and clears nothing. A dependent that has an alternative clears nothing, and is
   evidence only when every alternative fails; an optional edge counts for a degraded dependent alone.
6. A blind component with one failing dependent is inferred, `likely`, when both began together.

Used by `diagnosis` only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from staging_exporter.core.graph import Graph
from staging_exporter.core.model import Layer, Outcome, State
from staging_exporter.core.rules import CLASSES_OF, FAILS, Condition, is_blind, is_unconfirmed

_WITHIN = 2  # intervals
_OUTWEIGHS = 2  # failing dependents for each healthy one
_ANY = "mixed"  # the class of a group that has only its moment in common


@dataclass(frozen=True, slots=True)
class Inference:
    """What is known of one component that nobody can see.

    `evidence` are the failing dependents that it is inferred from, `checked_evidence` the checked components among or
    behind them; `suspected_by` are failing dependents too few, or too far apart in time, to be evidence; `suspects` are
    the others that the same evidence fits; `against` are healthy dependents that it is inferred in spite of. It is
    `superseded` when more evidence, of which its own is a part, makes another one down; `stale` when it stays down by
    evidence that is seen no longer; `likely` when the moment, or the weight of numbers, decided.
    """

    state: State = State.UNKNOWN
    evidence: tuple[str, ...] = ()
    checked_evidence: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()
    began: float = 0.0
    suspected_by: tuple[str, ...] = ()
    suspects: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    superseded: bool = False
    stale: bool = False
    likely: bool = False

    def among(self, names: Collection[str]) -> Inference:
        """Without the components that are not among these."""
        return replace(
            self,
            evidence=only(self.evidence, names),
            checked_evidence=frozenset(only(self.checked_evidence, names)),
            suspected_by=only(self.suspected_by, names),
            suspects=only(self.suspects, names),
            against=only(self.against, names),
        )


class _Witness(NamedTuple):
    """A failing dependent: in which classes of reasons, since when, and the checked components behind it."""

    name: str
    classes: frozenset[str]
    began: float
    interval: float
    state: State
    checked: frozenset[str]


def only(some: Iterable[str], names: Collection[str]) -> tuple[str, ...]:
    """Those of `some` that are among `names`."""
    return tuple(name for name in some if name in names)


def infer(graph: Graph, conditions: Mapping[str, Condition], explained: Collection[str]) -> dict[str, Inference]:
    """What is known of every latent and every blind component; `explained` are failing ones that need neither."""
    court = _Inferring(graph, conditions, explained)
    for name in reversed(graph.order):
        if graph.components[name].latent or _is_unseen(conditions[name]):
            court.judge(name)
    fails = {name for name in court.found if name in conditions and is_unconfirmed(conditions[name])}
    return _only_the_largest(graph, court.found, fails)


def _is_unseen(condition: Condition) -> bool:
    return is_blind(condition) or is_unconfirmed(condition)


class _Inferring:
    """One pass over the components that nobody can see, dependents first."""

    def __init__(self, graph: Graph, conditions: Mapping[str, Condition], explained: Collection[str]) -> None:
        self._graph, self._conditions, self._explained = graph, conditions, explained
        self.found: dict[str, Inference] = {}
        self._single: dict[str, _Witness] = {}  # of a latent that its one failing dependent does not suffice for

    def judge(self, name: str) -> None:
        graph = self._graph
        latent = graph.components[name].latent
        found = (self._witness(dependent, name) for dependent in graph.dependents[name])
        witnesses = list({w.name: w for w in found if w is not None}.values())  # one may come by two paths
        group = _largest_group(witnesses)
        began = min((w.began for w in group), default=0.0)
        healthy = [n for n in graph.needed_by[name] if self._is_healthy(n, began)]
        if healthy and not (len(group) >= _OUTWEIGHS * len(healthy) and _common(group)):
            suspected_by = tuple(sorted({w.name for w in group})) if len(group) > 1 else ()
            self.found[name] = Inference(State.UP if latent else State.UNKNOWN, suspected_by=suspected_by)
            return
        if len(group) < 2 and not (group and not latent and self._blind_since(name, group[0])):
            if len(witnesses) == 1 and latent:
                self._single[name] = witnesses[0]
            self.found[name] = Inference(suspected_by=tuple(sorted(w.name for w in witnesses)))
            return
        common = _common(group)
        self.found[name] = Inference(
            state=State.DEGRADED if all(w.state == State.DEGRADED for w in group) else State.DOWN,
            evidence=tuple(sorted({w.name for w in group})),
            checked_evidence=frozenset().union(*(w.checked for w in group)),
            classes=common or frozenset({_ANY}),
            began=min(w.began for w in group),
            against=tuple(sorted(healthy)),
            likely=bool(healthy) or not common or len(group) < 2,
        )

    def _state(self, name: str) -> State:
        inference = self.found.get(name)
        return inference.state if inference else self._conditions[name].state

    def _is_healthy(self, name: str, since: float) -> bool:
        """True when it is up by a run that began since then, and passed."""
        if self._state(name) != State.UP or self._is_suite(name):
            return False
        runs = self._conditions[name].recent.runs if name in self._conditions else ()
        return not runs or (runs[-1].started >= since and runs[-1].outcome == Outcome.PASS)

    def _is_suite(self, name: str) -> bool:
        return self._graph.components[name].layer == Layer.TEST

    def _blind_since(self, name: str, witness: _Witness) -> bool:
        """True when the component went out of sight at about the time at which the dependent began to fail."""
        condition = self._conditions[name]
        within = _WITHIN * max(condition.interval, witness.interval)
        return condition.since is not None and abs(condition.since - witness.began) <= within

    def _witness(self, name: str, latent: str) -> _Witness | None:
        if name in self._explained or self._is_suite(name):
            return None
        interval = self._graph.components[name].interval
        if inference := self.found.get(name):
            if inference.state not in FAILS:
                single = self._single.get(name)
                return single if single and self._depends_fully(name, latent, single.state) else None
            witness = _Witness(
                name, inference.classes, inference.began, interval, inference.state, inference.checked_evidence
            )
        else:
            condition = self._conditions[name]
            classes = CLASSES_OF[condition.reason]
            if condition.state not in FAILS or not classes or condition.began is None:
                return None
            witness = _Witness(name, classes, condition.began, interval, condition.state, frozenset({name}))
        return witness if self._depends_fully(name, latent, witness.state) else None

    def _depends_fully(self, dependent: str, latent: str, state: State) -> bool:
        """True when a fault of `latent` alone could make `dependent` as it is."""
        groups = [group for group in self._graph.components[dependent].depends_on if latent in group]
        if not groups:
            return state == State.DEGRADED
        conditions = self._conditions
        others = [other for group in groups for other in group if other != latent]
        return all(other in conditions and conditions[other].state in FAILS for other in others)


def _common(group: Iterable[_Witness]) -> frozenset[str]:
    """The classes of reasons that all of them share."""
    return frozenset.intersection(*(witness.classes for witness in group))


def _largest_group(witnesses: Iterable[_Witness]) -> list[_Witness]:
    """The most witnesses of one class that began within two intervals of the earliest; of any class where none has two.

    Of equally many those that are down, not merely degraded; then the earliest.
    """
    ordered = sorted(witnesses, key=lambda w: (w.began, sorted(w.classes), w.name))
    together = [
        [w for w in ordered[index:] if w.began - first.began <= _WITHIN * max(w.interval, first.interval)]
        for index, first in enumerate(ordered)
    ]
    best: list[_Witness] = []
    for near in together:
        for kind in sorted(near[0].classes):
            group = [w for w in near if kind in w.classes]
            if _weight(group) > _weight(best):
                best = group
    if len(best) < 2:
        for near in together:
            if _weight(near) > _weight(best):
                best = near
    return best


def _weight(group: list[_Witness]) -> tuple[int, bool]:
    return len({w.name for w in group}), any(witness.state != State.DEGRADED for witness in group)


def _only_the_largest(graph: Graph, found: dict[str, Inference], fails: Collection[str]) -> dict[str, Inference]:
    inferred: list[str] = []
    candidates = [name for name, inference in found.items() if inference.evidence]
    rank = {
        n: (-len(found[n].checked_evidence), n not in fails, _is_farther(found, n), graph.components[n].priority, n)
        for n in candidates
    }
    suspects: dict[str, list[str]] = {}
    for name in sorted(candidates, key=lambda n: rank[n]):
        larger = next(
            (other for other in inferred if found[other].checked_evidence >= found[name].checked_evidence), None
        )
        if larger is None:
            inferred.append(name)
        elif found[larger].checked_evidence == found[name].checked_evidence:
            suspects.setdefault(larger, []).append(name)
    return {name: _settled(inference, name in inferred, suspects.get(name, ())) for name, inference in found.items()}


def _is_farther(found: Mapping[str, Inference], name: str) -> bool:
    """True when one of its evidence was inferred from all of it: then that one suffices."""
    mine = found[name].checked_evidence
    return any(other in found and found[other].checked_evidence == mine for other in found[name].evidence)


def _settled(inference: Inference, inferred: bool, suspects: Iterable[str]) -> Inference:
    if not inference.evidence:
        return inference
    if not inferred:
        return Inference(superseded=True)
    return replace(inference, suspects=tuple(sorted(suspects)))
