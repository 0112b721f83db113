"""Faults that follow each other within seconds: each begins when all components are up again, none has been for long.

The reference topology, at the demo's pace. What was published a moment ago must not hide, or share the blame for, what
fails now. `python -m tests.simulation.quick_succession [FAULTS] [SEED]` prints each fault that was named late or wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random

import click
from staging_exporter.core.model import Outcome, Reason, Startup, State, Topology
from staging_exporter.core.snapshot import Snapshot

from tests.support.reference import reference
from tests.support.world import HEALTHY, START, Answer, VirtualRunner

LATE = 20.0  # seconds
_STEP = 0.1
_PATIENCE = 120.0


def _fails(reason: Reason = Reason.SERVER_ERROR, after: float = 0.02) -> Answer:
    return Answer(Outcome.FAIL, reason, after)


def _degraded(after: float = 0.02) -> Answer:
    return Answer(Outcome.DEGRADED, Reason.CONTENT, after)


_HANGS, _WAITS = _fails(Reason.TIMEOUT, 1.5), 0.8
_EDGE = dict.fromkeys(("websocket", "agent-run"), _fails())
_CONVERSATIONS = {"websocket-direct": _fails(), **_EDGE}


def _behind_postgres() -> dict[str, Answer]:
    names = ("auth", "edge-auth", "backend", "backend-ready", "edge-api", "ws-health")
    return {**dict.fromkeys(names, _fails(after=_WAITS)), **dict.fromkeys(("frontend", "edge-app"), _degraded())}


# the root that must be named -> what fails, how, in turn one that answers and one that hangs
ANSWERING: list[tuple[str, Mapping[str, Answer]]] = [
    ("backend", dict.fromkeys(("backend", "backend-ready", "edge-api", "ws-health"), _fails())),
    ("auth", dict.fromkeys(("auth", "edge-auth"), _fails())),
    ("websocket-direct", _CONVERSATIONS),
    ("edge-api", {"edge-api": _fails(Reason.IDENTITY), **_EDGE}),
    ("redis", {"redis": _fails(Reason.REFUSED), "backend": _degraded(), "backend-ready": _degraded()}),
    ("clickhouse", {"clickhouse": _fails(Reason.REFUSED), "backend": _degraded()}),
    ("backend-revision", {"backend-revision": _fails(Reason.FAILED)}),
]
HANGING: list[tuple[str, Mapping[str, Answer]]] = [
    ("postgres", {"postgres": _HANGS, **_behind_postgres()}),
    ("redis", {"redis": _HANGS, "backend": _degraded(_WAITS), "backend-ready": _degraded(_WAITS)}),
    ("clickhouse", {"clickhouse": _HANGS, "backend": _degraded(_WAITS)}),
    ("vpc-connector", {"postgres": _HANGS, "redis": _HANGS, **_behind_postgres()}),
]


@dataclass(frozen=True)
class Named:
    """One fault: whom it was to blame on, after whom, what was named once no round was open, and after how long."""

    root: str
    after: str
    named: tuple[str, ...]
    seconds: float


def environment() -> Topology:
    """The reference topology with the demo's times."""
    topology = reference()
    components = {
        name: replace(
            component,
            interval=10.0 if name == "agent-run" else 5.0,
            timeout=5.0 if name == "agent-run" else 1.5,
            startup=Startup(budget=60.0, cold=30.0) if component.startup else None,
        )
        for name, component in topology.components.items()
    }
    return replace(topology, components=components, recovery=40.0)


def follow_each_other(faults: int, seed: int) -> list[Named]:
    """So many faults in turn. Raises AssertionError when one is not named, or not over, within two minutes."""
    random = Random(seed)
    answers: dict[str, Answer] = {}
    runner = VirtualRunner(environment(), lambda name, _: answers.get(name, HEALTHY), random)
    found: list[Named] = []
    for number in range(faults):
        root, failing = random.choice(HANGING if number % 2 else ANSWERING)
        _wait(runner, _is_well)
        runner.run(runner.now + random.uniform(0.0, 5.0))
        begins = runner.now
        answers.update(failing)
        seen = _wait(runner, lambda snapshot: bool(snapshot.root_causes) and not snapshot.pending)
        named = tuple(cause.component for cause in seen.root_causes)
        found.append(Named(root, found[-1].root if found else "", named, runner.now - begins))
        answers.clear()
    return found


def _wait(runner: VirtualRunner, condition: Callable[[Snapshot], bool]) -> Snapshot:
    ends = runner.now + _PATIENCE
    while not condition(snapshot := runner.board.snapshot(runner.now)):
        assert runner.now < ends, f"nothing settled in the two minutes until second {runner.now - START:.0f}"
        runner.run(runner.now + _STEP)
    return snapshot


def _is_well(snapshot: Snapshot) -> bool:
    states = (status.state for status in snapshot.components.values() if status.last_probe)
    return snapshot.ready and not snapshot.pending and all(state == State.UP for state in states)


def report(faults: int, seed: int) -> int:
    """Print what was late or wrong, and the distribution; how many were wrong."""
    found = follow_each_other(faults, seed)
    for one in found:
        if one.named != (one.root,) or one.seconds > LATE:
            print(f"{one.root} after {one.after}: named {', '.join(one.named)} after {one.seconds:.1f} s")
    seconds = sorted(one.seconds for one in found)
    wrong = sum(one.named != (one.root,) for one in found)
    late = sum(one.seconds > LATE for one in found)
    print(
        f"{faults} faults in quick succession: median {seconds[len(seconds) // 2]:.1f} s, "
        f"p95 {seconds[int(len(seconds) * 0.95)]:.1f} s, worst {seconds[-1]:.1f} s; "
        f"{late} later than {LATE:.0f} s, {wrong} wrong"
    )
    return wrong


@click.command()
@click.argument("faults", default=400)
@click.argument("seed", default=1)
def main(faults: int, seed: int) -> None:
    """Exit 1 when one was wrong."""
    sys.exit(1 if report(faults, seed) else 0)


if __name__ == "__main__":
    main()
