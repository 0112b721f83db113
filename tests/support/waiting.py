"""Wait for a condition, never for a time; and what a busy machine adds to a time that is measured."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path


def held_up(process: int | None = None) -> float:
    """Seconds that this thread, or the main thread of a process, could run and had to wait for a processor.

    Linux: the second number of /proc/PID/schedstat, in nanoseconds. Raises OSError when the process is gone.
    """
    statistics = Path("/proc", "thread-self" if process is None else str(process), "schedstat").read_text()
    return int(statistics.split()[1]) / 1e9


async def until(condition: Callable[[], object], timeout: float = 10.0) -> None:
    """Return as soon as `condition()` is true; fail after `timeout` seconds."""
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.005)
