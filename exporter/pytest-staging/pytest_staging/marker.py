"""The marker `staging`: from its arguments to the names that a test requires."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import pytest

MARKER = "staging"
_KEYWORDS = ("requires", "journey")
_EXAMPLE = 'write staging(requires=["COMPONENT"]) or staging(journey="NAME")'


class MarkerError(ValueError):
    """A marker that cannot be read; the text shows the marker and its correction."""


@dataclass(frozen=True)
class Requirement:
    """Names of the components and of the journeys that must be available."""

    components: tuple[str, ...] = ()
    journeys: tuple[str, ...] = ()

    @classmethod
    def of(cls, marks: Iterable[pytest.Mark]) -> Requirement:
        """All that several markers require, each name once. Raises MarkerError."""
        components: dict[str, None] = {}
        journeys: dict[str, None] = {}
        for mark in marks:
            _check(mark)
            components |= dict.fromkeys(_names(mark, "requires"))
            journeys |= dict.fromkeys(_names(mark, "journey"))
        return cls(tuple(components), tuple(journeys))


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """The nearest valid name as the end of a sentence; empty when none is near."""
    near = difflib.get_close_matches(name, list(valid), n=1)
    return f", did you mean {near[0]!r}?" if near else ""


def _check(mark: pytest.Mark) -> None:
    if mark.args:
        given = ", ".join(map(repr, mark.args))
        names = [name for arg in mark.args for name in _listed(arg)]
        remedy = f"write staging(requires={names!r})" if names else _EXAMPLE
        raise MarkerError(f"staging({given}): names must be keyword arguments; {remedy}")
    for keyword in mark.kwargs:
        if keyword not in _KEYWORDS:
            hint = did_you_mean(keyword, _KEYWORDS) or f"; {_EXAMPLE}"
            raise MarkerError(f"staging({keyword}=...): unknown keyword {keyword!r}{hint}")
    if not mark.kwargs:
        raise MarkerError(f"staging() requires nothing; {_EXAMPLE}")


def _names(mark: pytest.Mark, keyword: str) -> list[str]:
    if keyword not in mark.kwargs:
        return []
    given = mark.kwargs[keyword]
    if not (names := _listed(given)):
        raise MarkerError(f"staging({keyword}={given!r}): expected a name or a list of names; {_EXAMPLE}")
    return names


def _listed(given: object) -> list[str]:
    """One name or several as a list; empty when `given` is anything else."""
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, Collection) or isinstance(given, bytes | dict):
        return []
    names = [name for name in given if isinstance(name, str) and name.strip()]
    return names if len(names) == len(given) else []
