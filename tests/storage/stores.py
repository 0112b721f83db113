"""What the tests of the store share: a memory, and a store that is opened, used once and closed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from staging_exporter.core.incidents import Incident, IncidentRootCause
from staging_exporter.core.journal import Journal
from staging_exporter.core.maintenance import MaintenanceWindow, Once
from staging_exporter.core.memory import Memory, Remembered
from staging_exporter.core.model import State
from staging_exporter.core.snapshot import Deploy
from staging_exporter.storage.directory import StorageDirectory
from staging_exporter.storage.store import Store

T = TypeVar("T")
MEMORY = Memory(
    "test", {"api": Remembered(State.DOWN, 5.0, 4.0, spent=True)}, Journal(deploys={"api": Deploy(3.0, "r1")})
)


def large(components: int = 60) -> Memory:
    """A memory with some of everything."""
    names = [f"component-{number}" for number in range(components)]
    root = IncidentRootCause(names[0], "service", "P0", "refused", "nothing listens", 10.0, 20.0, 9.0, ("b",), ("c",))
    return Memory(
        "test",
        {name: Remembered(State.UP, float(number), None, spent=False) for number, name in enumerate(names)},
        Journal(
            (MaintenanceWindow(tuple(names[:3]), Once(1.0, 2e9)), MaintenanceWindow(("x",), Once(3.0, 4e9))),
            {name: Deploy(float(number), f"r{number}") for number, name in enumerate(names)},
            tuple(Incident(100.0 * n, 100.0 * n + 50.0, (root,), (100.0 * n + 1,)) for n in range(20)),
            dict.fromkeys(names[:5], 2),
        ),
    )


async def using(path: Path, work: Callable[[Store], Awaitable[T]], environment: str = "test") -> T:
    """The result of `work` with a store in that directory."""
    store = Store(StorageDirectory(path), environment)
    try:
        return await work(store)
    finally:
        await store.close()


def saved(path: Path, memory: Memory) -> None:
    """Store a memory in that directory."""

    async def work(store: Store) -> None:
        await store.load()
        await store.save(memory)

    asyncio.run(using(path, work, memory.environment))


def loaded(path: Path, environment: str = "test") -> Memory:
    """What is stored in that directory."""
    return asyncio.run(using(path, Store.load, environment))
