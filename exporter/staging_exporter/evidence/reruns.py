"""Whether a file of reports is an older run of what newer files hold, where every run writes files of new names.

A newer file replaces an older one when their paths differ only in a date, a long number or a hash, the newer run began
after the older one had ended, and it has most of its tests. Files of one run fail one of these: shards and specs have
other tests, parallel jobs overlap, and a matrix has other words or versions in its names (`chromium`, `py312`). In
doubt both count, since a failure must not be hidden.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

_MOST = 5000  # names that are remembered of a report; of more, every second, fourth, ... one
_SAME_TIME = 1.0  # seconds that clocks and times of files may be apart
_SHARE = 0.5  # of the tests of an older run that a newer one must have
_HEX = "[0-9a-fA-F]"
_DATE = r"20\d\d[-_.]?[01]\d[-_.]?[0-3]\d|[0-3]\d[-_.][01]\d[-_.]20\d\d"
_TIME = r"[-_.Tt ]*[0-2]\d[-_.:hH]?[0-5]\d(?:[-_.:]?[0-5]\d(?:[.,]?\d+)?)?[zZ]?"
# What is new in the name of every run: a UUID, a date, a hash such as that of a commit, a number that is no version.
_OF_A_RUN = re.compile(
    rf"{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}|(?<!\d)(?:{_DATE})(?:{_TIME})?(?!\d)"
    rf"|(?<![0-9A-Za-z])(?={_HEX}*\d){_HEX}{{7,64}}(?![0-9A-Za-z])|\d{{5,}}"
)


@dataclass
class Names:
    """Hashes of the names of tests, and of what they are in: classes, modules, suites."""

    tests: set[int] = field(default_factory=set)
    groups: set[int] = field(default_factory=set)
    every: int = 1

    def add(self, test: str) -> None:
        """Remember a test."""
        self._keep(self.tests, test)

    def add_group(self, group: str) -> None:
        """Remember what tests are in: a failure to load it is reported as a test of that name."""
        self._keep(self.groups, group)

    def _keep(self, names: set[int], name: str) -> None:
        if (value := hash(name)) % self.every == 0:
            names.add(value)
        if len(names) > _MOST:
            self.every *= 2
            for kept in (self.tests, self.groups):
                kept.difference_update([value for value in kept if value % self.every])

    def update(self, other: Names) -> None:
        """Remember those of another report too."""
        self.every = max(self.every, other.every)
        self.tests |= other.tests
        self.groups |= other.groups

    def share_in(self, others: Sequence[Names]) -> float:
        """The share of its tests that the others have too; of its groups when it has no test."""
        every = max([self.every, *(other.every for other in others)])
        mine = {value for value in self.tests or self.groups if value % every == 0}
        theirs = [found for other in others for found in (other.tests, other.groups)]
        return sum(any(value in found for found in theirs) for value in mine) / len(mine) if mine else 0.0


class _Moment(Protocol):
    @property
    def seconds(self) -> float: ...

    @property
    def zoned(self) -> bool: ...


class Written(NamedTuple):
    """A report that was read: its file, when that was written (Unix seconds), and what it says of its run."""

    path: Path
    written: float
    started: _Moment | None
    duration: float
    names: Names

    def ended_before(self, other: Written) -> bool:
        """True when it had ended when the other began: by their own clock, else by the times of the files."""
        mine, theirs = self.started, other.started
        if mine is not None and theirs is not None and mine.zoned == theirs.zoned:
            return mine.seconds + self.duration <= theirs.seconds + _SAME_TIME
        return self.written <= other.written - other.duration + _SAME_TIME


class Reruns:
    """Takes the files of a run and of those before it, newest first."""

    def __init__(self) -> None:
        self._newer: dict[str, list[Written]] = {}
        self._known: dict[str, Names] = {}  # all names of those

    def is_replaced(self, file: Written) -> bool:
        """True when newer runs of the same tests have come before."""
        series = _OF_A_RUN.sub("#", str(file.path))
        if series == str(file.path):
            return False
        newer, known = self._newer.setdefault(series, []), self._known.setdefault(series, Names())
        replaced = (
            file.names.share_in([known]) > _SHARE
            and file.names.share_in([one.names for one in newer if file.ended_before(one)]) > _SHARE
        )
        newer.append(file)
        known.update(file.names)
        return replaced
