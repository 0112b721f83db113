"""The one clock: Unix seconds that never go back, and that catch up when the machine has slept."""

import time
from collections.abc import Callable

_AHEAD = 1.0  # seconds by which the wall clock may be ahead before it is followed


class Clock:
    """The monotonic clock, moved to the epoch; moved on where the wall clock runs ahead of it.

    A suspended machine stops the monotonic clock, and alerts compare what we say with the time of others. A wall clock
    that is set back is not followed: what was seen would lie in the future.
    """

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._steady = wall, steady
        self._offset = wall() - steady()

    def __call__(self) -> float:
        """Unix seconds, never less than before."""
        moment = self._steady() + self._offset
        if (ahead := self._wall() - moment) > _AHEAD:
            self._offset += ahead
            moment += ahead
        return moment


now = Clock()
