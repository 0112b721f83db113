"""`python -m tests.bench.bench_diagnosis`: CPU time of a verdict and of a snapshot, for 2,000 components."""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random
from statistics import quantiles

from staging_exporter.core.board import Board
from staging_exporter.core.diagnosis import diagnose
from staging_exporter.core.graph import Graph
from staging_exporter.core.model import (
    LATENT,
    Component,
    Layer,
    Observation,
    Outcome,
    Priority,
    Reason,
    State,
    Topology,
)
from staging_exporter.core.rules import Condition

SIZE = 2_000
ROUNDS = 200


def topology(size: int, random: Random) -> Topology:
    """One latent in twenty; everything depends on up to four of the fifty components before it."""
    components: dict[str, Component] = {}
    for index in range(size):
        near = list(components)[-50:]
        picked = random.sample(near, min(len(near), random.randint(0, 4)))
        optional = (picked.pop(),) if len(picked) > 2 else ()
        kind = LATENT if index % 20 == 0 else "tcp"
        name = f"c{index:04}"
        groups = tuple((other,) for other in picked)
        components[name] = Component(name, Layer.SERVICE, Priority.P1, kind, groups, optional)
    return Topology("bench", components)


def main() -> None:
    """Print the distributions."""
    random = Random(1)
    big = topology(SIZE, random)
    graph = Graph(big.components)
    bad = {
        share: {
            name: Condition(State.DOWN, Reason.TIMEOUT, 0.0) if random.random() < share else Condition(State.UP)
            for name, component in big.components.items()
            if not component.latent
        }
        for share in (0.0, 0.05, 0.5, 1.0)
    }
    for share, conditions in bad.items():
        _report(f"diagnose, {share:.0%} down", lambda conditions=conditions: diagnose(graph, conditions))
    board = Board(big, 99.0)
    _report("record, first pass of each", _records(board, Outcome.PASS, Reason.OK))
    known = _records(board, Outcome.PASS, Reason.OK)
    for _ in range(2 * SIZE):
        known()
    assert not board.pending
    _report("record, healthy", _records(board, Outcome.PASS, Reason.OK))
    _report("tick, healthy", lambda: board.tick(100.0))
    _report("snapshot, healthy", lambda: board.snapshot(100.0))
    fails = _records(board, Outcome.FAIL, Reason.TIMEOUT)
    _report("record, first failures", fails)
    _report("tick, many open rounds", lambda: board.tick(100.0))
    _report("snapshot, many open rounds", lambda: board.snapshot(100.0))


def _records(board: Board, outcome: Outcome, reason: Reason) -> Callable[[], object]:
    names = iter([name for name, c in board.topology.components.items() if not c.latent] * 3)
    return lambda: board.record(Observation(next(names), 100.0, 0.0, outcome, reason))


def _report(what: str, call: Callable[[], object]) -> None:
    seconds = []
    for _ in range(ROUNDS):
        began = time.thread_time()
        call()
        seconds.append(time.thread_time() - began)
    cuts = quantiles(seconds, n=100)
    figures = "  ".join(f"p{p} {cuts[p - 1] * 1e3:8.3f}" for p in (50, 90, 99))
    print(f"{what:<30} {figures}  max {max(seconds) * 1e3:8.3f} ms")


if __name__ == "__main__":
    main()
