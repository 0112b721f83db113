"""The runs that count for error budgets: scheduled ones, and a failure only when its own component is at fault.

A failing run waits for the verdict that covers it: when the component turns out to be a symptom, starting or in
maintenance, the run is left out. Inconclusive runs, retries and those that a round asked for are left out at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from staging_exporter.core.diagnosis import Verdict
from staging_exporter.core.model import Observation, Outcome, State

_LEFT_OUT = frozenset({State.STARTING, State.MAINTENANCE})


class BudgetRuns:
    """`runs` and `failures` of one component, which only grow; `waiting` failures have no verdict yet."""

    def __init__(self) -> None:
        self.runs = self.failures = self.waiting = 0

    def add(self, seen: Observation, *, maintained: bool) -> bool:
        """One more run is over; true when it waits for a verdict."""
        if not seen.scheduled or seen.outcome == Outcome.UNKNOWN or maintained:
            return False
        failed = seen.outcome == Outcome.FAIL
        self.waiting += failed
        self.runs += not failed
        return failed

    def settle(self, *, counts: bool) -> None:
        """The verdict on the failures that wait is published: whether they count."""
        if counts:
            self.runs += self.waiting
            self.failures += self.waiting
        self.waiting = 0


class WaitingFailures:
    """The components whose failures wait for a verdict, and those of them that may have one by now."""

    def __init__(self, names: Collection[str] = ()) -> None:
        self.names, self._to_settle = set(names), set(names)

    def add(self, name: str) -> None:
        """One more failure of this component."""
        self.names.add(name)
        self._to_settle.add(name)

    def settle(self, uncovered: Collection[str], covers: Callable[[str], bool]) -> list[str]:
        """Those that wait no longer; `uncovered` are components that some round covered and none does any more."""
        maybe, self._to_settle = self._to_settle.union(uncovered), set()
        settled = [name for name in maybe if name in self.names and not covers(name)]
        self.names.difference_update(settled)
        return settled


def is_own_fault(verdict: Verdict, state: State, *, recovering: bool) -> bool:
    """True when failing runs of this component are not those of a dependency, a start or a maintenance."""
    if state in _LEFT_OUT or recovering:
        return False
    return verdict.root or not (verdict.roots or verdict.explained_by)
