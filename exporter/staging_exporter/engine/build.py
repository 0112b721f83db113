"""From a configuration to the parts that run it: board, targets, prober, scheduler. Shared by `run` and `check`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from staging_exporter.clock import now
from staging_exporter.config import Config
from staging_exporter.core.board import Board
from staging_exporter.core.schedule import SPREAD
from staging_exporter.engine.loop_lag import StallWatch
from staging_exporter.engine.on_demand import OnDemand
from staging_exporter.engine.prober import Prober
from staging_exporter.engine.rate_limit import Budget
from staging_exporter.engine.scheduler import Scheduler
from staging_exporter.net.resolve import Resolver


@dataclass(frozen=True, slots=True)
class Parts:
    """What runs one configuration."""

    board: Board
    scheduler: Scheduler
    prober: Prober
    ondemand: OnDemand
    budget: Budget


def assemble(
    config: Config,
    stalls: StallWatch,
    on_tick: Callable[[Board], None] = lambda _: None,
    spread: float = SPREAD,
    pushed: Callable[[str], Path] | None = None,
) -> Parts:
    """Parts that are not started yet; `on_tick` is called after every look at the clock.

    `pushed` says where the reports are that were pushed for a component.
    """
    board = Board(config.topology, now(), spread, [component for component, _ in config.vantage], config.maintenance)
    targets = {name: (config.topology.components[name], check) for name, check in config.checks.items()}
    targets |= {component.name: (component, check) for component, check in config.vantage}
    budget = Budget(config.limits.requests_per_minute, config.limits.shared, targets)
    prober = Prober(Resolver(config.servers), stalls, pushed)
    scheduler = Scheduler(board, targets, prober.attempt, budget, lambda: on_tick(board), spread)
    return Parts(board, scheduler, prober, OnDemand(targets, prober, budget), budget)
