"""Synthetic entries of Cloud Logging, in the shape and timing of a real crash loop, and the filters that select them.

Every restart has an instance of its own; the default TCP probe succeeds 4 s before each exit; the earliest traceback
comes half a second before the exit line and names the cause; later ones wrap it.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

PERIOD = 7.0  # seconds between two exits
_CAUSE = """Traceback (most recent call last):
  File "/app/main.py", line 12, in <module>
    from netra_backend.app import create_app
  File "/app/netra_backend/app.py", line 31, in <module>
    from langchain_openai import ChatOpenAI
ModuleNotFoundError: No module named 'langchain_openai'"""
_WRAPPED = """Traceback (most recent call last):
  File "/app/main.py", line 18, in lifespan
    await start(app)
  File "/app/netra_backend/startup.py", line 77, in start
    raise RuntimeError("Startup failed: application cannot start") from error
RuntimeError: Startup failed: application cannot start"""

_SEVERITIES = ("DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY")
_TERM = re.compile(r'([\w."]+?)\s*(>=|<=|=|>|<)\s*("(?:[^"\\]|\\.)*"|[\w.+:-]+)\s*(?:AND\s+)?')
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


def select(entries: list[dict[str, Any]], text: str) -> list[dict[str, Any]]:
    """The entries that match all terms of a filter. Raises ValueError for what this fake cannot read."""
    terms, at = [], 0
    text = text.strip()
    while at < len(text):
        match = _TERM.match(text, at)
        if match is None:
            raise ValueError(text[at : at + 40])
        terms.append((match[1], match[2], match[3].strip('"')))
        at = match.end()
    return [entry for entry in entries if all(_holds(entry, *term) for term in terms)]


def _holds(entry: dict[str, Any], name: str, comparison: str, wanted: str) -> bool:
    value: Any = entry
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    compare = _COMPARISONS[comparison]
    if name == "severity":
        return compare(_SEVERITIES.index(value or "DEFAULT"), _SEVERITIES.index(wanted))
    if name == "timestamp":
        return compare(datetime.fromisoformat(str(value)), datetime.fromisoformat(wanted))
    return value is not None and compare(str(value), wanted)


def stamp(moment: float) -> str:
    """RFC 3339, as the API writes times."""
    return datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")


class Writer:
    """Writes the entries of one revision."""

    def __init__(self, project: str, region: str, service: str, revision: str) -> None:
        self._project = project
        labels = {"service_name": service, "location": region, "revision_name": revision, "project_id": project}
        self._resource = {"type": "cloud_run_revision", "labels": {**labels, "configuration_name": service}}
        self._count = 0

    def entry(self, log: str, moment: float, instance: str, **more: Any) -> dict[str, Any]:
        """One entry of the log `varlog/system`, `stderr` or `requests`."""
        self._count += 1
        return {
            "insertId": f"{moment:.3f}-{self._count}",
            "logName": f"projects/{self._project}/logs/run.googleapis.com%2F{log.replace('/', '%2F')}",
            "timestamp": stamp(moment),
            "receiveTimestamp": stamp(moment + 0.15),
            "resource": self._resource,
            "labels": {"instanceId": instance},
            **more,
        }

    def life(self, begin: float, instance: str) -> Iterator[dict[str, Any]]:
        """One life: it starts, its port opens, it raises, raises again, and exits after `PERIOD` less a second."""
        end = begin + PERIOD - 1.0
        system = "varlog/system"
        yield self.entry(
            system, begin, instance, severity="INFO", textPayload="Starting new instance. Reason: AUTOSCALING"
        )
        probe = 'Default STARTUP TCP probe succeeded after 1 attempt for container "app" on port 8000.'
        yield self.entry(system, end - 4.0, instance, severity="INFO", textPayload=probe)
        yield self.entry("stderr", end - 3.5, instance, textPayload="INFO: Started server process [1]")
        groups = {"errorGroups": [{"id": "CPmZ0s3Q9eW8aw"}]}
        yield self.entry("stderr", end - 0.55, instance, severity="ERROR", textPayload=_CAUSE, **groups)
        yield self.entry("stderr", end - 0.5, instance, severity="ERROR", textPayload=_WRAPPED, **groups)
        exited = self.entry(system, end, instance, severity="WARNING", textPayload="Container called exit(3).")
        exited["labels"]["container_name"] = "app"
        yield exited

    def loop(self, since: float, until: float) -> list[dict[str, Any]]:
        """A crash loop; the instances have ids of their own."""
        lives = range(int(max(0.0, until - since) / PERIOD) + 1)
        entries = [e for n in lives for e in self.life(since + n * PERIOD, f"00f8b2{int(since) % 65536:04x}{n:06x}")]
        return [entry for entry in entries if datetime.fromisoformat(entry["timestamp"]).timestamp() <= until]
