"""The database file: rows with checksums, each twice, and each change synced before it returns. Imported by `store`.

One connection, used by one thread: the SQLite of today's Debian can damage a write-ahead log that two connections
share (https://sqlite.org/wal.html#walresetbug). Both copies of a row are never on one page, so that a damaged page
loses nothing; `repair` puts them together again.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

from staging_exporter.storage import tables
from staging_exporter.storage.directory import aside, sync

FILE = "store.db"
_APPLICATION = 0x53455850  # "SEXP": the file is one of ours
_PAGES = 23_552  # of 4 KiB: at most 92 MiB
# The statements for each version, applied in order; they are never changed once they were released.
_COLUMNS = (
    "environment TEXT NOT NULL, part TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, "
    "checksum INTEGER NOT NULL, PRIMARY KEY (environment, part, name)"
)
_MIGRATIONS = (
    (f"CREATE TABLE entries ({_COLUMNS})", f"CREATE TABLE copies ({_COLUMNS})"),
    tables.STATEMENTS,
)
_TABLES = ("entries", "copies")
_PAGE = 4096  # bytes, the default of SQLite since 3.12
_SIZE = slice(28, 32)  # of the file header: pages in the file, 0 when the size of the file says so
# Errors that are about where the file is, not about what is in it.
_AROUND = (
    *(sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_IOERR),
    *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_AUTH),
)


class Key(NamedTuple):
    """What a row is about: a part, such as `deploys`, and a name in it."""

    part: str
    name: str


Rows = Mapping[Key, str]


class Damaged(Exception):
    """The file is not what was written; the text says what was found."""


class Database:
    """The open file. Not thread-safe."""

    def __init__(self, file: Path) -> None:
        """Open or create it, and bring it to this version.

        Raises OSError, sqlite3.Error, and Damaged for a file that is another program's, a later version's, or damaged.
        """
        self.connection, self._file = sqlite3.connect(file, isolation_level=None), file
        try:
            self._prepare()
            sync(file.parent)
            self._inode = file.stat().st_ino
        except BaseException as error:
            self.close()
            if isinstance(error, sqlite3.Error) and self._is_damage(error):
                raise Damaged(str(error)) from None
            raise

    def _prepare(self) -> None:
        for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL"):
            self.connection.execute(f"PRAGMA {pragma}").fetchall()
        found = [str(row[0]) for row in self.connection.execute("PRAGMA integrity_check")]
        if found != ["ok"]:
            raise Damaged(found[0])
        (version,), (application,) = (
            self.connection.execute(f"PRAGMA {name}").fetchone() for name in ("user_version", "application_id")
        )
        tables = self.connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if (application != _APPLICATION and (tables or application)) or version > len(_MIGRATIONS):
            raise Damaged(f"written by another program or a later version ({version})")
        self.connection.execute(f"PRAGMA max_page_count = {_PAGES}").fetchall()
        if version < len(_MIGRATIONS):
            self._migrate(version)

    def _migrate(self, version: int) -> None:
        with tables.transaction(self.connection):
            for statement in (statement for statements in _MIGRATIONS[version:] for statement in statements):
                self.connection.execute(statement)
            self.connection.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")
            self.connection.execute(f"PRAGMA application_id = {_APPLICATION}")

    def rows(self, environment: str) -> dict[Key, str]:
        """The rows of an environment. Raises Damaged when one of any environment is not what was written."""
        try:
            first, second = ([*_all(self.connection, table)] for table in _TABLES)
        except sqlite3.Error as error:
            raise (Damaged(str(error)) if self._is_damage(error) else error) from None
        valid = dict(_valid(first))
        if not len(first) == len(valid) == len(second) or valid != dict(_valid(second)):
            raise Damaged("a row is not what was written")
        return {key: value for (owner, key), value in valid.items() if owner == environment}

    def change(self, environment: str, changes: Mapping[Key, str | None], batch: tables.Batch = tables.NOTHING) -> None:
        """Write these rows and the batch of the past, and delete the rows whose value is None, all or none.

        It is synced to the disk when it returns.

        Raises OSError and sqlite3.Error: then nothing was changed, and the database must be opened again.
        """
        if self._file.stat().st_ino != self._inode:
            raise OSError("the database file was replaced")
        gone = [(environment, *key) for key, value in changes.items() if value is None]
        kept = [(environment, *key, value) for key, value in changes.items() if value is not None]
        rows = [(*row, _checksum(*row)) for row in kept]
        where = "WHERE environment = ? AND part = ? AND name = ?"
        with tables.transaction(self.connection):
            for table in _TABLES:
                self.connection.executemany(f"DELETE FROM {table} {where}", gone)  # noqa: S608  no input
                self.connection.executemany(f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?, ?, ?)", rows)  # noqa: S608  no input
            tables.write(self.connection, environment, batch)

    def fold(self) -> None:
        """Move what was written from the log into the file, where checksums guard all of it. Raises sqlite3.Error."""
        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Close the file."""
        with suppress(sqlite3.Error):
            self.connection.close()

    def _is_damage(self, error: sqlite3.Error) -> bool:
        """Whether it is about what is in the file; one that may be written and says it may not is damaged too."""
        code = error.sqlite_errorcode & 0xFF if hasattr(error, "sqlite_errorcode") else sqlite3.SQLITE_CORRUPT
        writable = os.access(self._file, os.W_OK) and os.access(self._file.parent, os.W_OK)
        return code not in _AROUND or (code == sqlite3.SQLITE_READONLY and writable)


