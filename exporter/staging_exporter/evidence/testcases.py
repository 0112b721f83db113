"""A test report: its cases counted by outcome, whatever format the file has."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime

from staging_exporter.options.patterns import search

OUTCOMES = ("passed", "failed", "error", "skipped", "environment_skipped", "harness_error")
MAX_SIZE = 64 * 1024 * 1024  # bytes of a report
MAX_MESSAGE = 4096  # characters of a message that are searched
_MAX_NAMES = 10
_MAX_REMEMBERED = 10_000  # failing cases that are recognised when they are repeated


class Unreadable(Exception):
    """The report cannot be read; the text says why."""


class Incomplete(Unreadable):
    """The report is incomplete: it may still be being written."""


@dataclass(frozen=True, slots=True)
class Rules:
    """RE2 patterns on messages: skips because of the environment, and errors of the test harness itself."""

    environment_skips: str
    harness_errors: str


@dataclass
class Report:
    """Counts of a run. `started` is Unix seconds, None when the report does not say; `zoned` when it named its zone.

    `claimed` is the number of tests by the attributes of the report; `failing` are the first ten names,
    `environment_skip` is the message of the first skip because of the environment, `harness` that of the first harness
    error.
    """

    rules: Rules
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    failing: list[str] = field(default_factory=list)
    flaky: int = 0
    environment_skip: str = ""
    harness: str = ""
    started: float | None = None
    zoned: bool = False
    duration: float = 0.0
    claimed: int | None = None
    _bad: set[str] = field(default_factory=set)

    @property
    def total(self) -> int:
        """All cases, each counted once."""
        return sum(self.counts.values())

    def add(self, name: str, outcome: str, message: str = "") -> None:
        """Count a case; a failing one that is repeated, as pytest's teardown errors are, is counted once."""
        if name in self._bad:
            return
        if outcome == "skipped" and search(self.rules.environment_skips, message):
            outcome = "environment_skipped"
            self.environment_skip = self.environment_skip or message
        elif outcome in ("failed", "error") and search(self.rules.harness_errors, message):
            outcome = "harness_error"
            self.harness = self.harness or f"{name}: {message}"
        self.counts[outcome] += 1
        if outcome in ("failed", "error", "harness_error") and len(self._bad) < _MAX_REMEMBERED:
            self._bad.add(name)
        if outcome in ("failed", "error") and len(self.failing) < _MAX_NAMES:
            self.failing.append(name[:200])

    def close(self) -> None:
        """All cases have been added."""
        self._bad.clear()

    def begin(self, text: str) -> None:
        """Take the start time, ISO 8601; the earliest is kept, an unreadable one is ignored."""
        try:
            moment = datetime.fromisoformat(text.strip())
            started = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return
        if self.started is None or started < self.started:
            self.started, self.zoned = started, moment.tzinfo is not None


def seconds(text: object) -> float:
    """Seconds of a duration in a report, with or without thousands separators; 0 when it is invalid or negative."""
    try:
        value = float(str(text).replace(",", ""))
    except ValueError:
        return 0.0
    return value if math.isfinite(value) and value > 0 else 0.0
