"""The dependency graph: order, ancestors, who decides, cycles by name."""

from __future__ import annotations

import pytest
from staging_exporter.core.graph import Graph, find_cycle

from tests.support.sketch import sketch


@pytest.mark.parametrize(
    ("edges", "cycle"),
    [
        pytest.param({}, None, id="an empty graph has no cycle"),
        pytest.param({"a": ["b"], "b": ["c"]}, None, id="a chain without an entry for its end has no cycle"),
        pytest.param({"a": ["b", "c"], "b": ["d"], "c": ["d"]}, None, id="two paths to one node are no cycle"),
        pytest.param({"a": ["a"]}, ["a", "a"], id="a node that depends on itself is a cycle"),
        pytest.param({"a": ["b"], "b": ["a"]}, ["a", "b", "a"], id="two nodes that depend on each other are a cycle"),
        pytest.param(
            {"x": ["a"], "a": ["b"], "b": ["c"], "c": ["a"]},
            ["a", "b", "c", "a"],
            id="the path into the cycle is left out",
        ),
    ],
)
def test_cycles_are_named_as_a_path(edges: dict[str, list[str]], cycle: list[str] | None) -> None:
    assert find_cycle(edges) == cycle


def test_a_cycle_over_alternatives_and_optional_edges_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^a -> b -> c -> a$"):
        Graph(sketch("a: x|b, b: ?c, c: a, x"))


def test_an_unknown_dependency_is_refused() -> None:
    with pytest.raises(KeyError, match="nowhere"):
        Graph(sketch("a: nowhere"))


def test_dependencies_come_first() -> None:
    assert Graph(sketch("c: b, b: a, d: a, a")).order == ("a", "b", "c", "d")
    assert Graph(sketch("top: left right, left: base, right: base, base")).order == ("base", "right", "left", "top")


GRAPH = Graph(sketch("net*, db: net, cache: net, api: db x|y ?cache, x, y, web: api, suite!: web ~api, lone"))


def test_ancestors_by_edges_of_every_sort() -> None:
    assert GRAPH.ancestors("api") == {"db", "x", "y", "cache", "net"}
    assert GRAPH.ancestors("suite") == {"web", "api", "db", "x", "y", "cache", "net"}
    assert GRAPH.ancestors("lone") == set()


def test_descendants_by_edges_of_every_sort() -> None:
    assert GRAPH.descendants("cache") == {"api", "web", "suite"}
    assert GRAPH.descendants("lone") == set()


def test_needed_by_are_those_without_an_alternative() -> None:
    assert GRAPH.needed_by["net"] == ["db", "cache"]
    assert GRAPH.needed_by["x"] == []
    assert GRAPH.dependents["x"] == ["api"]


def test_the_dependents_of_a_latent_ancestor_decide_too() -> None:
    assert GRAPH.deciding("db") == {"db", "net", "cache"}
    assert GRAPH.deciding("lone") == {"lone"}
    nested = Graph(sketch("deep*, shallow*: deep, a: deep, b: shallow, c: shallow"))
    assert nested.deciding("a") == {"a", "deep", "shallow", "b", "c"}
