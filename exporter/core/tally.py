"""Counts that only grow: runs, failures by reason, durations. Owned by the board, copied into each snapshot."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter

from exporter.core.model import Observation, Outcome, Reason
from exporter.core.snapshot import BUCKETS, Histogram, ProbeStats


class Counts:
    """A histogram that is still growing."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0

    def add(self, seconds: float) -> None:
        """Count one value; a bucket includes its bound."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._total += seconds

    def frozen(self) -> Histogram:
        """The histogram as it is now."""
        return Histogram(self._bounds, tuple(self._counts), self._total)


class Tally:
    """The runs of one component since the exporter began."""

    def __init__(self) -> None:
        self._runs = 0
        self._failures: Counter[Reason] = Counter()
        self._durations = Counts(BUCKETS)

    def add(self, seen: Observation) -> None:
        """Count one run; everything but a pass counts as a failure, by its reason."""
        self._runs += 1
        self._durations.add(seen.duration)
        if seen.outcome != Outcome.PASS:
            self._failures[seen.reason] += 1

    def frozen(self) -> ProbeStats:
        """The counts as they are now."""
        return ProbeStats(self._runs, dict(self._failures), self._durations.frozen())
