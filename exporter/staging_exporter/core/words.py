"""Lists and lengths of time in a sentence, and the verb that goes with a list."""

from __future__ import annotations

from collections.abc import Collection, Iterable


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
