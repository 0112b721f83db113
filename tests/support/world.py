"""An environment whose truth is known, watched through the real board and the real schedule on a virtual clock."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from staging_exporter.core.board import Board
from staging_exporter.core.model import Component, Observation, Outcome, Reason, Topology
from staging_exporter.core.schedule import SPREAD, TICK, Schedule

START = 1_763_800_000.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a run that begins now would see, and how many seconds it would take."""

    outcome: Outcome
    reason: Reason
    duration: float = 0.05
    facts: dict[str, Any] = field(default_factory=dict)
    detail: str = ""


HEALTHY = Answer(Outcome.PASS, Reason.OK)
NOISE = Answer(Outcome.FAIL, Reason.TIMEOUT, 5.0)

World = Callable[[str, float], Answer]


@dataclass(slots=True)
class _Loop:
    """What one component's task is in the engine; `version` outdates its events on the heap."""

    component: Component
    schedule: Schedule
    running: Observation | None = None
    version: int = 0


class VirtualRunner:
    """The engine's scheduler without waiting: the same schedule, the same board, a heap of moments as its clock."""

    def __init__(
        self,
        topology: Topology,
        world: World,
        random: Random,
        noise: float = 0.0,
        look: Callable[[float, Board], None] = lambda _now, _board: None,
        at: float = START,
    ) -> None:
        """`random` draws the places in the interval and the noise; `look` is called after every record and tick."""
        self.board = Board(topology, at)
        self.now = at
        self._world, self._random, self._noise, self._look = world, random, noise, look
        self._events: list[tuple[float, int, str, int]] = []
        self._loops: dict[str, _Loop] = {}
        self._count = 0
        for component in topology.components.values():
            if not component.latent:
                loop = _Loop(component, Schedule(component, at, SPREAD, random.random()))
                self._loops[component.name] = loop
                self._plan(loop, loop.schedule.wake_at)
        self._push(at + TICK, "", 0)

    def run(self, until: float) -> None:
        """Let the world go on until then."""
        while self._events[0][0] <= until:
            self.now, _, name, version = heapq.heappop(self._events)
            if not name:
                self._tick()
            elif (loop := self._loops[name]).version == version:
                self._begin(loop) if loop.running is None else self._end(loop, loop.running)
        self.now = until

    def _tick(self) -> None:
        self._request(self.board.tick(self.now))
        self._look(self.now, self.board)
        self._push(self.now + TICK, "", 0)

    def _begin(self, loop: _Loop) -> None:
        component = loop.component
        scheduled = loop.schedule.counts_as_scheduled(self.now)
        lag = loop.schedule.started(self.now)
        answer = self._world(component.name, self.now)
        if self._noise and self._random.random() < self._noise:
            answer = NOISE
        loop.running = Observation(
            component.name,
            self.now,
            min(answer.duration, component.timeout),
            answer.outcome,
            answer.reason,
            answer.detail,
            lag=lag,
            scheduled=scheduled,
            facts=answer.facts,
        )
        self._plan(loop, loop.running.ended)

    def _end(self, loop: _Loop, seen: Observation) -> None:
        loop.running = None
        requested = self.board.record(seen)
        name, board = seen.component, self.board
        confirming, looked_at = board.confirming(name), board.looks_at(name)
        loop.schedule.finished(self.now, seen.outcome, confirming=confirming, looked_at=looked_at)
        self._request(requested)
        self._look(self.now, self.board)
        self._plan(loop, loop.schedule.wake_at)

    def _request(self, names: Iterable[str]) -> None:
        for name in sorted(names):
            loop = self._loops[name]
            loop.schedule.request()
            if loop.running is None:
                self._plan(loop, loop.schedule.wake_at)

    def _plan(self, loop: _Loop, when: float) -> None:
        """Wake this one then, and no more when it was planned before."""
        loop.version += 1
        self._push(max(self.now, when), loop.component.name, loop.version)

    def _push(self, when: float, name: str, version: int) -> None:
        self._count += 1
        heapq.heappush(self._events, (when, self._count, name, version))
