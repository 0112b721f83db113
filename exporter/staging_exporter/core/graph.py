"""The dependency graph: order, ancestors, dependents, cycles named. Built once per configuration, then only read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from copy import copy

from staging_exporter.core.model import Component


def find_cycle(edges: Mapping[str, Iterable[str]]) -> list[str] | None:
    """The nodes of one cycle, its first node again at the end, or None; `edges` are node -> nodes it depends on.

    Nodes that have no entry of their own count as having no edges.
    """
    done: set[str] = set()
    for start in edges:
        path: list[str] = []
        on_path: set[str] = set()
        stack: list[tuple[str, bool]] = [(start, True)]
        while stack:
            node, entering = stack.pop()
            if not entering:
                on_path.discard(path.pop())
                done.add(node)
            elif node in on_path:
                return [*path[path.index(node) :], node]
            elif node not in done:
                path.append(node)
                on_path.add(node)
                stack.append((node, False))
                stack.extend((target, True) for target in edges.get(node, ()))
    return None


class Graph:
    """Who depends on whom. An edge is hard (one group of `depends_on`), optional, or from a suite to what it covers."""

    def __init__(self, components: Mapping[str, Component]) -> None:
        """Raises ValueError, naming the path, when there is a cycle, and KeyError for an unknown dependency."""
        self.components = components
        self.edges = {name: _targets(component) for name, component in components.items()}
        if cycle := find_cycle(self.edges):
            raise ValueError(" -> ".join(cycle))
        self.order = _dependencies_first(self.edges)
        self.index = {name: number for number, name in enumerate(self.order)}
        self.border: tuple[str, ...] = ()  # of a part: what its components depend on outside of it
        self.dependents: dict[str, list[str]] = {name: [] for name in components}
        self.needed_by: dict[str, list[str]] = {name: [] for name in components}
        self.itself = {name: frozenset({name}) for name in components}
        self._evidence: dict[frozenset[str], frozenset[str]] = {}
        self._needing: dict[str, frozenset[str]] = {}
        self._hard: dict[str, list[str]] = {name: [] for name in components}
        for name, component in components.items():
            for target in self.edges[name]:
                self.dependents[target].append(name)
            for target in component.hard:
                self._hard[target].append(name)
            for group in component.depends_on:
                if len(group) == 1:
                    self.needed_by[group[0]].append(name)

    def within(self, names: Collection[str]) -> Graph:
        """The same graph with these alone in `order`, and with what they depend on beside them in `border`."""
        part = copy(self)
        part.order = tuple(sorted(names, key=self.index.__getitem__))
        part.border = tuple(dict.fromkeys(o for name in part.order for o in self.edges[name] if o not in names))
        return part

    def ancestors(self, name: str) -> set[str]:
        """Everything that `name` depends on, by edges of every sort."""
        return _reach(name, self.edges)

    def deciding(self, name: str, blind: Collection[str] = ()) -> frozenset[str]:
        """Itself, its ancestors, and all that is evidence for those that nobody can see: what its verdict rests on."""
        own = frozenset({name, *self.ancestors(name)})
        return own | self._find_evidence((other for other in own if self._unseen(other, blind)), blind)

    def rests_on(self, name: str) -> tuple[frozenset[str], frozenset[str]]:
        """Itself and its ancestors; and what is evidence for the latent ones: one set for all that share those."""
        own = frozenset({name, *self.ancestors(name)})
        latents = frozenset(other for other in own if self.components[other].latent)
        if latents not in self._evidence:
            self._evidence[latents] = self._find_evidence(latents)
        return own, self._evidence[latents]

    def _find_evidence(self, unseen: Iterable[str], blind: Collection[str] = ()) -> frozenset[str]:
        found: set[str] = set()
        left = list(unseen)
        while left:
            more = [other for other in self.dependents[left.pop()] if other not in found]
            found.update(more)
            left.extend(other for other in more if self._unseen(other, blind))
        return frozenset(found)

    def decided_by(self, name: str, blind: Collection[str] = ()) -> frozenset[str]:
        """Itself, its descendants, and the dependents of those that it is evidence for: whose verdicts rest on it."""
        found = {name}
        unseen, left = set[str](), [name]
        while left:
            more = [o for o in self.edges[left.pop()] if self._unseen(o, blind) and o not in unseen]
            unseen.update(more)
            left.extend(more)
        for other in (name, *unseen):
            found.update((other, *self.descendants(other)))
        return frozenset(found)

    def _unseen(self, name: str, blind: Collection[str]) -> bool:
        return self.components[name].latent or name in blind

    def needing(self, name: str) -> frozenset[str]:
        """Everything that depends on `name` by hard edges, alternatives included."""
        if name not in self._needing:
            self._needing[name] = frozenset(_reach(name, self._hard))
        return self._needing[name]

    def lost_with(self, name: str) -> set[str]:
        """Everything that cannot do without `name`: by edges that have no alternative."""
        return _reach(name, self.needed_by)

    def descendants(self, name: str) -> set[str]:
        """Everything that depends on `name`, by edges of every sort."""
        return _reach(name, self.dependents)


def _targets(component: Component) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*component.needs, *component.covers]))


def _dependencies_first(edges: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    order: dict[str, None] = {}
    for start in edges:
        stack = [(start, True)]
        while stack:
            node, entering = stack.pop()
            if not entering:
                order[node] = None
            elif node not in order:
                stack.append((node, False))
                stack.extend((target, True) for target in edges[node] if target not in order)
    return tuple(order)


def _reach(name: str, edges: Mapping[str, Iterable[str]]) -> set[str]:
    found: set[str] = set()
    stack = list(edges[name])
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack.extend(edges[node])
    return found
