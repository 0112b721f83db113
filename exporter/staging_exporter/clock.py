"""The only clock: Unix seconds that never go back, and that catch up after the machine was suspended."""

import time
from collections.abc import Callable

_AHEAD = 1.0  # seconds by which the wall clock may be ahead before it is followed


class Clock:
    """The monotonic clock, shifted to the epoch, and forward when the wall clock is ahead of it.

    A suspended machine stops the monotonic clock, while alerts compare our timestamps with those of other machines.
    A wall clock that is set back is not followed: earlier timestamps would be in the future.
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
