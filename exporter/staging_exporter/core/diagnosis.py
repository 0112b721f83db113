"""Rules 1 to 5 put together: conditions -> root causes, symptoms, suspects, contradictions.

What explains what is in `attribution`, how runs are compared in `evidence`, what nobody can see in `inference`. Here is
the order: components that are up and fail now and then (2), what is inferred (3), then root causes from the top of the
graph down (1), with their reasons of their own (4), contradictions and conflicts (5).

When a verdict is published is in `rounds` and `verdict_lifecycle`; what it costs in `journeys`.
Everything here is a pure function of the graph and the conditions, independent of any order.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from staging_exporter.core.attribution import NOTHING, Attribution, slack, union
from staging_exporter.core.evidence import began_together
from staging_exporter.core.graph import Graph
from staging_exporter.core.inference import Inference, infer, only
from staging_exporter.core.instability import find_unwell, has_subsided, states_of
from staging_exporter.core.model import Certainty, Layer, Reason, State
from staging_exporter.core.rules import CERTIFICATE, CLASSES_OF, FAILS, INTRINSIC, IS_DOWN, Condition


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is concluded about one component.

    `roots` are the root causes that a symptom inherits; `explained_by` are the dependencies that explain it, or would
    if it were down; `through` are dependencies that are up between it and those; `at_risk_from` are root
    causes that will take down one that does not fail yet;
    `suspects` might be involved without proof; `contradicted_by` are dependents that are up although it is down;
    `conflicts` are the components that a passing suite claims to exercise although they are down. `judged` is how it is
    judged by its last runs although it is up. `not_recovered_from` are root causes that are over, from which it had
    time to recover.
    """

    state: State
    root: bool = False
    roots: tuple[str, ...] = ()
    explained_by: tuple[str, ...] = ()
    through: tuple[str, ...] = ()
    at_risk_from: tuple[str, ...] = ()
    suspects: tuple[str, ...] = ()
    contradicted_by: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    judged: Condition | None = None
    not_recovered_from: tuple[str, ...] = ()
    certainty: Certainty = Certainty.OBSERVED
    inference: Inference | None = None

    @property
    def untroubled(self) -> bool:
        """True when it is up, nothing would explain it if it were not, and nothing is inferred of it."""
        suspected = self.inference is not None and self.inference.suspected_by
        return self.state == State.UP and not self.explained_by and not suspected

    def among(self, names: Collection[str]) -> Verdict:
        """Without the components that are not among these."""
        return replace(
            self,
            roots=only(self.roots, names),
            explained_by=only(self.explained_by, names),
            through=only(self.through, names),
            at_risk_from=only(self.at_risk_from, names),
            suspects=only(self.suspects, names),
            contradicted_by=only(self.contradicted_by, names),
            conflicts=only(self.conflicts, names),
            not_recovered_from=only(self.not_recovered_from, names),
            inference=self.inference.among(names) if self.inference else None,
        )


def diagnose(
    graph: Graph,
    conditions: Mapping[str, Condition],
    recovering: Collection[str] = (),
    held: Mapping[str, Inference] | None = None,
    standing: Collection[str] = (),
    left_over: Collection[str] = (),
    *,
    we_are_slow: bool | None = None,
) -> dict[str, Verdict]:
    """The verdict on every component of the graph, or of a region of it, outside of which all is well.

    `conditions` has every checked component. `recovering` are those that still recover from a root cause that is gone:
    when they fail they are explained. `held` are components that stay inferred until a dependent, or all of the
    evidence, is up.
    `standing` are the published root causes: others whose failures have subsided do not become one. `left_over` are
    those that have not recovered from a root cause that is gone: they are no evidence for another. `we_are_slow` when
    most components of the whole graph take far longer than usual.
    """
    recovering = {*recovering, *(n for n, c in conditions.items() if has_subsided(c) and n not in standing)}
    unwell = find_unwell(graph, conditions, recovering, standing, we_are_slow=we_are_slow)
    judged = {**conditions, **unwell}
    states = states_of(graph, judged)
    attribution = Attribution(graph, states, judged)
    failing = attribution.failing()
    explained = {*failing, *recovering, *left_over}
    inferences = infer(graph, judged, explained)
    kept = {
        name: replace(old, stale=True)
        for name, old in (held or {}).items()
        if name in inferences and _stays_inferred(inferences[name], old, states, failing)
    }
    if kept:  # what they explain, behind a check that tells nothing now, is no evidence for another
        as_kept = states | {name: inference.state for name, inference in kept.items()}
        inferences = infer(graph, judged, explained | attribution.with_states(as_kept).failing()) | kept
    states = states | {name: inference.state for name, inference in inferences.items()}
    case = _Case(graph, judged, states, inferences, recovering, unwell, attribution.with_states(states))
    return {name: case.verdict(name) for name in graph.order}


def _stays_inferred(
    inference: Inference, old: Inference, states: Mapping[str, State], explained: Collection[str]
) -> bool:
    if inference.state != State.UNKNOWN or inference.superseded:
        return False
    return any(states.get(name, State.UP) != State.UP and name not in explained for name in old.evidence)


_UP = Verdict(State.UP)


