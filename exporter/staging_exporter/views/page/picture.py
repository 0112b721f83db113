"""The dependency graph of a document, ready to be drawn: boxes with their marks, lines with their sort."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from staging_exporter.core.model import LATENT
from staging_exporter.views.page.layout import BOX, Box, Drawing, Edge, layout
from staging_exporter.views.questions import Document

_CHARACTER = 7.3  # width of one in a fixed-width font of 12 px
_BESIDE = 46.0  # what stripe, symbol and padding take of a box
_LONGEST = 26  # characters of a name that are shown
_NARROWEST = 800.0  # a small graph is not blown up to fill the page


@dataclass(frozen=True, slots=True)
class Node:
    """A component in the graph; `spoken` says for a screen reader all that it shows."""

    name: str
    label: str
    box: Box
    state: str
    layer: str
    root: bool
    latent: bool
    spoken: str


@dataclass(frozen=True, slots=True)
class Link:
    """A line; its sort is `hard`, `any` (one of a group is enough), `optional` or `covers`."""

    path: str
    sort: str
    blamed: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """All that is drawn; links that carry blame come last, so that they lie above the others."""

    width: float
    height: float
    box_height: float
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]


def picture(document: Document) -> Picture:
    """The graph, coloured by what is known now; the places are those of the last time while nobody moved."""
    components = document["components"]
    roots = {root["component"] for root in document["root_causes"]}
    sorts = {edge: sort for name, each in components.items() for edge, sort in _edges(name, each)}
    drawing = _placed(tuple(components), tuple(sorts))
    links = [Link(drawing.lines[edge], sort, _blamed(components, roots, *edge)) for edge, sort in sorts.items()]
    links.sort(key=lambda link: link.blamed)
    nodes = tuple(_node(name, each, drawing.boxes[name], name in roots) for name, each in components.items())
    return Picture(max(drawing.width, _NARROWEST), drawing.height, BOX, nodes, tuple(links))


@lru_cache(maxsize=4)
def _placed(names: tuple[str, ...], edges: tuple[Edge, ...]) -> Drawing:
    return layout({name: _BESIDE + _CHARACTER * len(_label(name)) for name in names}, edges)


def _edges(name: str, component: Mapping[str, Any]) -> Iterator[tuple[Edge, str]]:
    """From weak to strong: of two edges between the same components the later one counts."""
    yield from (((other, name), "covers") for other in component["covers"])
    yield from (((other, name), "optional") for other in component["optional_depends_on"])
    for group in component["depends_on"]:
        if isinstance(group, str):
            yield (group, name), "hard"
        else:
            yield from (((other, name), "any") for other in group)


def _blamed(components: Mapping[str, Any], roots: Collection[str], dependency: str, dependent: str) -> bool:
    """Whether the dependent suffers through this dependency from a root cause; what only starts carries no blame."""
    suffers = components[dependent]["root_causes"] and dependency in components[dependent]["explained_by"]
    return bool(suffers) and (dependency in roots or bool(components[dependency]["root_causes"]))


def _node(name: str, component: Mapping[str, Any], box: Box, root: bool) -> Node:
    latent = component["kind"] == LATENT
    marks = ["root cause"] * root + ["latent"] * latent
    blamed = [f"suffers from {', '.join(component['root_causes'])}"] if component["root_causes"] else []
    spoken = ", ".join([name, component["layer"], component["state"], *marks, *blamed])
    return Node(name, _label(name), box, component["state"], component["layer"], root, latent, spoken)


def _label(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
