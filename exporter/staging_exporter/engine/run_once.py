"""`check`: run everything as `run` does, until states and verdict are settled, or until waiting is of no use."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from staging_exporter.clock import now
from staging_exporter.config import Config
from staging_exporter.core.board import Board
from staging_exporter.core.snapshot import Snapshot
from staging_exporter.engine.build import Parts, assemble
from staging_exporter.engine.loop_lag import StallWatch

_EVERY = 1.0  # seconds between two looks while nothing changes


def unprobed(config: Config) -> Snapshot:
    """What is known before the first run."""
    return _parts(config, StallWatch()).board.snapshot(now())


async def settle(
    config: Config, enough: Callable[[Snapshot], bool] = lambda _: True, seconds: float | None = None
) -> Snapshot:
    """The first snapshot in which every check has run, no round is open, and `enough` says that it will do.

    `enough` is asked as results come, and once a second. After `seconds` the snapshot of that moment is returned; None
    is for as long as it takes: every round has a deadline and every run a timeout. SIGTERM cancels it, so that the
    programs that checks run end first.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Snapshot] = loop.create_future()
    looked_at, looked = -1, 0.0

    def look(board: Board) -> None:
        nonlocal looked_at, looked
        if board.changes == looked_at and now() - looked < _EVERY:
            return
        looked_at, looked = board.changes, now()
        snapshot = board.snapshot(looked)
        if enough(snapshot) and snapshot.ready and not snapshot.pending and not done.done():
            done.set_result(snapshot)

    stalls = StallWatch()
    parts = _parts(config, stalls, look)
    stalls.start()
    parts.scheduler.start()
    loop.add_signal_handler(signal.SIGTERM, done.cancel)
    try:
        async with asyncio.timeout(seconds):
            return await done
    except TimeoutError:
        return parts.board.snapshot(now())
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        await parts.scheduler.stop()
        stalls.stop()


def _parts(config: Config, stalls: StallWatch, look: Callable[[Board], None] = lambda _: None) -> Parts:
    return assemble(config, stalls, look, spread=0.0)
