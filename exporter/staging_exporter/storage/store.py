"""The store of a running exporter: its memory as rows, written by one thread that owns the database.

Imported by `app` and the commands. A store that fails is tried again at every save and the exporter continues.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import closing, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from staging_exporter.core.memory import VERSION, Memory, dump, parse
from staging_exporter.logs import event
from staging_exporter.storage.database import FILE, Damaged, Database, Key, readable, repair
from staging_exporter.storage.directory import StorageDirectory, aside, sync
from staging_exporter.storage.tables import NOTHING, Batch
from staging_exporter.views.exporter_status import StorageFailed, StorageStatus

log = logging.getLogger("exporter")
OLD_FILE = "state.json"  # where the state was before there was a database
_ENVIRONMENT = Key("environment", "")  # the row that says that an environment is stored, and in which version
_NAMED = ("components", "deploys", "shallow")  # parts of a memory that are mappings; the others are lists
_LISTED = ("windows", "incidents")
_ANSWER = 5.0  # seconds that a call of the store may take
READING = 20.0  # seconds that reading everything at the start may take
_WAITING = 100  # saves that may wait for a disk that hangs
T = TypeVar("T")


class Store:
    """The state of one environment in a directory that is locked for this process."""

    def __init__(self, directory: StorageDirectory, environment: str) -> None:
        self._directory, self._environment = directory, environment
        self._file = directory.path / FILE
        self._database: Database | None = None
        self._rows: dict[Key, str] = {}  # what is stored, and is deleted when it is not in the memory any more
        self._started_without = False  # what is stored was not read: it is not in the memory, and stays
        self._status = StorageStatus()
        self._calls: SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = SimpleQueue()
        threading.Thread(target=self._work, name="store", daemon=True).start()

    @property
    def status(self) -> StorageStatus:
        """How storing goes."""
        return self._status

    async def load(self) -> Memory:
        """What is stored of the environment; an empty memory when nothing is, or (logged) when it cannot be read."""
        try:
            return await self._call(self._load, READING)
        except TimeoutError:
            self._failed("reading it takes too long")
            return Memory(self._environment)

    async def save(self, memory: Memory, batch: Batch = NOTHING) -> None:
        """Store what changed, and the batch of the past; synced to the disk when this returns. Raises StorageFailed."""
        try:
            await self._call(lambda: self._save(memory, batch))
        except TimeoutError:
            self._failed("writing takes too long")
            raise StorageFailed(self._status.problem) from None

    async def ask(self, question: Callable[[sqlite3.Connection], T], seconds: float = _ANSWER) -> T:
        """What it returns when it is called with the open database, in its thread. Raises StorageFailed."""
        try:
            return await self._call(lambda: question(self._opened().connection), seconds)
        except (OSError, sqlite3.Error) as error:  # TimeoutError is one
            raise StorageFailed(self._text(error)) from None

    async def close(self) -> None:
        """Close the database, and let another process use the directory. Raises TimeoutError."""
        await self._call(self._close)
        self._directory.release()

    async def _call(self, call: Callable[[], T], seconds: float = _ANSWER) -> T:
        """The result of a call in the thread of the database. Raises TimeoutError, and what the call raises."""
        if self._calls.qsize() > _WAITING:
            raise TimeoutError
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        self._calls.put((call, future))
        result = asyncio.wrap_future(future)
        result.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may wait any more
        async with asyncio.timeout(seconds):
            return await asyncio.shield(result)

    def _work(self) -> None:
        while True:
            call, future = self._calls.get()
            try:
                result = call()
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)
            if self._database and self._calls.empty():
                with suppress(sqlite3.Error):  # the next change finds out
                    self._database.fold()

    def _load(self) -> Memory:
        try:
            self._opened()
            return _memory(self._environment, self._rows)
        except (OSError, sqlite3.Error) as error:
            self._started_without = True
            self._failed(self._text(error))
            return self._load_copy()
        except (ValueError, RecursionError) as error:
            kept = aside(self._file, "ignored")
            event(log, "ignoring unreadable state", logging.ERROR, error=error, copied_to=kept)
            shutil.copyfile(self._file, kept)
            return Memory(self._environment)

    def _load_copy(self) -> Memory:
        try:
            return _memory(self._environment, readable(self._file, self._environment))
        except (OSError, sqlite3.Error, ValueError):
            return Memory(self._environment)

    def _save(self, memory: Memory, batch: Batch) -> None:
        rows = as_rows(memory)
        try:
            database = self._opened()
            changes: dict[Key, str | None] = {key: v for key, v in rows.items() if self._rows.get(key) != v}
            changes |= dict.fromkeys(self._rows.keys() - rows.keys())
            if changes or batch:
                database.change(self._environment, changes, batch)
        except (OSError, sqlite3.Error) as error:
            self._forget_database()
            self._failed(self._text(error))
            raise StorageFailed(self._status.problem) from None
        self._rows = rows
        if self._status.problem:
            event(log, "storing works again", directory=self._directory.path)
        self._status = StorageStatus(time.time(), self._status.errors)

    def _opened(self) -> Database:
        """The database, opened if it is not; damage is repaired. Raises OSError and sqlite3.Error."""
        if self._database is None:
            self._database, rows = self._open()
            self._rows = {key: rows[key] for key in self._rows.keys() & rows} if self._started_without else rows
            self._take_over(self._database)
        return self._database

    def _open(self) -> tuple[Database, dict[Key, str]]:
        try:
            database = Database(self._file)
            return database, database.rows(self._environment)
        except Damaged as error:
            with suppress(UnboundLocalError):
                database.close()
            kept, saved = repair(self._file)
            event(log, "damaged store repaired", logging.ERROR, error=error, rows_saved=saved, damaged_file=kept)
            self._count_error()
        database = Database(self._file)
        return database, database.rows(self._environment)

    def _take_over(self, database: Database) -> None:
        """Import the state file of an earlier version, unless its environment is stored already; set it aside."""
        old = self._directory.path / OLD_FILE
        if not old.exists():
            return
        why = "ignored"
        try:
            memory = parse(json.loads(old.read_text(encoding="utf-8")))
            if not database.rows(memory.environment):
                rows, why = as_rows(memory), "imported"
                database.change(memory.environment, dict(rows))
                self._rows = rows if memory.environment == self._environment else self._rows
        except (ValueError, RecursionError) as error:
            event(log, "ignoring unreadable state file", logging.ERROR, error=error)
        kept = aside(old, why)
        old.rename(kept)
        sync(old.parent)
        event(log, "state file of an earlier version", file=old, renamed_to=kept)

    def _close(self) -> None:
        """Close the database, and write again what somebody damaged while it was open."""
        known, opened = self._rows, self._database is not None and not self._started_without
        self._forget_database()
        if not opened:
            return
        with suppress(OSError, sqlite3.Error):
            database, found = self._open()
            with closing(database):
                lost = {key: value for key, value in known.items() if found.get(key) != value}
                if lost:
                    database.change(self._environment, lost)

    def _forget_database(self) -> None:
        if self._database:
            self._database.close()
            self._database = None

    def _failed(self, problem: str) -> None:
        if problem != self._status.problem:
            event(log, "cannot store", logging.ERROR, directory=self._directory.path, error=problem)
        self._status = StorageStatus(self._status.last_success, self._status.errors, problem)
        self._count_error()

    def _text(self, error: Exception) -> str:
        if not os.access(self._directory.path, os.W_OK):
            return "the directory is read-only, or gone"
        return getattr(error, "strerror", None) or str(error)

    def _count_error(self) -> None:
        status = self._status
        self._status = StorageStatus(status.last_success, status.errors + 1, status.problem)


def stored(directory: Path, environment: str) -> Memory:
    """What a stopped exporter stored of the environment; changes nothing.

    Raises StorageRefused while an exporter uses it, FileNotFoundError without a store, OSError, sqlite3.Error, and
    ValueError when there is nothing of the environment.
    """
    locked = StorageDirectory(directory, read=True)
    try:
        return _memory(environment, readable(directory / FILE, environment))
    finally:
        locked.release()


def as_rows(memory: Memory) -> dict[Key, str]:
    """One row for each component, window, deploy and incident, so that a change writes little."""
    document = dump(memory)
    rows = {_ENVIRONMENT: document["version"]}
    rows |= {Key(part, name): value for part in _NAMED for name, value in document[part].items()}
    # Numbered, and incidents by their beginning, since old ones are dropped and the others must not move.
    rows |= {Key("windows", f"{number:06}"): window for number, window in enumerate(document["windows"])}
    rows |= {Key("incidents", f"{incident['began']:020.6f}"): incident for incident in document["incidents"]}
    return {key: json.dumps(value, separators=(",", ":")) for key, value in rows.items()}


def _memory(environment: str, rows: Mapping[Key, str]) -> Memory:
    """The inverse of `as_rows`. Raises ValueError."""
    version = json.loads(rows[_ENVIRONMENT]) if _ENVIRONMENT in rows else VERSION
    document: dict[str, Any] = {"version": version, "environment": environment}
    document |= {part: {} for part in _NAMED} | {part: [] for part in _LISTED}
    for key in sorted(rows):
        value = json.loads(rows[key])
        if key.part in _NAMED:
            document[key.part][key.name] = value
        elif key.part in _LISTED:
            document[key.part].append(value)
    return parse(document)
