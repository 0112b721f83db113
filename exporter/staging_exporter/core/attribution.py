"""What explains the failure of each component, by the table of states in `rules`: the part that walks the graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from staging_exporter.core.graph import Graph
from staging_exporter.core.model import Component, Layer, State
from staging_exporter.core.rules import FAILS, IS_DOWN, NOT_READY

NOTHING: frozenset[str] = frozenset()
_EXPLAINS_DOWN = IS_DOWN | NOT_READY
_EXPLAINS_DEGRADED = FAILS | NOT_READY
_LOOKED_THROUGH = frozenset({State.UNKNOWN, State.DEGRADED})


def union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    """Their union; no new set where one of them is it."""
    found = NOTHING
    for one in sets:
        if one is not found and one:
            found = found | one if found else one
    return found


class Attribution:
    """What explains each component, given the states: computed once, dependencies first, linear in edges."""

    def __init__(self, graph: Graph, states: Mapping[str, State]) -> None:
        self._graph, self._states = graph, states
        self._if_down = dict.fromkeys(graph.order, NOTHING)
        self._if_degraded = dict.fromkeys(graph.order, NOTHING)
        up = {name for name, state in states.items() if state == State.UP}
        for name in graph.order:
            if up.issuperset(graph.edges[name]):
                continue
            component = graph.components[name]
            self._if_down[name] = self._explain_down(component)
            if states[name] in _LOOKED_THROUGH:
                self._if_degraded[name] = self._explain_degraded(component)

    def explained_by(self, name: str) -> frozenset[str]:
        """The components that explain why `name` fails; of one that does not fail, those that would if it were down."""
        state = self._states[name]
        explained_by = (self._if_degraded if state == State.DEGRADED else self._if_down)[name]
        component = self._graph.components[name]
        if component.layer == Layer.TEST and state in FAILS:
            explained_by |= {covered for covered in component.covers if self._states[covered] in FAILS}
        return explained_by

    def _explain_down(self, component: Component) -> frozenset[str]:
        """Of each group, all when all of them explain it."""
        found = []
        for group in component.depends_on:
            members = [self._through(name, _EXPLAINS_DOWN, self._if_down) for name in group]
            if all(members):
                found.extend(members)
        return union(found)

    def _explain_degraded(self, component: Component) -> frozenset[str]:
        """Any member of any group, and any optional one."""
        hard = (name for group in component.depends_on for name in group)
        names = (*hard, *component.optional_depends_on)
        return union(self._through(name, _EXPLAINS_DEGRADED, self._if_degraded) for name in names)

    def _through(self, name: str, explains: frozenset[State], behind: Mapping[str, frozenset[str]]) -> frozenset[str]:
        """What explains a dependent of `name`: itself, or what explains `name` when looked through, or nothing."""
        state = self._states[name]
        if state in explains:
            return self._graph.itself[name]
        return NOTHING if state == State.UP else behind[name]
