"""A day of the reference environment in which chance makes one probe in two hundred fail."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random

from staging_exporter.core.board import Board
from staging_exporter.core.model import Component, Layer, Outcome, Priority, Topology

from tests.support.faults import Effect, at, spread
from tests.support.reference import reference
from tests.support.world import NOISE as NOISE_ANSWER
from tests.support.world import START, Answer, VirtualRunner

HOUR = 3600.0
DAY = 24 * HOUR
NOISE = 0.005


@dataclass(frozen=True)
class Day:
    """What was published: `began` are the roots in the order in which they appeared, with the second of the day.

    `by_chance` are components whose runs failed by chance so often in a row that they were down, as configured: about
    one in forty days. They are no false root causes.
    """

    began: list[tuple[float, str]]
    by_chance: list[tuple[float, str]]
    roots_at_the_end: tuple[str, ...]
    unsettled_at_the_end: bool
    runs: int


def environment() -> Topology:
    """The reference topology with a few neighbours: 25 components."""
    topology = reference()
    extra = [
        Component("object-store", Layer.PLATFORM, Priority.P2, "http", (("nat",),)),
        Component("mail", Layer.PLATFORM, Priority.P2, "tcp", (("nat",),)),
        Component("reports", Layer.APPLICATION, Priority.P2, "http", (("postgres",),), ("object-store",)),
    ]
    return replace(topology, components={**topology.components, **{component.name: component for component in extra}})


def faults(random: Random, count: int, seconds: float = DAY) -> list[tuple[float, str]]:
    """`count` faults of checked components, each over and recovered from before the next begins."""
    topology = environment()
    names = [name for name, component in topology.components.items() if component.layer != Layer.TEST]
    checked = [name for name in names if not topology.components[name].latent]
    gap = seconds / (count + 1)
    return [(gap * (index + 1), random.choice(checked)) for index in range(count)]


def live(random: Random, planned: list[tuple[float, str]], seconds: float = DAY) -> Day:
    """One day with these faults, each of two to ten minutes, with effects and repairs in any order."""
    topology = environment()
    effects = [
        spread(topology, [name], random, START + begins, START + begins + random.uniform(120.0, 600.0), delay=5.0)
        for begins, name in planned
    ]
    assert all(
        max(e.ends for e in a.values()) + 900.0 < min(e.begins for e in b.values()) for a, b in pairwise(effects)
    )
    began: list[tuple[float, str]] = []
    standing: set[str] = set()

    def look(now: float, board: Board) -> None:
        roots = set(board.roots)
        if roots != standing:
            began.extend((now - START, name) for name in sorted(roots - standing))
            standing.clear()
            standing.update(roots)

    chance = Chance(topology, random)

    def world(name: str, now: float) -> Answer:
        return chance.answer(name, now, at(_current(effects, now), name, now))

    runner = VirtualRunner(topology, world, random, look=look)
    runner.run(START + seconds)
    end = runner.board.snapshot(runner.now)
    runs = sum(status.stats.runs for status in end.components.values() if status.stats is not None)
    return Day(began, chance.outages, runner.board.roots, not end.settled, runs)


class Chance:
    """Makes one run in two hundred fail, and notes where `fall` of them in a row did."""

    def __init__(self, topology: Topology, random: Random) -> None:
        self._components, self._random = topology.components, random
        self._in_a_row: dict[str, int] = {}
        self.outages: list[tuple[float, str]] = []

    def answer(self, name: str, now: float, answer: Answer) -> Answer:
        """What a run that begins now sees."""
        fails = self._random.random() < NOISE and answer.outcome == Outcome.PASS
        self._in_a_row[name] = self._in_a_row.get(name, 0) + 1 if fails else 0
        if self._in_a_row[name] == self._components[name].fall:
            self.outages.append((now - START, name))
        return NOISE_ANSWER if fails else answer


def _current(effects: list[dict[str, Effect]], now: float) -> dict[str, Effect]:
    """The effects of the last fault that has begun."""
    found: dict[str, Effect] = {}
    for one in effects:
        if min(effect.begins for effect in one.values()) > now:
            break
        found = one
    return found
