"""Test reports: which file counts, and what is in it."""

from __future__ import annotations

import json
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from exporter.net.junit import JunitReader
from exporter.net.testcases import MAX_MESSAGE, HalfWritten, Report, Rules, Unreadable, seconds

Format = Literal["auto", "junit", "pytest-json"]
MAX_JSON = 16 * 1024 * 1024  # bytes; read as a whole, which takes several times as much
_CHUNK = 64 * 1024
_SETTLING = 60.0  # seconds that a file which breaks off may still be being written
_MAX_FILES = 10_000
_OUTCOMES = {"passed": "passed", "xpassed": "passed", "failed": "failed", "error": "error"}


def newest_report(pattern: str, report_format: Format, rules: Rules, deadline: float) -> tuple[Path, float, Report]:
    """The newest complete file that matches, when it was written (Unix seconds), and what it says.

    One that breaks off waits a minute for its rest, while the next older one counts; after that it is broken.
    `deadline` is by time.monotonic(). Raises Unreadable.
    """
    found = sorted(_files(pattern), reverse=True)
    if not found:
        raise Unreadable(f"no file matches {pattern}")
    waiting = ""
    for written, path in found:
        try:
            with path.open("rb") as file:
                chunks = iter(lambda: file.read(_CHUNK), b"")  # consumed before the next file
                return path, written, read_report(chunks, report_format, rules, deadline)
        except HalfWritten as error:
            waiting = f"{path.name} is half written: {error}"
            if time.time() - written > _SETTLING:
                break
        except (Unreadable, OSError) as error:
            raise Unreadable(f"{path.name}: {error}") from None
    raise Unreadable(waiting)


def _files(pattern: str) -> Iterator[tuple[float, Path]]:
    base = Path(Path(pattern).anchor)
    for count, path in enumerate(base.glob(str(Path(pattern).relative_to(base)))):
        if count >= _MAX_FILES:
            raise Unreadable(f"more than {_MAX_FILES} files match {pattern}")
        try:
            status = path.stat()
        except OSError:
            continue  # it went away meanwhile
        if stat.S_ISREG(status.st_mode):
            yield status.st_mtime, path


def read_report(chunks: Iterable[bytes], report_format: Format, rules: Rules, deadline: float) -> Report:
    """Count the cases of a report by the `rules`. Raises Unreadable, HalfWritten."""
    report = Report(rules)
    reader: JunitReader | _JsonReader | None = None
    for chunk in chunks:
        if time.monotonic() > deadline:
            raise Unreadable("reading it takes longer than the run may")
        if reader is None:
            if not (start := chunk.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")):
                continue
            is_json = report_format == "pytest-json" or (report_format == "auto" and start.startswith(b"{"))
            reader = _JsonReader(report) if is_json else JunitReader(report)
        reader.feed(chunk)

    if reader is None:
        raise HalfWritten("the file is empty")
    reader.finish()
    return report


class _JsonReader:
    """pytest-json-report: https://github.com/numirias/pytest-json-report#format."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._data = bytearray()

    def feed(self, data: bytes) -> None:
        self._data += data
        if len(self._data) > MAX_JSON:
            raise Unreadable("more than 16 MiB of JSON")

    def finish(self) -> None:
        try:
            document = json.loads(self._data.decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            broken_off = not self._data.rstrip().endswith(b"}")
            raise (HalfWritten if broken_off else Unreadable)(f"JSON: {error}") from None
        if not isinstance(document, dict) or not isinstance(document.get("summary"), dict):
            raise Unreadable("JSON without a summary is no pytest-json-report")
        created = document.get("created")
        if isinstance(created, int | float) and not isinstance(created, bool):
            self._report.started, self._report.zoned = float(created), True
        self._report.duration = seconds(document.get("duration"))
        total = document["summary"].get("total")
        self._report.claimed = total if isinstance(total, int) else None
        for collector in _dicts(document.get("collectors")):
            if collector.get("outcome") == "failed":
                self._report.add(str(collector.get("nodeid")), "error", f"collection failure\n{_long(collector)}")
        for test in _dicts(document.get("tests")):
            outcome = _OUTCOMES.get(str(test.get("outcome")), "skipped")
            stages = [stage for name in ("setup", "call", "teardown") if isinstance(stage := test.get(name), dict)]
            self._report.add(str(test.get("nodeid")), outcome, "\n".join(map(_long, stages))[:MAX_MESSAGE])


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _long(stage: dict[str, Any]) -> str:
    crash = stage.get("crash")
    message = crash.get("message", "") if isinstance(crash, dict) else ""
    return f"{message} {stage.get('longrepr', '')}"[:MAX_MESSAGE].strip()
