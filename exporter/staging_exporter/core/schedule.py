"""When a component runs next: pure, with time as an argument; the engine and every simulation drive this code.

- First run: within `SPREAD` seconds of the start, or within one interval where that is shorter.
- Turns: on a grid of the interval that is the same for every process, so that a restart moves no run.
- Retries: while a change of state is being confirmed, a run begins `retry_interval` after the last one began.
- Looks: what passes, and is looked at on behalf of something that fails, runs a third of that after the last one began.
- Requested runs: as soon as `retry_interval` has passed since the last run began, and no later than the next turn.
  A failure that ends after its component was requested answers the request: confirmation goes on without it.
- The run after a turn is the next turn, even where `retry_interval` is as long as the interval.
- The rate limiter may postpone a run: a turn by as long as it says, a retry or a requested run at most until the next
  turn, and from then on it counts as that turn.

Runs of one component never overlap: nothing wakes it between `started` and `finished`.
"""

from __future__ import annotations

import zlib

from staging_exporter.core.model import Component, Outcome

SPREAD = 2.0  # seconds over which the first runs are spread
TICK = 0.25  # seconds between two looks at the clock on behalf of the board
LOOK = 1 / 3  # of `retry_interval`, between two looks at what passes
_NEVER = float("inf")
_ANSWERS = frozenset({Outcome.FAIL, Outcome.DEGRADED})


def place_of(name: str) -> float:
    """A number in [0, 1) that is always the same for a name: where in its interval a component is probed."""
    return zlib.crc32(name.encode()) / 2**32


def next_turn(place: float, interval: float, after: float) -> float:
    """The first turn after `after`, Unix seconds; `interval` is in seconds, `place` the part of it in [0, 1)."""
    offset = place * interval
    turn = ((after - offset) // interval + 1) * interval + offset
    return turn if turn > after else turn + interval


class Schedule:
    """The schedule of one component or vantage check. Its user sleeps until `wake_at`, runs it, and reports."""

    __slots__ = (
        "_due",
        "_earliest",
        "_interval",
        "_is_turn",
        "_next_turn",
        "_on_grid",
        "_place",
        "_postponed_until",
        "_requested",
        "_retry_interval",
        "_running",
        "_scheduled",
        "_skipped",
        "_started",
    )

    def __init__(
        self,
        component: Component,
        at: float,
        spread: float = SPREAD,
        place: float | None = None,
    ) -> None:
        """From `at` on, with a first run within `spread` seconds.

        `place` is the place in the interval, by default the one that belongs to the name.
        """
        self._interval, self._retry_interval = component.interval, component.retry_interval
        self._place = place_of(component.name) if place is None else place
        self._due, self._earliest = at + self._place * min(self._interval, spread), at
        self._scheduled, self._on_grid = True, False  # a due run that is no retry; one that is a turn of the grid
        self._requested = self._running = self._is_turn = False
        self._postponed_until: float | None = None
        self._next_turn = _NEVER
        self._skipped, self._started = 0, at

    @property
    def wake_at(self) -> float:
        """When it may run next, or the rate limiter is to be asked again; infinity while it runs."""
        if self._running:
            return _NEVER
        if self._postponed_until is not None:
            return self._postponed_until
        return min(self._due, self._earliest) if self._requested else self._due

    @property
    def requested(self) -> bool:
        """True when somebody asked for the next run."""
        return self._requested

    def request(self) -> None:
        """Somebody needs a run that starts from now on; several requests before it starts are one."""
        self._requested = True

    def counts_as_scheduled(self, now: float) -> bool:
        """True when a run that starts now is due by the schedule, False for a retry or a requested run before that."""
        if self._postponed_until is None:
            return self._scheduled and now >= self._due
        return (self._scheduled and self._is_turn) or now >= self._next_turn

    def postpone(self, now: float, seconds: float) -> None:
        """The rate limiter has no room for this run for so long."""
        if self._postponed_until is None:
            self._is_turn, self._next_turn = now >= self._due, next_turn(self._place, self._interval, now)
        until = now + seconds
        self._postponed_until = until if self.counts_as_scheduled(now) else min(until, self._next_turn)

    def started(self, now: float) -> float:
        """A run starts; returns how late it is, in seconds, 0 for a run that was requested before it was due."""
        if self._postponed_until is None:
            self._is_turn = now >= self._due
        self._postponed_until, self._requested, self._running = None, False, True
        self._started, self._earliest = now, now + self._retry_interval
        if self._is_turn and self._on_grid:
            self._skipped += int((now - self._due) // self._interval)
        return now - self._due if self._is_turn else 0.0

    def take_skipped(self) -> int:
        """How many turns passed without a run since the last call: one was running, held back, or we were stalled."""
        skipped, self._skipped = self._skipped, 0
        return skipped

    def finished(self, now: float, outcome: Outcome, *, confirming: bool, looked_at: bool = False) -> None:
        """The run ended so; `confirming` when a change of state wants more runs before it is believed.

        `looked_at` when the verdict on another component wants more runs of this one.
        """
        self._running = False
        if outcome in _ANSWERS:
            self._requested = False
        pause = self._retry_interval
        if looked_at and not confirming and outcome == Outcome.PASS:
            pause *= LOOK
            self._earliest = self._started + pause
        scheduled = not (confirming or looked_at) or pause >= self._interval
        after_a_turn = self._on_grid and self._is_turn and scheduled
        after = now if after_a_turn else max(now, self._earliest)
        if scheduled:
            at_once = next_turn(self._place, self._interval, self._started if after_a_turn else self._earliest)
            after = next_turn(self._place, self._interval, after)
            self._skipped += max(0, round((after - at_once) / self._interval))
        self._due = after
        self._scheduled = self._on_grid = scheduled
