"""Runs the checks when their schedule says so: a thin shell of tasks and sleeps over `core.schedule`.

Owns the tasks; imported by the composition root and by `check`. What a run means is decided by the board.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from staging_exporter.clock import now
from staging_exporter.core.board import Board
from staging_exporter.core.model import Component, Observation, Outcome, Reason
from staging_exporter.core.schedule import SPREAD, TICK, Schedule
from staging_exporter.engine.rate_limit import RateLimiter
from staging_exporter.options.check import Check

_STOP = 1.0  # seconds that cancelled runs have to end
_PAUSED = "not probed: a maintenance window says probe: false"

Attempt = Callable[[Component, Check, float, bool], Awaitable[Observation]]
Targets = Mapping[str, tuple[Component, Check]]


@dataclass(frozen=True, slots=True)
class _Run:
    """A run under way; `scheduled` when it is due by the schedule."""

    scheduled: bool
    task: asyncio.Task[Observation]


class Scheduler:
    """Runs the checks of one configuration until it is stopped."""

    def __init__(
        self,
        board: Board,
        targets: Targets,
        attempt: Attempt,
        rate_limiter: RateLimiter,
        on_tick: Callable[[], None] = lambda: None,
        spread: float = SPREAD,
        observed: Mapping[str, str] | None = None,
        paused: Callable[[str, float], bool] = lambda _name, _now: False,
    ) -> None:
        """`targets` are components and vantage checks; `attempt` runs one check once, with its lag, and whether it
        was requested.

        `observed` are components that steps of the check of another one observe, with that one.

        `on_tick` is called several times a second. `paused` says to which components nothing is sent at a moment.
        """
        self._paused = paused
        self._board, self._targets, self._attempt, self._rate_limiter = board, targets, attempt, rate_limiter
        self._on_tick, self._spread, self._runs_of = on_tick, spread, observed or {}
        self._observes: dict[str, list[str]] = {name: [] for name in targets}
        for part, owner in self._runs_of.items():
            self._observes[owner].append(part)
        self._schedules: dict[str, Schedule] = {}
        self._requested = {name: asyncio.Event() for name in targets}
        self._runs: dict[str, _Run] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def take_over(self, old: Scheduler, names: Collection[str]) -> None:
        """Go on with the schedules of `old` for these, and with the runs that it kept; before `start`."""
        for name in self._targets.keys() & old._schedules.keys() & set(names):
            self._schedules[name] = old._schedules[name]
            if name in old._runs:
                self._runs[name] = old._runs.pop(name)

    def start(self) -> None:
        """Start; what was not taken over is probed soon."""
        at = now()
        for name, (component, _) in self._targets.items():
            if name not in self._schedules:
                self._schedules[name] = Schedule(component, at, self._spread)
        self._tasks = [asyncio.create_task(loop) for loop in (self._tick(), *map(self._loop, self._targets))]
        for task in self._tasks:
            task.add_done_callback(_fail_loudly)

    async def stop(self, keep: Collection[str] = ()) -> None:
        """Cancel everything but the runs of `keep`, which another scheduler takes over.

        Returns within about a second even when runs ignore their cancellation.
        """
        ended = [*self._tasks, *(run.task for name, run in self._runs.items() if name not in keep)]
        for task in ended:
            task.cancel()
        if ended:
            await asyncio.wait(ended, timeout=_STOP)

    def request(self, names: Iterable[str]) -> None:
        """Probe these as soon as their `retry_interval` and the rate limit allow; after `start` only."""
        for name in {self._runs_of.get(name, name) for name in names}:
            self._schedules[name].request()
            self._requested[name].set()

    async def _loop(self, name: str) -> None:
        schedule = self._schedules[name]
        while True:
            if name not in self._runs:
                await self._begin(name)
            run = self._runs[name]
            seen = await asyncio.shield(run.task)  # `stop` decides whether it ends with this loop
            del self._runs[name]
            seen = replace(seen, scheduled=run.scheduled, skipped=seen.skipped + schedule.take_skipped())
            needed = frozenset[str]().union(*map(self._board.record, [*self._of_steps(name, seen), seen]))
            parts = [name, *self._observes[name]]
            confirming, looked_at = any(map(self._board.confirming, parts)), any(map(self._board.looks_at, parts))
            schedule.finished(now(), seen.outcome, confirming=confirming, looked_at=looked_at)
            self.request(needed)

    async def _begin(self, name: str) -> None:
        """Start a run as soon as it is due and allowed."""
        component, check = self._targets[name]
        schedule = self._schedules[name]
        await self._until_allowed(name)
        begins = now()
        scheduled, requested = schedule.counts_as_scheduled(begins), schedule.requested
        lag = schedule.started(begins)
        task = asyncio.create_task(self._probe(component, check, lag, requested), name=f"run {name}")
        self._runs[name] = _Run(scheduled, task)

    def _of_steps(self, name: str, seen: Observation) -> list[Observation]:
        """What a run says about the components that its steps observe: of one that did not happen the same of each."""
        also = {each.component: each for each in seen.also}
        return [
            replace(also.get(part) or replace(seen, component=part), scheduled=seen.scheduled, skipped=seen.skipped)
            for part in self._observes[name]
        ]

    async def _until_allowed(self, name: str) -> None:
        """Sleep until a run is due and the rate limit allows it."""
        schedule = self._schedules[name]
        while True:
            await self._until_awake(schedule, self._requested[name])
            moment = now()
            wait = self._rate_limiter.reserve(name, moment, scheduled=schedule.counts_as_scheduled(moment))
            if wait <= 0:
                return
            schedule.postpone(moment, wait)

    async def _until_awake(self, schedule: Schedule, requested: asyncio.Event) -> None:
        while (wait := schedule.wake_at - now()) > 0:
            requested.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await requested.wait()

    async def _probe(self, component: Component, check: Check, lag: float, requested: bool) -> Observation:
        """One run; while a Retry-After of its host holds, an inconclusive observation instead."""
        if self._paused(component.name, now()):
            return Observation(component.name, now(), 0.0, Outcome.UNKNOWN, Reason.NO_EVIDENCE, _PAUSED, skipped=1)
        until = self._rate_limiter.blocked_until(component.name)
        if until > now():
            free = datetime.fromtimestamp(until, UTC)
            detail = f"not probed: its host answered 429 with a Retry-After until {free:%H:%M:%S} UTC"
            return Observation(component.name, now(), 0.0, Outcome.UNKNOWN, Reason.RATE_LIMITED, detail, skipped=1)
        seen = await self._attempt(component, check, lag, requested)
        self._rate_limiter.note_retry_after(seen)
        return seen

    async def _tick(self) -> None:
        """Starts before the first run, so that a component in maintenance is never a root cause for a moment."""
        while True:
            self.request(self._board.tick(now()))
            self._on_tick()
            await asyncio.sleep(TICK)


def _fail_loudly(task: asyncio.Task[None]) -> None:
    """A loop that ends is a bug, which must not be silent."""
    if not task.cancelled() and (error := task.exception()):
        asyncio.get_running_loop().call_exception_handler(
            {"message": "probe loop ended unexpectedly", "exception": error, "task": task}
        )
