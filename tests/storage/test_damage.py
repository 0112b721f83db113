"""A store with one damaged byte, or page, anywhere: nothing is lost, nothing is changed, the damaged file is kept."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from staging_exporter.storage.database import FILE, Database
from staging_exporter.storage.store import Store, as_rows

from tests.storage.damage import flaws
from tests.storage.stores import large, loaded, saved, using

CHANCE = random.Random(7)


def test_one_damaged_byte_anywhere_loses_nothing(tmp_path: Path) -> None:
    saved(tmp_path, large())
    size = (tmp_path / FILE).stat().st_size
    header = CHANCE.sample(range(100), 25)
    assert flaws(tmp_path, [*header, *CHANCE.sample(range(100, size), 50)], CHANCE) == []


def test_one_page_that_is_gone_loses_nothing_and_is_kept_for_a_person(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = tmp_path / "whole"
    saved(whole, large())
    data = (whole / FILE).read_bytes()
    for page in range(0, len(data), 4096):
        directory = tmp_path / str(page)
        directory.mkdir()
        damaged = data[:page] + bytes(4096) + data[page + 4096 :]
        (directory / FILE).write_bytes(damaged)
        assert loaded(directory) == large(), f"page {page // 4096}"
        if (directory / f"{FILE}.damaged-1").exists():  # some pages hold nothing
            assert (directory / f"{FILE}.damaged-1").read_bytes() == damaged
            assert "damaged store repaired" in caplog.text


@pytest.mark.parametrize("size", [0, 1, 99, 100, 4096, 5000])
def test_a_truncated_store_starts(tmp_path: Path, size: int) -> None:
    saved(tmp_path, large())
    data = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(data[:size])
    found = loaded(tmp_path)
    assert found.components.items() <= large().components.items()
    saved(tmp_path, large())
    assert loaded(tmp_path) == large()


async def test_damage_while_it_runs_loses_nothing(tmp_path: Path) -> None:
    async def work(store: Store) -> None:
        await store.load()
        await store.save(large())
        with (tmp_path / FILE).open("r+b") as file:
            file.write(bytes(20_000))
        for components in (61, 62, 63):  # the first may not notice
            try:
                await store.save(large(components))
            except Exception:
                assert store.status.problem

    await using(tmp_path, work)
    assert await using(tmp_path, Store.load) == large(63)


def test_damage_of_the_log_leaves_an_earlier_state(tmp_path: Path) -> None:
    # Only between a write and the next moment is there a log; a damaged one reads like one that was not finished.
    before, after = large(20), large(21)
    saved(tmp_path, before)
    database = Database(tmp_path / FILE)
    database.change("test", dict(as_rows(after)))
    log, whole = (tmp_path / f"{FILE}-wal").read_bytes(), (tmp_path / FILE).read_bytes()
    database.close()
    assert log
    for at in CHANCE.sample(range(len(log)), 30):
        directory = tmp_path / str(at)
        directory.mkdir()
        (directory / FILE).write_bytes(whole)
        damaged = bytearray(log)
        damaged[at] ^= 0x10
        (directory / f"{FILE}-wal").write_bytes(damaged)
        assert loaded(directory) in (before, after)
