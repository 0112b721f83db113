"""The drawing of the dependency graph: depth goes right, boxes keep apart, lines are few in each other's way."""

from __future__ import annotations

from itertools import combinations
from random import Random

import pytest
from staging_exporter.core.graph import Graph
from staging_exporter.views.page.layout import BOX, Box, Drawing, depths, layout

from tests.support.graphs import random_topology

CASES = {
    "what depends on something stands right of it": ({"a": 0, "b": 1, "c": 2}, [("a", "b"), ("b", "c"), ("a", "c")]),
    "what depends on nothing stands next to what needs it": (
        {"a": 0, "b": 1, "late": 1, "c": 2},
        [("a", "b"), ("b", "c"), ("late", "c")],
    ),
    "the longest way counts": ({"a": 0, "b": 1, "c": 2, "d": 3}, [("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")]),
}


@pytest.mark.parametrize(("expected", "edges"), CASES.values(), ids=CASES)
def test_depth(expected: dict[str, int], edges: list[tuple[str, str]]) -> None:
    assert depths(list(expected), edges) == expected


def drawing_of(seed: int, size: int) -> tuple[Drawing, list[tuple[str, str]]]:
    random = Random(seed)
    topology = random_topology(random, size, suites=True)
    edges = [(to, name) for name, targets in Graph(topology.components).edges.items() for to in targets]
    return layout({name: random.uniform(60, 200) for name in topology.components}, edges), edges


def apart(one: Box, other: Box) -> bool:
    beside = one.x + one.width <= other.x or other.x + other.width <= one.x
    return beside or abs(one.y - other.y) >= BOX


@pytest.mark.parametrize("size", [1, 2, 10, 25, 60, 150])
@pytest.mark.parametrize("seed", range(5))
def test_boxes_keep_apart_and_inside(seed: int, size: int) -> None:
    drawing, edges = drawing_of(seed, size)
    assert len(drawing.boxes) == size
    assert set(drawing.lines) == set(edges)
    for one, other in combinations(drawing.boxes.values(), 2):
        assert apart(one, other)
    for box in drawing.boxes.values():
        assert box.x >= 0
        assert box.y >= 0
        assert box.x + box.width <= drawing.width
        assert box.y + BOX <= drawing.height
    for dependency, dependent in edges:
        assert drawing.boxes[dependency].x + drawing.boxes[dependency].width < drawing.boxes[dependent].x


def test_a_line_begins_at_the_dependency_and_ends_at_the_dependent() -> None:
    drawing = layout({"a": 50, "b": 50, "c": 50}, [("a", "b"), ("b", "c"), ("a", "c")])
    a, c = drawing.boxes["a"], drawing.boxes["c"]
    path = drawing.lines["a", "c"]
    assert path.startswith(f"M{a.x + a.width:.1f} {a.y + BOX / 2:.1f}C")
    assert path.endswith(f"{c.x:.1f} {c.y + BOX / 2:.1f}")
    assert path.count("H") == 1  # it passes one column


def test_lines_do_not_cross_without_need() -> None:
    """Two chains and a ladder, listed so that the order of the file would cross them."""
    edges = [("a1", "b1"), ("a2", "b2"), ("a3", "b3"), ("b1", "c1"), ("b2", "c2"), ("b3", "c3")]
    boxes = layout(dict.fromkeys(["a1", "a2", "a3", "b3", "b1", "b2", "c2", "c3", "c1"], 50), edges).boxes
    for column in "abc":
        order = sorted("123", key=lambda number, column=column: boxes[column + number].y)
        assert order == sorted("123", key=lambda number: boxes["a" + number].y)


def test_chains_are_straight() -> None:
    boxes = layout(dict.fromkeys("abcd", 50), [("a", "b"), ("b", "c"), ("c", "d")]).boxes
    assert len({box.y for box in boxes.values()}) == 1


def test_boxes_without_an_edge_come_below() -> None:
    drawing = layout({"a": 50, "b": 50, **{f"loose{n}": 80 for n in range(9)}}, [("a", "b")])
    below = drawing.boxes["a"].y + BOX
    assert all(drawing.boxes[f"loose{n}"].y >= below for n in range(9))
    assert len({drawing.boxes[f"loose{n}"].y for n in range(9)}) == 3


def test_an_empty_graph_is_empty() -> None:
    assert layout({}, []).boxes == {}
