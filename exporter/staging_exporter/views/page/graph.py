"""The dependency graph of a status document, ready to be drawn: boxes with their marks, lines with their sort."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from staging_exporter.core.model import LATENT
from staging_exporter.views.document_types import ComponentDocument, StatusDocument
from staging_exporter.views.page.layout import BOX, Box, Drawing, Edge, layout

_CHARACTER = 7.3  # width of one in a fixed-width font of 12 px
_DECORATION = 46.0  # width of stripe, symbol and padding of a box
_LONGEST = 26  # characters of a name that are shown
_NARROWEST = 800.0  # a small graph is not enlarged to fill the page


@dataclass(frozen=True, slots=True)
class Node:
    """A component in the graph; `aria_label` says for a screen reader what the box shows."""

    name: str
    label: str
    box: Box
    state: str
    layer: str
    root: bool
    affected: bool
    latent: bool
    aria_label: str


@dataclass(frozen=True, slots=True)
class Link:
    """A line; its sort is `hard`, `any` (one of a group is enough), `optional` or `covers`.

    `explains` is true when the dependency explains the failure of the dependent.
    """

    path: str
    sort: str
    explains: bool


@dataclass(frozen=True, slots=True)
class Graph:
    """Everything that is drawn; links that explain a failure come last, so that they are drawn above the others."""

    width: float
    height: float
    box_height: float
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]


def graph(document: StatusDocument, names: Iterable[str]) -> Graph:
    """The graph of these components in their present states; the layout is kept while they stay the same."""
    components = {name: document["components"][name] for name in names}
    roots = {root["component"] for root in document["root_causes"]}
    sorts = {
        edge: sort for name, each in components.items() for edge, sort in _edges(name, each) if edge[0] in components
    }
    drawing = _placed(tuple(components), tuple(sorts))
    links = [Link(drawing.lines[edge], sort, _explains(components, roots, *edge)) for edge, sort in sorts.items()]
    links.sort(key=lambda link: link.explains)
    nodes = tuple(_node(name, each, drawing.boxes[name], name in roots) for name, each in components.items())
    return Graph(max(drawing.width, _NARROWEST), drawing.height, BOX, nodes, tuple(links))


@lru_cache(maxsize=8)
def _placed(names: tuple[str, ...], edges: tuple[Edge, ...]) -> Drawing:
    return layout({name: _DECORATION + _CHARACTER * len(_label(name)) for name in names}, edges)


def _edges(name: str, component: ComponentDocument) -> Iterator[tuple[Edge, str]]:
    """From weak to strong: of two edges between the same components the later one counts."""
    yield from (((other, name), "covers") for other in component["covers"])
    yield from (((other, name), "optional") for other in component["optional_depends_on"])
    for group in component["depends_on"]:
        if isinstance(group, str):
            yield (group, name), "hard"
        else:
            yield from (((other, name), "any") for other in group)


def _explains(
    components: Mapping[str, ComponentDocument], roots: Collection[str], dependency: str, dependent: str
) -> bool:
    """Whether a root cause affects the dependent through this dependency; a start or a maintenance does not count."""
    affected = components[dependent]["root_causes"] and dependency in components[dependent]["explained_by"]
    return bool(affected) and (dependency in roots or bool(components[dependency]["root_causes"]))


def _node(name: str, component: ComponentDocument, box: Box, root: bool) -> Node:
    latent = component["kind"] == LATENT
    marks = ["root cause"] * root + ["latent"] * latent
    affected = [f"affected by {', '.join(component['root_causes'])}"] if component["root_causes"] else []
    aria_label = ", ".join([name, component["layer"], component["state"], *marks, *affected])
    is_affected = bool(affected) and not root
    return Node(name, _label(name), box, component["state"], component["layer"], root, is_affected, latent, aria_label)


def _label(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