def repair(file: Path) -> tuple[Path, int]:
    """Set a damaged file aside, and put one with the rows that can still be read in its place.

    Returns the name of the damaged one, and how many rows were saved. Raises OSError and sqlite3.Error: then the
    damaged file is still in its place.
    """
    kept, new, scratch = aside(file, "damaged"), file.with_name(f"{file.name}.new"), file.with_name(f"{file.name}.old")
    _remove(new, scratch)
    try:
        for copy in (kept, scratch):
            shutil.copyfile(file, copy)
            if _log(file).exists():
                shutil.copyfile(_log(file), _log(copy))
        saved = _rebuilt(scratch, new)
        _log(file).unlink(missing_ok=True)
        new.replace(file)
    except BaseException:
        _remove(kept, new)
        raise
    finally:
        _remove(scratch)
    sync(file.parent)
    return kept, saved


def readable(file: Path, environment: str) -> dict[Key, str]:
    """The rows of an environment that can be read, of a file that nobody writes meanwhile; it is not changed.

    Raises FileNotFoundError, OSError, sqlite3.Error, and ValueError when nothing is of that environment.
    """
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / file.name
        shutil.copyfile(file, copy)
        if _log(file).exists():
            shutil.copyfile(_log(file), _log(copy))
        with closing(sqlite3.connect(copy)) as db:
            found = _salvaged(db)
    rows = {key: value for (owner, key), value in found.items() if owner == environment}
    if not rows and found:
        owners = " and ".join(sorted({repr(owner) for owner, _ in found}))
        raise ValueError(f"it belongs to environment {owners}, not to {environment!r}")
    return rows


def _log(file: Path) -> Path:
    return file.with_name(f"{file.name}-wal")


def _remove(*files: Path) -> None:
    for file in files:
        file.unlink(missing_ok=True)
        _log(file).unlink(missing_ok=True)


Owned = tuple[str, Key]


def _rebuilt(scratch: Path, new: Path) -> int:
    """Write all rows of `scratch` that can be read to the new file; returns their number. Changes `scratch`."""
    copy = Database(new)
    try:
        copy.fold()
        with suppress(sqlite3.Error), closing(sqlite3.connect(scratch)) as db:
            found = _salvaged(db)
        with scratch.open("r+b") as file:  # its header and list of tables may be what is damaged; ours are the same
            first = bytearray(new.read_bytes()[:_PAGE])
            first[_SIZE] = bytes(4)
            file.write(first)
        with suppress(sqlite3.Error), closing(sqlite3.connect(scratch)) as db:
            found = {**_salvaged(db), **found}
        for environment in {owner for owner, _ in found}:
            copy.change(environment, {key: value for (owner, key), value in found.items() if owner == environment})
        with suppress(sqlite3.Error), closing(sqlite3.connect(scratch)) as db:
            tables.salvage(db, copy.connection)
        copy.fold()
    finally:
        copy.close()
    return len(found)


def _all(db: sqlite3.Connection, table: str, order: str = "ASC") -> Iterator[tuple[object, ...]]:
    yield from db.execute(f"SELECT * FROM {table} NOT INDEXED ORDER BY rowid {order}")  # noqa: S608  no input


def _salvaged(db: sqlite3.Connection) -> dict[Owned, str]:
    """The valid rows before the first page that cannot be read, and after the last one, of both copies."""
    found: dict[Owned, str] = {}
    for table in reversed(_TABLES):
        for order in ("DESC", "ASC"):
            with suppress(sqlite3.Error):
                for row in _all(db, table, order):
                    found |= _valid([row])
    return found


def _valid(rows: Iterable[tuple[object, ...]]) -> Iterator[tuple[Owned, str]]:
    """The rows with the right checksum, by environment and key."""
    for *texts, checksum in rows:
        strings = [text for text in texts if isinstance(text, str)]
        if len(strings) == len(texts) == 4 and checksum == _checksum(*strings):
            environment, part, name, value = strings
            yield (environment, Key(part, name)), value


def _checksum(*texts: str) -> int:
    return zlib.crc32("\0".join(texts).encode(errors="surrogatepass"))
