"""The only clock: Unix seconds that go back only when told to, and that catch up after the machine was suspended."""

import time
from collections.abc import Callable

_AHEAD = 1.0  # seconds by which the wall clock may be ahead before it is followed


class Clock:
    """The monotonic clock, shifted to the epoch, and forward when the wall clock is ahead of it.

    A suspended machine stops the monotonic clock, while alerts compare our timestamps with those of other machines.
    A wall clock that is set back is not followed until `set_back`: earlier timestamps would be in the future.
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

    def ahead(self) -> float:
        """Seconds by which this clock is ahead of the wall clock."""
        return self._steady() + self._offset - self._wall()

    def set_back(self) -> float:
        """Follow a wall clock that was set back; returns by how many seconds."""
        ahead = self.ahead()
        self._offset -= ahead
        return ahead


now = Clock()
