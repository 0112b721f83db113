"""`make soak`: the exporter for ten minutes on targets that fail in turn; nothing may leak, nothing may grow.

Exit 1 when file descriptors, tasks or threads are more than before, when the resident memory grows by 5 MB or more in
the second half, or when there were fewer probes than asked for.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import uvloop
from staging_exporter.app import App
from staging_exporter.config import load_config
from staging_exporter.net.address import HostPort

from tests.soak.environment import write

_GROWTH = 5.0  # MB of the second half
_EVERY = 1.0  # seconds between two looks, each of which also scrapes
_WARM = 3.0  # seconds of a first run, after which everything is loaded that ever will be


@dataclass(frozen=True)
class Held:
    """What the process holds."""

    fds: int
    tasks: int
    threads: int

    @classmethod
    async def now(cls) -> Held:
        """After what is ending has ended."""
        for _ in range(40):  # connections that were closed linger up to a second for a last word
            gc.collect()
            await asyncio.sleep(0.05)
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        return cls(psutil.Process().num_fds(), len(tasks), threading.active_count())


@contextmanager
def peers(directory: Path) -> Iterator[dict[str, Any]]:
    """The peers, in a process of their own."""
    command = [sys.executable, "-m", "tests.soak.peers", str(directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.stdin.close()


async def soak(file: Path, seconds: float, least: int = 0) -> tuple[list[float], Counter[str]]:
    """Run the exporter for so long, on a slow machine up to twice as long, until it has probed so often.

    Its resident memory in MB at each look, and its probes by kind.
    """
    with ThreadPoolExecutor() as pool:  # one that ends with the run, so that its threads can be missed
        asyncio.get_running_loop().set_default_executor(pool)
        return await _soak(file, seconds, least)


async def _soak(file: Path, seconds: float, least: int) -> tuple[list[float], Counter[str]]:
    app, memory = App(file, load_config(file), announce=lambda _: None), []
    url = await app.start(HostPort("127.0.0.1", 0))
    begin = time.monotonic()
    names = list(app.snapshot().components)
    async with aiohttp.ClientSession(url, raise_for_status=True) as session:
        while (took := time.monotonic() - begin) < seconds or (took < 2 * seconds and _probes(app).total() < least):
            name = names[len(memory) % len(names)]
            paths = ("/metrics", "/", "/api/v1/status", f"/api/v1/components/{name}", f"/probe?component={name}")
            for path in paths:
                async with session.get(path) as response:
                    await response.read()
            memory.append(psutil.Process().memory_info().rss / 1e6)
            await asyncio.sleep(_EVERY)
    probes = _probes(app)
    await app.stop()
    return memory, probes


def _probes(app: App) -> Counter[str]:
    probes: Counter[str] = Counter()
    for status in app.snapshot().components.values():
        probes[status.component.kind] += status.stats.runs if status.stats else 0
    return probes


def growth(memory: list[float]) -> float:
    """MB from the sixth tenth of the time to the last, by their medians."""
    tenth = max(1, len(memory) // 10)
    return statistics.median(memory[-tenth:]) - statistics.median(memory[5 * tenth : 6 * tenth])


def judge(before: Held, after: Held, memory: list[float], probes: Counter[str], least: int) -> list[str]:
    """What is wrong; the figures are printed."""
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(probes.items()))
    print(f"probes        {probes.total()} ({kinds})")
    print(f"before        {before}\nafter         {after}")
    print(f"memory        {memory[0]:.1f} MB at first, {memory[-1]:.1f} MB at last, highest {max(memory):.1f} MB")
    print(f"second half   {growth(memory):+.2f} MB")
    wrong = [f"{name} grew" for name in ("fds", "tasks", "threads") if getattr(after, name) > getattr(before, name)]
    wrong += [f"memory grew by {growth(memory):.1f} MB in the second half"] if growth(memory) >= _GROWTH else []
    return wrong + ([f"{probes.total()} probes, expected {least}"] if probes.total() < least else [])


async def run(minutes: float, copies: int, least: int) -> int:
    with tempfile.TemporaryDirectory(prefix="soak-") as name, peers(Path(name)) as ports:
        file = write(Path(name), ports, copies)
        await soak(file, _WARM)
        before = await Held.now()
        memory, probes = await soak(file, minutes * 60, least)
        after = await Held.now()
    wrong = judge(before, after, memory, probes, least)
    print(*(wrong or ["nothing is left behind, nothing grows"]), sep="\n")
    return 1 if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--copies", type=int, default=4, help="of each check on the moody HTTP peers")
    parser.add_argument("--probes", type=int, default=100_000, help="at least so many")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    return uvloop.run(run(arguments.minutes, arguments.copies, arguments.probes))


if __name__ == "__main__":
    sys.exit(main())
