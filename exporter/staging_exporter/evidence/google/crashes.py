"""Why the container of a revision dies, from its log entries: pure.

The newest error is not the cause: what is raised last wraps it. The cause is the earliest traceback of the instance
that exited, within five seconds before its exit line. Every restart has an instance of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from staging_exporter.core.model import Reason
from staging_exporter.evidence.google.answers import unix_time

WINDOW = 180.0  # seconds of system entries that are read
BEFORE = 5.0  # seconds before an exit in which its cause is written
LOOP = 3  # exits within the window that are a crash loop
# How an instance ends that is not needed any more: a scale-in is no crash.
_STOPPED = frozenset({"exit(0)", "exit(143)", "signal 15"})
_OVER = 60.0  # seconds without an exit after which the loop is over
_SHOWN = 200  # characters of a cause
_EXIT = re.compile(r"Container called exit\((-?\d+)\)|Uncaught signal: (\d+)|Container terminated on signal (\d+)")
_MEMORY = re.compile(r"Memory limit of .{1,40} exceeded with .{1,40} used")
_CHAINED = re.compile(r"\n\s*(During handling of the above exception|The above exception was the direct cause)")
_TRACEBACK = "Traceback (most recent call last)"
_USERINFO = re.compile(r"(\w://)[^\s/@'\"]+@")
_SECRET = re.compile(r"(?i)\b((?:password|passwd|pwd|token|secret|api[_-]?key)['\"]?\s*[=:]\s*)\S+")

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Exits:
    """The exits of a revision within the window, newest first. `instance` and `at` are of the newest."""

    count: int
    what: str
    instance: str
    at: float
    first: float
    reason: Reason = Reason.FAILED

    def is_loop(self, now: float) -> bool:
        """True when it crashes again and again, until now."""
        return self.what not in _STOPPED and self.count >= LOOP and now - self.at < _OVER

    @property
    def often(self) -> str:
        """`exit(3) 15 times in 100 s, every 7.0 s`."""
        span = self.at - self.first
        if self.count < 2 or span <= 0:
            return self.what
        return f"{self.what} {self.count} times in {span:.0f} s, every {span / (self.count - 1):.1f} s"


@dataclass(frozen=True, slots=True)
class Cause:
    """The line that says why, and the entry that it is from."""

    line: str
    facts: Mapping[str, str] = field(default_factory=dict)


def find_exits(entries: Sequence[Entry]) -> Exits | None:
    """The exits among the entries of `varlog/system`, None without one."""
    found = []
    for entry in entries:
        text, at = str(entry.get("textPayload", "")), unix_time(entry.get("timestamp"))
        what = _exit(text)
        if what and at is not None:
            found.append((at, what, str((entry.get("labels") or {}).get("instanceId", ""))))
    if not found:
        return None
    found = [one for one in found if one[1] not in _STOPPED] or found
    found.sort(reverse=True)
    at, what, instance = found[0]
    reason = Reason.SATURATED if _MEMORY.match(what) else Reason.FAILED
    return Exits(len(found), what, instance, at, found[-1][0], reason)


def _exit(text: str) -> str:
    """What ended the container, in short; empty for any other line."""
    if match := _EXIT.match(text):
        return f"exit({match[1]})" if match[1] is not None else f"signal {match[2] or match[3]}"
    return match[0] if (match := _MEMORY.match(text)) else ""


def find_cause(entries: Sequence[Entry], exited: float) -> Cause | None:
    """The cause among the entries of stderr of one instance, which exited at that time; None without any line."""
    before = [
        (at, entry)
        for entry in entries
        if (at := unix_time(entry.get("timestamp"))) is not None and exited - BEFORE <= at <= exited + 0.5
    ]
    before.sort(key=lambda pair: pair[0])
    for _, entry in before:
        if _TRACEBACK in (text := _text(entry)):
            return Cause(_cut(_last_line(_CHAINED.split(text)[0])), _facts(entry))
    lines = [(line, entry) for _, entry in before if (line := _line(entry))][-3:]
    if not lines:
        return None
    return Cause(_cut(" | ".join(line for line, _ in lines)), _facts(lines[0][1]))


def _text(entry: Entry) -> str:
    payload = entry.get("jsonPayload") or {}
    return str(entry.get("textPayload") or payload.get("stack_trace") or payload.get("message") or "")


def _line(entry: Entry) -> str:
    """One line for an entry without a traceback: its text, or `error.type: error.value` of structured logs."""
    payload = entry.get("jsonPayload") or {}
    error = payload.get("error")
    if isinstance(error, Mapping) and (error.get("type") or error.get("value")):
        return f"{error.get('type', 'error')}: {error.get('value', '')}"
    return _last_line(_text(entry))


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _cut(line: str) -> str:
    """Without credentials in URLs and settings, and short."""
    line = _SECRET.sub(r"\1***", _USERINFO.sub(r"\1***@", line))
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 3]}..."


def _facts(entry: Entry) -> dict[str, str]:
    groups = entry.get("errorGroups") or [{}]
    facts = {
        "log_insert_id": entry.get("insertId"),
        "log_timestamp": entry.get("timestamp"),
        "error_group": groups[0].get("id"),
    }
    return {key: str(value) for key, value in facts.items() if value}
