"""The state file: replaced atomically, and never overwritten when it is unreadable."""

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
from staging_exporter.storage.state import StateFile, save_periodically

from tests.support.waiting import until

MEMORY = Memory(
    "test", {"api": Remembered(State.DOWN, 5.0, 4.0, spent=True)}, Journal(deploys={"api": Deploy(3.0, "r1")})
)


def test_a_saved_state_is_loaded(tmp_path: Path) -> None:
    StateFile(tmp_path / "new").save(MEMORY)
    assert StateFile(tmp_path / "new").load("test") == MEMORY


def test_without_a_file_the_state_is_empty(tmp_path: Path) -> None:
    assert StateFile(tmp_path).load("test") == Memory("test")


@pytest.mark.parametrize("text", ["", '{"version": 1, "comp', '{"version": 2}', "\xff", "[" * 100_000, "null"])
def test_an_unreadable_file_is_renamed_and_ignored(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text, encoding="latin-1")
    state_file = StateFile(tmp_path)
    assert state_file.load("test") == Memory("test")
    state_file.save(MEMORY)
    assert (tmp_path / "state.ignored").read_text(encoding="latin-1") == text
    assert StateFile(tmp_path).load("test") == MEMORY


def test_the_file_of_another_environment_is_renamed_and_ignored(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    StateFile(tmp_path).save(MEMORY)
    kept = (tmp_path / "state.json").read_text()
    state_file = StateFile(tmp_path)
    assert state_file.load("other") == Memory("other")
    assert "it belongs to environment 'test', not to 'other'" in str(vars(caplog.records[0])["fields"])
    state_file.save(Memory("other"))
    assert (tmp_path / "state.ignored").read_text() == kept


def test_a_partial_temporary_file_is_ignored(tmp_path: Path) -> None:
    StateFile(tmp_path).save(MEMORY)
    (tmp_path / "state.tmp").write_text('{"version": 1, "comp')
    state_file = StateFile(tmp_path)
    assert state_file.load("test") == MEMORY
    state_file.save(Memory("test"))
    assert json.loads((tmp_path / "state.json").read_text())["deploys"] == {}


def test_a_missing_directory_is_logged_and_saving_goes_on_when_it_returns(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state_file = StateFile(tmp_path / "here")
    (tmp_path / "here").rmdir()
    state_file.save(MEMORY)
    assert "cannot write the state file" in caplog.text
    (tmp_path / "here").mkdir()
    state_file.save(MEMORY)
    assert StateFile(tmp_path / "here").load("test") == MEMORY


async def test_a_cancellation_waits_for_the_running_save(tmp_path: Path) -> None:
    half = tmp_path / "state.tmp"
    os.mkfifo(half)  # stands for a slow disk: opening it blocks until somebody reads
    asked = asyncio.Event()

    def memory() -> Memory:
        asked.set()
        return MEMORY

    saving = asyncio.create_task(save_periodically(StateFile(tmp_path), memory, interval=0.0))
    await asked.wait()
    saving.cancel()
    ended, _ = await asyncio.wait({saving}, timeout=0.05)
    assert not ended
    reader = os.open(half, os.O_RDONLY | os.O_NONBLOCK)
    try:
        await until(saving.done)
    finally:
        os.close(reader)
