"""The history: stored, read, filtered, pruned, in memory; over restarts, damage and a clock that is set back."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from staging_exporter.core.history import EXPORTER, STARTED, STOPPED, Change, Sort, Subject
from staging_exporter.core.incidents import ACKNOWLEDGED, Incident, IncidentRootCause, Note, Query, incident_id
from staging_exporter.core.memory import Memory
from staging_exporter.storage.database import _MIGRATIONS, FILE, repair
from staging_exporter.storage.history import History
from staging_exporter.storage.store import Store
from staging_exporter.storage.tables import Batch

from tests.storage import months
from tests.storage.stores import MEMORY, loaded, saved, using

API = Subject(Sort.COMPONENT, "api")


def incident(began: float, ended: float | None, component: str = "api", priority: str = "P0") -> Incident:
    return Incident(began, ended, (IncidentRootCause(component, "service", priority, "refused", "x", began, ended),))


PAST = [
    incident(1000.0, 1010.0),
    incident(2000.0, 2500.0, "cache", "P2"),
    incident(3000.0, 3001.0, "api-2", "P1"),
    incident(4000.0, None, "cache", "P0"),
]
CHANGES = tuple(Change(float(at), API, "down" if at % 2 else "up", {"reason": "refused"}) for at in range(1000, 1010))
QUERIES = {
    "all, newest first": (Query(), [3, 2, 1, 0]),
    "of a component, not of one whose name begins so": (Query(component="api"), [0]),
    "of a priority": (Query(priority="P0"), [3, 0]),
    "open": (Query(open=True), [3]),
    "over, of a component": (Query(open=False, component="cache"), [1]),
    "older than another": (Query(before=incident_id(3000.0)), [1, 0]),
    "the newest two": (Query(limit=2), [3, 2]),
    "none": (Query(component="ghost"), []),
}


async def filled(store: Store | None) -> History:
    history = History("test", store)
    await history.load(0.0)
    batch = Batch(CHANGES, PAST, [(incident_id(2000.0), Note(2600.0, "ann", ACKNOWLEDGED, ""))], 4000.0)
    await (store.save(Memory("test"), batch) if store else history.write(batch))
    return history


@pytest.mark.parametrize("stored", [True, False], ids=["stored", "in memory"])
async def test_what_is_written_is_found(stored: bool, tmp_path: Path) -> None:
    async def work(store: Store | None) -> None:
        history = await filled(store)
        for query, expected in QUERIES.values():
            assert await history.incidents(query) == [PAST[index] for index in expected], query
        assert await history.incident(incident_id(3000.0)) == PAST[2]
        assert await history.incident("20010101T000000.000Z") is None
        assert await history.changes(1003.0, 1005.0) == [*CHANGES[3:6]]
        await history.annotate(incident_id(2000.0), Note(2700.0, "bob", "note", "was the\ndisk"))
        notes = await history.notes([incident_id(2000.0), incident_id(1000.0)])
        assert [(note.by, note.text) for note in notes[incident_id(2000.0)]] == [("ann", ""), ("bob", "was the\ndisk")]
        assert notes[incident_id(1000.0)] == []
        with pytest.raises(KeyError):
            await history.annotate("20010101T000000.000Z", Note(1.0, "bob", "note", ""))

    await (using(tmp_path, work) if stored else work(None))


async def test_an_incident_that_goes_on_is_stored_once(tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        history = await filled(store)
        over = incident(4000.0, 4100.0, "cache")
        batch = history.batch([*PAST[:3], over], 4100.0)
        history.written(batch, [*PAST[:3], over])
        await store.save(Memory("test"), batch)
        assert await history.incidents(Query(limit=1)) == [over]
        assert len(await history.incidents(Query())) == 4
        assert not history.batch([*PAST[:3], over], 4100.0).incidents

    await using(tmp_path, work)


async def test_after_a_restart_the_gap_is_known_and_the_future_is_not(tmp_path: Path) -> None:
    await using(tmp_path, filled)

    async def read(store: Store) -> None:
        history = History("test", store)
        await history.load(5000.0)
        assert history.past.timeline(API).at(4500.0) == "none"
        assert history.past.timeline(API).at(3999.0) == "down"
        assert await history.changes(3000.0, 6000.0) == [
            Change(4000.0, EXPORTER, STOPPED),
            Change(5000.0, EXPORTER, STARTED),
        ]

    async def earlier(store: Store) -> None:
        history = History("test", store)
        await history.load(1005.0)
        assert [change.at for change in await history.changes(0.0, 9e9)] == [*range(1000, 1006), 1005, 1005]
        assert await history.incidents(Query()) == [PAST[0]]

    await using(tmp_path, read)
    await using(tmp_path, earlier)


async def test_old_rows_and_too_many_rows_are_deleted_a_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("staging_exporter.storage.history._AT_ONCE", 2)
    monkeypatch.setattr("staging_exporter.storage.history._MOST", 4)

    async def work(store: Store) -> None:
        history = await filled(store)
        history.past.add(CHANGES[0])
        await history.prune(2000.0 + 30 * 86400.0)
        assert await history.changes(0.0, 9e9) == []
        assert await history.incidents(Query()) == [PAST[3], PAST[2], PAST[1]]
        await store.save(Memory("test"), Batch(CHANGES))
        await history.prune(3000.0)
        assert await history.changes(0.0, 9e9) == [*CHANGES[-5:]]
        await history.prune(3000.0 + 30 * 86400.0)
        assert await history.incidents(Query()) == [PAST[3], PAST[2]]
        assert (await history.notes([incident_id(2000.0)]))[incident_id(2000.0)] == []
        later = History("test", store)
        await later.load(4000.0)
        assert later.past.timeline(API).at(3999.0) == "down"  # of a change that was deleted

    await using(tmp_path, work)


async def test_incidents_that_were_deleted_are_not_written_again_at_the_next_start(tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        await (await filled(store)).prune(2000.0 + 30 * 86400.0)
        later = History("test", store)
        await later.load(2000.0 + 30 * 86400.0)
        later.take_over(PAST)
        assert later.newest == PAST[-1]
        assert later.batch(PAST, 9e9).incidents == []

    await using(tmp_path, work)


async def test_what_a_clock_that_was_ahead_wrote_is_deleted(tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        history = await filled(store)
        history.set_back(2500.0)
        await history.forget_future()
        assert await history.incidents(Query()) == [PAST[1], PAST[0]]
        await store.save(Memory("test"), Batch([Change(2600.0, API, "up")]))
        await history.forget_future()
        assert [change.at for change in await history.changes(2500.0, 9e9)] == [2600.0]

    await using(tmp_path, work)


def test_a_store_of_the_version_before_is_brought_to_this_one(tmp_path: Path) -> None:
    saved(tmp_path, MEMORY)
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        for table in ("changes", "past", "notes", "base", "seen"):
            db.execute(f"DROP TABLE {table}")
        db.execute("PRAGMA user_version = 1")
        db.commit()
    assert loaded(tmp_path) == MEMORY
    asyncio.run(using(tmp_path, filled))


def test_the_list_of_tables_fits_into_the_page_with_which_a_store_is_repaired(tmp_path: Path) -> None:
    saved(tmp_path, MEMORY)
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        assert len(_MIGRATIONS) == db.execute("PRAGMA user_version").fetchone()[0]
    assert (tmp_path / FILE).read_bytes()[100] == 13  # a leaf, https://sqlite.org/fileformat2.html#b_tree_pages


async def test_a_repair_saves_the_history_and_leaves_damaged_rows_out(tmp_path: Path) -> None:
    await using(tmp_path, filled)
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        db.execute("UPDATE changes SET state = 'up' WHERE at = 1003")
        db.commit()
    repair(tmp_path / FILE)

    async def work(store: Store) -> None:
        history = History("test", store)
        await history.load(4000.0)
        assert (await history.changes(0.0, 2000.0)) == [*CHANGES[:3], *CHANGES[4:]]
        assert await history.incidents(Query()) == PAST[::-1]
        assert len((await history.notes([incident_id(2000.0)]))[incident_id(2000.0)]) == 1

    await using(tmp_path, work)


async def test_a_month_is_deleted_without_a_stall(tmp_path: Path) -> None:
    now = 1_763_800_000.0
    await months.fill(tmp_path, now, incidents=300)
    left, stall = await months.pruned(tmp_path, now)
    assert left == 0
    assert stall < 0.02
