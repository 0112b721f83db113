"""Runs of single checks for `check --only`: repeated until their state is confirmed, without the rest of the graph."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from staging_exporter.clock import now
from staging_exporter.config import Config
from staging_exporter.core.health import Health, observe
from staging_exporter.core.model import Component, Observation, Outcome
from staging_exporter.core.redaction import Masker, clean
from staging_exporter.engine.build import Engine, build_engine
from staging_exporter.engine.loop_lag import LoopLagMonitor
from staging_exporter.options.check import Check


@dataclass(frozen=True, slots=True)
class Result:
    """The state of one component after `runs` runs, and the last of them.

    `log` has (seconds since its start, text).
    """

    health: Health
    seen: Observation
    log: tuple[tuple[float, str], ...]
    runs: int


async def run_only(config: Config, names: Sequence[str]) -> tuple[dict[str, Result], bool]:
    """The results of the checks of these components, side by side; and whether this machine is online.

    It is not when a check did not pass and all vantage checks fail. SIGTERM cancels the runs, so that the programs of
    `exec` checks end first. Raises KeyError for a component without a check.
    """
    task = asyncio.current_task()
    assert task is not None, "a coroutine runs in a task"
    loop, loop_lag = asyncio.get_running_loop(), LoopLagMonitor()
    engine = build_engine(config, loop_lag)
    loop_lag.start()
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    targets = [(config.topology.components[name], config.checks[name]) for name in names]
    try:
        found = await asyncio.gather(*(_confirmed(engine, component, check) for component, check in targets))
        failed = any(result.seen.outcome != Outcome.PASS for result in found)
        online = not failed or await _online(engine, config)
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        loop_lag.stop()
    return dict(zip(names, found, strict=True)), online


async def _confirmed(engine: Engine, component: Component, check: Check) -> Result:
    """Run after run, `retry_interval` apart and within the rate limit, until no more are wanted."""
    health, runs = Health(), 0
    while True:
        if wait := engine.rate_limiter.reserve(component.name, now(), scheduled=not runs):
            await asyncio.sleep(wait)
            continue
        context = engine.prober.context(component.timeout)
        context.investigating = True
        seen = await engine.prober.attempt_with(component, check, context)
        health, runs = observe(health, component, seen), runs + 1
        if not health.confirming:
            masker = Masker(context.secrets)
            log = tuple((at, clean(line, masker)) for at, line in context.lines)
            return Result(health, seen, log, runs)
        await asyncio.sleep(component.retry_interval)


async def _online(engine: Engine, config: Config) -> bool:
    """False when there are vantage checks and all of them fail."""
    seen = await asyncio.gather(*(engine.prober.attempt(component, check) for component, check in config.vantage))
    return not seen or any(each.outcome != Outcome.FAIL for each in seen)
