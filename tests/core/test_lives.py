"""Random lives of a board: whatever happens in whatever order, and however it is reloaded, some things always hold."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from random import Random

import pytest
from staging_exporter.core.board import Board
from staging_exporter.core.graph import Graph
from staging_exporter.core.maintenance import MaintenanceWindow, Once
from staging_exporter.core.memory import dump, parse
from staging_exporter.core.model import LATENT, Component, Observation, Outcome, Priority, Reason, Startup, Topology
from staging_exporter.core.rules import FAILS, NOT_READY
from staging_exporter.core.schedule import SPREAD, Schedule
from staging_exporter.core.snapshot import ComponentStatus, Deploy, Snapshot

from tests.support.graphs import LAYERS, random_topology

STEP = 0.25  # seconds
NAMED = ("root_causes", "suspects", "explained_by", "contradicted_by", "conflicts", "recovering_from")
FAILURES = (Reason.REFUSED, Reason.TIMEOUT, Reason.SERVER_ERROR, Reason.CONTENT, Reason.DNS, Reason.IDENTITY)
GOOD = (Outcome.PASS, Reason.OK)
VANTAGE = Component("vantage[0]", LAYERS[0], Priority.P2, "tcp")


class Life:
    """One environment, driven by the schedule that the engine runs, on a clock of its own."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.now = 1000.0
        self.board = Board(self._with_starts(self.environment()), self.now, 2.0, (VANTAGE,))
        self.truth: dict[str, tuple[Outcome, Reason]] = {}
        self.online = True
        self.unexplained: dict[str, float] = {}
        self.schedules: dict[str, Schedule] = {}
        self._begin(())

    def environment(self) -> Topology:
        return random_topology(self.random, self.random.choice((3, 5, 8, 12)), suites=True)

    def _with_starts(self, topology: Topology) -> Topology:
        slow = {n: replace(c, startup=Startup(30.0, 10.0)) for n, c in topology.components.items() if not c.latent}
        chosen = {name: component for name, component in slow.items() if self.random.random() < 0.2}
        return replace(topology, components={**topology.components, **chosen})

    def _begin(self, known: Collection[str]) -> None:
        """Probe all that there is, from now on; what is known has its turn later."""
        probed = [c for c in self.board.topology.components.values() if not c.latent] + [VANTAGE]
        self.under_way: dict[str, Observation] = {}
        kept = {name: schedule for name, schedule in self.schedules.items() if name in known}
        self.schedules = {
            c.name: kept.get(c.name) or Schedule(c, self.now, SPREAD, self.random.random()) for c in probed
        }

    def _request(self, names: Collection[str]) -> None:
        for name in names:
            self.schedules[name].request()

    def step(self) -> None:
        """A quarter of a second; at times something happens."""
        self.now += STEP
        for name, seen in list(self.under_way.items()):
            if seen.ended <= self.now:
                self._end(name, seen)
        for name in [name for name, schedule in self.schedules.items() if schedule.wake_at <= self.now]:
            self.schedules[name].started(self.now)
            self.under_way[name] = self._run(name)
        self._request(self.board.tick(self.now))
        if self.random.random() < 0.03:
            self.random.choice(HAPPENINGS)(self, self.random.choice(list(self.schedules)))

    def _run(self, name: str) -> Observation:
        outcome, reason = self.truth.get(name, GOOD) if self.online else (Outcome.FAIL, Reason.UNREACHABLE)
        takes = 0.05 if outcome == Outcome.PASS else self.random.choice((0.05, 0.05, 1.0, 5.0))
        return Observation(name, self.now, takes, outcome, reason, f"{name} saw {reason}")

    def _end(self, name: str, seen: Observation) -> None:
        del self.under_way[name]
        requested = self.board.record(seen)
        confirming, looked_at = self.board.confirming(name), self.board.looks_at(name)
        self.schedules[name].finished(self.now, seen.outcome, confirming=confirming, looked_at=looked_at)
        self._request(requested)

    def fail(self, name: str) -> None:
        self.truth[name] = (Outcome.FAIL, self.random.choice(FAILURES))

    def degrade(self, name: str) -> None:
        self.truth[name] = (Outcome.DEGRADED, Reason.CONTENT)

    def hide(self, name: str) -> None:
        self.truth[name] = (Outcome.UNKNOWN, self.random.choice((Reason.PROBE_ERROR, Reason.RATE_LIMITED)))

    def fix(self, name: str) -> None:
        self.truth.pop(name, None)

    def fix_all(self, _name: str) -> None:
        self.truth.clear()

    def move(self, _name: str) -> None:
        """Where we are, one is online, or is no longer."""
        self.online = not self.online

    def maintain(self, name: str) -> None:
        if name in self.board.topology.components:
            end = self.now + self.random.choice((5.0, 60.0))
            self.board.maintain(MaintenanceWindow((name,), Once(self.now, end)), self.now)

    def deploy(self, name: str) -> None:
        if name in self.board.topology.components:
            self.board.deploy([name], Deploy(self.now, "r"))

    def restart(self, _name: str) -> None:
        memory = parse(dump(self.board.memory()))
        self.now += self.random.choice((1.0, 100.0))
        self.board = Board(self.board.topology, self.now, 2.0, (VANTAGE,))
        self.board.recall(memory)
        self._begin(())

    def reload(self, name: str) -> None:
        """With one change, or none; a change that would make a cycle is none."""
        old = self.board
        components = self.random.choice(CHANGES)(self.random, dict(old.topology.components), name)
        try:
            Graph(components)
        except ValueError:
            components = dict(old.topology.components)
        self.board = Board(replace(old.topology, components=components), self.now, 2.0, (VANTAGE,))
        before = old.topology.components
        same = {n for n, c in components.items() if not c.latent and n in before and c.counts_like(before[n])}
        asked = self.board.inherit(old, same, self.now)
        self._begin(same)
        self._request(asked)

    def flaws(self) -> list[str]:
        """What is published now and must never be."""
        snapshot = self.board.snapshot(self.now)
        found = [
            f"{name} names what is gone" for name, status in snapshot.components.items() if _gone(snapshot, status)
        ]
        if snapshot.pending:
            return found
        found += [f"{r.component} is a root and {r.state}" for r in snapshot.root_causes if r.state not in FAILS]
        now = {name for name, status in snapshot.components.items() if _unexplained(snapshot, status)}
        self.unexplained = {name: self.unexplained.get(name, self.now) for name in now}
        long = [name for name, since in self.unexplained.items() if self.now - since > 10.0]
        return [*found, *(f"{name} fails without a root cause" for name in long)]


