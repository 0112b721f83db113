"""Rule 10: root causes that began together without an edge between them, and what that suggests.

Two components that fail together once may do so by chance; twice, at the same moments, and recovering together, they
have something in common that the configuration does not name. So a second such incident suggests an edge, from the one
that began later to the one that began earlier. Edges to components that healthy dependents contradicted, and checks
that noticed nothing while what is behind them failed, are listed too. Pure functions of root causes and incidents.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TypeVar

from staging_exporter.core.graph import Graph
from staging_exporter.core.incidents import Incident, IncidentRootCause
from staging_exporter.core.snapshot import RootCause

BEGAN_WITHIN = 30.0  # seconds between the onsets of two root causes that coincide
_ENDED_WITHIN = 60.0  # seconds between their ends, for an incident that suggests an edge
_INCIDENTS = 2  # that suggest an edge

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
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
    """The root causes, each with the others that began together with it and that no path connects."""
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
    """True when one depends on the other, by whatever path."""
    return b in graph.ancestors(a) or a in graph.ancestors(b)


def suggest(graph: Graph, incidents: Iterable[Incident]) -> Suggestions:
    """What these incidents suggest; names that are not configured any more are left out."""
    pairs: dict[tuple[str, str], list[float]] = {}
    doubtful: dict[tuple[str, str], list[float]] = {}
    shallow: dict[str, list[float]] = {}
    for incident in incidents:
        for pair in _failed_together(graph, incident):
            pairs.setdefault(pair, []).append(incident.began)
        for root in incident.roots:
            for name in root.contradicted_by:
                _add(doubtful, (name, root.component), incident.began)
            for name in root.through:
                _add(shallow, name, incident.began)
    known = graph.components.keys()
    return Suggestions(
        tuple(SuggestedEdge(*pair, tuple(at), len(pairs[pair])) for pair, at in _decided(pairs) if known >= set(pair)),
        tuple(DoubtfulEdge(*pair, tuple(at)) for pair, at in sorted(doubtful.items()) if known >= set(pair)),
        tuple(ShallowCheck(name, tuple(at)) for name, at in sorted(shallow.items()) if name in known),
    )


def _add(found: dict[K, list[float]], key: K, at: float) -> None:
    if at not in found.setdefault(key, []):
        found[key].append(at)


def _failed_together(graph: Graph, incident: Incident) -> Iterable[tuple[str, str]]:
    """(later, earlier) of each pair of root causes that began and ended together without a path between them."""
    seen = set()
    for a, b in combinations(incident.roots, 2):
        if a.component == b.component or not _together(a, b):
            continue
        later, earlier = (a, b) if _onset(a) >= _onset(b) else (b, a)
        pair = later.component, earlier.component
        if pair in seen or (pair[1], pair[0]) in seen or not graph.components.keys() >= set(pair):
            continue
        if not connected(graph, *pair):
            seen.add(pair)
            yield pair


def _together(a: IncidentRootCause, b: IncidentRootCause) -> bool:
    if abs(_onset(a) - _onset(b)) > BEGAN_WITHIN or a.until is None or b.until is None:
        return False
    return abs(a.until - b.until) <= _ENDED_WITHIN


def _onset(root: IncidentRootCause) -> float:
    return root.since if root.began is None else root.began


def _decided(pairs: Mapping[tuple[str, str], list[float]]) -> Iterable[tuple[tuple[str, str], list[float]]]:
    """Each pair once, in the direction that more incidents show, with all of its incidents."""
    both: Counter[frozenset[str]] = Counter()
    for pair, at in pairs.items():
        both[frozenset(pair)] += len(at)
    for pair, at in sorted(pairs.items()):
        other = pairs.get((pair[1], pair[0]), [])
        if both[frozenset(pair)] >= _INCIDENTS and (len(at), pair) > (len(other), (pair[1], pair[0])):
            yield pair, sorted([*at, *other])
