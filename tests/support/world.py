"""An environment whose truth is known, watched through a Board on a virtual clock, exactly as the runner drives it."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from staging_exporter.core.board import Board
from staging_exporter.core.model import Component, Observation, Outcome, Reason, Topology

TICK = 0.25  # seconds, as the runner has it
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
class _Turn:
    """Where one component's loop is: `due` next, `earliest` when asked; `version` outdates events on the heap."""

    component: Component
    phase: float
    due: float
    earliest: float
    asked: bool = False
    running: Observation | None = None
    version: int = 0


class VirtualRunner:
    """The loop of the scheduler without waiting: its cadence, its retries, its one-at-a-time, its tick."""

    def __init__(
        self,
        topology: Topology,
        world: World,
        random: Random,
        noise: float = 0.0,
        look: Callable[[float, Board], None] = lambda _now, _board: None,
        at: float = START,
    ) -> None:
        """`random` draws the phases and the noise; `look` is called after every record and every tick."""
        self.board = Board(topology, at)
        self.now = at
        self._world, self._random, self._noise, self._look = world, random, noise, look
        self._events: list[tuple[float, int, str, int]] = []
        self._turns: dict[str, _Turn] = {}
        self._count = 0
        for component in topology.components.values():
            if not component.latent:
                share = random.random()
                first = at + share * min(component.interval, 2.0)
                self._turns[component.name] = _Turn(component, share * component.interval, first, at)
                self._schedule(component.name, first)
        self._push(at + TICK, "", 0)

    def run(self, until: float) -> None:
        """Let the world go on until then."""
        while self._events[0][0] <= until:
            self.now, _, name, version = heapq.heappop(self._events)
            if not name:
                self._tick()
            elif (turn := self._turns[name]).version == version:
                self._begin(turn) if turn.running is None else self._end(turn, turn.running)
        self.now = until

    def _tick(self) -> None:
        self._ask(self.board.tick(self.now))
        self._look(self.now, self.board)
        self._push(self.now + TICK, "", 0)

    def _begin(self, turn: _Turn) -> None:
        turn.asked = False
        component = turn.component
        answer = self._world(component.name, self.now)
        if self._noise and self._random.random() < self._noise:
            answer = NOISE
        turn.running = Observation(
            component.name,
            self.now,
            min(answer.duration, component.timeout),
            answer.outcome,
            answer.reason,
            answer.detail,
            facts=answer.facts,
        )
        self._schedule(component.name, turn.running.ended)

    def _end(self, turn: _Turn, seen: Observation) -> None:
        turn.running = None
        if seen.outcome in (Outcome.FAIL, Outcome.DEGRADED):
            turn.asked = False
        self._ask(self.board.record(seen))
        self._look(self.now, self.board)
        component = turn.component
        turn.earliest = seen.started + component.retry_interval
        delay = self.board.delay(component.name)
        if delay < component.interval:
            turn.due = max(self.now, seen.started + delay)
        else:
            after = max(self.now, turn.earliest)
            turn.due = ((after - turn.phase) // component.interval + 1) * component.interval + turn.phase
        wake = turn.due
        if turn.asked:
            wake = max(self.now, min(turn.earliest, turn.due))
        self._schedule(component.name, wake)

    def _ask(self, names: Iterable[str]) -> None:
        for name in sorted(names):
            turn = self._turns[name]
            already, turn.asked = turn.asked, True
            if turn.running is None and not already:
                self._schedule(name, max(self.now, min(turn.earliest, turn.due)))

    def _schedule(self, name: str, when: float) -> None:
        turn = self._turns[name]
        turn.version += 1
        self._push(when, name, turn.version)

    def _push(self, when: float, name: str, version: int) -> None:
        self._count += 1
        heapq.heappush(self._events, (when, self._count, name, version))
