"""The engine for `check`: run it until the verdict is settled and a condition holds, then stop it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from staging_exporter.clock import now
from staging_exporter.config import Config
from staging_exporter.core.board import Board
from staging_exporter.core.snapshot import Snapshot
from staging_exporter.engine.build import Engine, build_engine
from staging_exporter.engine.loop_lag import LoopLagMonitor

_POLL = 1.0  # seconds between two calls of `done` while nothing changes


def unprobed(config: Config) -> Snapshot:
    """The snapshot before the first run."""
    return _engine(config, LoopLagMonitor()).board.snapshot(now())


async def run_until(
    config: Config, done: Callable[[Snapshot], bool] = lambda _: True, seconds: float | None = None
) -> Snapshot:
    """The first snapshot in which every check has run, no round is open, and `done` is true.

    `done` is called as results come, and once a second. After `seconds` the snapshot of that moment is returned; None
    is without limit: every round has a deadline and every run a timeout. SIGTERM cancels it, so that the programs of
    `exec` checks end first.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Snapshot] = loop.create_future()
    changes, called_at = -1, 0.0

    def on_tick(board: Board) -> None:
        nonlocal changes, called_at
        if board.changes == changes and now() - called_at < _POLL:
            return
        changes, called_at = board.changes, now()
        snapshot = board.snapshot(called_at)
        if done(snapshot) and snapshot.ready and not snapshot.pending and not result.done():
            result.set_result(snapshot)

    loop_lag = LoopLagMonitor()
    engine = _engine(config, loop_lag, on_tick)
    loop_lag.start()
    engine.scheduler.start()
    loop.add_signal_handler(signal.SIGTERM, result.cancel)
    try:
        async with asyncio.timeout(seconds):
            return await result
    except TimeoutError:
        return engine.board.snapshot(now())
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        await engine.scheduler.stop()
        loop_lag.stop()


def _engine(config: Config, loop_lag: LoopLagMonitor, on_tick: Callable[[Board], None] = lambda _: None) -> Engine:
    return build_engine(config, loop_lag, on_tick, spread=0.0)
