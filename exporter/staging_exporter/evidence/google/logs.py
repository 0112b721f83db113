"""Reads from Cloud Logging why a revision dies: at most once a minute and revision, the project's quota is shared."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import NamedTuple

from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.evidence.google.answers import short_name
from staging_exporter.evidence.google.crashes import BEFORE, WINDOW, Cause, Exits, find_cause, find_exits
from staging_exporter.evidence.google.reader import GoogleReader
from staging_exporter.evidence.google.reads import log_entries
from staging_exporter.net.context import ProbeContext

_WATCH = 180.0  # seconds after it was asked for or exited in which the logs are read on: an exit may come later
_MARGIN = 0.5  # seconds that are left when logs are not read any more


class Crash(NamedTuple):
    """What the logs say of a revision: its exits and their cause, None without; `unread` is why they were not read.

    `looping` is true when it exits again and again; `lost` when it did, and its logs cannot be read any more.
    """

    exits: Exits | None = None
    cause: Cause | None = None
    unread: str = ""
    looping: bool = False
    lost: bool = False

    @property
    def text(self) -> str:
        """One line: the cause, and how often."""
        if self.exits is None:
            return f"logs: {self.unread}" if self.unread else ""
        return f"{self.cause.line} ({self.exits.often})" if self.cause else self.exits.often


class RevisionLogs:
    """The logs of one revision."""

    def __init__(
        self, context: ProbeContext, reader: GoogleReader, project: str, region: str, period: float = 60.0
    ) -> None:
        """`period` are the seconds between two reads for a revision."""
        self._context, self._reader, self._period = context, reader, period
        self._project, self._region = project, region

    async def crash(self, service: str, revision: str, *, failing: bool) -> Crash:
        """Why it dies, at most one period old; nothing is read unless it is `failing`, or was lately, or exited."""
        key = ("crash", self._project, self._region, service, short_name(revision))
        cache = self._context.cache
        found: Crash | None = cache.get(key)
        watched = ("watched", *key)
        if failing:
            cache.put(watched, True, time.monotonic() + _WATCH)
        if found is None and cache.get(watched):
            found = self._known(key, await self._read(service, short_name(revision)))
            cache.put(key, found, time.monotonic() + self._period)
            if found.exits or found.lost:
                cache.put(watched, True, time.monotonic() + _WATCH)
        return found or Crash()

    def _known(self, key: tuple[str, ...], found: Crash) -> Crash:
        """What was read; while nothing can be read, a crash loop that was seen before: its end was not."""
        last: tuple[Crash, float] | None = self._context.cache.get(("last", *key))
        if found.unread and found.exits is None and last is not None and last[0].looping:
            crash, read_at = last
            return Crash(unread=found.unread, lost=True) if time.monotonic() - read_at > _WATCH else crash
        if not found.unread:
            self._context.cache.put(("last", *key), (found, time.monotonic()))
        return found

    async def _read(self, service: str, revision: str) -> Crash:
        base = (
            'resource.type="cloud_run_revision"',
            f'resource.labels.service_name="{service}"',
            f'resource.labels.location="{self._region}"',
            f'resource.labels.revision_name="{revision}"',
        )
        exits: Exits | None = None
        try:
            since = _stamp(time.time() - WINDOW)
            system = (*base, self._log("varlog%2Fsystem"), "severity>=WARNING", f'timestamp>="{since}"')
            exits = find_exits(await self._entries(*system))
            cause = await self._cause(base, exits) if exits else None
            return Crash(exits, cause, looping=exits is not None and exits.is_loop(time.time()))
        except ProbeFailed as error:
            return Crash(exits, None, error.detail, exits is not None and exits.is_loop(time.time()))

    async def _cause(self, base: tuple[str, ...], exits: Exits) -> Cause | None:
        """From its stderr: errors first; entries without severity where there are none, as shells and Node write."""
        life = (
            *base,
            self._log("stderr"),
            f'labels.instanceId="{exits.instance}"',
            f'timestamp>="{_stamp(exits.at - BEFORE)}"',
            f'timestamp<="{_stamp(exits.at + 0.5)}"',
        )
        cause = find_cause(await self._entries(*life, "severity>=ERROR"), exits.at)
        return cause or find_cause(await self._entries(*life), exits.at)

    async def _entries(self, *terms: str) -> list[dict[str, object]]:
        if self._context.remaining < _MARGIN:
            raise ProbeFailed(Reason.NO_EVIDENCE, "no time left in this probe")
        answer = await self._reader.read(
            self._context, log_entries(self._project, " AND ".join(terms)), self._period, self._period
        )
        return answer.items("entries")

    def _log(self, name: str) -> str:
        return f'logName="projects/{self._project}/logs/run.googleapis.com%2F{name}"'


def _stamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
