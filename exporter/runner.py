"""When to probe: a monotonic cadence per component, no overlap, faster while confirming, at once when a round asks.

Owns the tasks; imported by the composition root and by `check`. What a run means is the board's business.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Iterable, Mapping

from exporter.core.board import Board
from exporter.core.model import Component, Observation, Outcome
from exporter.net.check import Check
from exporter.net.clock import now

SPREAD = 2.0  # seconds over which the first runs are spread
_TICK = 0.25  # seconds between two looks at the clock on behalf of the board
_STOP = 1.0  # seconds that cancelled runs have to end

Attempt = Callable[[Component, Check, float], Awaitable[Observation]]


def share(name: str) -> float:
    """A number in [0, 1) that is always the same for a name: where in its interval a component is probed."""
    return zlib.crc32(name.encode()) / 2**32


def next_on_grid(name: str, interval: float, after: float) -> float:
    """The first moment after `after` at which the component is due; the grid is the same for every process."""
    offset = share(name) * interval
    return ((after - offset) // interval + 1) * interval + offset


class Runner:
    """Runs the checks of one configuration until it is stopped."""

    def __init__(
        self,
        board: Board,
        checks: Mapping[str, Check],
        attempt: Attempt,
        on_tick: Callable[[], None] = lambda: None,
        spread: float = SPREAD,
    ) -> None:
        """`attempt` runs one check once; `on_tick` is called after every look at the clock."""
        self._board, self._checks, self._attempt = board, checks, attempt
        self._on_tick, self._spread = on_tick, spread
        self._asked = {name: asyncio.Event() for name in checks}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, known: Iterable[str] = ()) -> None:
        """Begin; components in `known` were probed before a reload and wait for their next turn."""
        loops = [self._loop(name, first=name not in known) for name in self._checks]
        self._tasks = [asyncio.create_task(loop) for loop in (*loops, self._tick())]
        for task in self._tasks:
            task.add_done_callback(_fail_loudly)

    async def stop(self) -> None:
        """Cancel everything; returns within about a second even when runs ignore their cancellation."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_STOP)

    def ask(self, names: Iterable[str]) -> None:
        """Probe these components as soon as their `retry_interval` allows."""
        for name in names:
            self._asked[name].set()

    async def _loop(self, name: str, *, first: bool) -> None:
        component, check, asked = self._board.topology.components[name], self._checks[name], self._asked[name]
        started = now()
        if first:
            due = started + share(name) * min(component.interval, self._spread)
        else:
            due = next_on_grid(name, component.interval, started)
        while True:
            await self._until(due, asked, earliest=started + (0.0 if first else component.retry_interval))
            first = False
            asked.clear()
            started = now()
            seen = await self._attempt(component, check, max(0.0, started - due))
            if seen.outcome in (Outcome.FAIL, Outcome.DEGRADED):
                asked.clear()  # a failure that ended after it was asked for is an answer; confirming goes on anyway
            self.ask(self._board.record(seen))
            due = self._next_due(component, started)

    def _next_due(self, component: Component, started: float) -> float:
        delay = self._board.delay(component.name)
        if delay < component.interval:
            return max(now(), started + delay)
        return next_on_grid(component.name, component.interval, max(now(), started + component.retry_interval))

    async def _until(self, due: float, asked: asyncio.Event, earliest: float) -> None:
        """Sleep until `due`, or until somebody asks, but never before `earliest`."""
        if (wait := due - now()) > 0:
            try:
                async with asyncio.timeout(wait):
                    await asked.wait()
            except TimeoutError:
                return
        if (wait := min(earliest, due) - now()) > 0:
            await asyncio.sleep(wait)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            self.ask(self._board.tick(now()))
            self._on_tick()


def _fail_loudly(task: asyncio.Task[None]) -> None:
    """A loop never ends by itself: if one does, that is a bug, and it must not be silent."""
    if not task.cancelled() and (error := task.exception()):
        asyncio.get_running_loop().call_exception_handler(
            {"message": "a probe loop died", "exception": error, "task": task}
        )
