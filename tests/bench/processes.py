"""Processes of a benchmark: started on free ports, gone at the end whatever happens; and what they used."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil

_PATIENCE = 60.0  # seconds for a process to come up
_STOP = 5.0  # seconds for it to go


class BenchError(Exception):
    """The benchmark cannot say anything: a process did not come up, probes failed."""


@dataclass
class Running:
    """A process that runs; `began` is when it was started, by `time.perf_counter`."""

    process: subprocess.Popen[bytes]
    log: Path
    url: str
    began: float

    def cpu(self) -> float:
        """Seconds of CPU, user and system, all threads; exact to 10 ms."""
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    def memory(self) -> tuple[float, float]:
        """Resident and unique memory, MiB."""
        full = psutil.Process(self.process.pid).memory_full_info()
        return full.rss / 2**20, full.uss / 2**20

    async def until(
        self, path: str, session: aiohttp.ClientSession, every: float = 0.01, patience: float = _PATIENCE
    ) -> float:
        """Seconds from the start until GET `path` gives 200. Raises BenchError after `patience` seconds."""
        while time.perf_counter() - self.began < patience and self.process.poll() is None:
            try:
                async with session.get(self.url + path) as response:
                    if response.status == 200:
                        return time.perf_counter() - self.began
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(every)
        raise BenchError(f"{self.url}{path} did not answer 200: {self.log.read_text(errors='replace')[-500:]}")


@contextmanager
def running(command: list[str], url: str, log: Path) -> Iterator[Running]:
    """The process while the block runs; its output goes to `log`."""
    with log.open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield Running(process, log, url, began)
    finally:
        process.terminate()
        try:
            process.wait(_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
