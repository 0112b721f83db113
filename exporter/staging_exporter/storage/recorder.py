"""What is stored when: announcements before they are acknowledged, the rest every few seconds. Imported by `app`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from staging_exporter.clock import now
from staging_exporter.core.board import Board
from staging_exporter.core.incidents import Incident
from staging_exporter.core.maintenance import MaintenanceWindow, Once
from staging_exporter.core.snapshot import Deploy, Snapshot
from staging_exporter.storage.history import RETENTION, History
from staging_exporter.storage.store import Store
from staging_exporter.storage.tables import NOTHING
from staging_exporter.views.exporter_status import StorageFailed, StorageStatus

_INTERVAL = 5.0  # seconds between two checks whether the state changed
_GATHER = 0.2  # seconds after a change of an incident until it is stored, with what else happens meanwhile
_SEEN = 60.0  # seconds between two moments at which the exporter is known to have run
_LAST = 0.5  # seconds that the last save may take


class Recorder:
    """Stores the board of a running exporter; without a store everything is kept in memory only."""

    def __init__(self, store: Store | None, board: Callable[[], Board], retention: float = RETENTION) -> None:
        """`board` gives the current one, which a reload replaces. `retention` is in seconds."""
        self._store, self._board = store, board
        self.history = History(board().topology.environment, store, retention)
        self._announcing = asyncio.Lock()
        self._saving: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._incidents: tuple[Incident, ...] = ()
        self._stored_incidents: tuple[Incident, ...] = ()
        self.history.before_reading = self._store_incidents
        self._seen = float("-inf")

    @property
    def status(self) -> StorageStatus | None:
        """How storing goes, None without a store."""
        return self._store.status if self._store else None

    async def start(self) -> None:
        """Take up what is stored, before the first run is recorded; store from now on."""
        if self._store:
            self._board().recall(await self._store.load())
        await self.history.load(now())
        self.history.take_over(self._board().journal.incidents)
        self._saving = asyncio.create_task(self._save_periodically())

    def observe(self, snapshot: Snapshot) -> None:
        """Take up what is new in a snapshot; a change of an incident is stored soon, the rest every few seconds."""
        self.history.observe(snapshot)
        if (incidents := self._board().journal.incidents) is not self._incidents:
            self._incidents = incidents
            self.history.newest = next(reversed(incidents), None)
            self._changed.set()

    async def stop(self) -> None:
        """Store what is not stored yet. Raises TimeoutError when the disk is not fast enough."""
        if not self._saving:
            return
        self._saving.cancel()
        if self._store:
            async with asyncio.timeout(_LAST):
                self._seen = float("-inf")
                with suppress(StorageFailed):
                    await self._save()
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
            self.history.deployed(components, deploy)

    async def _save_periodically(self) -> None:
        pruned = now()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_INTERVAL):
                    await self._changed.wait()
                    await asyncio.sleep(_GATHER)
            self._changed.clear()
            with suppress(StorageFailed):
                async with self._announcing:  # or this would delete what is stored and not in force yet
                    await self._save()
                if now() - pruned > _SEEN:
                    pruned = now()
                    await self.history.prune(pruned)

    async def _store_incidents(self) -> None:
        """Store the incidents as they are now, so that what is shown is not lost."""
        if self._board().journal.incidents is not self._stored_incidents:
            with suppress(StorageFailed):
                async with self._announcing:
                    await self._save()

    async def _save(self) -> None:
        """Store what is new. Raises StorageFailed."""
        await self.history.forget_future()
        board, at = self._board(), now()
        incidents = board.journal.incidents
        batch = self.history.batch(incidents, at)
        if not batch.changes and not batch.incidents and at - self._seen < _SEEN:
            batch = NOTHING
        if self._store:
            await self._store.save(board.memory(), batch)
        elif batch:
            await self.history.write(batch)
        if batch:
            self.history.written(batch, incidents)
            self._seen = at
        self._stored_incidents = incidents
