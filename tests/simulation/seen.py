"""What a scrape sees. The only place that reads fields which the code under test may not have yet."""

from __future__ import annotations

from dataclasses import dataclass

from staging_exporter.core.board import Board
from staging_exporter.core.model import Priority
from staging_exporter.core.snapshot import RootCause, Snapshot


@dataclass(frozen=True, slots=True)
class Root:
    """One root cause; `certainty` is None where the code under test gives none.

    `not_recovered` when it is announced as a symptom that still fails after its root cause has recovered.
    """

    name: str
    priority: Priority
    certainty: str | None = None
    coincides_with: tuple[str, ...] = ()
    not_recovered: bool = False
    contradicted: bool = False


def roots_of(snapshot: Snapshot) -> tuple[Root, ...]:
    """All root causes that are published."""
    return tuple(_root(root, snapshot) for root in snapshot.root_causes)


def _root(root: RootCause, snapshot: Snapshot) -> Root:
    certainty = getattr(root, "certainty", None)
    return Root(
        root.component,
        root.priority,
        None if certainty is None else str(certainty),
        tuple(getattr(root, "coincides_with", ())),
        bool(getattr(root, "not_recovered_from", None)),
        bool(snapshot.components[root.component].contradicted_by),
    )


def suggested_edges(board: Board) -> frozenset[tuple[str, str]]:
    """Edges that are suggested, as (dependent, dependency)."""
    return frozenset((edge.component, edge.depends_on) for edge in board.suggestions.edges)
