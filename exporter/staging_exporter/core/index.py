"""An index: what belongs to each name, kept in the order in which it was added."""

from __future__ import annotations

from collections.abc import Collection
from typing import Generic, TypeVar

K = TypeVar("K")


class Index(Generic[K]):
    """Name -> the keys that belong to it; a name without any takes no room."""

    def __init__(self) -> None:
        self._keys: dict[str, dict[K, None]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._keys

    def get(self, name: str) -> Collection[K]:
        """The keys of this name."""
        return self._keys.get(name, {}).keys()

    def pop(self, name: str) -> Collection[K]:
        """The keys of this name, which has none any more."""
        return self._keys.pop(name, {}).keys()

    def add(self, name: str, key: K) -> None:
        """One more key of this name."""
        self._keys.setdefault(name, {})[key] = None

    def discard(self, name: str, key: K) -> None:
        """One less, if it was there."""
        left = self._keys.get(name, {})
        left.pop(key, None)
        if not left:
            self._keys.pop(name, None)
