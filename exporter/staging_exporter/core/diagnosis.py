"""Rules 1, 2, 4 and 5: states -> root causes, symptoms, suspects, contradictions.

Everything here is a pure function of the graph and the conditions, linear in edges, independent of any order. Rule 3
is in `inference`; when verdicts are published (rules 6 and 7), in `publisher`; what they cost (8 and 9), in `journeys`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from staging_exporter.core.attribution import NOTHING, Attribution, union
from staging_exporter.core.graph import Graph
from staging_exporter.core.inference import Inference, infer, only
from staging_exporter.core.model import Layer, State
from staging_exporter.core.rules import CLASS_OF, FAILS, INTRINSIC, IS_DOWN, Condition


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is concluded about one component.

    `roots` are the root causes that a symptom inherits; `explained_by` are the dependencies that explain its failure,
    or would if it were down;
    `suspects` might be involved without proof; `contradicted_by` are dependents that are up although it is down;
    `conflicts` are the components that a passing suite claims to exercise although they are down.
    """

    state: State
    root: bool = False
    roots: tuple[str, ...] = ()
    explained_by: tuple[str, ...] = ()
    suspects: tuple[str, ...] = ()
    contradicted_by: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    inference: Inference | None = None

    def among(self, names: Collection[str]) -> Verdict:
        """Without the components that are not among these."""
        return replace(
            self,
            roots=only(self.roots, names),
            explained_by=only(self.explained_by, names),
            suspects=only(self.suspects, names),
            contradicted_by=only(self.contradicted_by, names),
            conflicts=only(self.conflicts, names),
            inference=self.inference.among(names) if self.inference else None,
        )


def diagnose(
    graph: Graph,
    conditions: Mapping[str, Condition],
    recovering: Collection[str] = (),
    inferred: Mapping[str, Inference] | None = None,
) -> dict[str, Verdict]:
    """The verdict on every component.

    `conditions` has every checked component. `recovering` are failing ones that are still recovering from a root cause
    that is over: it explains them. `inferred` are the latent root causes until now (rule 7).
    """
    states = {name: conditions[name].state if name in conditions else State.UNKNOWN for name in graph.order}
    explained = _explained(graph, states) | set(recovering)
    inferences = infer(graph, conditions, explained)
    kept = {
        name: replace(old, stale=True)
        for name, old in (inferred or {}).items()
        if name in inferences and _stays_inferred(inferences[name], old, states)
    }
    if kept:  # what they explain, behind a check that is unknown now, is evidence for no other
        as_kept = states | {name: inference.state for name, inference in kept.items()}
        inferences = infer(graph, conditions, explained | _explained(graph, as_kept)) | kept
    states |= {name: inference.state for name, inference in inferences.items()}
    case = _Case(graph, conditions, states, inferences, recovering)
    return {name: case.verdict(name) for name in graph.order}


def _explained(graph: Graph, states: Mapping[str, State]) -> set[str]:
    """The failing components that another component explains."""
    attribution = Attribution(graph, states)
    return {name for name, state in states.items() if state in FAILS and attribution.explained_by(name)}


def _stays_inferred(inference: Inference, old: Inference, states: Mapping[str, State]) -> bool:
    if inference.state != State.UNKNOWN or inference.superseded:
        return False
    return any(states.get(name, State.UP) != State.UP for name in old.evidence)


