"""Reports in JSON, read as a stream in limited memory; their first key says what they look like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ijson

from staging_exporter.evidence.benchmark_json import BenchmarkJson
from staging_exporter.evidence.playwright_json import PlaywrightJson
from staging_exporter.evidence.pytest_json import PytestJson
from staging_exporter.evidence.testcases import MAX_SIZE, Incomplete, Report, Unreadable

_MAX_VALUE = 4 * 1024 * 1024  # bytes of one value
_MAX_DEPTH = 100
Shape = BenchmarkJson | PlaywrightJson | PytestJson
SHAPES: dict[str, type[Shape]] = {
    "pytest-json": PytestJson,
    "playwright-json": PlaywrightJson,
    "pytest-benchmark": BenchmarkJson,
}
_BY_FIRST_KEY = dict.fromkeys(
    ("machine_info", "commit_info", "benchmarks", "datetime", "version"), BenchmarkJson
) | dict.fromkeys(("config", "suites", "errors", "stats"), PlaywrightJson)


class JsonReader:
    """Feed it the bytes of a file, then finish; the tests are counted into `report`. Raises Unreadable."""

    def __init__(self, report: Report, shape: type[Shape] | None = None) -> None:
        """Without a shape, the first key decides."""
        self._report = report
        self._shape: Shape | None = shape(report) if shape else None
        self._events: Any = ijson.sendable_list()
        self._parser = ijson.basic_parse_coro(self._events, use_float=True)
        self._path: list[str] = []  # the key in each open mapping, `item` in each open list
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
        (self._shape or PytestJson(self._report)).finish()

    def _take(self, step: Callable[[], object], kind: type[Unreadable]) -> None:
        try:
            step()
        except ijson.JSONError as error:
            said = error.args[0]
            text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
            raise kind(f"JSON: {text.partition(chr(10))[0]}") from None

    def _look(self) -> None:
        for event, value in self._events:
            if event == "map_key":
                self._path[-1] = value
                if self._shape is None:
                    self._shape = _BY_FIRST_KEY.get(value, PytestJson)(self._report)
            elif event in ("start_map", "start_array"):
                self._open(event == "start_map")
            elif event in ("end_map", "end_array"):
                self._path.pop()
                if self._shape and event == "end_map":
                    self._shape.closed(self._path)
            elif self._shape:
                self._shape.scalar(self._path, value)
        self._events.clear()

    def _open(self, is_map: bool) -> None:
        if self._shape:
            self._shape.opened(self._path, is_map)
        self._path.append("" if is_map else "item")
        if len(self._path) > _MAX_DEPTH:
            raise Unreadable(f"nested more than {_MAX_DEPTH} deep")
