"""What masks the state of a component without changing it: maintenance, and our own blindness.

While all of our own vantage checks fail, no other component is called down, only unknown. A pass proves that it was
reached, and counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from staging_exporter.core.health import Health
from staging_exporter.core.model import Observation, Outcome, Reason, State
from staging_exporter.core.rules import FAILS

_OFFLINE = "all vantage checks of the exporter fail"
_UNVOUCHED = "failing, but no vantage check of the exporter has passed since it began to fail"


@dataclass(frozen=True, slots=True)
class Vantage:
    """The last run of each vantage check, None before the first; `passed_at` is when the last pass began."""

    last: Mapping[str, Observation | None] = field(default_factory=dict)
    passed_at: float = float("-inf")

    @property
    def online(self) -> bool:
        """False when every vantage check has run and failed."""
        return not self.last or any(run is None or run.outcome != Outcome.FAIL for run in self.last.values())

    def seen(self, run: Observation) -> Vantage:
        """After one more run of a vantage check."""
        passed_at = max(self.passed_at, run.started) if run.outcome != Outcome.FAIL else self.passed_at
        return replace(self, last={**self.last, run.component: run}, passed_at=passed_at)

    def vouches(self, failing_since: float | None) -> bool:
        """True when we are known to have been online after something began to fail."""
        return not self.last or failing_since is None or self.passed_at >= failing_since

    def answered(self, since: float) -> bool:
        """True when a vantage check passed in a run begun since then, or all of them ended one since then."""
        ended = all(run is not None and run.ended >= since for run in self.last.values())
        return ended or self.passed_at >= since


def mask(health: Health, vantage: Vantage, before: Health, at: float, *, maintained: bool) -> Health:
    """The health as it is published at `at`; `before` is how it was published until now."""
    if maintained:
        last = f"its last run: {health.reason}, {health.detail}" if health.detail else f"its last run: {health.reason}"
        return _masked(health, before, at, State.MAINTENANCE, health.reason, f"in maintenance; {last}")
    if not vantage.online and health.last != Outcome.PASS:
        return _masked(health, before, at, State.UNKNOWN, Reason.OFFLINE, _OFFLINE)
    if health.state in FAILS and not vantage.vouches(health.failing_since):
        return _masked(health, before, at, State.UNKNOWN, Reason.OFFLINE, f"{_UNVOUCHED}; {health.detail}")
    return health


def _masked(health: Health, before: Health, at: float, state: State, reason: Reason, detail: str) -> Health:
    since = before.since if before.state == state else at
    return replace(health, state=state, reason=reason, detail=detail, since=since)
