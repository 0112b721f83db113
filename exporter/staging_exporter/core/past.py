"""The states of components and journeys over time, and what they amount to: bars, availability. Pure.

Kept compactly, since a month of a hundred components has hundreds of thousands of changes: nine bytes for each.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from staging_exporter.core.history import NONE, STOPPED, Change, Sort, Subject
from staging_exporter.core.model import State

# `none`: the exporter did not run, or the subject was not configured.
_STATES = (NONE, *map(str, State), "blocked")
_CODES = {state: code for code, state in enumerate(_STATES)}
_SETTLED = 300.0  # seconds after which a bar no longer changes
_AVAILABLE = ("up", "degraded")
_UNAVAILABLE = ("down", "flapping", "starting", "blocked")  # what is unknown or in maintenance counts as neither
WORST = ("blocked", "down", "flapping", "degraded", "starting", "unknown", "maintenance", "up", NONE)  # first wins


@dataclass(frozen=True, slots=True)
class Bar:
    """One stretch of time, `begin` to `end` in Unix seconds, and the seconds in each state that occurred in it."""

    begin: float
    end: float
    seconds: Mapping[str, float]

    @property
    def worst(self) -> str:
        """The worst state that occurred, however short."""
        if len(self.seconds) == 1:
            return next(iter(self.seconds))
        return next((state for state in WORST if state in self.seconds), NONE)


class Timeline:
    """The states of one subject, each from its time until the next."""

    def __init__(self) -> None:
        self._times = array("d")
        self._states = bytearray()

    def add(self, at: float, state: str) -> None:
        """From `at` on it is in this state; a time before that of the last change counts as that."""
        code = _CODES.get(state, 0)
        if self._states and self._states[-1] == code:
            return
        self._times.append(max(at, self._times[-1]) if self._times else at)
        self._states.append(code)

    def at(self, moment: float) -> str:
        """The state at that moment."""
        index = bisect_right(self._times, moment) - 1
        return _STATES[self._states[index]] if index >= 0 else NONE

    def forget_before(self, moment: float) -> None:
        """Drop what was over before."""
        index = bisect_right(self._times, moment) - 1
        if index > 0:
            del self._times[:index]
            del self._states[:index]

    def forget_after(self, moment: float) -> None:
        """Drop what begins later."""
        index = bisect_right(self._times, moment)
        del self._times[index:]
        del self._states[index:]

    def seconds(self, begin: float, end: float) -> dict[str, float]:
        """How long it was in each state between the two."""
        found: dict[str, float] = {}
        first, last = bisect_right(self._times, begin), bisect_left(self._times, end)
        before, code = begin, self._states[first - 1] if first else 0
        for index in range(first, last):
            found[_STATES[code]] = found.get(_STATES[code], 0.0) + self._times[index] - before
            before, code = self._times[index], self._states[index]
        found[_STATES[code]] = found.get(_STATES[code], 0.0) + end - before
        return {state: took for state, took in found.items() if took > 0}


class Past:
    """The timelines of all subjects."""

    def __init__(self) -> None:
        self._timelines: dict[Subject, Timeline] = {}
        self._closed: dict[tuple[Subject, float], dict[int, Mapping[str, float]]] = {}  # bars that change no more

    def add(self, change: Change) -> None:
        """Take up one change of a component, of a journey or of the exporter itself; others are ignored."""
        self.put(change.at, change.subject, change.state)

    def put(self, at: float, subject: Subject, state: str) -> None:
        """The same, from its parts."""
        if subject.sort == Sort.EXPORTER:
            if state == STOPPED:
                for timeline in self._timelines.values():
                    timeline.add(at, NONE)
        elif subject.sort in (Sort.COMPONENT, Sort.JOURNEY):
            if subject not in self._timelines:
                self._timelines[subject] = Timeline()
            self._timelines[subject].add(at, state)

    def timeline(self, subject: Subject) -> Timeline:
        """That of a subject; an empty one when nothing is known of it."""
        return self._timelines.get(subject) or Timeline()

    def knows(self, subject: Subject) -> bool:
        """Whether anything is known of it."""
        return subject in self._timelines

    def bars(self, subject: Subject, step: float, count: int, now: float) -> list[Bar]:
        """The last stretches of `step` seconds, the last one until now; each begins at a multiple of it."""
        timeline, closed = self.timeline(subject), self._closed.setdefault((subject, step), {})
        first = int(now // step) - count + 1
        bars = []
        for number in range(first, first + count):
            begin, end = number * step, min((number + 1) * step, now)
            seconds = closed.get(number) or timeline.seconds(begin, end)
            if end < now - _SETTLED:
                closed[number] = seconds
            bars.append(Bar(begin, end, seconds))
        for number in [number for number in closed if number < first]:
            del closed[number]
        return bars

    def states(self, sort: Sort, names: Iterable[str], moment: float) -> dict[str, str]:
        """The states of these components or journeys at that moment."""
        return {name: self.timeline(Subject(sort, name)).at(moment) for name in names}

    def forget_before(self, moment: float) -> None:
        """Drop what was over before."""
        for timeline in self._timelines.values():
            timeline.forget_before(moment)

    def forget_after(self, moment: float) -> None:
        """Drop what begins later: the clock was set back."""
        self._closed.clear()
        for timeline in self._timelines.values():
            timeline.forget_after(moment)


def availability(seconds: Mapping[str, float]) -> float | None:
    """The share of the time in which it was up or degraded, of that in which it should have been and was seen.

    None when that never was: all of it unknown, in maintenance, or not recorded.
    """
    up, down = (sum(seconds.get(state, 0.0) for state in states) for states in (_AVAILABLE, _UNAVAILABLE))
    return up / (up + down) if up + down else None


def total(bars: Iterable[Bar]) -> dict[str, float]:
    """The seconds in each state over all of them."""
    found: dict[str, float] = {}
    for bar in bars:
        for state, took in bar.seconds.items():
            found[state] = found.get(state, 0.0) + took
    return found
