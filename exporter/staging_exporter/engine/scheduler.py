"""When to probe: a monotonic cadence per component, no overlap, faster while confirming, at once when a round asks.

Owns the tasks; imported by the composition root and by `check`. What a run means is the board's business.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime

from staging_exporter.clock import now
from staging_exporter.core.board import Board
from staging_exporter.core.model import Component, Observation, Outcome, Reason
from staging_exporter.engine.rate_limit import Budget
from staging_exporter.net.check import Check

SPREAD = 2.0  # seconds over which the first runs are spread
_TICK = 0.25  # seconds between two looks at the clock on behalf of the board
_STOP = 1.0  # seconds that cancelled runs have to end

Attempt = Callable[[Component, Check, float], Awaitable[Observation]]
Targets = Mapping[str, tuple[Component, Check]]


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
        targets: Targets,
        attempt: Attempt,
        budget: Budget,
        on_tick: Callable[[], None] = lambda: None,
        spread: float = SPREAD,
    ) -> None:
        """`targets` are components and vantage checks; `attempt` runs one check once.

        `on_tick` is called after every look at the clock.
        """
        self._board, self._targets, self._attempt, self._budget = board, targets, attempt, budget
        self._on_tick, self._spread = on_tick, spread
        self._asked = {name: asyncio.Event() for name in targets}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, known: Collection[str] = ()) -> None:
        """Begin; what is in `known` was probed before a reload and waits for its next turn."""
        loops = [self._loop(name, first=name not in known) for name in self._targets]
        self._tasks = [asyncio.create_task(loop) for loop in (self._tick(), *loops)]
        for task in self._tasks:
            task.add_done_callback(_fail_loudly)

    async def stop(self) -> None:
        """Cancel everything; returns within about a second even when runs ignore their cancellation."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_STOP)

    def ask(self, names: Iterable[str]) -> None:
        """Probe these as soon as their `retry_interval` and the request budget allow."""
        for name in names:
            self._asked[name].set()

    async def _loop(self, name: str, *, first: bool) -> None:
        component, check = self._targets[name]
        asked = self._asked[name]
        started = now()
        due = started + share(name) * min(component.interval, self._spread)
        earliest, scheduled, on_grid = started, True, not first
        if not first:
            due, earliest = next_on_grid(name, component.interval, started), started + component.retry_interval
        while True:
            in_turn = await _until(due, asked, earliest)
            await self._until_allowed(component, scheduled=scheduled and in_turn)
            asked.clear()
            started = now()
            seen = await self._probe(component, check, max(0.0, started - due) if in_turn else 0.0)
            if seen.outcome in (Outcome.FAIL, Outcome.DEGRADED):
                asked.clear()  # a failure that ended after it was asked for is an answer; confirming goes on anyway
            self.ask(self._board.record(seen))
            earliest = started + component.retry_interval
            delay = self._board.delay(name)
            scheduled = delay >= component.interval
            # A run in its turn is followed by the next turn, even where retry_interval is as long as the interval.
            after = now() if on_grid and in_turn and scheduled else max(now(), earliest)
            due = next_on_grid(name, component.interval, after) if scheduled else after
            on_grid = scheduled

    async def _probe(self, component: Component, check: Check, lag: float) -> Observation:
        """One run; or, while its host wants to be left alone, the word that there was none."""
        until = self._budget.blocked_until(component.name)
        if until > now():
            free = datetime.fromtimestamp(until, UTC)
            detail = f"not probed: its host answered 429 and is to be left alone until {free:%H:%M:%S} UTC"
            return Observation(component.name, now(), 0.0, Outcome.UNKNOWN, Reason.RATE_LIMITED, detail)
        seen = await self._attempt(component, check, lag)
        self._budget.heed(seen)
        return seen

    async def _until_allowed(self, component: Component, *, scheduled: bool) -> None:
        """Wait until the request budget has room; an extra run that waits for its turn has become a scheduled one."""
        turn = next_on_grid(component.name, component.interval, now())
        while True:
            in_turn = scheduled or now() >= turn
            wait = self._budget.wait(component.name, now(), scheduled=in_turn)
            if wait <= 0:
                return
            await asyncio.sleep(wait if in_turn else min(wait, max(0.0, turn - now())))

    async def _tick(self) -> None:
        """Before the first run too: what is in maintenance from the beginning is no root for a moment."""
        while True:
            self.ask(self._board.tick(now()))
            self._on_tick()
            await asyncio.sleep(_TICK)


async def _until(due: float, asked: asyncio.Event, earliest: float) -> bool:
    """Sleep until `due`, or until somebody asks, but not before `earliest`. True when it is due, not only asked for."""
    if (wait := due - now()) <= 0:
        return True
    try:
        async with asyncio.timeout(wait):
            await asked.wait()
    except TimeoutError:
        return True
    if (wait := min(earliest, due) - now()) > 0:
        await asyncio.sleep(wait)
    return due <= earliest


def _fail_loudly(task: asyncio.Task[None]) -> None:
    """A loop never ends by itself: if one does, that is a bug, and it must not be silent."""
    if not task.cancelled() and (error := task.exception()):
        asyncio.get_running_loop().call_exception_handler(
            {"message": "a probe loop died", "exception": error, "task": task}
        )
