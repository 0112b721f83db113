"""Runs on demand, for `/probe`: within a rate limit of their own, and shared by concurrent requests.

The result goes to the requester only: the board records only runs of the schedule.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from staging_exporter.clock import now
from staging_exporter.core.blackbox import NoCheck, Paused, ProbeResult, RateLimitExceeded
from staging_exporter.core.model import Component
from staging_exporter.core.redaction import Masker, clean
from staging_exporter.engine.prober import Prober
from staging_exporter.engine.rate_limit import RateLimiter
from staging_exporter.options.check import Check

_SHORTEST = 0.25  # seconds of a run, whatever a requester asks for
_STOP = 1.0  # seconds that cancelled runs have to end
_GAP = 1.0  # seconds between two runs of a component


@dataclass(slots=True)
class _Run:
    """A run that is under way or will be next; `timeout` is that of the most patient requester."""

    timeout: float
    task: asyncio.Task[ProbeResult] = field(init=False)


class OnDemand:
    """Runs single checks of one configuration; at most one run of a component at a time, and one each second."""

    def __init__(
        self,
        targets: Mapping[str, tuple[Component, Check]],
        prober: Prober,
        rate_limiter: RateLimiter,
        observed: Mapping[str, str] | None = None,
        paused: Callable[[str, float], bool] = lambda _name, _now: False,
    ) -> None:
        """`observed` are components that steps of the check of another one observe, with that one.

        `paused` says to which components nothing is sent at a moment.
        """
        self._paused = paused
        self._targets, self._prober, self._rate_limiter = targets, prober, rate_limiter
        self._observed = observed or {}
        self._running: dict[str, _Run] = {}
        self._next: dict[str, _Run] = {}
        self._ended: dict[str, float] = {}

    async def probe(self, name: str, longest: float | None = None) -> ProbeResult:
        """The result of a run of at most its configured timeout and `longest` seconds.

        A run under way is shared if it lasts as long as that: an impatient requester spoils nobody's result. Raises
        NoCheck for a latent component, Paused in a window without probes, RateLimitExceeded when its host may not be
        probed now.
        """
        if owner := self._observed.get(name):
            result = await self.probe(owner, longest)
            return replace(result, seen=next(each for each in result.seen.also if each.component == name))
        if name not in self._targets:
            raise NoCheck(name)
        if self._paused(name, now()):
            raise Paused(name)
        timeout = min(self._targets[name][0].timeout, max(_SHORTEST, math.inf if longest is None else longest))
        run = self._running.get(name)
        if run is None or run.timeout < timeout:
            run = self._following(name, timeout)
        return await asyncio.shield(run.task)  # the first requester may disconnect without ending the run of the others

    async def stop(self) -> None:
        """Cancel the runs that are under way, which have a second to end."""
        tasks = {run.task for run in (*self._running.values(), *self._next.values())}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_STOP)

    def _following(self, name: str, timeout: float) -> _Run:
        """The next run, which begins when the one under way and the gap after it are over."""
        run = self._next.get(name)
        if run is None:
            run = self._next[name] = _Run(timeout)
            run.task = asyncio.create_task(self._take_turn(name, run), name=f"on demand {name}")
            run.task.add_done_callback(_retrieved)
        run.timeout = max(run.timeout, timeout)
        return run

    async def _take_turn(self, name: str, run: _Run) -> ProbeResult:
        try:
            if before := self._running.get(name):
                await asyncio.wait({before.task})
            await asyncio.sleep(max(0.0, self._ended.get(name, 0.0) + _GAP - now()))
            self._check_rate_limit(name)
        finally:
            del self._next[name]
        self._running[name] = run
        try:
            return await self._run(name, run.timeout)
        finally:
            del self._running[name]
            self._ended[name] = now()

    def _check_rate_limit(self, name: str) -> None:
        moment = now()
        banned = max(0.0, self._rate_limiter.blocked_until(name) - moment)
        if wait := banned or self._rate_limiter.reserve_on_demand(name, moment):
            raise RateLimitExceeded(wait)

    async def _run(self, name: str, timeout: float) -> ProbeResult:
        component, check = self._targets[name]
        context = self._prober.context(timeout)
        context.investigating = True
        seen = await self._prober.attempt_with(component, check, context)
        self._rate_limiter.note_retry_after(seen)
        masker = Masker(context.secrets)
        log = tuple((at, clean(line, masker)) for at, line in context.lines)
        return ProbeResult(check.blackbox, timeout, seen, log)


def _retrieved(task: asyncio.Task[ProbeResult]) -> None:
    """Every requester may have gone: an error that nobody waits for is no news."""
    if not task.cancelled():
        task.exception()
