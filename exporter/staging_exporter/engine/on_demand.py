"""Runs on demand, for `/probe`: within the rate limit, and shared by concurrent requests.

The result goes to the requester only: the board records only runs of the schedule.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from staging_exporter.clock import now
from staging_exporter.core.blackbox import NoCheck, ProbeResult, RateLimitExceeded
from staging_exporter.core.model import Component
from staging_exporter.core.redaction import clean
from staging_exporter.engine.prober import Prober
from staging_exporter.engine.rate_limit import RateLimiter
from staging_exporter.options.check import Check


class OnDemand:
    """Runs single checks of one configuration; at most one run of a component at a time."""

    def __init__(
        self,
        targets: Mapping[str, tuple[Component, Check]],
        prober: Prober,
        rate_limiter: RateLimiter,
        observed: Mapping[str, str] | None = None,
    ) -> None:
        """`observed` are components that steps of the check of another one observe, with that one."""
        self._targets, self._prober, self._rate_limiter = targets, prober, rate_limiter
        self._observed = observed or {}
        self._running: dict[str, asyncio.Task[ProbeResult]] = {}

    async def probe(self, name: str, longest: float | None = None) -> ProbeResult:
        """The result of a run of at most its configured timeout and `longest` seconds; a run under way is shared.

        Raises NoCheck for a latent component, RateLimitExceeded when its host may not be probed now.
        """
        if owner := self._observed.get(name):
            result = await self.probe(owner, longest)
            return replace(result, seen=next(each for each in result.seen.also if each.component == name))
        if name not in self._targets:
            raise NoCheck(name)
        task = self._running.get(name)
        if task is None:
            self._check_rate_limit(name)
            task = self._running[name] = asyncio.create_task(self._run(name, longest), name=f"on demand {name}")
            task.add_done_callback(lambda _: self._running.pop(name))
        return await asyncio.shield(task)  # the first requester may disconnect without ending the run of the others

    def stop(self) -> None:
        """Cancel the runs that are under way."""
        for task in self._running.values():
            task.cancel()

    def _check_rate_limit(self, name: str) -> None:
        moment = now()
        banned = max(0.0, self._rate_limiter.blocked_until(name) - moment)
        if wait := banned or self._rate_limiter.reserve(name, moment, scheduled=False):
            raise RateLimitExceeded(wait)

    async def _run(self, name: str, longest: float | None) -> ProbeResult:
        component, check = self._targets[name]
        timeout = component.timeout if longest is None else min(component.timeout, longest)
        context = self._prober.context(timeout)
        context.investigating = True
        seen = await self._prober.attempt_with(component, check, context)
        self._rate_limiter.note_retry_after(seen)
        log = tuple((at, clean(line, context.secrets)) for at, line in context.lines)
        return ProbeResult(check.blackbox, timeout, seen, log)
