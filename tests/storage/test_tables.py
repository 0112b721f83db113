"""The tables of the past: what fails leaves no transaction open, and changes nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from staging_exporter.core.history import Change, Sort, Subject
from staging_exporter.storage import tables
from staging_exporter.storage.tables import Batch

API = Subject(Sort.COMPONENT, "api")
NO_NUMBER: Any = object()  # which SQLite cannot bind


def _write_half(db: sqlite3.Connection) -> None:
    with tables.transaction(db):
        tables.write(db, "test", Batch([Change(2.0, API, "down")]))
        db.execute("SELECT * FROM what_does_not_exist")


@pytest.mark.parametrize(
    "fails",
    [
        pytest.param(lambda db: tables.prune(db, 10.0, NO_NUMBER), id="prune"),
        pytest.param(lambda db: tables.forget_after(db, NO_NUMBER, 0.0), id="forget_after"),
        pytest.param(_write_half, id="the second of two statements"),
    ],
)
def test_what_fails_is_undone(fails: Callable[[sqlite3.Connection], None]) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        tables.create(db)
        with tables.transaction(db):
            tables.write(db, "test", Batch([Change(1.0, API, "up")]))
        with pytest.raises(sqlite3.Error):
            fails(db)
        assert not db.in_transaction
        assert [change.state for change in tables.changes(db, "test", 0.0, 9.0)] == ["up"]
