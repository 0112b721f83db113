"""`python -m tests.storage.kills 300`: kill a process that stores its state again and again, and read the state."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from staging_exporter.core.journal import Journal
from staging_exporter.core.memory import Memory
from staging_exporter.core.snapshot import Deploy
from staging_exporter.storage.state import StateFile

_MOST = 20  # saves before the kill
_LONGEST = 0.02  # seconds between the last of them and the kill


def main(kills: int) -> int:
    """Print what was lost; 1 when the state was once unreadable, or older than a save that had returned."""
    chance, saves, flaws = random.Random(1), 0, []
    with tempfile.TemporaryDirectory(prefix="kills-") as name:
        for number in range(kills):
            saved = _kill_one(Path(name), chance.randint(1, _MOST), chance.uniform(0.0, _LONGEST))
            saves += saved + 1
            try:
                stored = int(StateFile(Path(name)).read("test").journal.deploys["target"].revision)
            except (OSError, ValueError) as error:
                flaws.append(f"kill {number}: unreadable: {error}")
            else:
                flaws += [] if stored >= saved else [f"kill {number}: {stored} is stored, {saved} was saved"]
    print("\n".join([*flaws, f"{kills} kills in {saves} saves: {len(flaws)} states unreadable or lost"]))
    return bool(flaws)


def _kill_one(directory: Path, saves: int, after: float) -> int:
    """Let a process save so often, kill it; the number of the last save that it knows to be done."""
    command = [sys.executable, "-m", "tests.storage.kills", "save", str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(saves)]
        time.sleep(after)
        process.kill()
        lines += process.stdout.read().splitlines(keepends=True)
    return int([line for line in lines if line.endswith("\n")][-1])


def save(directory: Path) -> None:
    """Save a larger number each time, in a file that takes several writes, and print it once it is saved."""
    file, number = StateFile(directory), 0
    others = {f"component-{n}": Deploy(float(n), "00742") for n in range(2000)}
    while True:
        file.save(Memory("test", journal=Journal(deploys={**others, "target": Deploy(float(number), str(number))})))
        print(number, flush=True)
        number += 1


if __name__ == "__main__":
    if sys.argv[1] == "save":
        save(Path(sys.argv[2]))
    sys.exit(main(int(sys.argv[1])))
