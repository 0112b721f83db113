"""The components of a draft, their edges, and where each came from."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

_LONGEST = 63


class Edge(NamedTuple):
    """A dependency on one component, or on any one of several, and the field that it came from."""

    targets: tuple[str, ...]
    source: str


@dataclass
class Part:
    """A component of the draft. `comments` go above it, one line each; `sources` go behind its keys and its `name`."""

    name: str
    layer: str
    priority: str
    check: Mapping[str, Any] | None = None
    comments: list[str] = field(default_factory=list)
    needs: list[Edge] = field(default_factory=list)
    optional: list[Edge] = field(default_factory=list)
    startup: Mapping[str, str] | None = None
    timing: Mapping[str, str] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)


@dataclass
class Draft:
    """The components by name, in the order of the text; what to look at, and what could not be seen or translated."""

    parts: dict[str, Part] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)

    def add(self, part: Part) -> Part:
        """The part of that name, this one when there is none yet."""
        return self.parts.setdefault(part.name, part)

    def reaches(self, name: str, other: str) -> bool:
        """True when `name` depends on `other`, however far away: the opposite edge would close a circle."""
        seen, left = set(), [name]
        while left:
            if (here := left.pop()) == other:
                return True
            if here in self.parts and here not in seen:
                seen.add(here)
                edges = (*self.parts[here].needs, *self.parts[here].optional)
                left += [target for edge in edges for target in edge.targets]
        return False


def slug(*words: str) -> str:
    """A component's name; a long one ends in a hash of the whole."""
    text = re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()).strip("-") or "unnamed"
    if len(text) <= _LONGEST:
        return text
    return f"{text[: _LONGEST - 7].rstrip('-')}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"
