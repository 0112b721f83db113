"""One run now, because somebody asks: the request budget is asked first, and who asks meanwhile shares the run.

What it sees goes to who asked alone: the board hears only of the runs on the exporter's own cadence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from staging_exporter.clock import now
from staging_exporter.core.model import Component
from staging_exporter.core.probe_run import NoCheck, OverBudget, Probed
from staging_exporter.core.redaction import clean
from staging_exporter.engine.prober import Prober
from staging_exporter.engine.rate_limit import Budget
from staging_exporter.options.check import Check


class OnDemand:
    """Runs single checks of one configuration; at most one run of a component at a time."""

    def __init__(self, targets: Mapping[str, tuple[Component, Check]], prober: Prober, budget: Budget) -> None:
        self._targets, self._prober, self._budget = targets, prober, budget
        self._running: dict[str, asyncio.Task[Probed]] = {}

    async def probe(self, name: str, longest: float | None = None) -> Probed:
        """A run of at most its configured timeout and `longest` seconds, begun now or by who asked just before.

        Raises NoCheck for a latent component, OverBudget when its host may not be asked now.
        """
        if name not in self._targets:
            raise NoCheck(name)
        task = self._running.get(name)
        if task is None:
            self._ask_budget(name)
            task = self._running[name] = asyncio.create_task(self._run(name, longest), name=f"on demand {name}")
            task.add_done_callback(lambda _: self._running.pop(name))
        return await asyncio.shield(task)  # who asked first may leave without ending the run of the others

    def stop(self) -> None:
        """End the runs that are under way."""
        for task in self._running.values():
            task.cancel()

    def _ask_budget(self, name: str) -> None:
        moment = now()
        banned = max(0.0, self._budget.blocked_until(name) - moment)
        if wait := banned or self._budget.wait(name, moment, scheduled=False):
            raise OverBudget(wait)

    async def _run(self, name: str, longest: float | None) -> Probed:
        component, check = self._targets[name]
        timeout = component.timeout if longest is None else min(component.timeout, longest)
        context = self._prober.context(timeout)
        seen = await self._prober.attempt_with(component, check, context)
        self._budget.heed(seen)
        log = tuple((at, clean(line, context.secrets)) for at, line in context.lines)
        return Probed(check.blackbox, timeout, seen, log)
