"""Which files make up the newest run of a suite: a run may write several, and push several."""

from __future__ import annotations

import re
import stat
import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from staging_exporter.evidence.reruns import Reruns, Written
from staging_exporter.evidence.testcases import Incomplete, Report, Rules, Unreadable
from staging_exporter.options.moments import Moment
from staging_exporter.options.patterns import compile_pattern

PUSHED = "*.report"  # names of the files that hold pushed reports
RUN_ID = r"[A-Za-z0-9._-]{1,64}"
_PUSHED_NAME = re.compile(rf"\d+-[0-9a-f]+(?:@(?P<run>{RUN_ID}))?\.report")
_SETTLING = 60.0  # seconds that an incomplete file may still be being written
_MAX_FILES = 10_000
_EARLIEST_FILE = 946684800.0  # 2000-01-01: archives without times give 1970 or 1980


class Cache(Protocol):
    """Keeps what was read; must be safe to use from threads."""

    def get(self, key: Hashable) -> Any:
        """The value of this key, None without one."""

    def put(self, key: Hashable, value: object) -> None:
        """Keep a value."""


class TooSlow(Unreadable):
    """The run had no time left to read it; a later run may."""


class Files(NamedTuple):
    """Where reports are: those that match a glob, and those in the directory of pushed ones.

    Of the former, those that were written within `window` seconds before the newest belong to its run, unless newer
    ones replace them; 0 is the newest alone. With `run_id`, an RE2 pattern with one group, those whose path has the
    same id as the newest belong to its run, whenever they were written.
    """

    pattern: str | None
    pushed: Path | None
    window: float
    run_id: str | None = None

    def id_of(self, path: Path) -> str | None:
        """The id of the run in a path, None when there is none."""
        found = compile_pattern(self.run_id).search(str(path)) if self.run_id else None
        return found[1] if found else None


class _Found(NamedTuple):
    written: float
    path: Path
    signature: tuple[int, int, int]
    pushed: bool

    @property
    def run(self) -> str | None:
        """The run that a pushed report belongs to, by its name."""
        named = _PUSHED_NAME.fullmatch(self.path.name) if self.pushed else None
        return named["run"] if named else None


@dataclass
class Run:
    """The newest run: its report, when it began (Unix seconds, None when nothing says it), its files, newest first.

    `problem` is why a part of it cannot be read.
    """

    report: Report
    began: float | None
    names: list[str]
    problem: str = ""


def pushed_name(run: str | None) -> str:
    """The end of the name of a file that holds a pushed report of this run."""
    return f"@{run}" if run else ""


def run_of(path: Path) -> str:
    """What the pushed files of one run have in common: the id of the run, or the name of a file without one."""
    named = _PUSHED_NAME.fullmatch(path.name)
    return (named["run"] if named else None) or path.name


def newest_run(files: Files, rules: Rules, read: Callable[[Path], Report], cache: Cache) -> Run:
    """Read all files of the newest run; a file is read again only when it has changed.

    An incomplete file younger than a minute is ignored; after that the run has a `problem`. Raises Unreadable.
    """
    found = _found(files)
    known = cache.get(("reports", files, rules)) or {}
    kept: dict[Path, tuple[tuple[int, int, int], Report | Unreadable]] = {}
    run: Run | None = None
    newest: _Found | None = None
    reruns = Reruns()
    waiting = ""
    try:
        for file in found:
            if newest is not None and not _belongs(file, newest, files):
                continue
            entry = known.get(file.path)
            content = entry[1] if entry and entry[0] == file.signature else _content(file, read)
            kept[file.path] = (file.signature, content)
            if isinstance(content, Incomplete) and time.time() - file.written <= _SETTLING:
                waiting = waiting or f"{file.path.name} is incomplete: {content}"
                continue
            newest = newest or file
            if not _is_replaced(file, content, reruns):
                run = _with(run, file, content, rules)
    finally:
        cache.put(("reports", files, rules), kept)
    if run is None:
        raise Unreadable(waiting)
    if not run.names:
        raise Unreadable(run.problem)
    return run


def _is_replaced(file: _Found, content: Report | Unreadable, reruns: Reruns) -> bool:
    """True for an older run of tests that newer files have."""
    if file.pushed or isinstance(content, Unreadable):
        return False
    written = Written(file.path, file.written, content.started, content.duration, content.names)
    return reruns.is_replaced(written)


def _found(files: Files) -> list[_Found]:
    """All files that may be reports, newest first. Raises Unreadable when there are none."""
    found = list(_matching(files.pattern)) if files.pattern else []
    found += _dated(files.pushed.glob(PUSHED), pushed=True) if files.pushed else []
    if not found:
        missing = [f"no file matches {files.pattern}"] if files.pattern else []
        raise Unreadable(", and ".join([*missing, "no report was pushed"] if files.pushed else missing))
    return sorted(found, key=lambda file: (file.written, file.path), reverse=True)


def _belongs(file: _Found, newest: _Found, files: Files) -> bool:
    if file.pushed != newest.pushed:
        return False
    if file.pushed:
        return newest.run is not None and file.run == newest.run
    if (run := files.id_of(newest.path)) is not None:
        return files.id_of(file.path) == run
    return files.window > 0 and newest.written - file.written <= files.window


def _content(file: _Found, read: Callable[[Path], Report]) -> Report | Unreadable:
    try:
        return read(file.path)
    except TooSlow:
        raise
    except Unreadable as error:
        return error.with_traceback(None)
    except OSError as error:
        raise Unreadable(f"{file.path.name}: {error}") from None


def _with(run: Run | None, file: _Found, content: Report | Unreadable, rules: Rules) -> Run:
    run = run or Run(Report(rules), None, [])
    if isinstance(content, Unreadable):
        verb = "is incomplete" if isinstance(content, Incomplete) else "cannot be read"
        run.problem = run.problem or f"{file.path.name} {verb}: {content}"
        return run
    run.report.merge(content)
    run.names.append(file.path.name)
    began = began_at(content, file.written)
    if began is not None:
        run.began = min(began, run.began or began)
    return run


def began_at(report: Report, written: float) -> float | None:
    """When the run began, by its report and by when that was written (Unix seconds); None when neither is a time.

    A time without a zone is used only when no zone explains its distance to that of the file.
    """
    own, file = report.started, Moment(written, zoned=True)
    if written < _EARLIEST_FILE or not file.is_past(time.time()):
        return own.seconds if own and own.is_past(time.time()) else None
    if own is None or own.may_be(written):
        return written
    return min(own.seconds, written)


def _matching(pattern: str) -> Iterator[_Found]:
    base = Path(Path(pattern).anchor)
    found = list(islice(base.glob(str(Path(pattern).relative_to(base))), _MAX_FILES + 1))
    if len(found) > _MAX_FILES:
        raise Unreadable(f"more than {_MAX_FILES} files match {pattern}")
    return _dated(found, pushed=False)


def _dated(paths: Iterable[Path], *, pushed: bool) -> Iterator[_Found]:
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            continue  # deleted meanwhile
        if stat.S_ISREG(status.st_mode):
            signature = (status.st_mtime_ns, status.st_size, status.st_ino)
            yield _Found(status.st_mtime, path, signature, pushed)
