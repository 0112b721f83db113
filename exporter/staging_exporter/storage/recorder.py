"""What is stored when: announcements before they are acknowledged, the rest every few seconds. Imported by `app`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from staging_exporter.clock import now
from staging_exporter.core.board import Board
from staging_exporter.core.maintenance import MaintenanceWindow, Once
from staging_exporter.core.snapshot import Deploy
from staging_exporter.storage.store import StorageFailed, Store
from staging_exporter.views.exporter_status import StorageStatus

_INTERVAL = 5.0  # seconds between two checks whether the state changed
_LAST = 0.5  # seconds that the last save may take


class Recorder:
    """Stores the board of a running exporter; without a store everything is kept in memory only."""

    def __init__(self, store: Store | None, board: Callable[[], Board]) -> None:
        """`board` gives the current one, which a reload replaces."""
        self._store, self._board = store, board
        self._announcing = asyncio.Lock()
        self._saving: asyncio.Task[None] | None = None

    @property
    def status(self) -> StorageStatus | None:
        """How storing goes, None without a store."""
        return self._store.status if self._store else None

    async def start(self) -> None:
        """Take up what is stored, before the first run is recorded; store from now on."""
        if self._store:
            self._board().recall(await self._store.load())
            self._saving = asyncio.create_task(self._save_periodically(self._store))

    async def stop(self) -> None:
        """Store what is not stored yet. Raises TimeoutError when the disk is not fast enough."""
        if not self._store or not self._saving:
            return
        self._saving.cancel()
        async with asyncio.timeout(_LAST):
            with suppress(StorageFailed):
                await self._store.save(self._board().memory())
            await self._store.close()

    async def maintain(self, components: Sequence[str], duration: float) -> None:
        """Start a maintenance window of `duration` seconds, stored when this returns; 0 ends it.

        Raises KeyError for an unknown component, and StorageFailed: then there is no such window.
        """
        async with self._announcing:
            self._board().require(components)
            start = now()
            window = MaintenanceWindow(tuple(components), Once(start, start + duration))
            if self._store:
                await self._store.save(self._board().memory().with_window(window, start))
            self._board().maintain(window, now())

    async def deploy(self, components: Sequence[str], revision: str) -> None:
        """Mark components as deployed just now, stored when this returns.

        Raises KeyError for an unknown component, and StorageFailed: then there is no such deploy.
        """
        async with self._announcing:
            self._board().require(components)
            deploy = Deploy(now(), revision)
            if self._store:
                board = self._board()
                await self._store.save(board.memory().with_deploy(components, deploy, board.topology))
            self._board().deploy(components, deploy)

    async def _save_periodically(self, store: Store) -> None:
        while True:
            await asyncio.sleep(_INTERVAL)
            async with self._announcing:  # or this would delete what is stored and not in force yet
                with suppress(StorageFailed):
                    await store.save(self._board().memory())
