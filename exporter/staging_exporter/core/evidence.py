"""Rule 2: what the recent runs of a component say, since when it is in trouble, and whether its failures fit an effect.

A state is a threshold that a component has crossed; runs are what was measured. A component whose requests fail now and
then crosses its threshold at a random moment, its dependents at others: who crossed first says nothing. The runs do.

Owned here: the window of runs, the episode of trouble in it, and the test of whether one component's runs can be the
cause of another's failures. Pure; used by the rules of diagnosis. Times are Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from math import inf, log
from typing import NamedTuple

from staging_exporter.core.model import Observation, Outcome

WINDOW = 24  # runs that are remembered
CLEAN_AFTER = 12  # passes in a row that end an episode of trouble, and `flapping` with it
# A pass is slower when it takes this many times as long as usual, and so many seconds.
_SLOWER, _SLOWER_BY = 2.0, 0.1
_KNOWN_AFTER = 2  # passes, before which it is not known how long one takes
_WEIGHT = 0.05  # of one run in the average

OUTAGE = 4  # failures in a row that are an outage, which two passes end, whatever failed before
_ONE_MORE, _ONE_MORE_OVER = 3, 4  # failures in a row, soon after a first outage, and the passes that end them
_NOW_AND_THEN = 3  # outages, with passes between them
SUBSIDED = 6  # passes in a row after which a component no longer counts as failing now and then

# The share of runs that fail by chance on a busy network; a single failure is not worth a page.
_CHANCE = 0.03
# The share of a dependent's failures that its cause must show, and the bounds of what is tested against chance.
_SHARE, _LEAST, _MOST = 0.45, 0.2, 0.75
_ENOUGH, _CLEARED = 1.0, -1.5  # log likelihood ratios


class RecentRun(NamedTuple):
    """One conclusive run."""

    started: float
    ended: float
    outcome: Outcome
    slower: bool = False  # it answered, and took far longer than usual


@dataclass(frozen=True, slots=True)
class Recent:
    """The last runs of a component, oldest first.

    `since` is when the first run began that did not pass, of an episode that ends with twelve passes in a row; None
    outside of one. `good_at` is the start of the last pass before the episode, minus infinity where there was none.
    `usual` is how long a pass takes, in seconds: an exponential moving average; `averaged` counts the passes in it.
    `slower_since` is when the first run began that took far longer, since one that did not.
    """

    runs: tuple[RecentRun, ...] = ()
    since: float | None = None
    good_at: float = -inf
    passes: int = 0
    usual: float = 0.0
    averaged: int = 0
    slower_since: float | None = None

    def add(self, seen: Observation) -> Recent:
        """With one more run; an inconclusive one is no evidence."""
        if seen.outcome == Outcome.UNKNOWN:
            return self
        slower = self._is_slower(seen)
        runs = (*self.runs, RecentRun(seen.started, seen.ended, seen.outcome, slower))[-WINDOW:]
        if seen.outcome != Outcome.PASS:
            since = seen.started if self.since is None else self.since
            return replace(self, runs=runs, since=since, passes=0, slower_since=self._slower_from(seen, slower))
        passes = self.passes + 1
        over = self.since is None or passes >= CLEAN_AFTER
        averaged = self.averaged + (not slower)
        return Recent(
            runs,
            since=None if over else self.since,
            good_at=seen.started if over else self.good_at,
            passes=passes,
            usual=self.usual if slower else self.usual + max(_WEIGHT, 1 / averaged) * (seen.duration - self.usual),
            averaged=averaged,
            slower_since=self._slower_from(seen, slower),
        )

    def _slower_from(self, seen: Observation, slower: bool) -> float | None:
        if slower or seen.outcome == Outcome.FAIL:  # of a failure it is not known how long an answer takes
            return self.slower_since if self.slower_since is not None or not slower else seen.started
        return None

    def _is_slower(self, seen: Observation) -> bool:
        known = self.averaged >= _KNOWN_AFTER and seen.outcome != Outcome.FAIL
        return known and seen.duration > _SLOWER * self.usual + _SLOWER_BY

    @property
    def good_until(self) -> float:
        """Like `good_at`, but a pass that took far longer than usual is not good."""
        return self.good_at if self.slower_since is None else min(self.good_at, self.slower_since)

    @property
    def intermittent(self) -> bool:
        """True when runs passed, too, since the trouble began."""
        return self.since is not None and any(
            run.outcome == Outcome.PASS and run.started > self.since for run in self.runs
        )

    @property
    def began_anew(self) -> tuple[float | None, float]:
        """Like `since` and `good_at`, but of what failed after the last outage that a few passes ended."""
        since, good_at = self.since, self.good_at
        for number, block in enumerate(self._blocks(), 1):
            since = block.began if since is None else since
            if block.passed >= _passes_that_end(block.failed, number):
                since, good_at = None, block.good_at
        return since, good_at

    @property
    def slower(self) -> bool:
        """True when the last three runs were answered, and took far longer than usual."""
        return len(self.runs) >= 3 and all(run.slower for run in self.runs[-3:])

    def failures_since(self, moment: float) -> tuple[int, int]:
        """How many of the runs that ended since then did not pass, and how many there were."""
        runs = [run for run in self.runs if run.ended >= moment]
        return sum(run.outcome != Outcome.PASS for run in runs), len(runs)

    @property
    def last_failure(self) -> float:
        """When the last run ended that did not pass; minus infinity without one."""
        return next((run.ended for run in reversed(self.runs) if run.outcome != Outcome.PASS), -inf)

    @property
    def last_failure_began(self) -> float:
        """When the last run began that did not pass; minus infinity without one."""
        return next((run.started for run in reversed(self.runs) if run.outcome != Outcome.PASS), -inf)

    @property
    def passing_since(self) -> float:
        """When the first of the passes in a row ended that came last, two or more; minus infinity without them."""
        return self.runs[-min(self.passes, len(self.runs))].ended if self.passes >= 2 else -inf

    @property
    def now_and_then(self) -> bool:
        """True when it failed so often, with passes between, that a few passes in a row are no recovery."""
        return len(self.blocks) >= _NOW_AND_THEN

    @property
    def was_out(self) -> bool:
        """True when what failed last was an outage, whatever passed since."""
        blocks = self.blocks
        return bool(blocks) and is_outage(blocks[-1], len(blocks))

    @property
    def recovers(self) -> bool:
        """True when it passed once since an outage, which a second pass ends."""
        return self.passes == 1 and self.was_out

    @property
    def subsided(self) -> bool:
        """True when so many runs in a row passed that a state which lasts longer is no sign of failure."""
        return self.passes >= SUBSIDED

    def fades_after(self, before: Recent) -> bool:
        """True when failures that counted `before` count no more: verdicts may change although no state does."""
        return before.since is not None and (self.since is None or (self.subsided and not before.subsided))

    @property
    def blocks(self) -> tuple[int, ...]:
        """How many failures came in a row, each time, since the trouble began; oldest first."""
        return tuple(block.failed for block in self._blocks())

    def _blocks(self) -> list[_Block]:
        found: list[_Block] = []
        since, began, failed, passed, good_at = self.since, 0.0, 0, 0, -inf
        for run in self.runs if since is not None else ():
            if run.outcome == Outcome.PASS:
                passed, good_at = passed + 1, run.started
            elif since is None or run.started < since:
                continue
            elif failed and not passed:
                failed += 1
            else:
                if failed:
                    found.append(_Block(began, failed, passed, good_at))
                began, failed, passed, good_at = run.started, 1, 0, -inf
        return [*found, _Block(began, failed, passed, good_at)] if failed else found


class _Block(NamedTuple):
    """Failures in a row: when the first of them began, their number, that of the passes since, the last of those."""

    began: float
    failed: int
    passed: int
    good_at: float


def is_outage(failed: int, blocks: int) -> bool:
    """True when the last of so many blocks, of so many failures in a row, is an outage that two passes end."""
    return failed >= OUTAGE or (blocks == 1 and failed >= 2)


def _passes_that_end(failed: int, blocks: int) -> int:
    """How many passes in a row end a block of so many failures, so that what fails then fails anew."""
    if is_outage(failed, blocks):
        return 2
    return _ONE_MORE_OVER if blocks == 2 and failed >= _ONE_MORE else CLEAN_AFTER


class Fit(Enum):
    """Whether a component that is up can be the cause of a failing dependent."""

    CLEARED = "its runs pass"
    OPEN = "a few more runs will tell"
    RECOVERED = "it failed when the dependent did, and passes since"
    UNSTABLE = "it fails now and then, at a rate that fits"
    SLOWER = "it passes, and takes far longer than usual since the dependent began to fail"


def fit(cause: Recent, effect: Recent, slack: float) -> Fit:
    """Judge a cause that is up beside an effect that fails; `slack` seconds is how much later its trouble may begin."""
    if cause.since is None or effect.since is None:
        return Fit.CLEARED
    others, all_runs = effect.failures_since(effect.since)
    steady = others == all_runs
    if steady and min(cause.since, cause.good_at) > effect.since + slack:
        return Fit.CLEARED
    before = cause.last_failure < effect.began_anew[1]
    if before and cause.passes >= _ONE_MORE_OVER:
        return Fit.OPEN if cause.now_and_then and not cause.subsided else Fit.CLEARED
    failed, runs = cause.failures_since(min(cause.since, effect.since))
    expected = _MOST if steady else max(_SHARE * others / all_runs, _LEAST)
    weight = failed * log(expected / _CHANCE) + (runs - failed) * log((1 - expected) / (1 - _CHANCE))
    if (cause.passes >= 2 and cause.was_out) or (cause.subsided and weight >= _ENOUGH):
        return Fit.CLEARED if before else Fit.RECOVERED
    if weight >= _ENOUGH:
        if effect.last_failure_began < cause.passing_since:  # a failure that is shown still may be over
            return Fit.RECOVERED
        return Fit.UNSTABLE if len(cause.blocks) >= 2 else Fit.OPEN
    return Fit.CLEARED if weight <= _CLEARED else Fit.OPEN


def began_together(cause: Recent, effect: Recent, slack: float) -> bool:
    """True when both may have begun at one moment: between the last pass and the first failure of each."""
    if cause.since is None or effect.since is None:
        return False
    return cause.good_until <= effect.since + slack and effect.good_until <= cause.since + slack
