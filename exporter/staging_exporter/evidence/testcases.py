"""A test report: its cases counted by outcome, whatever format the file has."""

from __future__ import annotations

import math
import time
from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass, field

from staging_exporter.evidence.reruns import Names
from staging_exporter.options.moments import Moment, parse_moment
from staging_exporter.options.patterns import search

OUTCOMES = ("passed", "failed", "error", "skipped", "environment_skipped", "harness_error")
_BAD = ("failed", "error", "harness_error")
MAX_SIZE = 64 * 1024 * 1024  # bytes of a report
MAX_MESSAGE = 4096  # characters of a message that are searched
MAX_NAMES = 10
_SLOWEST = 5  # tests that are kept with their times
_MAX_REMEMBERED = 10_000  # failing cases that are recognised when they are repeated


NAMELESS = "a test without a name"


class Unreadable(Exception):
    """The report cannot be read; the text says why."""


class Incomplete(Unreadable):
    """The report is incomplete: it may still be being written."""


@dataclass(frozen=True, slots=True)
class Rules:
    """RE2 patterns on messages: skips because of the environment, and errors of the test harness itself.

    With `retries` a test that fails and then passes in the same report has passed. `covers` are components and the
    pattern of the names of the tests that cover each; `timed` is that of the tests among which the slowest are found.
    """

    environment_skips: str
    harness_errors: str
    retries: bool = False
    covers: tuple[tuple[str, str], ...] = ()
    timed: str = ""


@dataclass
class Report:
    """Counts of a run. `started` is when it began, None when the report does not say.

    `claimed` is the number of tests by the attributes of the report, `claimed_bad` that of failures and errors, `bad`
    that of those which were read, repeated ones and further attempts included; `names` are those of all tests,
    `failing` the first ten that fail; `environment_skip` is the message of the first skip because of the environment,
    `harness` that of the first harness error. `covered` are the counts of the tests of each component of the rules,
    `slowest` the seconds and names of the tests that passed and took longest, the slowest last.
    """

    rules: Rules
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    names: Names = field(default_factory=Names)
    failing: list[str] = field(default_factory=list)
    flaky: int = 0
    environment_skip: str = ""
    harness: str = ""
    cut_off: str = ""  # why the run has not ended as it should
    started: Moment | None = None
    duration: float = 0.0
    claimed: int | None = None
    claimed_bad: int = 0
    bad: int = 0
    covered: dict[str, dict[str, int]] = field(default_factory=dict)
    slowest: list[tuple[float, str]] = field(default_factory=list)
    _bad: dict[tuple[str, str], str] = field(default_factory=dict)  # place and name -> outcome

    @property
    def total(self) -> int:
        """All cases, each counted once."""
        return sum(self.counts.values())

    @property
    def unseen(self) -> int:
        """How many failures and errors the report claims that are not among its cases."""
        return max(0, self.claimed_bad - self.bad)

    def add(
        self, name: str, outcome: str, message: str = "", place: str = "", bad: int | None = None, took: float = 0.0
    ) -> None:
        """Count a case; a failing one that is repeated, as pytest's teardown errors are, is counted once.

        `place` is the suite that it is in: the same test in another one, such as that of another browser, is another
        case. `bad` is how many failures and errors it has, where that is not one for a failing case, `took` its
        seconds.
        """
        self.names.add(name)
        self.bad += (outcome in _BAD) if bad is None else bad
        key = place, name
        if name and key in self._bad:
            self._repeated(key, outcome)
            return
        name = name or NAMELESS
        if outcome == "skipped" and search(self.rules.environment_skips, message):
            outcome = "environment_skipped"
            self.environment_skip = self.environment_skip or message
        elif outcome in _BAD and search(self.rules.harness_errors, message):
            outcome = "harness_error"
            self.harness = self.harness or f"{name}: {message}"
        self.counts[outcome] += 1
        self._cover(name, outcome, 1)
        if outcome == "passed" and took and search(self.rules.timed, name):
            self._keep_slowest([(took, name[:200])])
        if outcome in _BAD and len(self._bad) < _MAX_REMEMBERED:
            self._bad[key] = outcome
        if outcome in ("failed", "error") and len(self.failing) < MAX_NAMES and name[:200] not in self.failing:
            self.failing.append(name[:200])

    def _repeated(self, key: tuple[str, str], outcome: str) -> None:
        """A further attempt of a failing test, where the runner retries."""
        if outcome != "passed" or not self.rules.retries:
            return
        failed, name = self._bad.pop(key), key[1]
        for counted, change in ((failed, -1), ("passed", 1)):
            self.counts[counted] += change
            self._cover(name, counted, change)
        self.flaky += 1
        if name[:200] in self.failing and not any(other == name for _, other in self._bad):
            self.failing.remove(name[:200])

    def _cover(self, name: str, outcome: str, change: int) -> None:
        for component, pattern in self.rules.covers:
            if search(pattern, name):
                counts = self.covered.setdefault(component, {})
                counts[outcome] = counts.get(outcome, 0) + change

    def _keep_slowest(self, more: Iterable[tuple[float, str]]) -> None:
        for one in more:
            insort(self.slowest, one)
        del self.slowest[:-_SLOWEST]

    def close(self) -> None:
        """All cases have been added."""
        self._bad.clear()

    def begin(self, text: object) -> None:
        """Take the start time; the earliest is kept, an unreadable one, the future and before 2000 are ignored."""
        moment = parse_moment(text)
        if moment is None or not moment.is_past(time.time()):
            return
        if self.started is None or moment.seconds < self.started.seconds:
            self.started = moment

    def merge(self, other: Report) -> None:
        """Add another report of the same run; `started` stays as it is."""
        for outcome, count in other.counts.items():
            self.counts[outcome] += count
        for component, counts in other.covered.items():
            mine = self.covered.setdefault(component, {})
            mine.update({outcome: mine.get(outcome, 0) + count for outcome, count in counts.items()})
        self._keep_slowest(other.slowest)
        self.failing = list(dict.fromkeys(self.failing + other.failing))[:MAX_NAMES]
        self.flaky += other.flaky
        self.cut_off = self.cut_off or other.cut_off
        self.environment_skip = self.environment_skip or other.environment_skip
        self.harness = self.harness or other.harness
        self.duration += other.duration
        if other.claimed is not None:
            self.claimed = (self.claimed or 0) + other.claimed
        # What one file claims and another shows is not the same.
        self.claimed_bad += other.unseen


def seconds(text: object) -> float:
    """Seconds of a duration in a report, with or without thousands separators; 0 when it is invalid or negative."""
    try:
        value = float(str(text).replace(",", ""))
    except ValueError:
        return 0.0
    return value if math.isfinite(value) and value > 0 else 0.0
