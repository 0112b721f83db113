"""What people ask of a document: conflicts, what nobody is blamed for, what needs what, how many are in which state."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from staging_exporter.core.model import LATENT, State
from staging_exporter.core.words import joined, verb

Document = Mapping[str, Any]  # that of `/api/v1/status`, or a part of it

UNTOLD = frozenset({State.UNKNOWN, State.STARTING})  # there is no verdict on a component yet


def conflicts(document: Document) -> list[str]:
    """A sentence about each suite that passes although something that it covers is down."""
    found = []
    for name, component in document["components"].items():
        if covered := component["conflicts"]:
            found.append(
                f"{name} passes although {joined(covered)} {verb(covered)} down: it does not test what it claims to"
            )
    return found


def root_of(document: Document, name: str) -> Document | None:
    """The root cause that this component is, None when it is none."""
    return next((root for root in document["root_causes"] if root["component"] == name), None)


def unblamed(document: Document, name: str, excuses: Collection[str]) -> bool:
    """True when no root cause stands for a failing component, and nothing that it needs is in such a state."""
    if document["components"][name]["root_causes"] or root_of(document, name):
        return False
    return all(document["components"][other]["state"] not in excuses for other in with_needs(document, [name]))


def with_needs(document: Document, names: Iterable[str]) -> frozenset[str]:
    """These components, and all that they depend on. Raises KeyError for one that is unknown."""
    wanted, found = list(names), set[str]()
    while wanted:
        name = wanted.pop()
        if name not in found:
            found.add(name)
            wanted += needs(document["components"][name])
    return frozenset(found)


def needs(component: Document) -> Iterable[str]:
    """What the component depends on directly, optional dependencies too."""
    for group in component["depends_on"]:
        yield from [group] if isinstance(group, str) else group
    yield from component["optional_depends_on"]


def counts(document: Document) -> str:
    """`20 checked: 18 up, 2 down; 4 latent`."""
    components = document["components"].values()
    states = [component["state"] for component in components if component["kind"] != LATENT]
    latent = len(components) - len(states)
    said = ", ".join(f"{count} {state}" for state in State if (count := states.count(state)))
    return f"{len(states)} checked: {said or 'nothing'}" + (f"; {latent} latent" if latent else "")


def few(names: Sequence[str], most: int = 5) -> str:
    """The first of many, and how many more there are."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
