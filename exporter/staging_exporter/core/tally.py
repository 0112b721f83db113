"""What the runs of a component amount to: counts that only grow, and the last runs. Copied into each snapshot."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

from staging_exporter.core.error_budget import BudgetRuns
from staging_exporter.core.facts import Fact
from staging_exporter.core.model import BUCKETS, Observation, Outcome, Reason
from staging_exporter.core.snapshot import Histogram, ProbeStats, Run

RUNS_KEPT = 30
FAILURES_KEPT = 10
_ANSWERED = frozenset({Outcome.PASS, Outcome.DEGRADED})
_OF_THE_CHAIN = (Fact.TLS_NOT_AFTER, Fact.TLS_CHAIN_NOT_AFTER, Fact.TLS_VERIFIED_NOT_AFTER)
# In the order of the labels of `staging_probe_tls_info`.
_INFO = (Fact.TLS_VERSION, Fact.TLS_CIPHER, Fact.TLS_ISSUER, Fact.TLS_SUBJECT, Fact.TLS_SERIAL,
         Fact.TLS_FINGERPRINT_SHA256)  # fmt: skip


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


class Certificates:
    """What is published of certificates and credentials: a run that fails before it sees one changes nothing.

    The servers behind one address may have several certificates: the info follows one that was seen twice in a row.
    """

    def __init__(self) -> None:
        self.expiries: dict[str, float] = {}
        self.info: tuple[str, ...] = ()
        self._last: tuple[str, ...] = ()

    def add(self, facts: Mapping[str, Any]) -> None:
        """Take over what a run saw."""
        own = {name: facts[name] for name in (Fact.CREDENTIAL_NOT_AFTER, Fact.TOKEN_NOT_AFTER) if name in facts}
        if own:
            self.expiries = self.expiries | own
        if not facts.keys().isdisjoint(_OF_THE_CHAIN):
            kept = {name: at for name, at in self.expiries.items() if name not in _OF_THE_CHAIN}
            self.expiries = kept | {name: facts[name] for name in _OF_THE_CHAIN if name in facts}
        if Fact.TLS_FINGERPRINT_SHA256 in facts:
            seen = tuple(str(facts.get(name) or "") for name in _INFO)
            if not self.info or seen == self._last:
                self.info = seen
            self._last = seen


class Tally:
    """The runs of one component since the exporter began; `buckets` are bounds in seconds."""

    def __init__(self, buckets: tuple[float, ...] = BUCKETS) -> None:
        self.runs = self._skipped = 0
        self._failures: Counter[Reason] = Counter()
        self._buckets, self._durations = buckets, Counts(buckets)
        self._last_failure_duration: float | None = None
        self.budget = BudgetRuns()
        self._certificates = Certificates()
        self._last = deque[Run](maxlen=RUNS_KEPT)
        self._last_failures = deque[Run](maxlen=FAILURES_KEPT)

    def add(self, seen: Observation) -> None:
        """Count one run; everything but a pass counts as a failure, by its reason."""
        run = Run(seen.started, seen.duration, seen.outcome, seen.reason, seen.detail, seen.phases)
        self.runs += 1
        self._skipped += seen.skipped
        if seen.outcome in _ANSWERED:
            self._durations.add(seen.duration)
        elif seen.outcome == Outcome.FAIL:
            self._last_failure_duration = seen.duration
        self._certificates.add(seen.facts)
        self._last.append(run)
        if seen.outcome != Outcome.PASS:
            self._failures[seen.reason] += 1
            self._last_failures.append(run)

    def with_buckets(self, buckets: tuple[float, ...]) -> Tally:
        """The same runs; the histogram begins anew when its bounds have changed."""
        if buckets != self._buckets:
            self._buckets, self._durations = buckets, Counts(buckets)
        return self

    def frozen(self) -> ProbeStats:
        """The counts as they are now."""
        return ProbeStats(
            runs=self.runs,
            failures=dict(self._failures),
            durations=self._durations.frozen(),
            last=tuple(self._last),
            last_failures=tuple(self._last_failures),
            budget_runs=self.budget.runs,
            budget_failures=self.budget.failures,
            last_failure_duration=self._last_failure_duration,
            skipped=self._skipped,
            expiries=self._certificates.expiries,
            tls_info=self._certificates.info,
        )
