"""The lag of our own event loop: a heartbeat that remembers when it came late."""

from __future__ import annotations

import asyncio
from collections import deque

from staging_exporter.clock import now

_BEAT = 0.05  # seconds between two beats
TOLERATED = 0.1  # seconds of lag that do not invalidate a run


class LoopLagMonitor:
    """Notes each stall of the running loop beyond `TOLERATED`; the last 100 are kept."""

    def __init__(self) -> None:
        self._stalls: deque[tuple[float, float]] = deque(maxlen=100)
        self._timer: asyncio.TimerHandle | None = None
        self._last = 0.0

    def start(self) -> None:
        """Start the heartbeat on the running loop, again after the clock was set back."""
        self.stop()
        self._stalls.clear()
        self._last = now()
        self._timer = asyncio.get_running_loop().call_later(_BEAT, self._beat)

    def stop(self) -> None:
        """Stop the heartbeat."""
        if self._timer:
            self._timer.cancel()

    def stalled_since(self, moment: float) -> float:
        """Seconds that the loop was stalled after `moment`, the stall that goes on now included."""
        current = now()
        late = current - self._last - _BEAT if self._timer else 0.0
        stalls = [*self._stalls, (current, late)] if late > TOLERATED else tuple(self._stalls)
        return sum(min(length, ended - moment) for ended, length in stalls if ended > moment)

    def _beat(self) -> None:
        moment = now()
        if (late := moment - self._last - _BEAT) > TOLERATED:
            self._stalls.append((moment, late))
        self._last = moment
        self._timer = asyncio.get_running_loop().call_later(_BEAT, self._beat)
