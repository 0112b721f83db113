"""The file that outlives a restart: whole or not at all, never lost to what cannot read it."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest
from staging_exporter.core.journal import Journal
from staging_exporter.core.memory import Memory, Remembered
from staging_exporter.core.model import State
from staging_exporter.core.snapshot import Deploy
from staging_exporter.storage.state import Storage, keep

from tests.support.waiting import until

MEMORY = Memory(
    "test", {"api": Remembered(State.DOWN, 5.0, 4.0, spent=True)}, Journal(deploys={"api": Deploy(3.0, "r1")})
)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    Storage(tmp_path / "new").save(MEMORY)
    assert Storage(tmp_path / "new").load("test") == MEMORY


def test_nothing_was_kept_yet(tmp_path: Path) -> None:
    assert Storage(tmp_path).load("test") == Memory("test")


@pytest.mark.parametrize("text", ["", '{"version": 1, "comp', '{"version": 2}', "\xff", "[" * 100_000, "null"])
def test_what_cannot_be_read_is_left_aside_and_not_overwritten(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text, encoding="latin-1")
    storage = Storage(tmp_path)
    assert storage.load("test") == Memory("test")
    storage.save(MEMORY)
    assert (tmp_path / "state.aside").read_text(encoding="latin-1") == text
    assert Storage(tmp_path).load("test") == MEMORY


def test_what_is_of_another_environment_is_left_aside_and_not_overwritten(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Storage(tmp_path).save(MEMORY)
    kept = (tmp_path / "state.json").read_text()
    storage = Storage(tmp_path)
    assert storage.load("other") == Memory("other")
    assert "it is of environment 'test', this is 'other'" in str(vars(caplog.records[0])["fields"])
    storage.save(Memory("other"))
    assert (tmp_path / "state.aside").read_text() == kept


def test_what_was_half_written_when_the_power_went_is_of_no_account(tmp_path: Path) -> None:
    Storage(tmp_path).save(MEMORY)
    (tmp_path / "state.tmp").write_text('{"version": 1, "comp')
    storage = Storage(tmp_path)
    assert storage.load("test") == MEMORY
    storage.save(Memory("test"))
    assert json.loads((tmp_path / "state.json").read_text())["deploys"] == {}


def test_a_directory_that_is_gone_is_said_and_costs_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    storage = Storage(tmp_path / "here")
    (tmp_path / "here").rmdir()
    storage.save(MEMORY)
    assert "the state could not be stored" in caplog.text
    (tmp_path / "here").mkdir()
    storage.save(MEMORY)
    assert Storage(tmp_path / "here").load("test") == MEMORY


async def test_the_end_waits_for_what_is_being_written(tmp_path: Path) -> None:
    half = tmp_path / "state.tmp"
    os.mkfifo(half)  # a disk that takes its time: to open it waits for somebody who reads
    asked = asyncio.Event()

    def memory() -> Memory:
        asked.set()
        return MEMORY

    keeping = asyncio.create_task(keep(Storage(tmp_path), memory, every=0.0))
    await asked.wait()
    keeping.cancel()
    ended, _ = await asyncio.wait({keeping}, timeout=0.05)
    assert not ended
    reader = os.open(half, os.O_RDONLY | os.O_NONBLOCK)
    try:
        await until(keeping.done)
    finally:
        os.close(reader)
