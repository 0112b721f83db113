"""The share of scheduled runs that failed lately: what makes a component `unstable` though no `fall` in a row did.

Retries and runs of rounds are left out, since they are made because of failures and would count one trouble many times.
The window holds only runs of a component that is up: it is empty while the component is anything else, and so begins
anew when that is over. An outage that ended therefore never makes its component unstable.
"""

from __future__ import annotations

from dataclasses import dataclass

from staging_exporter.core.model import FailureRatio

LEAST = 20  # runs below which the window decides nothing


@dataclass(frozen=True, slots=True)
class FailureWindow:
    """The last scheduled runs: `bits` has a one for each that failed, the newest in the lowest place; `runs` counts."""

    bits: int = 0
    runs: int = 0

    def add(self, *, failed: bool, of: int) -> FailureWindow:
        """With one more run, of which the last `of` are kept."""
        return FailureWindow((self.bits << 1 | failed) & ((1 << of) - 1), min(self.runs + 1, of))

    @property
    def failed(self) -> int:
        """How many of them failed."""
        return self.bits.bit_count()

    @property
    def ratio(self) -> float | None:
        """The share of them that failed; None before the first."""
        return self.failed / self.runs if self.runs else None

    def exceeds(self, share: float) -> bool:
        """True when more than this share failed, of enough runs to say so."""
        return self.runs >= LEAST and self.failed > share * self.runs

    def described(self, limit: FailureRatio) -> str:
        """The share in words."""
        bounds = f"unstable above {limit.above:.0%}, until {limit.above / 2:.0%}"
        return f"{self.failed} of its last {self.runs} scheduled probes failed ({bounds})"


EMPTY = FailureWindow()
