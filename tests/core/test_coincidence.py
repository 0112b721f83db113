"""What the graph does not say: root causes that coincide, and what incidents suggest about edges and checks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from staging_exporter.core.coincidence import DoubtfulEdge, ShallowCheck, SuggestedEdge, suggest, with_coincidences
from staging_exporter.core.graph import Graph
from staging_exporter.core.incidents import Incident, IncidentRootCause
from staging_exporter.core.model import Layer, Priority, Reason, State
from staging_exporter.core.snapshot import RootCause

from tests.support.sketch import sketch
from tests.support.stage import Stage

GRAPH = Graph(sketch("a, b, c, d: a"))


def published(name: str, began: float | None) -> RootCause:
    return RootCause(name, Layer.SERVICE, Priority.P1, State.DOWN, Reason.REFUSED, "", 100.0, began=began)


@pytest.mark.parametrize(
    ("roots", "coinciding"),
    [
        pytest.param({}, {}, id="no root coincides with nothing"),
        pytest.param({"a": 0.0}, {"a": ()}, id="nor does one alone"),
        pytest.param({"a": 0.0, "b": 30.0}, {"a": ("b",), "b": ("a",)}, id="two that began within 30 seconds coincide"),
        pytest.param({"a": 0.0, "b": 30.1}, {"a": (), "b": ()}, id="two further apart do not"),
        pytest.param({"a": 0.0, "d": 0.0}, {"a": (), "d": ()}, id="two that are connected do not"),
        pytest.param({"a": 0.0, "b": None}, {"a": (), "b": ()}, id="an unknown onset coincides with nothing"),
        pytest.param(
            {"a": 0.0, "b": 20.0, "c": 40.0},
            {"a": ("b",), "b": ("a", "c"), "c": ("b",)},
            id="each coincides with those that are near to it",
        ),
    ],
)
def test_roots_that_coincide(roots: dict[str, float | None], coinciding: dict[str, tuple[str, ...]]) -> None:
    found = with_coincidences(GRAPH, [published(name, began) for name, began in roots.items()])
    assert {root.component: root.coincides_with for root in found} == coinciding


def cause(name: str, since: float, until: float | None, **more: object) -> IncidentRootCause:
    return IncidentRootCause(name, "service", "P1", "refused", "", since, until, **more)  # type: ignore[arg-type]


def incident(began: float, *roots: IncidentRootCause) -> Incident:
    return Incident(began, began + 500.0, roots)


def together(began: float, first: str, then: str, apart: float = 5.0, ends_apart: float = 5.0) -> Incident:
    return incident(
        began,
        cause(first, began, began + 100.0, began=began),
        cause(then, began + apart, began + 100.0 + ends_apart, began=began + apart),
    )


@pytest.mark.parametrize(
    ("incidents", "edges"),
    [
        pytest.param([together(0.0, "a", "b")], [], id="one incident may be chance"),
        pytest.param(
            [together(0.0, "a", "b"), together(1000.0, "a", "b")],
            [("b", "a", 2, 0.0, 1000.0)],
            id="a second one suggests that the later depends on the earlier",
        ),
        pytest.param(
            [together(0.0, "a", "b"), together(1000.0, "b", "a"), together(2000.0, "b", "a")],
            [("a", "b", 2, 0.0, 1000.0, 2000.0)],
            id="the direction is that of most incidents, and all are listed",
        ),
        pytest.param(
            [together(0.0, "a", "b"), together(1000.0, "b", "a")],
            [("a", "b", 1, 0.0, 1000.0), ("b", "a", 1, 0.0, 1000.0)],
            id="of two directions that are as likely both are suggested",
        ),
        pytest.param(
            [together(0.0, "a", "b", 0.9), together(1000.0, "b", "a", 0.9), together(2000.0, "b", "a", 1.1)],
            [("a", "b", 2, 0.0, 1000.0, 2000.0)],
            id="onsets within a second say nothing about the order",
        ),
        pytest.param(
            [together(0.0, "a", "b", 31.0), together(1000.0, "a", "b", 31.0)], [], id="not when they begin far apart"
        ),
        pytest.param(
            [together(0.0, "a", "b", 5.0, 61.0), together(1000.0, "a", "b", 5.0, 61.0)],
            [],
            id="not when they end far apart",
        ),
        pytest.param(
            [incident(t, cause("a", t, None), cause("b", t, None)) for t in (0.0, 1000.0)],
            [],
            id="not before they have ended",
        ),
        pytest.param([together(0.0, "a", "d"), together(1000.0, "a", "d")], [], id="not when they are connected"),
        pytest.param(
            [together(0.0, "a", "gone"), together(1000.0, "a", "gone")], [], id="not for what is configured no more"
        ),
        pytest.param(
            [incident(t, cause("a", t, t + 9), cause("b", t, t + 9)) for t in (0.0, 1000.0)],
            [("a", "b", 2, 0.0, 1000.0), ("b", "a", 2, 0.0, 1000.0)],
            id="without an onset the time of publication counts",
        ),
        pytest.param(
            [
                incident(
                    t,
                    cause("a", t, t + 9),
                    cause("b", t + 1, t + 9),
                    cause("a", t + 2, t + 9),
                    cause("b", t + 3, t + 10),
                )
                for t in (0.0,)
            ],
            [],
            id="a pair that comes and goes within one incident counts once",
        ),
    ],
)
def test_suggested_edges(incidents: list[Incident], edges: list[tuple[Any, ...]]) -> None:
    expected = tuple(SuggestedEdge(a, b, tuple(at), in_order) for a, b, in_order, *at in edges)
    assert suggest(GRAPH, incidents).edges == expected


LAYERED = Graph(sketch("db, lb: other|db, other") | {"app": replace(sketch("app")["app"], layer=Layer.APPLICATION)})


@pytest.mark.parametrize(
    ("first", "then", "apart", "edge"),
    [
        pytest.param("db", "app", 3.0, ("app", "db", 2), id="a layer nearer to the user depends on the other"),
        pytest.param("app", "db", 3.0, ("app", "db", 0), id="whichever is seen to fail first"),
        pytest.param("app", "db", 11.0, ("db", "app", 2), id="unless it is always seen later than an interval"),
        pytest.param("db", "lb", 3.0, ("lb", "db", 2), id="an alternative that does not help is an edge"),
    ],
)
def test_the_direction_of_a_suggested_edge(first: str, then: str, apart: float, edge: tuple[str, str, int]) -> None:
    (found,) = suggest(LAYERED, [together(at, first, then, apart) for at in (0.0, 1000.0)]).edges
    assert (found.component, found.depends_on, found.in_order) == edge


def test_edges_that_healthy_dependents_contradicted_are_listed_with_their_incidents() -> None:
    def contradicted(began: float) -> Incident:
        return incident(began, cause("a", began, began + 9, contradicted_by=("d", "gone")))

    found = suggest(GRAPH, [contradicted(0.0), contradicted(1000.0)])
    assert found.doubtful == (DoubtfulEdge("d", "a", (0.0, 1000.0)),)
    assert found.edges == ()


def test_checks_that_noticed_nothing_are_listed_once_for_each_incident() -> None:
    one = cause("a", 0.0, 9.0, through=("b",))
    found = suggest(GRAPH, [incident(0.0, one, cause("c", 0.0, 99.0, through=("b", "gone")))])
    assert found.shallow == (ShallowCheck("b", (0.0,)),)


def test_the_board_suggests_from_its_own_incidents() -> None:
    stage = Stage(*(replace(component, kind="tcp") for component in sketch("web, database, cache").values()))
    for _ in range(2):
        stage.play(20)
        stage.play(20, web=Reason.REFUSED, database=Reason.REFUSED)
    stage.play(20)
    assert {(edge.component, edge.depends_on) for edge in stage.board.suggestions.edges} == {
        ("web", "database"),
        ("database", "web"),
    }
