"""The storage directory: on a file system that keeps what it promises, and used by one process at a time.

Owns the lock, and the names of files that are set aside; imported by `store` and by the commands.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from contextlib import suppress
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_PATIENCE = 1.0  # seconds
_PID = "lock"  # names the process that holds the lock, which is on the directory itself
# Their locks and syncs do not hold what SQLite needs: two processes may write, and a full server may forget.
_UNTRUSTED = re.compile(r"fuse(\..+)?|fuseblk|nfs\d?|cifs|smb\d?|smbfs|virtiofs")


class StorageRefused(Exception):
    """The directory cannot be used; the text is the reason."""


class StorageDirectory:
    """A directory that only this process uses, until `release`."""

    def __init__(self, path: Path, *, read: bool = False) -> None:
        """Creates it where it is missing. With `read` nothing in it is changed, and any file system will do.

        Raises OSError, and StorageRefused: then nothing in it was changed.
        """
        self.path = path
        if not read:
            path.mkdir(parents=True, exist_ok=True)
            _refuse_untrusted(path)
        self._lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        if not _locked(self._lock):
            os.close(self._lock)
            raise StorageRefused(f"{path} is in use by another exporter{_pid(path)}")
        if not read:
            with suppress(OSError):  # a directory that is read-only is still locked
                (path / _PID).write_text(f"{os.getpid()}\n", encoding="ascii")

    def release(self) -> None:
        """Let another process use it."""
        os.close(self._lock)


def _refuse_untrusted(path: Path) -> None:
    kind = file_system(_MOUNTS.read_text(encoding="utf-8"), path.stat().st_dev) if _MOUNTS.exists() else ""
    if _UNTRUSTED.fullmatch(kind):
        raise StorageRefused(f"{path} is on {kind}, where a database can be damaged; give a directory on a disk")


def file_system(mounts: str, device: int) -> str:
    """The type of the file system with that device number, from the text of /proc/self/mountinfo; empty if unknown."""
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        if before.split()[2:3] == [number]:
            return after.split(maxsplit=1)[0]
    return ""


def aside(file: Path, why: str) -> Path:
    """A name beside `file` that is not taken: `state.json.damaged-1`, then `-2`."""
    number = 1
    while (name := file.with_name(f"{file.name}.{why}-{number}")).exists():
        number += 1
    return name


def sync(directory: Path) -> None:
    """Make the names in it durable. Raises OSError."""
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _locked(directory: int) -> bool:
    """Lock it; a program that a killed exporter was just starting may hold it for another moment."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        else:
            return True


def _pid(path: Path) -> str:
    try:
        text = (path / _PID).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
    return f", process {text}" if text.isdecimal() else ""
