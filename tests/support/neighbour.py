"""A neighbour on the same loop, that notes how long it was held up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def neighbour() -> AsyncIterator[list[float]]:
    """The delays of something that wants to run every 5 ms, in seconds.

    What counts is the time that this thread worked meanwhile: on a busy machine it may also wait for a processor,
    which is nobody's fault here.
    """
    delays: list[float] = [0.0]

    async def run() -> None:
        while True:
            due, worked = time.monotonic() + 0.005, time.thread_time()
            await asyncio.sleep(0.005)
            delays.append(min(time.monotonic() - due, time.thread_time() - worked))

    task = asyncio.create_task(run())
    try:
        yield delays
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
