"""Calls at an even rate, however long each takes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def paced(call: Callable[[int], Awaitable[None]], rate: float, count: int) -> None:
    """`call(0)` ... `call(count - 1)`, `rate` per second, side by side. Raises what one of them raised."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            await asyncio.sleep(begin + number / rate - loop.time())
            group.create_task(_await(call(number)))


async def _await(work: Awaitable[None]) -> None:
    await work
