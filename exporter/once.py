"""`check`: run everything until states and verdict are settled, as `run` does, then say it once and stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from exporter.config import Config
from exporter.core.board import Board
from exporter.core.snapshot import Snapshot
from exporter.net.clock import now
from exporter.net.resolve import Resolver
from exporter.prober import Prober
from exporter.runner import Runner


async def settle(config: Config, progress: Callable[[Snapshot], None] = lambda _: None) -> Snapshot:
    """The first snapshot in which every check has run and no round is open; `progress` is called as results come.

    Ends by itself, since every round has a deadline and every run a timeout.
    """
    board = Board(config.topology, now(), spread=0.0)
    settled = asyncio.Event()

    def look() -> None:
        snapshot = board.snapshot(now())
        progress(snapshot)
        if snapshot.ready and not snapshot.pending:
            settled.set()

    runner = Runner(board, config.checks, Prober(Resolver(config.servers)).attempt, look, spread=0.0)
    runner.start()
    try:
        await settled.wait()
        return board.snapshot(now())
    finally:
        await runner.stop()
