"""The store: what it keeps, what it takes over, how it goes on when its directory is of no use."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from staging_exporter.core.journal import Journal
from staging_exporter.core.maintenance import MaintenanceWindow, Once
from staging_exporter.core.memory import Memory, dump
from staging_exporter.storage.directory import StorageDirectory, StorageRefused, file_system
from staging_exporter.storage.store import Store, stored
from staging_exporter.views.exporter_status import StorageFailed

from tests.storage.stores import MEMORY, large, loaded, saved, using


def old_file(directory: Path, text: str | None = None) -> Path:
    directory.mkdir(exist_ok=True)
    file = directory / "state.json"
    file.write_text(json.dumps(dump(MEMORY)) if text is None else text, encoding="latin-1")
    return file


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [f"{record.message} {vars(record)['fields']}" for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize("memory", [MEMORY, large(), Memory("test")], ids=["small", "large", "empty"])
def test_what_is_saved_is_loaded(tmp_path: Path, memory: Memory) -> None:
    saved(tmp_path / "new", memory)
    assert loaded(tmp_path / "new") == memory


def test_what_is_gone_from_the_memory_is_gone_from_the_store(tmp_path: Path) -> None:
    saved(tmp_path, large())
    smaller = replace(large(5), journal=Journal())
    saved(tmp_path, smaller)
    assert loaded(tmp_path) == smaller


def test_environments_share_a_store_without_seeing_each_other(tmp_path: Path) -> None:
    saved(tmp_path, MEMORY)
    other = replace(large(), environment="other")
    saved(tmp_path, other)
    assert (loaded(tmp_path), loaded(tmp_path, "other")) == (MEMORY, other)


def test_the_file_of_an_earlier_version_is_imported_once(tmp_path: Path) -> None:
    old_file(tmp_path)
    assert loaded(tmp_path) == MEMORY
    assert not (tmp_path / "state.json").exists()
    assert json.loads((tmp_path / "state.json.imported-1").read_text()) == dump(MEMORY)
    later = replace(MEMORY, journal=Journal())
    saved(tmp_path, later)
    old_file(tmp_path)  # that of an earlier version that ran in between
    assert loaded(tmp_path) == later
    assert (tmp_path / "state.json.ignored-1").exists()


def test_the_old_file_of_another_environment_is_imported_for_it(tmp_path: Path) -> None:
    old_file(tmp_path)
    assert loaded(tmp_path, "other") == Memory("other")
    assert loaded(tmp_path) == MEMORY


@pytest.mark.parametrize(
    "text",
    [
        *("", '{"version": 1, "comp', '{"version": 2}', "\xff", "[" * 100_000, "null"),
        json.dumps({**dump(MEMORY), "deploys": {"api": {"at": 1e300, "revision": ""}}}),
        json.dumps({**dump(MEMORY), "deploys": {"api": {"at": float("nan"), "revision": ""}}}),
    ],
)
def test_an_unreadable_old_file_is_set_aside_unchanged_and_numbered(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    for number in (1, 2):
        old_file(tmp_path, text)
        assert loaded(tmp_path) == Memory("test")
        assert (tmp_path / f"state.json.ignored-{number}").read_text(encoding="latin-1") == text
    assert "ignoring unreadable state file" in str(errors(caplog))


def test_a_second_process_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    saved(tmp_path, MEMORY)
    first = StorageDirectory(tmp_path)
    old_file(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(StorageRefused, match=f"in use by another exporter, process {os.getpid()}$"):
        StorageDirectory(tmp_path)
    with pytest.raises(StorageRefused):
        stored(tmp_path, "test")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    first.release()
    StorageDirectory(tmp_path).release()


MOUNTS = """\
22 1 0:21 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
30 22 0:45 / /data rw,relatime shared:7 master:2 - {kind} server:/x rw
"""


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "smb3", "fuse", "fuse.sshfs", "fuseblk", "xfs"])
def test_the_file_system_is_known_by_its_device(kind: str) -> None:
    assert file_system(MOUNTS.format(kind=kind), os.makedev(0, 45)) == kind
    assert file_system(MOUNTS.format(kind=kind), os.makedev(0, 21)) == "ext4"
    assert file_system(MOUNTS, os.makedev(8, 1)) == ""


@pytest.mark.parametrize(
    ("kind", "refused"),
    [
        *((kind, True) for kind in ("nfs", "nfs4", "cifs", "smb3", "fuse", "fuse.sshfs", "fuseblk", "virtiofs")),
        *((kind, False) for kind in ("ext4", "xfs", "btrfs", "overlay", "tmpfs", "zfs")),
    ],
)
def test_network_and_user_space_file_systems_are_refused_before_anything_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, refused: bool
) -> None:
    mounts, device = tmp_path / "mounts", tmp_path.stat().st_dev
    mounts.write_text(f"1 0 {os.major(device)}:{os.minor(device)} / / rw - {kind} x rw\n")
    monkeypatch.setattr("staging_exporter.storage.directory._MOUNTS", mounts)
    (tmp_path / "s").mkdir()
    if refused:
        with pytest.raises(StorageRefused, match=f"is on {kind}, where a database can be damaged"):
            StorageDirectory(tmp_path / "s")
        assert list((tmp_path / "s").iterdir()) == []
    else:
        StorageDirectory(tmp_path / "s").release()


@contextmanager
def mounted(directory: Path, options: str) -> Iterator[Path]:
    """A file system in memory; mounting it needs root."""
    as_root = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    directory.mkdir()
    subprocess.run([*as_root, "mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)], check=True)
    try:
        yield directory
    finally:
        subprocess.run([*as_root, "umount", "--lazy", str(directory)], check=True)


def remounted(directory: Path, options: str) -> None:
    as_root = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    subprocess.run([*as_root, "mount", "-o", f"remount,{options}", str(directory)], check=True)


async def test_a_read_only_directory_is_read_and_storing_goes_on_when_it_can(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with mounted(tmp_path / "disk", "size=4m") as disk:

        async def save(store: Store) -> None:
            await store.load()
            await store.save(large())

        await using(disk, save)
        remounted(disk, "ro")
        store = Store(StorageDirectory(disk), "test")
        try:
            assert await store.load() == large()
            for _ in range(3):
                with pytest.raises(StorageFailed):
                    await store.save(MEMORY)
            assert (store.status.errors, store.status.last_success, len(errors(caplog))) == (4, None, 1)
            assert store.status.problem == "the directory is read-only, or gone"
            remounted(disk, "rw")
            await store.save(MEMORY)
            assert (store.status.errors, store.status.problem) == (4, "")
            assert "storing works again" in caplog.text
        finally:
            await store.close()
        kept = await using(disk, Store.load)
        assert kept.components.items() >= MEMORY.components.items(), "what was stored, and not loaded, is not deleted"
        assert kept.journal.windows == large().journal.windows


async def test_a_full_disk_keeps_what_was_stored(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=512k") as disk:
        store = Store(StorageDirectory(disk), "test")
        try:
            await store.load()
            await store.save(MEMORY)
            with pytest.raises(StorageFailed, match="full"):
                await store.save(large(20_000))
            await store.save(large(10))
        finally:
            await store.close()
        assert await using(disk, Store.load) == large(10)


async def test_a_store_at_its_limit_keeps_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("staging_exporter.storage.database._PAGES", 40)

    async def work(store: Store) -> None:
        await store.load()
        await store.save(large(30))
        with pytest.raises(StorageFailed, match="full"):
            await store.save(large(5_000))
        await store.save(large(31))

    await using(tmp_path, work)
    assert await using(tmp_path, Store.load) == large(31)


@pytest.mark.parametrize("loss", ["directory", "file"])
async def test_a_store_that_is_deleted_is_written_anew(tmp_path: Path, loss: str) -> None:
    store = Store(StorageDirectory(tmp_path / "s"), "test")
    await store.load()
    await store.save(MEMORY)
    for path in (tmp_path / "s").iterdir():
        path.unlink()
    if loss == "directory":
        (tmp_path / "s").rmdir()
        with pytest.raises(StorageFailed):
            await store.save(large())
        (tmp_path / "s").mkdir()
    else:
        with pytest.raises(StorageFailed):
            await store.save(large())
    await store.save(large())
    await store.close()
    assert await using(tmp_path / "s", Store.load) == large()


async def test_a_window_that_could_not_be_stored_is_not_there_later(tmp_path: Path) -> None:
    store = Store(StorageDirectory(tmp_path / "s"), "test")
    await store.load()
    await store.save(MEMORY)
    (tmp_path / "s" / "store.db").rename(tmp_path / "moved")
    with pytest.raises(StorageFailed):
        await store.save(MEMORY.with_window(MaintenanceWindow(("api",), Once(1.0, 2e9)), 1.0))
    (tmp_path / "moved").rename(tmp_path / "s" / "store.db")
    await store.save(MEMORY)
    await store.close()
    assert await using(tmp_path / "s", Store.load) == MEMORY


async def test_a_file_of_another_program_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"not a database " * 1000)
    saved_error = await using(tmp_path, lambda store: store.load())
    assert saved_error == Memory("test")
    assert (tmp_path / "store.db.damaged-1").read_bytes() == b"not a database " * 1000


def test_the_store_of_a_stopped_exporter_is_read_without_a_change(tmp_path: Path) -> None:
    saved(tmp_path, MEMORY)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert stored(tmp_path, "test") == MEMORY
    with pytest.raises(ValueError, match="it belongs to environment 'test', not to 'other'"):
        stored(tmp_path, "other")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
