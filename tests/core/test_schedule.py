"""When a component runs next: tables whose keys are the rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from staging_exporter.core.model import Component, Layer, Outcome, Priority
from staging_exporter.core.schedule import SPREAD, Schedule, next_turn, place_of

AT = 1000.0  # a turn for a component with place 0 and an interval of 10 s
COMPONENT = Component("backend", Layer.SERVICE, Priority.P1, "tcp", interval=10.0, retry_interval=1.0)
SAME = replace(COMPONENT, retry_interval=10.0)
NEVER = float("inf")

Act = Callable[[Schedule], object]


def starts(at: float) -> Act:
    return lambda schedule: schedule.started(at)


def ends(at: float, outcome: Outcome = Outcome.PASS, *, confirming: bool = False, looked_at: bool = False) -> Act:
    return lambda schedule: schedule.finished(at, outcome, confirming=confirming, looked_at=looked_at)


def fails(at: float) -> Act:
    return ends(at, Outcome.FAIL, confirming=True)


def is_postponed(at: float, seconds: float) -> Act:
    return lambda schedule: schedule.postpone(at, seconds)


requested: Act = Schedule.request


def after(*acts: Act, component: Component = COMPONENT, known: bool = True) -> Schedule:
    """A schedule with place 0 after all that, from `AT` on; `known` when it ran before and waits for its turn."""
    begins = AT + 1.0 - component.retry_interval if known else AT
    schedule = Schedule(component, begins, SPREAD, 0.0)
    if known:
        schedule.started(begins)
        schedule.finished(begins, Outcome.PASS, confirming=False)
        schedule.take_skipped()
    for act in acts:
        act(schedule)
    return schedule


WAKES: dict[str, tuple[Schedule, float]] = {
    "a new component runs within the spread, by its place": (Schedule(COMPONENT, AT, SPREAD, 0.5), AT + 1.0),
    "a new component runs within one interval however wide the spread": (Schedule(COMPONENT, AT, 60.0, 0.5), AT + 5.0),
    "without a spread a new component runs at once": (Schedule(COMPONENT, AT, 0.0), AT),
    "a component that was probed before a reload waits for its turn": (after(), AT + 10),
    "a component that was probed before a reload can be requested a retry interval later": (after(requested), AT + 1),
    "a running component is not woken": (after(starts(AT + 10)), NEVER),
    "a request does not wake a running component": (after(starts(AT + 10), requested), NEVER),
    "a turn is followed by the next turn": (after(starts(AT + 10), ends(AT + 10.1)), AT + 20),
    "a turn that started late is followed by the next turn of the grid": (
        after(starts(AT + 14), ends(AT + 15)),
        AT + 20,
    ),
    "a turn that outlasted its interval is followed by the next turn to come": (
        after(starts(AT + 10), ends(AT + 23)),
        AT + 30,
    ),
    "the first run is followed by a turn of the grid": (after(starts(AT + 1), ends(AT + 2), known=False), AT + 10),
    "a turn right after the first run is skipped": (after(starts(AT + 9.5), ends(AT + 9.6), known=False), AT + 20),
    "a failure is confirmed a retry interval after it started": (after(starts(AT + 10), fails(AT + 10.1)), AT + 11),
    "a failure that took longer than the retry interval is confirmed at once": (
        after(starts(AT + 10), fails(AT + 15)),
        AT + 15,
    ),
    "a retry replaces the turn that comes before it": (after(starts(AT + 19.5), fails(AT + 19.6)), AT + 20.5),
    "a retry that settles the state is followed by a turn": (
        after(starts(AT + 10), fails(AT + 10.1), starts(AT + 11), ends(AT + 11.1, Outcome.FAIL)),
        AT + 20,
    ),
    "a turn within a retry interval after a retry is skipped": (
        after(starts(AT + 10), fails(AT + 19), starts(AT + 19.5), ends(AT + 19.6, Outcome.FAIL)),
        AT + 30,
    ),
    "a requested component runs at once when its last run is long over": (
        after(starts(AT + 10), ends(AT + 10.1), requested),
        AT + 11,
    ),
    "a requested component runs no later than its turn": (
        after(starts(AT + 19.5), ends(AT + 19.6), requested),
        AT + 20,
    ),
    "several requests are one": (
        after(starts(AT + 10), ends(AT + 10.1), requested, requested, starts(AT + 12), ends(AT + 12.1)),
        AT + 20,
    ),
    "a request during a run that passes adds a run": (after(starts(AT + 10), requested, ends(AT + 10.1)), AT + 11),
    "a request during a run that tells nothing adds a run": (
        after(starts(AT + 10), requested, ends(AT + 10.1, Outcome.UNKNOWN)),
        AT + 11,
    ),
    "a request during a run that fails is answered by it": (
        after(starts(AT + 10), requested, ends(AT + 10.1, Outcome.FAIL)),
        AT + 20,
    ),
    "a request during a run that is degraded is answered by it": (
        after(starts(AT + 10), requested, ends(AT + 10.1, Outcome.DEGRADED)),
        AT + 20,
    ),
    "a turn within a retry interval after a requested run is skipped": (
        after(requested, starts(AT + 9.5), ends(AT + 9.6)),
        AT + 20,
    ),
    "no turn is skipped where the retry interval is as long as the interval": (
        after(starts(AT + 10), ends(AT + 10.1), component=SAME),
        AT + 20,
    ),
    "no turn is skipped where the turn was requested as well": (
        after(requested, starts(AT + 10), ends(AT + 10.1), component=SAME),
        AT + 20,
    ),
    "a failure is confirmed by the next turn where the retry interval is as long as the interval": (
        after(starts(AT + 10), fails(AT + 10.1), component=SAME),
        AT + 20,
    ),
    "a look follows a pass after a third of the retry interval": (
        after(starts(AT + 10), ends(AT + 10.1, looked_at=True)),
        AT + 10 + 1 / 3,
    ),
    "a look follows a pass that took longer than a third of the retry interval at once": (
        after(starts(AT + 10), ends(AT + 10.8, looked_at=True)),
        AT + 10.8,
    ),
    "a look follows a failure after the retry interval": (
        after(starts(AT + 10), ends(AT + 10.1, Outcome.FAIL, looked_at=True)),
        AT + 11,
    ),
    "a look that confirms a recovery comes after the retry interval": (
        after(starts(AT + 10), ends(AT + 10.1, confirming=True, looked_at=True)),
        AT + 11,
    ),
    "a look does not wait for a turn where the retry interval is as long as the interval": (
        after(starts(AT + 10), ends(AT + 10.1, looked_at=True), component=SAME),
        AT + 10 + 10 / 3,
    ),
    "the last look is followed by a turn": (
        after(starts(AT + 10), ends(AT + 10.1, looked_at=True), starts(AT + 10.4), ends(AT + 10.5)),
        AT + 20,
    ),
    "a postponed turn waits as long as the rate limiter says": (after(is_postponed(AT + 10, 25.0)), AT + 35),
    "a postponed retry waits no longer than until the next turn": (
        after(starts(AT + 10), fails(AT + 10.1), is_postponed(AT + 11, 25.0)),
        AT + 20,
    ),
    "a postponed retry that has become a turn waits as long as the rate limiter says": (
        after(starts(AT + 10), fails(AT + 10.1), is_postponed(AT + 11, 25.0), is_postponed(AT + 20, 25.0)),
        AT + 45,
    ),
    "a request does not hasten a postponed run": (after(is_postponed(AT + 10, 5.0), requested), AT + 15),
    "a postponed turn that has run is followed by the next turn": (
        after(is_postponed(AT + 10, 5.0), starts(AT + 15), ends(AT + 15.1)),
        AT + 20,
    ),
}


@pytest.mark.parametrize("rule", WAKES)
def test_wake_at(rule: str) -> None:
    schedule, expected = WAKES[rule]
    assert schedule.wake_at == pytest.approx(expected, abs=1e-6)


SCHEDULED: dict[str, tuple[Schedule, float, bool]] = {
    "the first run is scheduled": (after(known=False), AT, True),
    "a turn is scheduled": (after(), AT + 10, True),
    "a requested turn is scheduled": (after(requested), AT + 10, True),
    "a run that is requested before its turn is not scheduled": (after(requested), AT + 5, False),
    "a retry is not scheduled": (after(starts(AT + 10), fails(AT + 10.1)), AT + 11, False),
    "a look is not scheduled": (after(starts(AT + 10), ends(AT + 10.1, looked_at=True)), AT + 10.4, False),
    "a retry that takes the place of a turn is not scheduled": (
        after(starts(AT + 19.5), fails(AT + 19.6)),
        AT + 20.5,
        False,
    ),
    "a postponed turn stays scheduled": (after(is_postponed(AT + 10, 5.0)), AT + 15, True),
    "a postponed retry is not scheduled before the next turn": (
        after(starts(AT + 10), fails(AT + 10.1), is_postponed(AT + 11, 5.0)),
        AT + 16,
        False,
    ),
    "a postponed retry is scheduled from the next turn on": (
        after(starts(AT + 10), fails(AT + 10.1), is_postponed(AT + 11, 25.0)),
        AT + 20,
        True,
    ),
    "a postponed requested run is scheduled from the next turn on": (
        after(requested, is_postponed(AT + 5, 25.0)),
        AT + 10,
        True,
    ),
}


@pytest.mark.parametrize("rule", SCHEDULED)
def test_counts_as_scheduled(rule: str) -> None:
    schedule, at, expected = SCHEDULED[rule]
    assert schedule.counts_as_scheduled(at) is expected


LAGS: dict[str, tuple[Schedule, float, float]] = {
    "a turn on time is not late": (after(), AT + 10, 0.0),
    "a turn is as late as it started after its time": (after(), AT + 12, 2.0),
    "a postponed turn is late": (after(is_postponed(AT + 10, 5.0)), AT + 15, 5.0),
    "a run that was requested before its turn is not late": (after(requested), AT + 5, 0.0),
    "a requested run that was postponed beyond its turn is not late": (
        after(requested, is_postponed(AT + 5, 25.0)),
        AT + 12,
        0.0,
    ),
    "a late retry is late": (after(starts(AT + 10), fails(AT + 10.1)), AT + 11.5, 0.5),
}


@pytest.mark.parametrize("rule", LAGS)
def test_lag(rule: str) -> None:
    schedule, at, expected = LAGS[rule]
    assert schedule.started(at) == pytest.approx(expected)


def test_the_place_in_the_interval_is_deterministic_and_spread() -> None:
    places = sorted(place_of(f"component-{n}") for n in range(200))
    assert places == sorted(place_of(f"component-{n}") for n in range(200))
    assert max(b - a for a, b in pairwise(places)) < 0.1


@pytest.mark.parametrize("now", [0.0, 3.3, 1e9, 1795348329.82])
def test_the_next_turn_is_on_the_grid_and_within_one_interval(now: float) -> None:
    place = place_of("backend")
    turn = next_turn(place, 10.0, now)
    assert now < turn <= now + 10.0
    assert next_turn(place, 10.0, turn) == pytest.approx(turn + 10.0)


@pytest.mark.parametrize("interval", [0.1, 0.3, 7.0])
def test_the_turn_after_a_turn_is_later_whatever_the_rounding(interval: float) -> None:
    for number in range(500):
        place, at = place_of(f"component-{number}"), 1_795_348_329.82 + number
        turn = next_turn(place, interval, at)
        assert next_turn(place, interval, turn) > turn


SKIPPED: dict[str, tuple[Schedule, int]] = {
    "turns that begin in time": (after(starts(AT + 10), ends(AT + 10.1), starts(AT + 20), ends(AT + 20.1)), 0),
    "the first run, right before a turn": (after(starts(AT + 9.5), ends(AT + 9.6), known=False), 0),
    "a turn that is late, within its interval": (after(starts(AT + 14), ends(AT + 15)), 0),
    "a turn that is late by two more": (after(starts(AT + 35), ends(AT + 35.1)), 2),
    "a run that outlasts one turn": (after(starts(AT + 10), ends(AT + 23)), 1),
    "retries that settle the state": (
        after(starts(AT + 10), fails(AT + 10.1), starts(AT + 11), ends(AT + 11.1, Outcome.FAIL)),
        0,
    ),
    "a requested run": (after(requested, starts(AT + 15), ends(AT + 15.1), starts(AT + 20), ends(AT + 20.1)), 0),
    "a turn that a rate limit holds back beyond the next": (after(is_postponed(AT + 10, 12.0), starts(AT + 22)), 1),
}


@pytest.mark.parametrize("case", SKIPPED)
def test_turns_without_a_run_are_counted_once(case: str) -> None:
    schedule, skipped = SKIPPED[case]
    assert (schedule.take_skipped(), schedule.take_skipped()) == (skipped, 0)


def test_it_says_whether_somebody_asked_for_the_next_run() -> None:
    schedule = after()
    assert not schedule.requested
    schedule.request()
    assert schedule.requested
    schedule.started(AT + 1.0)
    assert not schedule.requested
