"""Which components the status page shows: a selection, which is the query string of its URL. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import urlencode

from staging_exporter.core.model import Layer, State
from staging_exporter.views.document_types import ComponentDocument, StatusDocument
from staging_exporter.views.queries import neighbours

_LONGEST = 200  # characters of a value in the query string
SMALL = 40  # components up to which the whole graph is shown
_FEW = 20  # selected components whose neighbours are drawn, too
_QUIET = frozenset({State.UP, State.MAINTENANCE})


@dataclass(frozen=True, slots=True)
class Selection:
    """What viewers ask for; names of the fields are those of the query string.

    `q` are words that occur in name, state, reason, kind or owner; `label` is `NAME=VALUE`. With `failing` only what is
    neither up nor in maintenance, with `unfold` nothing is folded, with `graph` the whole graph is drawn.
    """

    q: str = ""
    layer: str = ""
    owner: str = ""
    label: str = ""
    failing: bool = False
    unfold: bool = False
    graph: bool = False

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Selection:
        """The selection of a query string; other keys are ignored."""
        given: dict[str, Any] = {
            field.name: bool(value) if isinstance(field.default, bool) else value.strip()
            for field in fields(cls)
            if (value := query.get(field.name, "")[:_LONGEST])
        }
        return cls(**given)

    @property
    def narrows(self) -> bool:
        """True when components are left out."""
        return bool(self.q or self.layer or self.owner or self.label or self.failing)

    def admits(self, name: str, component: ComponentDocument) -> bool:
        """True for a component that is shown."""
        owner = component["links"].get("owner", "")
        searched = " ".join([name, component["state"], component["reason"], component["kind"], owner]).lower()
        return (
            all(word in searched for word in self.q.lower().split())
            and self.layer in ("", component["layer"])
            and self.owner in ("", owner)
            and (not self.label or self.label in labels(component))
            and not (self.failing and component["state"] in _QUIET)
        )

    def href(self, *, graph: bool) -> str:
        """A link to the page with this selection, with or without the whole graph."""
        changed = replace(self, graph=graph)
        given = {field.name: getattr(changed, field.name) for field in fields(self)}
        query = urlencode({key: 1 if value is True else value for key, value in given.items() if value})
        return f"./?{query}" if query else "./"


def labels(component: ComponentDocument) -> list[str]:
    """Its labels as `NAME=VALUE`."""
    return [f"{name}={value}" for name, value in component["labels"].items()]


def owners(document: StatusDocument) -> list[str]:
    """All owners, sorted."""
    return sorted({each["links"]["owner"] for each in document["components"].values() if "owner" in each["links"]})


def all_labels(document: StatusDocument) -> list[str]:
    """All labels as `NAME=VALUE`, sorted."""
    return sorted({label for each in document["components"].values() for label in labels(each)})


def layers_of(document: StatusDocument, names: Iterable[str]) -> list[str]:
    """The layers of these components, from below."""
    used = {document["components"][name]["layer"] for name in names}
    return [layer for layer in map(str, Layer) if layer in used]


def drawn(document: StatusDocument, selected: Iterable[str], selection: Selection) -> list[str]:
    """The components of the graph, in the order of the file.

    All of a small environment, of a large one those around its failures; with a selection those, and if they are few
    what is next to them.
    """
    components = document["components"]
    if selection.narrows:
        wanted = set(selected)
        if len(wanted) <= _FEW:
            wanted |= {other for name in wanted for other in neighbours(document, name)}
    elif selection.graph or len(components) <= SMALL:
        return list(components)
    else:
        wanted = {name for name in components if _concerns(document, name)}
        wanted |= {other for name in wanted for other in components[name]["explained_by"]}
    return [name for name in components if name in wanted]


def _concerns(document: StatusDocument, name: str) -> bool:
    """True for what is not well, and for root causes; not for what is unknown without a check."""
    component = document["components"][name]
    if component["certainty"] is not None:
        return True
    return component["state"] not in _QUIET and (component["state"] != State.UNKNOWN or bool(component["suspects"]))
