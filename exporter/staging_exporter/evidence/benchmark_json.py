"""The JSON of pytest-benchmark: https://pytest-benchmark.readthedocs.io. It has only benchmarks that did not fail."""

from __future__ import annotations

from typing import Any

from staging_exporter.evidence.testcases import Report, Unreadable, seconds


class BenchmarkJson:
    """Counts each benchmark as a test that passed and took its median. Gets every value with its path."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._name = ""
        self._median = 0.0
        self._has_benchmarks = False

    def finish(self) -> None:
        """No more values will come. Raises Unreadable."""
        if not self._has_benchmarks:
            raise Unreadable("JSON without benchmarks is no report of pytest-benchmark")

    def opened(self, path: list[str], is_map: bool) -> None:
        """A mapping or list begins."""
        self._has_benchmarks = self._has_benchmarks or (not is_map and path == ["benchmarks"])

    def scalar(self, path: list[str], value: Any) -> None:
        """A value."""
        match path:
            case ["datetime"]:
                self._report.begin(value)
            case ["benchmarks", "item", "fullname"]:
                self._name = str(value)
            case ["benchmarks", "item", "stats", "median"]:
                self._median = seconds(value)
            case ["benchmarks", "item", "stats", "total"]:
                self._report.duration += seconds(value)

    def closed(self, path: list[str]) -> None:
        """Count a benchmark that is complete."""
        if path != ["benchmarks", "item"]:
            return
        self._report.names.add_group(self._name.partition("::")[0])
        self._report.add(self._name, "passed", took=self._median)
        self._name, self._median = "", 0.0
