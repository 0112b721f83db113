"""The JSON reporter of Playwright Test: https://playwright.dev/docs/test-reporters#json-reporter."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from staging_exporter.evidence.testcases import MAX_MESSAGE, Report, Unreadable, seconds

_OUTCOMES = {"expected": "passed", "unexpected": "failed", "flaky": "passed", "skipped": "skipped"}
_OF_RUN = "the run itself"  # the name of errors that belong to no test
_SEPARATOR = " › "  # as Playwright prints it
_MOST = 50  # messages and attempts of one test
_LONGEST = 500  # characters of a title


@dataclass
class _Test:
    project: str = ""
    expected: str = "passed"
    status: str = ""
    attempts: list[str] = field(default_factory=list)
    took: float = 0.0  # seconds of the last attempt
    messages: list[str] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        """By the last attempt, where the report does not say."""
        last = self.attempts[-1] if self.attempts else "skipped"
        passed = "skipped" if last == "skipped" else "passed"
        return _OUTCOMES.get(self.status, passed if last == self.expected else "failed")


class PlaywrightJson:
    """Counts each test once for each project; a flaky one failed and then passed. Gets every value with its path."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._titles: dict[int, str] = {}  # of the open suites and the open spec, by their depth
        self._test = _Test()
        self._stats: dict[str, int] = {}
        self._has_suites = False
        self._times = 0.0  # seconds of all attempts

    def finish(self) -> None:
        """No more values will come. Raises Unreadable."""
        if not self._has_suites:
            raise Unreadable("JSON without suites is no report of Playwright")
        self._report.claimed_bad += self._stats.get("unexpected", 0)
        if self._stats:
            self._report.claimed = sum(self._stats.values())
        self._report.duration = self._report.duration or self._times

    def opened(self, path: list[str], is_map: bool) -> None:
        """A mapping or list begins."""
        self._has_suites = self._has_suites or (not is_map and path == ["suites"])

    def scalar(self, path: list[str], value: Any) -> None:
        """A value."""
        match path:
            case ["stats", "startTime"]:
                self._report.begin(value)
            case ["stats", "duration"]:
                self._report.duration = seconds(value) / 1000
            case ["stats", outcome] if outcome in _OUTCOMES and isinstance(value, int):
                self._stats[outcome] = value
            case ["errors", "item", "message"]:
                self._report.add(_OF_RUN, "error", str(value)[:MAX_MESSAGE])
            case ["suites", "item", "title"] | ["suites", *_, "suites" | "specs", "item", "title"]:
                self._titles[len(path)] = str(value)[:_LONGEST]
            case ["suites", *_, "tests", "item", key]:
                self._of_test(key, value)
            case ["suites", *_, "results", "item", key]:
                self._of_attempt(key, value)
            case (
                ["suites", *_, "annotations", "item", "description"]
                | ["suites", *_, "results", "item", "error", "message"]
                | ["suites", *_, "results", "item", "errors", "item", "message"]
            ):
                _keep(self._test.messages, str(value)[:MAX_MESSAGE])

    def _of_test(self, key: str, value: Any) -> None:
        match key:
            case "projectName":
                self._test.project = str(value)
            case "expectedStatus":
                self._test.expected = str(value)
            case "status":
                self._test.status = str(value)

    def _of_attempt(self, key: str, value: Any) -> None:
        match key:
            case "status":
                _keep(self._test.attempts, str(value))
            case "duration":
                self._test.took = seconds(value) / 1000
                self._times += self._test.took
            case "startTime":
                self._report.begin(value)

    def closed(self, path: list[str]) -> None:
        """Count a test that is complete, and forget the title of a suite or spec that is."""
        if path[:1] != ["suites"] or path[-1:] != ["item"]:
            return
        if path[-2] == "tests":
            test, self._test = self._test, _Test()
            self._count(test)
        elif path[-2] in ("suites", "specs"):
            self._titles.pop(len(path) + 1, None)

    def _count(self, test: _Test) -> None:
        titles = [title for _, title in sorted(self._titles.items())]
        name, message = _SEPARATOR.join(titles), " ".join(dict.fromkeys(test.messages))[:MAX_MESSAGE]
        self._report.names.add_group(titles[0] if titles else "")
        if "interrupted" in test.attempts:
            self._report.cut_off = "the run was interrupted"
        if test.status == "flaky":
            self._report.add(name, "failed", message, test.project, bad=0)
        self._report.add(name, test.outcome, message, test.project, took=test.took)


def _keep(found: list[str], text: str) -> None:
    if len(found) < _MOST:
        found.append(text)
