"""Rule 6: how often a round looks at what decides about its trigger, and for how long it waits for those looks.

Six looks where the trigger fails at each run, sixteen where it fails now and then, or where one of them does: a
component that answers every second request must be seen to fail before its dependents are called a root cause. The last
look begins after the trigger was confirmed, since the cause may be seen to fail later than its effect.
"""

from __future__ import annotations

from staging_exporter.core.attribution import slack
from staging_exporter.core.evidence import Fit, fit
from staging_exporter.core.health import Health
from staging_exporter.core.model import State
from staging_exporter.core.records import Record
from staging_exporter.core.rules import FAILS, IS_DOWN, NOT_READY

OWN_LOOKS = 3  # at a component that fails at each run
LOOKS = 6  # at what decides about a component that fails at each run
MOST_OWN_LOOKS = 12  # at one that fails now and then
MOST_LOOKS = 16  # at what decides about one that fails now and then
LOOKING = 8.0  # seconds that they are waited for after it was confirmed
LOOKING_LONG = 16.0

_NOT_SEEN = NOT_READY | {State.UNKNOWN}


def wanted_looks(cause: Record, trigger: Record) -> int:
    """How often a component is looked at on behalf of a trigger, which may be itself."""
    health, now_and_then = cause.health, trigger.health.recent.intermittent
    if cause is trigger:
        return MOST_OWN_LOOKS if now_and_then else OWN_LOOKS
    if _is_confirmed(health) or health.state in _NOT_SEEN:
        return 0
    return MOST_LOOKS if now_and_then or is_undecided(cause, trigger) else LOOKS


def _is_confirmed(health: Health) -> bool:
    return health.state in IS_DOWN or (health.state in FAILS and not health.recent.intermittent)


def is_undecided(cause: Record, trigger: Record) -> bool:
    """True when a few more looks will tell whether a component that fails now and then is the cause."""
    if _is_confirmed(cause.health) or cause.health.state in _NOT_SEEN or cause.health.recent.since is None:
        return False
    within = slack(cause.condition, trigger.condition)
    return fit(cause.health.recent, trigger.health.recent, within) == Fit.OPEN


def is_older(cause: Record, trigger: Record) -> bool:
    """True when the last run of a component began before the trigger was confirmed."""
    return cause.last is not None and cause.last.started < (trigger.health.since or 0.0)


def looks(health: Health, since: float) -> int:
    """How many conclusive runs ended since then."""
    return health.recent.failures_since(since)[1]