HAPPENINGS: list[Callable[[Life, str], None]] = [
    *(Life.fail, Life.fail, Life.fail, Life.fix, Life.fix, Life.fix_all, Life.degrade, Life.hide),
    *(Life.reload, Life.reload, Life.maintain, Life.deploy, Life.move, Life.restart),
]
Components = dict[str, Component]


def _nothing(_random: Random, components: Components, _name: str) -> Components:
    return components


def _remove(_random: Random, components: Components, name: str) -> Components:
    left = {n: c for n, c in components.items() if n != name}
    return {n: _without(c, name) for n, c in left.items()} or components


def _without(component: Component, name: str) -> Component:
    groups = (tuple(other for other in group if other != name) for group in component.depends_on)
    optional = tuple(other for other in component.optional_depends_on if other != name)
    covers = tuple(other for other in component.covers if other != name)
    return replace(component, depends_on=tuple(filter(None, groups)), optional_depends_on=optional, covers=covers)


def _rewire(random: Random, components: Components, name: str) -> Components:
    other = random.choice(list(components))
    if name not in components or name == other:
        return components
    component, bare = components[name], _without(components[name], other)
    return components | {name: replace(bare, depends_on=(*bare.depends_on, (other,))) if bare == component else bare}


def _change(**options: object) -> Callable[[Random, Components, str], Components]:
    def change(_random: Random, components: Components, name: str) -> Components:
        return components | {name: replace(components[name], **options)} if name in components else components

    return change


CHANGES = (
    _nothing,
    _remove,
    _rewire,
    _rewire,
    _change(kind=LATENT),
    _change(kind="http"),
    _change(interval=5.0),
    _change(priority=Priority.P0),
)


def _gone(snapshot: Snapshot, status: ComponentStatus) -> bool:
    return any(not snapshot.components.keys() >= set(getattr(status, what)) for what in NAMED)


def _unexplained(snapshot: Snapshot, status: ComponentStatus) -> bool:
    """True for a failing component without a root cause that waits for nothing not ready and nothing recovering."""
    if status.state not in FAILS or status.component.latent or status.root or status.root_causes:
        return False
    behind, left = set[str](), {status.component.name}
    while left:
        behind |= left
        left = {other for name in left for other in snapshot.components[name].explained_by} - behind
    return not any(_may_fail(snapshot.components[n]) for n in behind)


def _may_fail(status: ComponentStatus) -> bool:
    return status.state in NOT_READY or status.recovers_until is not None or status.subsided


@pytest.mark.parametrize("seed", range(60))
def test_a_life(seed: int) -> None:
    life = Life(seed)
    for _ in range(800):
        life.step()
        assert life.flaws() == []
