"""`check`: run everything until states and verdict are settled, as `run` does, then say it once and stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from exporter.assembly import assemble
from exporter.config import Config
from exporter.core.board import Board
from exporter.core.snapshot import Snapshot
from exporter.net.clock import now
from exporter.stall import StallWatch


async def settle(config: Config, progress: Callable[[Snapshot], None] = lambda _: None) -> Snapshot:
    """The first snapshot in which every check has run and no round is open; `progress` is called as results come.

    Ends by itself, since every round has a deadline and every run a timeout.
    """
    settled = asyncio.Event()

    def look(board: Board) -> None:
        snapshot = board.snapshot(now())
        progress(snapshot)
        if snapshot.ready and not snapshot.pending:
            settled.set()

    stalls = StallWatch()
    parts = assemble(config, stalls, look, spread=0.0)
    stalls.start()
    parts.runner.start()
    try:
        await settled.wait()
        return parts.board.snapshot(now())
    finally:
        await parts.runner.stop()
        stalls.stop()
