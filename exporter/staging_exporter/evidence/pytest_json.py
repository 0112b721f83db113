"""pytest-json-report, read as a stream in limited memory: https://github.com/numirias/pytest-json-report#format."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ijson

from staging_exporter.evidence.testcases import MAX_MESSAGE, MAX_SIZE, Incomplete, Report, Unreadable, seconds

_MAX_VALUE = 4 * 1024 * 1024  # bytes of one value
_MAX_DEPTH = 100
_OUTCOMES = {"passed": "passed", "xpassed": "passed", "failed": "failed", "error": "error"}
_SUMMARY = _OUTCOMES | {"skipped": "skipped", "xfailed": "skipped"}
# https://docs.pytest.org/en/stable/reference/exit-codes.html
_CUT_OFF = {2: "interrupted", 3: "an internal error", 4: "wrong usage"}
_LONG = tuple(
    f"{stage}{key}" for stage in ("", "setup.", "call.", "teardown.") for key in ("crash.message", "longrepr")
)
_TIMES = ("setup.duration", "call.duration", "teardown.duration")
_KNOWN = frozenset({"nodeid", "outcome", *_LONG, *_TIMES})


class PytestJsonReader:
    """Feed it the bytes of a file, then finish; the tests are counted into `report`. Raises Unreadable."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._events: Any = ijson.sendable_list()
        self._parser = ijson.basic_parse_coro(self._events, use_float=True)
        self._path: list[str] = []  # the key in each open mapping, `item` in each open list
        self._test: dict[str, str] = {}
        self._summary: dict[str, int] = {}
        self._is_one = False
        self._fed = self._quiet = 0

    def feed(self, data: bytes) -> None:
        """The next bytes."""
        data = data if self._fed else data.removeprefix(b"\xef\xbb\xbf")
        self._fed += len(data)
        if self._fed > MAX_SIZE:
            raise Unreadable(f"more than {MAX_SIZE // 1024**2} MiB of JSON")
        self._take(lambda: self._parser.send(data), Unreadable)
        self._quiet = 0 if self._events else self._quiet + len(data)
        if self._quiet > _MAX_VALUE:
            raise Unreadable("a single value of more than 4 MiB")
        self._look()

    def finish(self) -> None:
        """No more bytes will come."""
        self._take(self._parser.close, Incomplete)
        self._look()
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

    def _take(self, step: Callable[[], object], kind: type[Unreadable]) -> None:
        try:
            step()
        except ijson.JSONError as error:
            said = error.args[0]
            text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
            raise kind(f"JSON: {text.partition(chr(10))[0]}") from None

    def _look(self) -> None:
        for event, value in self._events:
            if event in ("start_map", "start_array"):
                self._open("item" if event == "start_array" else "")
            elif event in ("end_map", "end_array"):
                self._path.pop()
                self._closed()
            elif event == "map_key":
                self._path[-1] = value
            else:
                self._scalar(value)
        self._events.clear()

    def _open(self, key: str) -> None:
        self._is_one = self._is_one or (self._path == ["summary"] and not key)
        self._path.append(key)
        if len(self._path) > _MAX_DEPTH:
            raise Unreadable(f"nested more than {_MAX_DEPTH} deep")

    def _scalar(self, value: Any) -> None:
        match self._path:
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

    def _closed(self) -> None:
        """Count a test or a collector that is complete; a collector is counted only when it failed, as an error."""
        if self._path not in (["tests", "item"], ["collectors", "item"]):
            return
        test, self._test = self._test, {}
        name = test.get("nodeid", "")
        message = " ".join(test[key] for key in _LONG if key in test)[:MAX_MESSAGE]
        self._report.names.add_group(name.partition("::")[0])
        if self._path[0] == "tests":
            took = sum(seconds(test.get(key, 0.0)) for key in _TIMES)
            self._report.add(name, _OUTCOMES.get(test.get("outcome", ""), "skipped"), message, took=took)
        elif test.get("outcome") == "failed":
            self._report.add(name, "error", f"collection failure\n{message}")
