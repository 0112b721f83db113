"""How a fault spreads over the true graph. Nothing here uses the graph or the rules of the code under test."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

from staging_exporter.core.model import Topology

Groups = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Span:
    """From `begins` until before `ends`, seconds of the run."""

    begins: float
    ends: float

    def __contains__(self, now: float) -> bool:
        return self.begins <= now < self.ends


class TrueGraph:
    """Who fails when something fails."""

    def __init__(self, topology: Topology) -> None:
        self.components = topology.components
        self.groups: Mapping[str, Groups] = {name: c.depends_on for name, c in topology.components.items()}

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Dependencies first."""
        done: dict[str, None] = {}

        def visit(name: str) -> None:
            if name not in done:
                for other in (*self.hard(name), *self.components[name].optional_depends_on):
                    visit(other)
                done[name] = None

        for name in self.components:
            visit(name)
        return tuple(done)

    def hard(self, name: str) -> tuple[str, ...]:
        """All that it needs, alternatives included."""
        return tuple(member for group in self.groups[name] for member in group)

    @cached_property
    def dependents(self) -> Mapping[str, tuple[str, ...]]:
        """Direct dependents that cannot do without it."""
        found: dict[str, list[str]] = {name: [] for name in self.components}
        for name, groups in self.groups.items():
            for group in groups:
                if len(group) == 1:
                    found[group[0]].append(name)
        return {name: tuple(dict.fromkeys(names)) for name, names in found.items()}

    def checked(self, names: Collection[str]) -> list[str]:
        """Those with a check."""
        return [name for name in names if not self.components[name].latent]

    def failing(self, roots: Collection[str], resist: Collection[str] = ()) -> list[str]:
        """All that fail when `roots` do, dependencies first. Nothing spreads through what is in `resist`."""
        found: dict[str, None] = {}
        for name in self.order:
            broken = any(all(member in found for member in group) for group in self.groups[name])
            if name in roots or (broken and name not in resist):
                found[name] = None
        return list(found)

    def ancestors(self, name: str) -> set[str]:
        """All that it needs, directly or not."""
        found: set[str] = set()
        stack = list(self.hard(name))
        while stack:
            if (one := stack.pop()) not in found:
                found.add(one)
                stack.extend(self.hard(one))
        return found

    def witnesses(self, latent: str) -> list[str]:
        """Checked components that fail with a latent one and have only latent ones between."""
        found: dict[str, None] = {}
        stack = [latent]
        while stack:
            for name in self.dependents[stack.pop()]:
                if self.components[name].latent:
                    stack.append(name)
                else:
                    found[name] = None
        failing = set(self.checked(self.failing([latent])))
        return [name for name in found if not failing & self.ancestors(name)]

    def direct_witnesses(self, latent: str) -> list[str]:
        """Those of its witnesses with nothing between."""
        return [name for name in self.witnesses(latent) if name in self.dependents[latent]]

    def identifiable(self, latent: str, witnesses: Collection[str]) -> bool:
        """True when two or more speak for it, and for no other that no healthy component clears."""
        if len(witnesses) < 2:
            return False
        failing = set(self.failing([latent]))
        others = [n for n, c in self.components.items() if c.latent and n != latent]
        accused = [other for other in others if self._all_dependents(other).issuperset(witnesses)]
        return all(self._cleared(other, failing) for other in accused)

    def _all_dependents(self, latent: str) -> set[str]:
        """Checked components that depend on it with only latent ones between."""
        found: set[str] = set()
        stack = [latent]
        while stack:
            for name in self.dependents[stack.pop()]:
                if self.components[name].latent:
                    stack.append(name)
                else:
                    found.add(name)
        return found

    def _cleared(self, latent: str, failing: Collection[str]) -> bool:
        return any(name not in failing for name in self._all_dependents(latent))


Delay = Callable[[str], float]


def spread(graph: TrueGraph, roots: Mapping[str, Span], onset: Delay, repair: Delay) -> dict[str, Span]:
    """When each component fails. An effect begins `onset` after the fault, but not before what causes it.

    It ends `repair` seconds after the last of its causes; a negative number is before them.
    """
    found: dict[str, Span] = {}
    first = min(span.begins for span in roots.values())
    for name in graph.failing(roots):
        if name in roots:
            found[name] = roots[name]
            continue
        broken = [group for group in graph.groups[name] if all(member in found for member in group)]
        begins = min(max(found[member].begins for member in group) for group in broken)
        ends = max(min(found[member].ends for member in group) for group in broken)
        latent = graph.components[name].latent
        begins = max(begins, first + (0.0 if latent else onset(name)))
        found[name] = Span(begins, max(begins + 1.0, ends + (0.0 if latent else repair(name))))
    return found
