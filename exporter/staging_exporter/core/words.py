"""Lists and lengths of time in a sentence, the verb that goes with a list, and the name that a word is meant to be."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import lru_cache

Names = tuple[str, ...] | frozenset[str]  # hashable, for the cache of `nearest`


def joined(names: Iterable[str], conjunction: str = "and") -> str:
    """`a, b and c`. There must be at least one."""
    *most, last = names
    return f"{', '.join(most)} {conjunction} {last}" if most else last


def verb(names: Collection[str], one: str = "is", many: str = "are") -> str:
    """The verb for so many."""
    return one if len(names) == 1 else many


def span(seconds: float) -> str:
    """A length of time in one unit that people read at a glance."""
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


def rfc3339(at: float) -> str:
    """A time in Unix seconds as `2026-01-31T09:41:07.123Z`."""
    seconds, rest = divmod(round(at * 1000), 1000)  # rounded first, so that 999.6 ms carry into the seconds
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03}Z"


@lru_cache(maxsize=1024)
def nearest(word: str, names: Names) -> str | None:
    """The name most similar to `word`, None without one."""
    by_lower = {name.lower(): name for name in names}
    near = get_close_matches(word.lower()[:80], by_lower, n=1, cutoff=0.6)
    return by_lower[near[0]] if near else None


def hint(word: str, names: Collection[str]) -> str:
    """What to add to an error about a name that does not exist: the nearest one, or all that there are."""
    near = nearest(word, tuple(names))
    return f", did you mean {near!r}?" if near else f"; there are {', '.join(names) or 'none'}"
