"""Rule 10: root causes that began together without an edge between them, and what that suggests.

Two components that fail together once may do so by chance; twice, at the same moments, and recovering together, they
have something in common that the configuration does not name. So a second such incident suggests an edge. It goes from
the one that failed later by more than an interval each time; else from the layer nearer to the user, and within one
layer from the one that failed later in most of them. Where each was as often the later one both edges are suggested:
which of two is seen first within an interval is the chance of when they are probed. Edges to components that healthy
dependents contradicted, and checks that noticed nothing while what is behind them failed, are listed too. Pure
functions of root causes and incidents.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import combinations
from typing import NamedTuple, TypeVar

from staging_exporter.core.graph import Graph
from staging_exporter.core.incidents import Incident, IncidentRootCause
from staging_exporter.core.model import Layer
from staging_exporter.core.snapshot import RootCause

BEGAN_WITHIN = 30.0  # seconds between the onsets of two root causes that coincide
_ENDED_WITHIN = 60.0  # seconds between their ends, for an incident that suggests an edge
_INCIDENTS = 2  # that suggest an edge
_AT_ONCE = 1.0  # seconds between two onsets that say nothing about their order
_LAYERS = tuple(Layer)

K = TypeVar("K")


@dataclass(frozen=True, slots=True, order=True)
class SuggestedEdge:
    """`component` may depend on `depends_on`: they failed together in incidents that began at these Unix seconds.

    `in_order` is the number of those in which `depends_on` began to fail first.
    """

    component: str
    depends_on: str
    incidents: tuple[float, ...]
    in_order: int


@dataclass(frozen=True, slots=True)
class DoubtfulEdge:
    """`component` was up while `depends_on`, which it needs by the configuration, was inferred down."""

    component: str
    depends_on: str
    incidents: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ShallowCheck:
    """The check of `component` noticed nothing in these incidents, while what it needs and what needs it failed."""

    component: str
    incidents: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What the incidents so far say about the configuration."""

    edges: tuple[SuggestedEdge, ...] = ()
    doubtful: tuple[DoubtfulEdge, ...] = ()
    shallow: tuple[ShallowCheck, ...] = ()


def with_coincidences(graph: Graph, roots: Iterable[RootCause]) -> tuple[RootCause, ...]:
    """The root causes, each with the others that began together with it; see `connected`."""
    found = tuple(roots)
    together: dict[str, list[str]] = {}
    for a, b in combinations(found, 2):
        if a.began is None or b.began is None or abs(a.began - b.began) > BEGAN_WITHIN:
            continue
        if not connected(graph, a.component, b.component):
            together.setdefault(a.component, []).append(b.component)
            together.setdefault(b.component, []).append(a.component)
    if not together:
        return found
    return tuple(replace(r, coincides_with=tuple(sorted(together.get(r.component, ())))) for r in found)


def connected(graph: Graph, a: str, b: str) -> bool:
    """True when one cannot do without the other: its failure would explain the other's."""
    return b in graph.lost_with(a) or a in graph.lost_with(b)


def suggest(graph: Graph, incidents: Iterable[Incident]) -> Suggestions:
    """What these incidents suggest; names that are not configured any more are left out."""
    pairs: dict[tuple[str, str], list[_Pair]] = {}
    doubtful: dict[tuple[str, str], list[float]] = {}
    shallow: dict[str, list[float]] = {}
    for incident in incidents:
        for names, pair in _failed_together(graph, incident).items():
            pairs.setdefault(names, []).append(pair)
        for root in incident.roots:
            for name in root.contradicted_by:
                _add(doubtful, (name, root.component), incident.began)
            for name in root.through:
                _add(shallow, name, incident.began)
    known = graph.components.keys()
    return Suggestions(
        tuple(
            sorted(e for names, found in pairs.items() if len(found) >= _INCIDENTS for e in _edges(graph, names, found))
        ),
        tuple(DoubtfulEdge(*pair, tuple(at)) for pair, at in sorted(doubtful.items()) if known >= set(pair)),
        tuple(ShallowCheck(name, tuple(at)) for name, at in sorted(shallow.items()) if name in known),
    )


def _add(found: dict[K, list[float]], key: K, at: float) -> None:
    if at not in found.setdefault(key, []):
        found[key].append(at)


class _Pair(NamedTuple):
    """Two that failed together in the incident that began `at`: the second was seen so many seconds after the first."""

    at: float
    later_by: float


def _failed_together(graph: Graph, incident: Incident) -> dict[tuple[str, str], _Pair]:
    """The pairs of root causes, by name, that began and ended together and are not `connected`."""
    seen: dict[tuple[str, str], _Pair] = {}
    for one, other in combinations(incident.roots, 2):
        a, b = sorted((one, other), key=lambda root: root.component)
        names = a.component, b.component
        if names[0] == names[1] or names in seen or not _together(a, b) or not graph.components.keys() >= set(names):
            continue
        if not connected(graph, *names):
            seen[names] = _Pair(incident.began, _onset(b) - _onset(a))
    return seen


def _together(a: IncidentRootCause, b: IncidentRootCause) -> bool:
    if abs(_onset(a) - _onset(b)) > BEGAN_WITHIN or a.until is None or b.until is None:
        return False
    return abs(a.until - b.until) <= _ENDED_WITHIN


def _onset(root: IncidentRootCause) -> float:
    return root.since if root.began is None else root.began


def _edges(graph: Graph, names: tuple[str, str], pairs: list[_Pair]) -> Iterable[SuggestedEdge]:
    """From the one that depends to the other; both ways where nothing tells which does."""
    a, b = names
    apart = [pair.later_by for pair in pairs]
    layers = [_LAYERS.index(graph.components[name].layer) for name in names]
    clear = max(graph.components[a].interval, graph.components[b].interval)
    if min(apart) > clear or max(apart) < -clear:
        votes = apart[0]
    elif layers[0] != layers[1]:
        votes = layers[1] - layers[0]
    else:
        votes = sum((x > _AT_ONCE) - (x < -_AT_ONCE) for x in apart)
    at = tuple(pair.at for pair in pairs)
    if votes >= 0:
        yield SuggestedEdge(b, a, at, sum(x >= 0 for x in apart))
    if votes <= 0:
        yield SuggestedEdge(a, b, at, sum(x <= 0 for x in apart))
