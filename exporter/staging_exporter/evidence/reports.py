"""Test reports: which file is used, and what is in it."""

from __future__ import annotations

import stat
import time
from collections.abc import Hashable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Protocol

from staging_exporter.evidence.junit import JunitReader
from staging_exporter.evidence.pytest_json import PytestJsonReader
from staging_exporter.evidence.testcases import Incomplete, Report, Rules, Unreadable

Format = Literal["auto", "junit", "pytest-json"]
PUSHED = "*.report"  # names of the files that hold pushed reports
_CHUNK = 64 * 1024
_SETTLING = 60.0  # seconds that an incomplete file may still be being written
_MAX_FILES = 10_000


class Cache(Protocol):
    """Keeps what was read; must be safe to use from threads."""

    def get(self, key: Hashable) -> Any:
        """The value of this key, None without one."""

    def put(self, key: Hashable, value: object) -> None:
        """Keep a value."""


class _TooSlow(Unreadable):
    """The run had no time left to read it; a later run may."""


def newest_report(
    pattern: str | None, pushed: Path | None, report_format: Format, rules: Rules, deadline: float, cache: Cache
) -> tuple[Path, float, Report]:
    """The newest complete file, of those that match the glob and those in the directory of pushed reports.

    Returns its path, when it was written (Unix seconds), and its content. While an incomplete file is younger than a
    minute the next older one is used; after that it is unreadable. A file is read again only when it has changed.
    `deadline` is by time.monotonic(). Raises Unreadable.
    """
    found = _matching(pattern) if pattern else []
    found += _dated(pushed.glob(PUSHED)) if pushed else []
    if not found:
        missing = [f"no file matches {pattern}"] if pattern else []
        raise Unreadable(", and ".join([*missing, "no report was pushed"] if pushed else missing))
    found.sort(reverse=True)
    waiting = ""
    for written, path in found:
        try:
            return path, written, _cached(path, report_format, rules, deadline, cache)
        except Incomplete as error:
            waiting = f"{path.name} is incomplete: {error}"
            if time.time() - written > _SETTLING:
                break
        except (Unreadable, OSError) as error:
            raise Unreadable(f"{path.name}: {error}") from None
    raise Unreadable(waiting)


def read_file(path: Path, report_format: Format, rules: Rules, deadline: float) -> Report:
    """The content of the file. Raises Unreadable, OSError."""
    with path.open("rb") as file:
        return read_report(iter(lambda: file.read(_CHUNK), b""), report_format, rules, deadline)


def _cached(path: Path, report_format: Format, rules: Rules, deadline: float, cache: Cache) -> Report:
    """The content of the file, or why it cannot be read, cached until the file changes. Raises Unreadable, OSError."""
    status = path.stat()
    key = (path, status.st_mtime_ns, status.st_size, status.st_ino, report_format, rules)
    found: Report | Unreadable | None = cache.get(key)
    if found is None:
        try:
            found = read_file(path, report_format, rules, deadline)
        except _TooSlow:
            raise
        except Unreadable as error:
            found = error.with_traceback(None)
        cache.put(key, found)
    if isinstance(found, Unreadable):
        raise type(found)(str(found))
    return found


def _matching(pattern: str) -> list[tuple[float, Path]]:
    base = Path(Path(pattern).anchor)
    found = list(islice(base.glob(str(Path(pattern).relative_to(base))), _MAX_FILES + 1))
    if len(found) > _MAX_FILES:
        raise Unreadable(f"more than {_MAX_FILES} files match {pattern}")
    return list(_dated(found))


def _dated(paths: Iterable[Path]) -> Iterator[tuple[float, Path]]:
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            continue  # deleted meanwhile
        if stat.S_ISREG(status.st_mode):
            yield status.st_mtime, path


def read_report(chunks: Iterable[bytes], report_format: Format, rules: Rules, deadline: float) -> Report:
    """Count the cases of a report by the `rules`. Raises Unreadable, Incomplete."""
    report = Report(rules)
    reader: JunitReader | PytestJsonReader | None = None
    for chunk in chunks:
        if time.monotonic() > deadline:
            raise _TooSlow("reading it takes longer than the timeout allows")
        if reader is None:
            if not (start := chunk.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")):
                continue
            is_json = report_format == "pytest-json" or (report_format == "auto" and start.startswith(b"{"))
            reader = PytestJsonReader(report) if is_json else JunitReader(report)
        reader.feed(chunk)

    if reader is None:
        raise Incomplete("the file is empty")
    reader.finish()
    report.close()
    return report
