"""Server processes of the demo: each in a directory of its own, and gone with it when the demo is gone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

# Its stdin is a pipe from the demo: however the demo ends, the read returns and the server stops.
_GUARD = (
    '"$@" </dev/null >"$DIRECTORY/log" 2>&1 & read -r _; kill -s "$STOP" $! 2>/dev/null; wait $!; rm -rf "$DIRECTORY"'
)
_PREFIX = "staging-demo-"
_MAX_PLACE = 60  # characters: unix sockets below it must have a path of under 108 bytes


@dataclass(frozen=True, slots=True)
class Account:
    """The account that a server runs as; None is our own."""

    uid: int | None = None
    gid: int | None = None

    @property
    def groups(self) -> tuple[int, ...] | None:
        """Further groups: none for another account, ours for ourselves."""
        return None if self.uid is None else ()


def unprivileged() -> Account:
    """The account for servers that refuse to run as root. Raises LookupError when there is none to use."""
    if os.geteuid() != 0:
        return Account()
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid)
    raise LookupError("no account named postgres or nobody to run PostgreSQL as")


def make_directory(account: Account) -> Path:
    """A private directory of that account, with a path short enough for sockets. Raises OSError without one."""
    place = Path(tempfile.gettempdir())
    if len(str(place)) > _MAX_PLACE or not _open_to_all(place):
        raise OSError(
            f"{place} cannot be used: set TMPDIR to a directory with a short path that other accounts can access"
        )
    directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
    if account.uid is not None and account.gid is not None:
        os.chown(directory, account.uid, account.gid)
    return directory


def _open_to_all(place: Path) -> bool:
    return os.geteuid() != 0 or all(path.stat().st_mode & 0o001 for path in (place, *place.parents))


@asynccontextmanager
async def guarded(
    command: list[str], directory: Path, account: Account, stop: signal.Signals = signal.SIGTERM
) -> AsyncIterator[None]:
    """Run a server until the block ends or this process dies; then `stop` ends it and its directory is removed.

    Its output is in `log` in that directory.
    """
    environment = {"PATH": os.defpath, "LC_ALL": "C", "DIRECTORY": str(directory), "STOP": stop.name[3:]}
    guard = await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-c",
        _GUARD,
        "guard",
        *command,
        stdin=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,  # shells report how their children ended
        cwd=directory,
        env=environment,
        start_new_session=True,  # Ctrl-C is for the demo, which then ends its servers in order
        user=account.uid,
        group=account.gid,
        extra_groups=account.groups,
    )
    try:
        yield
    finally:
        assert guard.stdin is not None
        guard.stdin.close()
        await guard.wait()


async def run(command: list[str], directory: Path, account: Account) -> None:
    """Run a command to its end. Raises RuntimeError with its output when it fails."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=directory,
        env={"PATH": os.defpath, "LC_ALL": "C"},
        user=account.uid,
        group=account.gid,
        extra_groups=account.groups,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:  # we were cancelled
            process.kill()
            await process.wait()
    if process.returncode:
        raise RuntimeError(f"{command[0]} failed: {output.decode(errors='replace').strip()[-500:]}")


def read_log(log: Path) -> str:
    """The end of the log of a server, if it has one."""
    return log.read_text(encoding="utf-8", errors="replace").strip()[-500:] if log.exists() else "no log"


class Leftovers:
    """A file with the directories of running servers, so that the next demo can stop servers of a killed one."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def add(self, directory: Path) -> None:
        """Remember one more."""
        with self._file.open("a", encoding="utf-8") as file:
            file.write(f"{directory}\n")

    def clear(self) -> None:
        """End the servers of an earlier demo that was killed, and remove their directories."""
        lines = self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else []
        for directory in (Path(line) for line in lines if Path(line).name.startswith(_PREFIX)):
            for pid in _pids(directory):
                for number in (signal.SIGQUIT, signal.SIGTERM):  # PostgreSQL heeds the first, Redis the second
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, number)
            shutil.rmtree(directory, ignore_errors=True)
        self._file.unlink(missing_ok=True)


def _pids(directory: Path) -> list[int]:
    """Processes whose working directory is `directory`: a stored pid could belong to another process by now."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (entry / "cwd").readlink().is_relative_to(directory):
                found.append(int(entry.name))
    return found
