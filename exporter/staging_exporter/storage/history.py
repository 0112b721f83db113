"""The past of a running exporter: changes as they are published, incidents, notes. Imported by `recorder` and `app`.

Without a store it is a database in memory: the same tables, for a day.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from staging_exporter.core.history import EXPORTER, STARTED, STOPPED, Change, Observer, Sort, Subject
from staging_exporter.core.incidents import Incident, Note, Query
from staging_exporter.core.past import Past
from staging_exporter.core.snapshot import Deploy, Snapshot
from staging_exporter.storage import tables
from staging_exporter.storage.store import READING, Store
from staging_exporter.storage.tables import Batch
from staging_exporter.views.exporter_status import StorageFailed

RETENTION = 30 * 86400.0  # seconds, with a store
IN_MEMORY = 86400.0  # seconds, without one
_MOST = 250_000  # changes that are kept, about 80 MB; the oldest are dropped before
_MOST_IN_MEMORY = 50_000
_WAITING = 20_000  # changes that wait for a disk that is of no use
_NOTES = 100  # on one incident
_AT_ONCE = 500  # rows that are deleted in one transaction
_PAUSE = 0.02  # seconds between two of them
T = TypeVar("T")


class Tables(Protocol):
    """Where the tables are: the store, or memory."""

    async def ask(self, question: Callable[[sqlite3.Connection], T], seconds: float = ...) -> T:
        """What it returns within so many seconds when it is called with the database. Raises StorageFailed."""


class MemoryTables:
    """The tables in memory."""

    def __init__(self) -> None:
        self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        tables.create(self._db)
        self._lock = asyncio.Lock()

    async def ask(self, question: Callable[[sqlite3.Connection], T], _seconds: float = 0.0) -> T:
        """What it returns when it is called with the database, in a thread. Raises StorageFailed."""
        async with self._lock:
            try:
                return await asyncio.to_thread(question, self._db)
            except sqlite3.Error as error:
                raise StorageFailed(str(error)) from None


class History:
    """What happened, for the retention; `past` has the states over time."""

    def __init__(self, environment: str, store: Store | None, retention: float = RETENTION) -> None:
        """`retention` in seconds is that of the store; without one a day is kept."""
        self._environment = environment
        self._tables: Tables = store or MemoryTables()
        self._keep = retention if store else IN_MEMORY
        self._most = _MOST if store else _MOST_IN_MEMORY
        self.past = Past()
        self.newest: Incident | None = None
        self._observer = Observer()
        self._waiting: list[Change] = []
        self._incidents: Mapping[float, Incident] = {}  # those that are written, by their beginning
        self._set_back_to: float | None = None
        self._was_there = False
        self.before_reading: Callable[[], Awaitable[None]] = _nothing  # stores what is not stored yet

    async def load(self, at: float) -> None:
        """Read what is stored, at the start."""
        with suppress(StorageFailed):  # the store reports it
            last = await self._ask(tables.last_seen)
            if last is not None and last > at:
                await self._ask(tables.forget_after, at)
            self._was_there = last is not None
            self.past = await self._tables.ask(lambda db: tables.past(db, self._environment), READING)
            if last is not None:
                self._add(Change(min(last, at), EXPORTER, STOPPED), Change(at, EXPORTER, STARTED))

    def observe(self, snapshot: Snapshot) -> None:
        """Take up what is new in a snapshot."""
        self._add(*self._observer.changes(snapshot))

    def deployed(self, components: Sequence[str], deploy: Deploy) -> None:
        """Take up a deploy."""
        value = {"revision": deploy.revision}
        self._add(*(Change(deploy.at, Subject(Sort.DEPLOY, name), "", value) for name in components))

    def set_back(self, at: float) -> None:
        """The clock says `at` now, and was ahead before: nothing is in the future."""
        self.past.forget_after(at)
        self._waiting = [change for change in self._waiting if change.at <= at]
        self._observer, self._set_back_to = Observer(), at

    async def forget_future(self) -> None:
        """Delete what a clock that was ahead wrote, before more is written. Raises StorageFailed."""
        if (back := self._set_back_to) is not None:
            await self._ask(tables.forget_after, back)
            self._set_back_to = None

    def take_over(self, incidents: Sequence[Incident]) -> None:
        """These are those of the store, at the start; written already, unless it is of an earlier version."""
        self.newest = incidents[-1] if incidents else None
        if self._was_there:
            self._incidents = {incident.began: incident for incident in incidents}

    def batch(self, incidents: Sequence[Incident], seen: float) -> Batch:
        """What is not written yet; `seen` is now."""
        new = [i for i in incidents if (known := self._incidents.get(i.began)) is not i and known != i]
        return Batch(tuple(self._waiting), new, (), seen)

    def written(self, batch: Batch, incidents: Sequence[Incident]) -> None:
        """The batch is written."""
        del self._waiting[: len(batch.changes)]
        self._incidents = {incident.began: incident for incident in incidents}

    async def write(self, batch: Batch) -> None:
        """Write a batch by itself. Raises StorageFailed."""
        await self._ask(_write, batch)

    async def annotate(self, incident: str, note: Note) -> None:
        """Add a note to an incident. Raises StorageFailed, and KeyError when there is no such incident."""
        if await self.incident(incident) is None:
            raise KeyError(incident)
        if len((await self.notes([incident]))[incident]) >= _NOTES:
            raise StorageFailed(f"an incident has at most {_NOTES} notes")
        await self.write(Batch(notes=[(incident, note)]))

    async def prune(self, now: float) -> None:
        """Delete what is older than the retention, or too much; a little at a time, so that nothing waits for it."""
        newest = await self._tables.ask(lambda db: tables.begin_of_newest(db, self._most))
        before = max(now - self._keep, newest or 0.0)
        self.past.forget_before(before)
        gone = _AT_ONCE
        while gone >= _AT_ONCE:
            gone = await self._tables.ask(lambda db: tables.prune(db, before, _AT_ONCE))
            await asyncio.sleep(_PAUSE)

    async def incidents(self, query: Query) -> list[Incident]:
        """Those that the query asks for, newest first. Raises StorageFailed."""
        await self.before_reading()
        return await self._ask(tables.incidents, query)

    async def incident(self, id_: str) -> Incident | None:
        """The incident with that id. Raises StorageFailed."""
        await self.before_reading()
        return await self._ask(tables.incident, id_)

    async def notes(self, ids: Sequence[str]) -> dict[str, list[Note]]:
        """The notes on these incidents, oldest first. Raises StorageFailed."""
        return await self._ask(tables.notes, ids)

    async def changes(self, begin: float, end: float) -> list[Change]:
        """The changes between the two times, oldest first. Raises StorageFailed."""
        found = await self._ask(tables.changes, begin, end)
        return [*found, *(change for change in self._waiting if begin <= change.at <= end)]

    async def _ask(self, question: Callable[..., T], *values: Any) -> T:
        return await self._tables.ask(lambda db: question(db, self._environment, *values))

    def _add(self, *changes: Change) -> None:
        for change in changes:
            self.past.add(change)
        self._waiting += changes
        del self._waiting[:-_WAITING]


async def _nothing() -> None:
    """Everything is stored."""


def _write(db: sqlite3.Connection, environment: str, batch: Batch) -> None:
    with tables.transaction(db):
        tables.write(db, environment, batch)
