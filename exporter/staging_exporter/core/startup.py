"""The startup budget that deploys grant: anew with each of them, but not for ever."""

from __future__ import annotations

from typing import NamedTuple

from staging_exporter.core.model import Startup

_DEPLOYS = 3  # budgets that repeated deploys grant in all


class Grant(NamedTuple):
    """The fields that a deploy sets."""

    first_failure: float
    spent: bool
    granted_until: float


def grant(startup: Startup | None, at: float, *, spent: bool, until: float | None) -> Grant:
    """A deploy at `at` grants the startup budget anew, from then on, but at most `until`, by earlier deploys."""
    budget = startup.budget if startup else 0.0
    if until is None or at >= until + _DEPLOYS * budget:
        until = at + _DEPLOYS * budget
    return Grant(min(at, until - budget), spent and at >= until, until)
