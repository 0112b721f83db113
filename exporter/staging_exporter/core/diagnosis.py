"""The law of diagnosis: states -> root causes, symptoms, suspects, contradictions.

What a state means for others is the table in `law`; a component with no check is latent, see `latents`.

1. A failing component that no hard dependency accounts for is a root cause; otherwise it is a symptom and inherits the
   roots of those that account for it. An any-of group accounts for a down component only when every member does.
   Optional dependencies account for a degraded component, never for a down one: there they are named as suspects.
   What is unknown is looked through to its own dependencies, and so is what is degraded, for a down dependent.
2. A down component with an intrinsic reason is a root even when a dependency accounts for it; unless a failing hard
   ancestor fails in the same class (it only relays it), or it helped to convict a latent component.
3. Latents are inferred from their dependents before roots are named.
4. A component that is down while a hard dependent of it is up is contradicted: the fault may lie on the path from here.
5. A component of layer `test` convicts and exonerates nobody. A failing suite is accounted for by any failing component
   that it covers; a suite that passes while one of them is down is a conflict.

Rules 6 and 7, when a verdict is published, are in `rounds` and `board`; rules 8 and 9, what it costs, in `impact`.
Everything here is a pure function of the graph and the conditions, linear in edges, independent of any order.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from staging_exporter.core.attribution import NOTHING, Accounts, union
from staging_exporter.core.graph import Graph
from staging_exporter.core.inference import Inference, infer, only
from staging_exporter.core.model import Layer, State
from staging_exporter.core.rules import CLASS_OF, FAILS, INTRINSIC, IS_DOWN, Condition


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is concluded about one component.

    `roots` are the root causes that a symptom inherits; `explained_by` are the dependencies that account for it, or
    would if it were down;
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
    excused: Collection[str] = (),
    held: Mapping[str, Inference] | None = None,
) -> dict[str, Verdict]:
    """The verdict on every component.

    `conditions` has every checked component. `excused` are failing ones that still recover from a root that is gone:
    they are accounted for. `held` are latents that stay convicted until a dependent, or all of those convicts, are up.
    """
    states = {name: conditions[name].state if name in conditions else State.UNKNOWN for name in graph.order}
    explained = _explained(graph, states) | set(excused)
    inferences = infer(graph, conditions, explained)
    kept = {
        name: replace(old, held=True)
        for name, old in (held or {}).items()
        if name in inferences and _stays_convicted(inferences[name], old, states)
    }
    if kept:  # what they account for, behind a check that tells nothing now, convicts no other
        as_kept = states | {name: inference.state for name, inference in kept.items()}
        inferences = infer(graph, conditions, explained | _explained(graph, as_kept)) | kept
    states |= {name: inference.state for name, inference in inferences.items()}
    case = _Case(graph, conditions, states, inferences, excused)
    return {name: case.verdict(name) for name in graph.order}


def _explained(graph: Graph, states: Mapping[str, State]) -> set[str]:
    """The failing components that something accounts for."""
    accounts = Accounts(graph, states)
    return {name for name, state in states.items() if state in FAILS and accounts.of(name)}


def _stays_convicted(inference: Inference, old: Inference, states: Mapping[str, State]) -> bool:
    if inference.state != State.UNKNOWN or inference.outdone:
        return False
    return any(states.get(convict, State.UP) != State.UP for convict in old.convicts)


class _Case:
    """All that the verdicts rest on."""

    def __init__(
        self,
        graph: Graph,
        conditions: Mapping[str, Condition],
        states: Mapping[str, State],
        inferences: Mapping[str, Inference],
        excused: Collection[str],
    ) -> None:
        self._graph, self._conditions, self._states = graph, conditions, states
        self._inferences, self._excused = inferences, excused
        self._accounts = Accounts(graph, states)
        convicted = (i for name, i in inferences.items() if states[name] in FAILS)
        self._convicts = {convict for inference in convicted for convict in inference.convicts}
        self._accused = _accused(inferences)
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
            explained_by=self._listed(self._accounts.of(name)),
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
        explained_by = self._accounts.of(name)
        if name in self._excused and not explained_by:
            return NOTHING
        if not explained_by or self._is_intrinsic(name):
            return self._graph.itself[name]
        return union(self._roots[other] for other in explained_by)

    def _is_intrinsic(self, name: str) -> bool:
        condition = self._conditions.get(name)
        if condition is None or condition.state not in IS_DOWN or name in self._convicts:
            return False
        intrinsic = INTRINSIC | self._graph.components[name].intrinsic
        return condition.reason in intrinsic and CLASS_OF.get(condition.reason) not in self._classes_above[name]

    @cached_property
    def _classes_above(self) -> dict[str, frozenset[str]]:
        """Component -> the classes of reasons in which its hard ancestors fail."""
        own = {name: CLASS_OF.get(condition.reason, "") for name, condition in self._conditions.items()}
        own |= {name: inference.kind_of_failure for name, inference in self._inferences.items()}
        above: dict[str, frozenset[str]] = {}
        for name in self._graph.order:
            parents = [parent for group in self._graph.components[name].depends_on for parent in group]
            failing = frozenset(own[parent] for parent in parents if self._states[parent] in FAILS)
            above[name] = union([failing, *(above[parent] for parent in parents)])
        return above

    def _suspects(self, name: str, root: bool) -> tuple[str, ...]:
        component = self._graph.components[name]
        found = {o for o in component.optional_depends_on if self._states[o] in FAILS}
        found -= self._accounts.of(name)
        if root:
            found.update(self._accused.get(name, ()))
            inference = self._inferences.get(name, Inference())
            found.update(inference.suspects)
            for failing in (name, *inference.convicts):
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


def _accused(inferences: Mapping[str, Inference]) -> dict[str, list[str]]:
    """Component -> the latents that it alone, or too far apart in time, speaks against."""
    accused: dict[str, list[str]] = {}
    for latent, inference in inferences.items():
        for name in inference.accused_by:
            accused.setdefault(name, []).append(latent)
    return accused
