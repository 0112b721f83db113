"""Are we online? While all of our own vantage checks fail, nothing else is called down, only unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from staging_exporter.core.model import Observation, Outcome


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
