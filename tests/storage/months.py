"""`python -m tests.storage.months`: a month of 100 components with 200 incidents a day, and what it costs.

The size of the store, the CPU time of the start of an exporter on it and of its pages, and the longest stall of the
event loop while all of it is deleted.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from random import Random

import psutil
from staging_exporter.core.history import VERDICT, Change, Sort, Subject
from staging_exporter.core.incidents import Incident, IncidentRootCause, Query, incident_id
from staging_exporter.core.memory import Memory
from staging_exporter.storage.database import FILE
from staging_exporter.storage.directory import StorageDirectory
from staging_exporter.storage.history import History
from staging_exporter.storage.store import Store
from staging_exporter.storage.tables import Batch

from tests.storage.kills import started
from tests.support.neighbour import neighbour

COMPONENTS, DAYS, A_DAY = 100, 30, 200
_AFFECTED = 9  # symptoms of an incident
_DETAIL = 'status 503, expected 2xx; body: {"status":"unhealthy","error":"connection to the database was refused"}'
_SIZE, _START, _PAGE, _STALL = 100e6, 3.0, 0.1, 0.02  # what is allowed: bytes, seconds
_ROUNDS = 5
_IDLE = 0.05  # CPU seconds in a second


def month(now: float, chance: Random, incidents: int = DAYS * A_DAY) -> Iterator[Batch]:
    """One batch for each incident; they are spread over the month before `now`."""
    every = DAYS * 86400.0 / incidents
    for number in range(incidents):
        began = now - DAYS * 86400.0 + every * number + chance.uniform(10.0, every / 4)
        yield _batch(began, began + chance.uniform(20.0, every / 2), chance)


def _batch(began: float, ended: float, chance: Random) -> Batch:
    root, *symptoms = (f"c{number}" for number in chance.sample(range(COMPONENTS), _AFFECTED + 1))
    seen = {"reason": "server_error", "detail": _DETAIL}
    down = [Change(began - 1, Subject(Sort.COMPONENT, name), "down", seen) for name in (root, *symptoms)]
    up = [Change(ended, Subject(Sort.COMPONENT, name), "up") for name in (root, *symptoms)]
    journeys = [Change(began, Subject(Sort.JOURNEY, name), "blocked", {"blocked_at": "use"}) for name in ("a", "b")]
    free = [Change(ended, change.subject, "up", {"blocked_at": None}) for change in journeys]
    verdicts = [
        Change(began, VERDICT, "down", _verdict(root, symptoms[:5], began)),
        Change(began + 5, VERDICT, "down", _verdict(root, symptoms, began)),
        Change(ended, VERDICT, "up", {"settled": True, "online": True, "roots": [], "symptoms": {}}),
    ]
    cause = IncidentRootCause(root, "service", "P0", "server_error", _DETAIL, began, ended, began - 3)
    return Batch([*down, *journeys, *verdicts, *up, *free], [Incident(began, ended, (cause,))])


def _verdict(root: str, symptoms: list[str], at: float) -> dict[str, object]:
    cause = {"component": root, "layer": "service", "priority": "P0", "state": "down", "reason": "server_error",
             "certainty": "observed", "detail": _DETAIL, "since": at, "began": at - 3, "inferred": False,
             "stale": False, "suspects": [], "journeys": ["a", "b"]}  # fmt: skip
    told = {name: [[root], [root]] for name in symptoms}
    return {"settled": True, "online": True, "roots": [cause], "symptoms": told}


async def fill(directory: Path, now: float, incidents: int = DAYS * A_DAY) -> None:
    """Store the month."""
    store = Store(StorageDirectory(directory), "kills")
    await store.load()
    batches = list(month(now, Random(1), incidents))
    for first in range(0, len(batches), 100):
        some = batches[first : first + 100]
        changes = sorted((c for batch in some for c in batch.changes), key=lambda change: change.at)
        await store.save(Memory("kills"), Batch(changes, [i for batch in some for i in batch.incidents], (), now))
    await store.close()


def configuration(directory: Path) -> Path:
    """A hundred components that are probed once."""
    check = "check: {kind: exec, command: ['true']}"
    lines = "\n".join(f"  c{n}: {{layer: service, priority: P2, {check}}}" for n in range(COMPONENTS))
    journeys = "journeys: {a: {priority: P0, steps: {use: c1}}, b: {priority: P0, steps: {use: c2}}}"
    file = directory / "config.yml"
    file.write_text(f"environment: kills\ndefaults: {{interval: 1h}}\ncomponents:\n{lines}\n{journeys}\n")
    return file


def serving(directory: Path, config: Path, newest: str) -> dict[str, float]:
    """The CPU time of the start and the pages of an exporter on this store, in seconds; of pages the least of some.

    Not the time on the clock, since this machine may be busy.
    """
    with started(directory, config) as (url, number):
        process = psutil.Process(number)
        took = {"start": _worked(process)}
        _quiet(process)
        for path in ("/incidents", f"/incidents/{newest}", "/history?range=24h", "/history?range=30d", "/"):
            took[path.replace(newest, "ID")] = min(_asked(process, url + path) for _ in range(_ROUNDS))
    return took


def _worked(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _quiet(process: psutil.Process) -> None:
    """Wait until the first runs are over."""
    while True:
        before = _worked(process)
        time.sleep(1.0)
        if _worked(process) - before < _IDLE:
            return


def _asked(process: psutil.Process, url: str) -> float:
    before = _worked(process)
    urllib.request.urlopen(url, timeout=30).read()
    return _worked(process) - before


async def pruned(directory: Path, now: float) -> tuple[int, float]:
    """How many incidents are deleted when all of them are too old, and the longest stall meanwhile, in seconds."""
    store = Store(StorageDirectory(directory), "kills")
    history = History("kills", store)
    await history.load(now)
    async with neighbour() as pauses:
        await history.prune(now + 60 * 86400.0)
    left = len(await history.incidents(Query(limit=500)))
    await store.close()
    return left, max(pauses, default=0.0)


def main() -> int:
    """Print what it costs; 1 when anything costs more than is allowed."""
    with tempfile.TemporaryDirectory(prefix="months-") as name:
        directory, now = Path(name), time.time()
        storage = directory / "storage"
        asyncio.run(fill(storage, now))
        size = sum(file.stat().st_size for file in storage.glob(f"{FILE}*"))
        newest = incident_id([*month(now, Random(1))][-1].incidents[0])
        took = serving(directory, configuration(directory), newest)
        left, stall = asyncio.run(pruned(storage, now))
    pages = {path: seconds for path, seconds in took.items() if path != "start"}
    flaws = [
        *([f"the store has {size / 1e6:.0f} MB"] if size > _SIZE else []),
        *([f"the start takes {took['start']:.1f} s"] if took["start"] > _START else []),
        *(f"{path} takes {seconds * 1000:.0f} ms" for path, seconds in pages.items() if seconds > _PAGE),
        *([f"the loop stalls for {stall * 1000:.0f} ms"] if stall > _STALL else []),
        *([f"{left} incidents are left"] if left else []),
    ]
    print("\n".join(flaws))
    slowest = max(pages, key=lambda path: pages[path])
    print(
        f"{DAYS * A_DAY} incidents of {COMPONENTS} components: {size / 1e6:.0f} MB, start {took['start']:.1f} s, "
        f"slowest page {slowest} {pages[slowest] * 1000:.0f} ms, longest stall {stall * 1000:.0f} ms"
    )
    return bool(flaws)


if __name__ == "__main__":
    sys.exit(main())
