"""Answers of Google's APIs: pages put together, what is missing in them, and names of resources."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

_MISSING = ("unreachable", "unreachables", "executionErrors")
_EMPTY = "NO_RESULTS_ON_PAGE"  # Compute says so of each scope without resources: nothing is missing


class Answer(NamedTuple):
    """All pages of a list. `missing` says in words what the API could not look at, empty when the list is complete.

    `age` is how many seconds ago it was read.
    """

    document: dict[str, Any]
    missing: str = ""
    age: float = 0.0

    def items(self, key: str) -> list[dict[str, Any]]:
        """The resources under that key; of all scopes in an aggregated list of Compute Engine."""
        found = self.document.get(key if "items" not in self.document else "items") or []
        if isinstance(found, dict):
            scopes = [scope for scope in found.values() if isinstance(scope, dict)]
            return [item for scope in scopes for item in scope.get(key) or []]
        return [item for item in found if isinstance(item, dict)]


def merged(pages: list[dict[str, Any]]) -> dict[str, Any]:
    """One document: lists one after the other, mappings key by key."""
    whole: dict[str, Any] = {}
    for page in pages:
        for key, value in page.items():
            before = whole.get(key)
            if isinstance(before, list) and isinstance(value, list):
                whole[key] = before + value
            elif isinstance(before, dict) and isinstance(value, dict):
                whole[key] = merged([before, value])
            else:
                whole[key] = value
    return whole


def missing(document: dict[str, Any]) -> str:
    """What the API could not look at, in words: such a resource is missing, not absent."""
    return "; ".join(dict.fromkeys(_gaps(document)))[:200]


def _gaps(document: dict[str, Any]) -> Iterator[str]:
    for key in _MISSING:
        if listed := document.get(key):
            yield f"{key}: {', '.join(map(_short, listed if isinstance(listed, list) else [listed]))}"
    scopes = document.get("items")
    scoped = [scope for scope in scopes.values() if isinstance(scope, dict)] if isinstance(scopes, dict) else []
    for place in (document, *scoped):
        listed = place.get("warnings") or ([place["warning"]] if place.get("warning") else [])
        for warning in listed if isinstance(listed, list) else [listed]:
            code = str(warning.get("code", "")) if isinstance(warning, dict) else str(warning)
            if code != _EMPTY:
                yield f"warning {code}"


def _short(value: Any) -> str:
    return str(value.get("message", value) if isinstance(value, dict) else value)[:80]


def short_name(resource: object) -> str:
    """The last part of a resource's name or URL; empty for one that is left out."""
    return str(resource or "").rpartition("/")[2]


def same_resource(one: object, other: object) -> bool:
    """True for two URLs of one resource: full, partial, by either host of Compute Engine."""
    return resource_path(one) == resource_path(other)


def resource_path(url: object) -> str:
    """`projects/...` of a URL, the same for every host of the API; a URL without it as it is."""
    text = str(url)
    return text[text.index("projects/") :] if "projects/" in text else text


def unix_time(text: object) -> float | None:
    """Unix seconds of a time as the APIs write it, None for anything else."""
    try:
        return datetime.fromisoformat(str(text)).timestamp() if text else None
    except ValueError:
        return None


def whole_number(value: object) -> int | None:
    """An integer, which the APIs write as text when it has 64 bits; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return int(number) if math.isfinite(number) else None
