"""Configuration -> the engine that runs it: board, prober, rate limiter, scheduler. Shared by `run` and `check`."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from staging_exporter.clock import now
from staging_exporter.config import Config
from staging_exporter.core.board import Board
from staging_exporter.core.maintenance import paused
from staging_exporter.core.schedule import SPREAD, TICK
from staging_exporter.engine.loop_lag import LoopLagMonitor
from staging_exporter.engine.on_demand import OnDemand
from staging_exporter.engine.prober import Prober
from staging_exporter.engine.rate_limit import RateLimiter
from staging_exporter.engine.scheduler import Scheduler
from staging_exporter.net.google import GoogleTokens
from staging_exporter.net.resolve import Resolver


@dataclass(frozen=True, slots=True)
class Engine:
    """The parts that run one configuration."""

    board: Board
    scheduler: Scheduler
    prober: Prober
    on_demand: OnDemand
    rate_limiter: RateLimiter

    async def first_runs(self, names: Collection[str]) -> None:
        """Wait until a run of each of these components has ended, at most as long as the first ones take."""
        components = self.board.topology.components
        longest = max((components[name].timeout for name in names), default=0.0)
        for _ in range(math.ceil((SPREAD + longest) / TICK)):
            if not self.board.unheard & frozenset(names):
                return
            await asyncio.sleep(TICK)


def build_engine(
    config: Config,
    loop_lag: LoopLagMonitor,
    on_tick: Callable[[Board], None] = lambda _: None,
    spread: float = SPREAD,
    pushed: Callable[[str], Path] | None = None,
) -> Engine:
    """An engine that is not started yet; `on_tick` is called several times a second.

    `pushed` gives the directory of the pushed reports of a component.
    """
    board = Board(config.topology, now(), spread, [component for component, _ in config.vantage], config.maintenance)
    targets = {name: (config.topology.components[name], check) for name, check in config.checks.items()}
    targets |= {component.name: (component, check) for component, check in config.vantage}
    rate_limiter = RateLimiter(config.limits.requests_per_minute, config.limits.shared, targets)
    own = {name: Resolver(servers) for name, servers in config.resolvers.items()}
    owners = {host: name for name, check in config.checks.items() for host in check.hosts()[:1]}
    steps = config.observed
    resolver = Resolver(config.servers)
    tokens = GoogleTokens(resolver, config.google.endpoint)
    prober = Prober(resolver, loop_lag, pushed, own, owners, tokens, observed=steps)
    without = partial(paused, config.maintenance)
    scheduler = Scheduler(board, targets, prober.attempt, rate_limiter, lambda: on_tick(board), spread, steps, without)
    return Engine(board, scheduler, prober, OnDemand(targets, prober, rate_limiter, steps, without), rate_limiter)
