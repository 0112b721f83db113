"""pytest-json-report: https://github.com/numirias/pytest-json-report#format."""

from __future__ import annotations

from typing import Any

from staging_exporter.evidence.testcases import MAX_MESSAGE, Report, Unreadable, seconds

_OUTCOMES = {"passed": "passed", "xpassed": "passed", "failed": "failed", "error": "error"}
_SUMMARY = _OUTCOMES | {"skipped": "skipped", "xfailed": "skipped"}
# https://docs.pytest.org/en/stable/reference/exit-codes.html
_CUT_OFF = {2: "interrupted", 3: "an internal error", 4: "wrong usage"}
_LONG = tuple(
    f"{stage}{key}" for stage in ("", "setup.", "call.", "teardown.") for key in ("crash.message", "longrepr")
)
_TIMES = ("setup.duration", "call.duration", "teardown.duration")
_KNOWN = frozenset({"nodeid", "outcome", *_LONG, *_TIMES})


class PytestJson:
    """Counts the tests and the collectors that failed; gets every value with its path."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._test: dict[str, str] = {}
        self._summary: dict[str, int] = {}
        self._is_one = False

    def finish(self) -> None:
        """No more values will come. Raises Unreadable."""
        if not self._is_one:
            raise Unreadable("JSON without a summary is no pytest-json-report")
        self._report.claimed_bad += sum(self._summary.get(outcome, 0) for outcome in ("failed", "error"))
        if not self._report.total:
            self._count_the_summary()

    def _count_the_summary(self) -> None:
        """Of `--json-report-summary`, which writes no tests."""
        for name, outcome in _SUMMARY.items():
            self._report.counts[outcome] += self._summary.get(name, 0)
        self._report.bad = self._report.claimed_bad

    def opened(self, path: list[str], is_map: bool) -> None:
        """A mapping or list begins."""
        self._is_one = self._is_one or (is_map and path == ["summary"])

    def scalar(self, path: list[str], value: Any) -> None:
        """A value."""
        match path:
            case ["created"]:
                self._report.begin(value)
            case ["duration"]:
                self._report.duration = seconds(value)
            case ["exitcode"] if value in _CUT_OFF:
                self._report.cut_off = f"pytest ended with exit code {value}, {_CUT_OFF[value]}"
            case ["summary", "total"] if isinstance(value, int):
                self._report.claimed = value
            case ["summary", outcome] if isinstance(value, int) and value > 0:
                self._summary[outcome] = value
            case ["tests" | "collectors", "item", *keys] if (key := ".".join(keys)) in _KNOWN:
                self._test[key] = str(value)[:MAX_MESSAGE]

    def closed(self, path: list[str]) -> None:
        """Count a test or a collector that is complete; a collector is counted only when it failed, as an error."""
        if path not in (["tests", "item"], ["collectors", "item"]):
            return
        test, self._test = self._test, {}
        name = test.get("nodeid", "")
        message = " ".join(test[key] for key in _LONG if key in test)[:MAX_MESSAGE]
        self._report.names.add_group(name.partition("::")[0])
        if path[0] == "tests":
            took = sum(seconds(test.get(key, 0.0)) for key in _TIMES)
            self._report.add(name, _OUTCOMES.get(test.get("outcome", ""), "skipped"), message, took=took)
        elif test.get("outcome") == "failed":
            self._report.add(name, "error", f"collection failure\n{message}")
