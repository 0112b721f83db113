"""What hides the state of a component without changing it: maintenance, and our own blindness."""

from __future__ import annotations

from dataclasses import replace

from staging_exporter.core.health import Health
from staging_exporter.core.model import Reason, State
from staging_exporter.core.rules import FAILS
from staging_exporter.core.vantage import Vantage

_OFFLINE = "all of the exporter's own vantage checks fail"
_UNVOUCHED = "it fails, but the exporter's own vantage checks have not passed since it began to"


def overlay(health: Health, vantage: Vantage, before: Health, at: float, *, maintained: bool) -> Health:
    """The health as it is shown at `at`; `before` is how it was shown until now."""
    if maintained:
        last = f"its last run: {health.reason}, {health.detail}" if health.detail else f"its last run: {health.reason}"
        return _covered(health, before, at, State.MAINTENANCE, health.reason, f"in maintenance; {last}")
    if not vantage.online:
        return _covered(health, before, at, State.UNKNOWN, Reason.OFFLINE, _OFFLINE)
    if health.state in FAILS and not vantage.vouches(health.failing_since):
        return _covered(health, before, at, State.UNKNOWN, Reason.OFFLINE, f"{_UNVOUCHED}; {health.detail}")
    return health


def _covered(health: Health, before: Health, at: float, state: State, reason: Reason, detail: str) -> Health:
    since = before.since if before.state == state else at
    return replace(health, state=state, reason=reason, detail=detail, since=since)
