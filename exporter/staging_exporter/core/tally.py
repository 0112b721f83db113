"""What the runs of a component amount to: counts that only grow, and the last runs. Copied into each snapshot."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque

from staging_exporter.core.model import Observation, Outcome, Reason
from staging_exporter.core.snapshot import BUCKETS, Histogram, ProbeStats, Run

RUNS_KEPT = 30
FAILURES_KEPT = 10


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
        self._last = deque[Run](maxlen=RUNS_KEPT)
        self._last_failures = deque[Run](maxlen=FAILURES_KEPT)

    def add(self, seen: Observation) -> None:
        """Count one run; everything but a pass counts as a failure, by its reason."""
        run = Run(seen.started, seen.duration, seen.outcome, seen.reason, seen.detail, seen.phases)
        self._runs += 1
        self._durations.add(seen.duration)
        self._last.append(run)
        if seen.outcome != Outcome.PASS:
            self._failures[seen.reason] += 1
            self._last_failures.append(run)

    def frozen(self) -> ProbeStats:
        """The counts as they are now."""
        return ProbeStats(
            runs=self._runs,
            failures=dict(self._failures),
            durations=self._durations.frozen(),
            last=tuple(self._last),
            last_failures=tuple(self._last_failures),
        )