class _Case:
    """All that the verdicts rest on."""

    def __init__(
        self,
        graph: Graph,
        conditions: Mapping[str, Condition],
        states: Mapping[str, State],
        inferences: Mapping[str, Inference],
        recovering: Collection[str],
        unwell: Mapping[str, Condition],
        attribution: Attribution,
    ) -> None:
        self._graph, self._conditions, self._states = graph, conditions, states
        self._inferences, self._recovering, self._unwell = inferences, recovering, unwell
        self._attribution = attribution
        inferred = (i for name, i in inferences.items() if states[name] in FAILS)
        self._evidence = {name for inference in inferred for name in inference.evidence}
        self._suspected_by = _suspected_by(inferences)
        self._lists: dict[frozenset[str], tuple[str, ...]] = {}
        self._roots: dict[str, frozenset[str]] = {}
        for name in graph.order:
            self._roots[name] = self._find_roots(name)

    def verdict(self, name: str) -> Verdict:
        state = self._states[name]
        if state == State.UP and name not in self._inferences and self._is_untouched(name):
            return _UP
        explained_by = self._attribution.explained_by(name)
        roots = self._roots[name]
        root = name in roots
        return Verdict(
            state=state,
            root=root,
            roots=() if root else self._listed(roots),
            explained_by=self._listed(explained_by),
            at_risk_from=() if state in FAILS else self._listed(union(self._roots[o] for o in explained_by)),
            through=self._listed(self._attribution.through.get(name, NOTHING)),
            suspects=self._suspects(name, root) if state in FAILS else (),
            contradicted_by=self._contradicted_by(name),
            conflicts=self._conflicts(name),
            judged=self._unwell.get(name),
            certainty=self._certainty(name),
            inference=self._inferences.get(name),
        )

    def _is_untouched(self, name: str) -> bool:
        return not self._attribution.explained_by(name) and not self._graph.components[name].covers

    def _certainty(self, name: str) -> Certainty:
        inference = self._inferences.get(name)
        if inference is None or not inference.evidence:
            judged = self._unwell.get(name)
            by_rate = judged is not None and judged.reason == Reason.UNSTABLE
            return Certainty.LIKELY if by_rate else Certainty.OBSERVED
        return Certainty.LIKELY if inference.likely else Certainty.INFERRED

    def _listed(self, names: frozenset[str]) -> tuple[str, ...]:
        """In order; many components share one set."""
        if len(names) < 2:
            return tuple(names)
        if names not in self._lists:
            self._lists[names] = tuple(sorted(names))
        return self._lists[names]

    def _find_roots(self, name: str) -> frozenset[str]:
        """The root causes behind a failing component, itself when it is one; nothing when it only waits or recovers."""
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
        reason = condition.reason
        if reason not in INTRINSIC and reason not in self._graph.components[name].intrinsic:
            return False
        if not CLASSES_OF[reason].isdisjoint(self._classes_above[name]):
            return False
        return reason in CERTIFICATE or not self._began_with_an_ancestor(name, condition)

    def _began_with_an_ancestor(self, name: str, effect: Condition) -> bool:
        causes = (self._conditions[o] for o in self._attribution.explained_by(name) if o in self._conditions)
        return any(began_together(cause.recent, effect.recent, slack(cause, effect)) for cause in causes)

    @cached_property
    def _classes_above(self) -> dict[str, frozenset[str]]:
        """Component -> the classes of reasons in which its hard ancestors fail."""
        own = {name: CLASSES_OF[condition.reason] for name, condition in self._conditions.items()}
        own |= {name: inference.classes for name, inference in self._inferences.items()}
        above = dict.fromkeys(self._graph.border, NOTHING)
        for name in self._graph.order:
            parents = self._graph.components[name].hard
            failing = (own[parent] for parent in parents if self._states[parent] in FAILS)
            above[name] = union([*failing, *(above[parent] for parent in parents)])
        return above

    def _suspects(self, name: str, root: bool) -> tuple[str, ...]:
        optional = self._graph.components[name].optional_depends_on
        if not root and not optional:
            return ()
        found = {o for o in optional if self._states[o] in FAILS} - self._attribution.explained_by(name)
        if root:
            found.update(self._suspected_by.get(name, ()))
            inference = self._inferences.get(name, Inference())
            found.update(inference.suspects)
            for failing in (name, *inference.evidence):
                groups = self._graph.components[failing].depends_on
                found.update(other for group in groups for other in group if self._blind(other))
        return tuple(sorted(found)) if found else ()

    def _blind(self, name: str) -> bool:
        return self._states[name] == State.UNKNOWN and name in self._conditions

    def _contradicted_by(self, name: str) -> tuple[str, ...]:
        inference = self._inferences.get(name)
        if inference is not None and inference.evidence:
            return inference.against
        if self._states[name] != State.DOWN or name not in self._conditions:
            return ()
        up = [other for other in self._graph.needed_by[name] if self._states[other] == State.UP]
        return tuple(sorted(o for o in up if self._graph.components[o].layer != Layer.TEST)) if up else ()

    def _conflicts(self, name: str) -> tuple[str, ...]:
        if self._states[name] != State.UP:
            return ()
        return tuple(sorted(c for c in self._graph.components[name].covers if self._states[c] in IS_DOWN))


def _suspected_by(inferences: Mapping[str, Inference]) -> dict[str, list[str]]:
    """Component -> those nobody can see that it alone, or too far apart in time, is evidence for."""
    found: dict[str, list[str]] = {}
    for latent, inference in inferences.items():
        for name in inference.suspected_by:
            found.setdefault(name, []).append(latent)
    return found
