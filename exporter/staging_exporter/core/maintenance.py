"""Maintenance windows: when a component is expected to be down."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta, tzinfo


@dataclass(frozen=True, slots=True)
class Once:
    """From `start` until before `end`, Unix seconds."""

    start: float
    end: float

    def active(self, now: float) -> bool:
        """True when `now` (Unix seconds) is inside."""
        return self.start <= now < self.end


@dataclass(frozen=True, slots=True)
class Weekly:
    """On `days` (0 is Monday) from `begin` until before `end` by the clock of `zone`.

    An `end` that is not after `begin` is on the next day; the day counts on which a window begins. Where the clock is
    set back, a time that comes twice is the first of the two.
    """

    days: frozenset[int]
    begin: time
    end: time
    zone: tzinfo

    def active(self, now: float) -> bool:
        """True when `now` (Unix seconds) is inside."""
        today = datetime.fromtimestamp(now, self.zone).date()
        for day in (today, today - timedelta(days=1)):
            last = day if self.end > self.begin else day + timedelta(days=1)
            start = datetime.combine(day, self.begin, self.zone).timestamp()
            end = datetime.combine(last, self.end, self.zone).timestamp()
            if day.weekday() in self.days and start <= now < end:
                return True
        return False


@dataclass(frozen=True, slots=True)
class MaintenanceWindow:
    """When `components` are in maintenance; without `probe` nothing is sent to them meanwhile."""

    components: tuple[str, ...]
    when: Once | Weekly
    probe: bool = True

    def active(self, now: float) -> bool:
        """True when `now` (Unix seconds) is inside the window."""
        return self.when.active(now)

    def without(self, components: Collection[str]) -> MaintenanceWindow:
        """The window of the other components; of none, perhaps."""
        return replace(self, components=tuple(name for name in self.components if name not in components))

    def over(self, now: float) -> bool:
        """True when it will never be active again."""
        return isinstance(self.when, Once) and now >= self.when.end


def paused(windows: Iterable[MaintenanceWindow], name: str, now: float) -> bool:
    """True while nothing is sent to this component."""
    return any(not window.probe and name in window.components and window.active(now) for window in windows)
