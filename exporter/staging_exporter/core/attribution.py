"""Who accounts for whom, by the table of `law`: the part of the diagnosis that walks the graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from staging_exporter.core.graph import Graph
from staging_exporter.core.model import Component, Layer, State
from staging_exporter.core.rules import EXCUSES, FAILS, IS_DOWN

NOTHING: frozenset[str] = frozenset()
_FOR_A_DOWN_ONE = IS_DOWN | EXCUSES
_FOR_A_DEGRADED_ONE = FAILS | EXCUSES
_LOOKED_THROUGH = frozenset({State.UNKNOWN, State.DEGRADED})


def union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    """Their union; no new set where one of them is it."""
    found = NOTHING
    for one in sets:
        if one is not found and one:
            found = found | one if found else one
    return found


class Accounts:
    """Who accounts for each component, given the states: computed once, dependencies first, linear in edges."""

    def __init__(self, graph: Graph, states: Mapping[str, State]) -> None:
        self._graph, self._states = graph, states
        self._for_down = dict.fromkeys(graph.order, NOTHING)
        self._for_degraded = dict.fromkeys(graph.order, NOTHING)
        well = {name for name, state in states.items() if state == State.UP}
        for name in graph.order:
            if well.issuperset(graph.edges[name]):
                continue
            component = graph.components[name]
            self._for_down[name] = self._of_a_down_one(component)
            if states[name] in _LOOKED_THROUGH:
                self._for_degraded[name] = self._of_a_degraded_one(component)

    def of(self, name: str) -> frozenset[str]:
        """The components that account for `name` failing; for what does not fail, those that would if it were down."""
        state = self._states[name]
        own = (self._for_degraded if state == State.DEGRADED else self._for_down)[name]
        component = self._graph.components[name]
        if component.layer == Layer.TEST and state in FAILS:
            own |= {covered for covered in component.covers if self._states[covered] in FAILS}
        return own

    def _of_a_down_one(self, component: Component) -> frozenset[str]:
        """Of each group, all when all of them account for it."""
        found = []
        for group in component.depends_on:
            members = [self._through(name, _FOR_A_DOWN_ONE, self._for_down) for name in group]
            if all(members):
                found.extend(members)
        return union(found)

    def _of_a_degraded_one(self, component: Component) -> frozenset[str]:
        """Any member of any group, and any optional one."""
        hard = (name for group in component.depends_on for name in group)
        names = (*hard, *component.optional_depends_on)
        return union(self._through(name, _FOR_A_DEGRADED_ONE, self._for_degraded) for name in names)

    def _through(self, name: str, accounting: frozenset[State], behind: Mapping[str, frozenset[str]]) -> frozenset[str]:
        """Those that account for a dependent of `name`: itself, or what lies behind it, or nobody."""
        state = self._states[name]
        if state in accounting:
            return self._graph.itself[name]
        return NOTHING if state == State.UP else behind[name]
