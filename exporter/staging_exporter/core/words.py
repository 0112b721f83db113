"""Names in a sentence, and the verb that goes with them."""

from __future__ import annotations

from collections.abc import Collection


def joined(names: Collection[str]) -> str:
    """`a, b and c`. There must be at least one."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def verb(names: Collection[str], one: str = "is", many: str = "are") -> str:
    """The verb for so many."""
    return one if len(names) == 1 else many
