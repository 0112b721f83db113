"""`python -m tests.bench.records`: CPU time of one recorded run against the number of components.

Groups of ten that share one gateway, on a virtual clock: the real board and the real schedule, without sockets.
"""

from __future__ import annotations

import time
from random import Random

from staging_exporter.core.model import LATENT, Component, Layer, Observation, Outcome, Priority, Reason, Topology

from tests.bench.report import Row, table
from tests.support.world import HEALTHY, Answer, VirtualRunner

SIZES = (100, 1_000, 10_000)
_DOWN = Answer(Outcome.FAIL, Reason.TIMEOUT, 1.0)
_GATEWAY = Component("gateway", Layer.INFRASTRUCTURE, Priority.P0, "tcp")
_GROUP = {"net": "", "db": "net", "cache": "net", "api": "db", "jobs": "db", "files": "db", "web": "api jobs",
          "admin": "files", "leaf": "web", "report": "web admin"}  # fmt: skip
_FAILING = "g0003-leaf"


class _Meter:
    """A runner whose records and ticks are timed; `own` are those of the group that fails."""

    def __init__(self, size: int) -> None:
        self.topology = topology(size)
        self.bad: set[str] = set()
        self.records: list[float] = []
        self.own: list[float] = []
        self.ticks: list[float] = []
        began = time.process_time()
        self._runner = VirtualRunner(self.topology, self._answer, Random(1))
        self.board, self.built = self._runner.board, time.process_time() - began
        self.record, self.tick = self.board.record, self.board.tick
        self.board.record = self._record  # type: ignore[method-assign]
        self.board.tick = self._tick  # type: ignore[method-assign]

    def run(self, seconds: float) -> None:
        """Go on for so long; what was timed before is forgotten."""
        self.records, self.own, self.ticks = [], [], []
        self._runner.run(self._runner.now + seconds)

    def _answer(self, name: str, _at: float) -> Answer:
        return _DOWN if name in self.bad else HEALTHY

    def _record(self, seen: Observation) -> frozenset[str]:
        began = time.process_time()
        wanted = self.record(seen)
        took = time.process_time() - began
        self.records.append(took)
        if seen.component.startswith(_FAILING[:6]):
            self.own.append(took)
        return wanted

    def _tick(self, now: float) -> frozenset[str]:
        began = time.process_time()
        wanted = self.tick(now)
        self.ticks.append(time.process_time() - began)
        return wanted


def topology(size: int) -> Topology:
    """`size` components in groups, and one gateway that all of them need."""
    components = {_GATEWAY.name: _GATEWAY}
    for number in range(size // len(_GROUP)):
        for part, needs in _GROUP.items():
            name = f"g{number:04}-{part}"
            above = [f"g{number:04}-{other}" for other in needs.split()] or [_GATEWAY.name]
            kind = LATENT if part == "net" else "tcp"
            components[name] = Component(name, Layer.SERVICE, Priority.P1, kind, tuple((other,) for other in above))
    return Topology("bench", components)


def records(sizes: tuple[int, ...] = SIZES) -> list[Row]:
    """The rows: microseconds by number of components, then what the most cost against the fewest."""
    measured = [_measure(size) for size in sizes]
    rows = []
    for what in measured[0]:
        found = [figures[what] for figures in measured]
        rows += [
            Row("cost of a record", f"{what}, {size:,} components", "us", us)
            for size, us in zip(sizes, found, strict=True)
        ]
        rows.append(Row("cost of a record", f"{what}, {sizes[-1]:,} against {sizes[0]}", "x", found[-1] / found[0]))
    return rows


def _measure(size: int) -> dict[str, float]:
    meter = _Meter(size)
    meter.run(10.0)
    first = sum(meter.records) / len(meter.records)
    assert not meter.board.unheard
    assert not meter.board.pending
    meter.run(20.0)
    quiet = sum(meter.records) / len(meter.records)
    ticks = sum(meter.ticks) / len(meter.ticks)
    meter.bad = {_FAILING}
    meter.run(30.0)
    assert meter.board.roots == (_FAILING,)
    failing = sum(meter.own) / len(meter.own)
    meter.bad = set()
    meter.run(130.0)
    meter.bad = set(meter.topology.components)
    meter.run(25.0)
    assert meter.board.roots == (_GATEWAY.name,)
    burst = sum(meter.records) + sum(meter.ticks)
    return {
        "built": meter.built / size * 1e6,
        "first run": first * 1e6,
        "quiet run": quiet * 1e6,
        "a leaf fails, each run of its group": failing * 1e6,
        "all fail at once, each component": burst / size * 1e6,
        "tick": ticks * 1e6,
    }


if __name__ == "__main__":
    print(table(records()))