class _Case:
    """All that the verdicts rest on."""

    def __init__(
        self,
        graph: Graph,
        conditions: Mapping[str, Condition],
        states: Mapping[str, State],
        inferences: Mapping[str, Inference],
        recovering: Collection[str],
    ) -> None:
        self._graph, self._conditions, self._states = graph, conditions, states
        self._inferences, self._recovering = inferences, recovering
        self._attribution = Attribution(graph, states)
        failing = (inference for name, inference in inferences.items() if states[name] in FAILS)
        self._evidence = {name for inference in failing for name in inference.evidence}
        self._suspected = _suspected(inferences)
        self._lists: dict[frozenset[str], tuple[str, ...]] = {}
        self._roots: dict[str, frozenset[str]] = {}
        for name in graph.order:
            self._roots[name] = self._find_roots(name)

    def verdict(self, name: str) -> Verdict:
        state = self._states[name]
        roots = self._roots[name]
        root = name in roots
        return Verdict(
            state=state,
            root=root,
            roots=() if root else self._listed(roots),
            explained_by=self._listed(self._attribution.explained_by(name)),
            suspects=self._suspects(name, root) if state in FAILS else (),
            contradicted_by=self._contradicted_by(name),
            conflicts=self._conflicts(name),
            inference=self._inferences.get(name),
        )

    def _listed(self, names: frozenset[str]) -> tuple[str, ...]:
        """In order; many components share one set."""
        if names not in self._lists:
            self._lists[names] = tuple(sorted(names))
        return self._lists[names]

    def _find_roots(self, name: str) -> frozenset[str]:
        """The roots behind a failing component, itself when it is one; nothing when it only waits or recovers."""
        state = self._states[name]
        if state not in FAILS:
            return NOTHING
        explained_by = self._attribution.explained_by(name)
        if name in self._recovering and not explained_by:
            return NOTHING
        if not explained_by or self._is_intrinsic(name):
            return self._graph.itself[name]
        return union(self._roots[other] for other in explained_by)

    def _is_intrinsic(self, name: str) -> bool:
        condition = self._conditions.get(name)
        if condition is None or condition.state not in IS_DOWN or name in self._evidence:
            return False
        intrinsic = INTRINSIC | self._graph.components[name].intrinsic
        return condition.reason in intrinsic and CLASS_OF.get(condition.reason) not in self._classes_above[name]

    @cached_property
    def _classes_above(self) -> dict[str, frozenset[str]]:
        """Component -> the classes of reasons in which its hard ancestors fail."""
        own = {name: CLASS_OF.get(condition.reason, "") for name, condition in self._conditions.items()}
        own |= {name: inference.failure_class for name, inference in self._inferences.items()}
        above: dict[str, frozenset[str]] = {}
        for name in self._graph.order:
            parents = [parent for group in self._graph.components[name].depends_on for parent in group]
            failing = frozenset(own[parent] for parent in parents if self._states[parent] in FAILS)
            above[name] = union([failing, *(above[parent] for parent in parents)])
        return above

    def _suspects(self, name: str, root: bool) -> tuple[str, ...]:
        component = self._graph.components[name]
        found = {o for o in component.optional_depends_on if self._states[o] in FAILS}
        found -= self._attribution.explained_by(name)
        if root:
            found.update(self._suspected.get(name, ()))
            inference = self._inferences.get(name, Inference())
            found.update(inference.suspects)
            for failing in (name, *inference.evidence):
                groups = self._graph.components[failing].depends_on
                found.update(other for group in groups for other in group if self._blind(other))
        return tuple(sorted(found)) if found else ()

    def _blind(self, name: str) -> bool:
        return self._states[name] == State.UNKNOWN and name in self._conditions

    def _contradicted_by(self, name: str) -> tuple[str, ...]:
        if self._states[name] != State.DOWN or name not in self._conditions:
            return ()
        needed_by = self._graph.needed_by[name]
        components = self._graph.components
        return tuple(sorted(d for d in needed_by if self._states[d] == State.UP and components[d].layer != Layer.TEST))

    def _conflicts(self, name: str) -> tuple[str, ...]:
        if self._states[name] != State.UP:
            return ()
        return tuple(sorted(c for c in self._graph.components[name].covers if self._states[c] in IS_DOWN))


def _suspected(inferences: Mapping[str, Inference]) -> dict[str, list[str]]:
    """Component -> the latent components that may explain it, though there is not enough evidence."""
    suspected: dict[str, list[str]] = {}
    for latent, inference in inferences.items():
        for name in inference.suspected_by:
            suspected.setdefault(name, []).append(latent)
    return suspected
