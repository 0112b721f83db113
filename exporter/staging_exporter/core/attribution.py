"""Rule 1: which dependencies explain a failing component, the part of the diagnosis that walks the graph.

A dependency that is down, flapping, starting or in maintenance explains its dependents. A degraded one explains what is
degraded, and what is down where its trouble is of a kind that is handed on and began in time. Through a dependency that
is unknown, or degraded in another way, the search goes on behind it. Through one that is up it goes on too, but only to
what began together with the effect: then the check in the middle did not notice. An any-of group explains a component
that is down only when every member does; one that is degraded, or that fails now and then, already with one member.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from staging_exporter.core.evidence import began_together
from staging_exporter.core.graph import Graph
from staging_exporter.core.model import Component, Layer, Reason, State
from staging_exporter.core.rules import FAILS, IS_DOWN, NOT_READY, Condition, hands_on, takes_down

NOTHING: frozenset[str] = frozenset()
_Seen = tuple[str, bool]  # a component, and whether it is seen only through one that is up
_EXPLAINS = IS_DOWN | NOT_READY
_SLACK = 2  # intervals by which the trouble of a cause may be seen after that of its effect
_LEAST_SLACK = 10.0  # seconds


def union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    """Their union; no new set where one of them is it."""
    found = NOTHING
    for one in sets:
        if one is not found and one:
            found = found | one if found else one
    return found


def slack(a: Condition, b: Condition) -> float:
    """Seconds by which two components may notice one event apart, beyond what their runs say."""
    return max(a.interval, b.interval, _LEAST_SLACK)


class _Effect(NamedTuple):
    """What is to be explained; `condition` is None where nothing fails yet, or where that was inferred.

    `one_suffices` says that one member of an any-of group explains it: it is degraded, or fails now and then.
    """

    fails: bool
    down: bool
    one_suffices: bool
    condition: Condition | None


class Attribution:
    """Who explains each component, given the states; computed on demand, linear in the edges that are walked."""

    def __init__(self, graph: Graph, states: Mapping[str, State], conditions: Mapping[str, Condition]) -> None:
        """`conditions` are those of the checked components, as they are judged."""
        self._graph, self._states, self._conditions = graph, states, conditions
        self._trouble_above = dict.fromkeys((*graph.order, *graph.border), False)
        self._known: dict[str, frozenset[str]] = {}
        self.through: dict[str, frozenset[str]] = {}  # component -> those that are up between it and its explanation
        troubled = {name for name, state in states.items() if state in FAILS | NOT_READY}
        for name in graph.order if troubled else ():
            edges = graph.edges[name]
            self._trouble_above[name] = any(o in troubled or self._trouble_above[o] for o in edges)

    def with_states(self, states: Mapping[str, State]) -> Attribution:
        """The same where some states are others now; what depends on none of those is not looked for again."""
        changed = {name for name, state in states.items() if state != self._states[name]}
        if not changed:
            return self
        new = Attribution(self._graph, states, self._conditions)
        for name in self._graph.order:
            if name in changed or not changed.isdisjoint(self._graph.edges[name]):
                changed.add(name)
            elif name in self._known:
                new._known[name] = self._known[name]
                if name in self.through:
                    new.through[name] = self.through[name]
        return new

    def failing(self) -> set[str]:
        """The failing components that something explains."""
        return {name for name, state in self._states.items() if state in FAILS and self.explained_by(name)}

    def explained_by(self, name: str) -> frozenset[str]:
        """The components that explain `name`; for one that does not fail, those that would if it were down."""
        if name not in self._known:
            self._known[name] = self._find(name)
        return self._known[name]

    def _find(self, name: str) -> frozenset[str]:
        component, state = self._graph.components[name], self._states[name]
        if not self._trouble_above[name] and not component.covers:
            return NOTHING
        if state in _EXPLAINS and component.layer != Layer.TEST and (direct := self._directly(component)) is not None:
            return direct
        failing = state in FAILS
        condition = self._conditions.get(name) if failing else None
        down = state != State.DEGRADED
        now_and_then = condition is not None and (state == State.FLAPPING or condition.recent.intermittent)
        effect = _Effect(failing, down, not down or now_and_then, condition)
        own = self._behind(component, effect)
        if component.layer == Layer.TEST and failing:
            known = condition.tests_fail_for if condition else None
            covers = component.covers if known is None else sorted(known.intersection(component.covers))
            own |= {covered for covered in covers if self._states[covered] in FAILS}
        return own

    def _directly(self, component: Component) -> frozenset[str] | None:
        """What explains one that is down, where each dependency does so itself or has no trouble; else None."""
        found: list[str] = []
        for group in component.depends_on:
            explaining = [name for name in group if self._states[name] in _EXPLAINS]
            if len(explaining) == len(group):
                found += explaining
            elif explaining or any(map(self._is_troubled, group)):
                return None
        return self._graph.itself[found[0]] if len(found) == 1 else frozenset(found)

    def _is_troubled(self, name: str) -> bool:
        return self._trouble_above[name] or self._states[name] in FAILS

    def _behind(self, component: Component, effect: _Effect) -> frozenset[str]:
        found: dict[_Seen, frozenset[str]] = {}
        for name, unnoticed in sorted(self._reach(component.name, effect), key=lambda s: self._graph.index[s[0]]):
            found[name, unnoticed] = self._of_one(self._graph.components[name], effect, unnoticed, found)
        explained = found[component.name, False]
        if explained:
            green = {name for (name, _), some in found.items() if some and self._states[name] == State.UP}
            green.discard(component.name)
            if green and not any(o in explained for g in component.depends_on for o in g):
                self.through[component.name] = frozenset(green)
        return explained

    def _reach(self, start: str, effect: _Effect) -> set[_Seen]:
        """The components to be looked behind, by each way: past one that is up, or not."""
        reached: set[_Seen] = {(start, False)}
        left = list(reached)
        while left:
            name, unnoticed = left.pop()
            for other in self._edges(self._graph.components[name], effect):
                state = self._states[other]
                if not self._trouble_above[other] or state in _EXPLAINS:
                    continue
                if state == State.UP and (effect.condition is None or effect.condition.recent.since is None):
                    continue
                way = other, unnoticed or state == State.UP
                if way not in reached:
                    reached.add(way)
                    left.append(way)
        return reached

    def _edges(self, component: Component, effect: _Effect) -> Iterable[str]:
        for group in component.depends_on:
            yield from group
        if not effect.down:
            yield from component.optional_depends_on

    def _of_one(
        self, component: Component, effect: _Effect, unnoticed: bool, found: Mapping[_Seen, frozenset[str]]
    ) -> frozenset[str]:
        def of(name: str) -> frozenset[str]:
            if self._explains(name, effect, unnoticed):
                return self._graph.itself[name]
            return found.get((name, unnoticed or self._states[name] == State.UP), NOTHING)

        if effect.one_suffices:
            return union(of(name) for name in self._edges(component, effect))
        groups = ([of(name) for name in group] for group in component.depends_on)
        return union(union(members) for members in groups if all(members))

    def _explains(self, name: str, effect: _Effect, unnoticed: bool) -> bool:
        state, condition = self._states[name], self._conditions.get(name)
        if unnoticed and not (
            state in FAILS and condition and effect.condition and _together(condition, effect.condition)
        ):
            return False
        if state in _EXPLAINS:
            return True
        if state != State.DEGRADED:
            return False
        if not effect.down:
            return True
        if not effect.fails:
            return condition is not None and takes_down(condition.reason)
        return effect.condition is not None and condition is not None and _hands_on(condition, effect.condition)


def _together(cause: Condition, effect: Condition) -> bool:
    return began_together(cause.recent, effect.recent, slack(cause, effect))


def _hands_on(cause: Condition, effect: Condition) -> bool:
    if not hands_on(cause.reason, effect.reason):
        return False
    if cause.reason == Reason.UNSTABLE:
        return True
    began, seen = cause.troubled_since, effect.began
    return began is None or seen is None or began <= seen + _SLACK * max(cause.interval, effect.interval)
