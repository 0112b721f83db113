"""The tables of the past: changes of states and verdicts, incidents, notes on them. Imported by `database`, `history`.

Unlike what a restart must not forget, these rows are stored once: each has a checksum, and one that is damaged is left
out when it is read.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from staging_exporter.core.history import Change, Sort, Subject
from staging_exporter.core.incidents import Incident, Note, Query, incident_id
from staging_exporter.core.memory import dump_incident, parse_incident
from staging_exporter.core.past import Past

# Short, since the list of tables must fit into the first page of the file, with which a damaged one is repaired.
STATEMENTS = (
    "CREATE TABLE changes (env TEXT, at REAL, sort TEXT, name TEXT, state TEXT, value TEXT, checksum INTEGER)",
    "CREATE INDEX changes_at ON changes (at)",
    "CREATE TABLE past (env TEXT, id TEXT, ended REAL, who TEXT, value TEXT, checksum INTEGER, UNIQUE (env, id))",
    "CREATE TABLE notes (env TEXT, id TEXT, at REAL, author TEXT, sort TEXT, text TEXT, checksum INTEGER)",
    "CREATE INDEX notes_id ON notes (id)",
    "CREATE TABLE base (env TEXT, sort TEXT, name TEXT, at REAL, state TEXT, checksum INTEGER, "
    "UNIQUE (env, sort, name))",
    "CREATE TABLE seen (env TEXT PRIMARY KEY, at REAL, checksum INTEGER)",
)
_TABLES = ("changes", "past", "notes", "base", "seen")
_CHANGES = 20_000  # that one answer may hold


@dataclass(frozen=True, slots=True)
class Batch:
    """What is to be written: new changes, incidents that began or changed, notes; `seen` is now, Unix seconds."""

    changes: Sequence[Change] = ()
    incidents: Sequence[Incident] = ()
    notes: Sequence[tuple[str, Note]] = ()
    seen: float | None = None

    def __bool__(self) -> bool:
        return bool(self.changes or self.incidents or self.notes or self.seen is not None)


NOTHING = Batch()


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; what fails is undone and raised."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # SQLite has undone it already where the disk is full
            db.execute("ROLLBACK")
        raise


def create(db: sqlite3.Connection) -> None:
    """Create the tables. Raises sqlite3.Error."""
    for statement in STATEMENTS:
        db.execute(statement)


def write(db: sqlite3.Connection, env: str, batch: Batch) -> None:
    """Write the batch, within the transaction of the caller. Raises sqlite3.Error."""
    changes = [(env, c.at, str(c.subject.sort), c.subject.name, c.state, _json(c.value)) for c in batch.changes]
    db.executemany("INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?, ?)", _sealed(changes))
    past = [(env, incident_id(i), i.ended, _who(i), _json(dump_incident(i))) for i in batch.incidents]
    db.executemany("INSERT OR REPLACE INTO past VALUES (?, ?, ?, ?, ?, ?)", _sealed(past))
    notes = [(env, id_, note.at, note.by, note.sort, note.text) for id_, note in batch.notes]
    db.executemany("INSERT INTO notes VALUES (?, ?, ?, ?, ?, ?, ?)", _sealed(notes))
    if batch.seen is not None:
        db.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", _sealed([(env, batch.seen)]))


def last_seen(db: sqlite3.Connection, env: str) -> float | None:
    """Until when the exporter is known to have run."""
    rows = [*_read(db, "SELECT * FROM seen WHERE env = ?", (env,))]
    return float(rows[0][1]) if rows else None


def past(db: sqlite3.Connection, env: str) -> Past:
    """The states of all subjects over time; of one that has not changed for long, that of its last deleted change."""
    found = Past()
    for _, sort, name, at, state in _read(db, "SELECT * FROM base WHERE env = ? ORDER BY at", (env,)):
        found.put(at, Subject(Sort(sort), name), state)
    subjects: dict[tuple[str, str], Subject] = {}
    for at, sort, name, state in db.execute(
        "SELECT at, sort, name, state FROM changes WHERE env = ? AND sort IN ('component', 'journey', 'exporter') "
        "ORDER BY at, rowid",
        (env,),
    ):
        key = (sort, name)
        if key not in subjects:
            subjects[key] = Subject(Sort(sort), name)
        found.put(at, subjects[key], state)
    return found


def changes(db: sqlite3.Connection, env: str, begin: float, end: float) -> list[Change]:
    """The changes between the two times, oldest first, at most `_CHANGES` of them."""
    query = "SELECT * FROM changes WHERE at >= ? AND at <= ? AND env = ? ORDER BY at, rowid LIMIT ?"
    return [
        Change(at, Subject(Sort(sort), name), state, json.loads(value))
        for _, at, sort, name, state, value in _read(db, query, (begin, end, env, _CHANGES))
    ]


def incidents(db: sqlite3.Connection, env: str, query: Query) -> list[Incident]:
    """Those that the query asks for, newest first."""
    wanted, values = ["env = ?"], [env]
    if query.component:
        wanted, values = [*wanted, "instr(who, ?)"], [*values, f" {query.component} "]
    if query.priority:
        wanted, values = [*wanted, "instr(who, ?)"], [*values, f" {query.priority} "]
    if query.before:
        wanted, values = [*wanted, "id < ?"], [*values, query.before]
    if query.open is not None:
        wanted = [*wanted, f"ended IS {'NULL' if query.open else 'NOT NULL'}"]
    text = f"SELECT * FROM past WHERE {' AND '.join(wanted)} ORDER BY id DESC LIMIT ?"  # noqa: S608  no input
    return [parse_incident(json.loads(row[4])) for row in _read(db, text, (*values, query.limit))]


def incident(db: sqlite3.Connection, env: str, id_: str) -> Incident | None:
    """The incident with that id."""
    rows = [*_read(db, "SELECT * FROM past WHERE env = ? AND id = ?", (env, id_))]
    return parse_incident(json.loads(rows[0][4])) if rows else None


def notes(db: sqlite3.Connection, env: str, ids: Iterable[str]) -> dict[str, list[Note]]:
    """The notes on these incidents, oldest first."""
    query = "SELECT * FROM notes WHERE id = ? AND env = ? ORDER BY at, rowid"
    return {id_: [Note(at, by, sort, text) for _, _, at, by, sort, text in _read(db, query, (id_, env))] for id_ in ids}


def prune(db: sqlite3.Connection, before: float, limit: int) -> int:
    """Delete changes and incidents that were over before, of any environment, at most `limit` of each.

    Returns how many rows were deleted. Raises sqlite3.Error.
    """
    with transaction(db):
        query = "SELECT env, sort, name, at, state, rowid FROM changes WHERE at < ? ORDER BY at, rowid LIMIT ?"
        gone = db.execute(query, (before, limit)).fetchall()
        states = [row[:5] for row in gone if row[1] in (Sort.COMPONENT, Sort.JOURNEY)]
        db.executemany("INSERT OR REPLACE INTO base VALUES (?, ?, ?, ?, ?, ?)", _sealed(states))
        db.executemany("DELETE FROM changes WHERE rowid = ?", [row[5:] for row in gone])
        old = db.execute("SELECT rowid, env, id FROM past WHERE ended < ? LIMIT ?", (before, limit)).fetchall()
        db.executemany("DELETE FROM past WHERE rowid = ?", [row[:1] for row in old])
        db.executemany("DELETE FROM notes WHERE env = ? AND id = ?", [row[1:] for row in old])
    return len(gone) + len(old)


def begin_of_newest(db: sqlite3.Connection, most: int) -> float | None:
    """When the newest so many changes begin; None when there are not more."""
    row = db.execute("SELECT at FROM changes ORDER BY at DESC LIMIT 1 OFFSET ?", (most,)).fetchone()
    return None if row is None else float(row[0])


def forget_after(db: sqlite3.Connection, env: str, at: float) -> None:
    """Delete what is in the future, because the clock was set back. Raises sqlite3.Error."""
    with transaction(db):
        db.execute("DELETE FROM changes WHERE at > ? AND env = ?", (at, env))
        db.execute("DELETE FROM past WHERE id > ? AND env = ?", (incident_id(at), env))


def salvage(damaged: sqlite3.Connection, new: sqlite3.Connection) -> None:
    """Copy the rows that can still be read, before the first page that cannot be and after the last one."""
    for table in _TABLES:
        for order in ("ASC", "DESC"):
            with suppress(sqlite3.Error):
                for number, *row in damaged.execute(f"SELECT rowid, * FROM {table} NOT INDEXED ORDER BY rowid {order}"):  # noqa: S608  no input
                    if _valid(row):
                        marks = ", ".join("?" * (len(row) + 1))
                        columns = ", ".join(column[1] for column in new.execute(f"PRAGMA table_info({table})"))
                        insert = f"INSERT OR IGNORE INTO {table} (rowid, {columns}) VALUES ({marks})"  # noqa: S608  no input
                        new.execute(insert, (number, *row))


def _who(incident: Incident) -> str:
    """Components and priorities of its root causes, each between two spaces."""
    return f" {' '.join(sorted({word for root in incident.roots for word in (root.component, root.priority)}))} "


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _sealed(rows: Iterable[Sequence[object]]) -> Iterator[tuple[object, ...]]:
    return ((*row, _checksum(row)) for row in rows)


def _read(db: sqlite3.Connection, query: str, values: Sequence[object]) -> Iterator[tuple[Any, ...]]:
    """The valid rows, without their checksums."""
    return (row[:-1] for row in db.execute(query, values) if _valid(row))


def _valid(row: Sequence[object]) -> bool:
    return bool(row[-1] == _checksum(row[:-1]))


def _checksum(row: Sequence[object]) -> int:
    return zlib.crc32("\0".join(map(repr, row)).encode(errors="surrogatepass"))
