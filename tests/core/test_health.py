"""The state of one component in time: fall, rise, blindness, flapping, starting.

Runs are letters, one a second: P pass, D degraded, F server error, T timeout, S says it is starting, U inconclusive.
"""

from __future__ import annotations

import pytest
from staging_exporter.core.health import Health, deployed, expire, forget_failures, observe, startup_ends
from staging_exporter.core.model import Component, Layer, Observation, Outcome, Priority, Reason, Startup, State

UP, DEGRADED, DOWN, UNKNOWN = State.UP, State.DEGRADED, State.DOWN, State.UNKNOWN
FLAPPING, STARTING = State.FLAPPING, State.STARTING
RUNS = {
    "P": (Outcome.PASS, Reason.OK),
    "D": (Outcome.DEGRADED, Reason.CONTENT),
    "F": (Outcome.FAIL, Reason.SERVER_ERROR),
    "T": (Outcome.FAIL, Reason.TIMEOUT),
    "S": (Outcome.FAIL, Reason.STARTING),
    "U": (Outcome.UNKNOWN, Reason.PROBE_ERROR),
}
PLAIN = Component("it", Layer.SERVICE, Priority.P0, "tcp", fall=3, rise=2)
STARTS = Component("it", Layer.SERVICE, Priority.P0, "tcp", fall=3, rise=2, startup=Startup(budget=20.0, cold=8.0))


def run(letter: str, at: float, uptime: float | None = None) -> Observation:
    outcome, reason = RUNS[letter]
    facts = {} if uptime is None else {"uptime": uptime}
    return Observation("it", at, 0.0, outcome, reason, f"{letter} at {at:g}", facts=facts)


def after(runs: str, component: Component = PLAIN, health: Health | None = None, at: float = 0.0) -> Health:
    health = health or Health()
    for letter in runs:
        health = observe(health, component, run(letter, at))
        at += 1.0
    return health


@pytest.mark.parametrize(
    ("runs", "state", "reason", "confirming"),
    [
        pytest.param("", UNKNOWN, Reason.NO_EVIDENCE, False, id="a component is unknown before its first run"),
        pytest.param("P", UP, Reason.OK, False, id="the first pass sets up at once"),
        pytest.param("F", UNKNOWN, Reason.SERVER_ERROR, True, id="a first failure keeps the component unknown"),
        pytest.param("FT", UNKNOWN, Reason.TIMEOUT, True, id="a second failure keeps the component unknown"),
        pytest.param("FFF", DOWN, Reason.SERVER_ERROR, False, id="a third failure makes the component down"),
        pytest.param("DDD", DEGRADED, Reason.CONTENT, False, id="three degraded runs at first make it degraded"),
        pytest.param("FFP", UP, Reason.OK, False, id="a pass before the third failure makes it up"),
        pytest.param("PFF", UP, Reason.OK, True, id="two failures keep it up and ask for more runs"),
        pytest.param("PFFF", DOWN, Reason.SERVER_ERROR, False, id="three failures in a row make it down"),
        pytest.param("PFFPFF", UP, Reason.OK, True, id="a pass resets the count of failures"),
        pytest.param("PFFD", DEGRADED, Reason.CONTENT, False, id="two failures and a degraded run make it degraded"),
        pytest.param(
            "PDDF", DEGRADED, Reason.SERVER_ERROR, True, id="two degraded runs and a failure make it degraded"
        ),
        pytest.param("PDFDFD", DEGRADED, Reason.CONTENT, False, id="degraded and failed in turn stay degraded"),
        pytest.param("PDDDFF", DEGRADED, Reason.SERVER_ERROR, True, id="two failures leave it degraded"),
        pytest.param(
            "PDDDFFF", DOWN, Reason.SERVER_ERROR, False, id="three failures of a degraded component make it down"
        ),
        pytest.param("PDDDP", DEGRADED, Reason.CONTENT, True, id="one pass leaves it degraded"),
        pytest.param("PDDDPP", UP, Reason.OK, False, id="two passes of a degraded component make it up"),
        pytest.param("PFFFP", DOWN, Reason.SERVER_ERROR, True, id="one pass leaves it down"),
        pytest.param("PFFFPP", UP, Reason.OK, False, id="two passes make it up"),
        pytest.param(
            "PFFFPFP", DOWN, Reason.SERVER_ERROR, True, id="two passes with a failure in between leave it down"
        ),
        pytest.param("PFFFD", DOWN, Reason.SERVER_ERROR, True, id="one degraded run leaves it down"),
        pytest.param("PFFFDD", DEGRADED, Reason.CONTENT, False, id="two degraded runs make it degraded"),
        pytest.param("PFFFPD", DEGRADED, Reason.CONTENT, False, id="a pass and a degraded run make it degraded"),
        pytest.param("PFFFT", DOWN, Reason.TIMEOUT, False, id="the reason is that of the last run that agrees"),
        pytest.param("PU", UNKNOWN, Reason.PROBE_ERROR, False, id="one inconclusive run makes it unknown"),
        pytest.param("PUP", UP, Reason.OK, False, id="a pass ends unknown at once"),
        pytest.param(
            "PFFUF", DOWN, Reason.SERVER_ERROR, False, id="an inconclusive run does not reset the count of failures"
        ),
        pytest.param(
            "PFFFU", UNKNOWN, Reason.PROBE_ERROR, False, id="an inconclusive run makes a down component unknown"
        ),
        pytest.param("PFFFUF", DOWN, Reason.SERVER_ERROR, False, id="a failure shows down again after unknown"),
        pytest.param("PFFFUP", UNKNOWN, Reason.PROBE_ERROR, True, id="a pass does not show down again after unknown"),
        pytest.param("PFFFUPP", UP, Reason.OK, False, id="a pass after unknown must be confirmed"),
        pytest.param("PUF", UNKNOWN, Reason.SERVER_ERROR, True, id="a failure after unknown does not show up again"),
        pytest.param("U", UNKNOWN, Reason.PROBE_ERROR, False, id="an inconclusive first run keeps it unknown"),
        pytest.param("PFPFPFPFP", UP, Reason.OK, False, id="four failures are not flapping"),
        pytest.param(
            "PFPFPFPFPF", FLAPPING, Reason.SERVER_ERROR, False, id="five failures and six changes are flapping"
        ),
        pytest.param("PFFPFPFFP", FLAPPING, Reason.SERVER_ERROR, False, id="six failures and six changes are flapping"),
        pytest.param("PFFPFPFF", UP, Reason.OK, True, id="five failures and five changes are not flapping"),
        pytest.param(
            "PFPFPFPFPF" + "P" * 9, FLAPPING, Reason.SERVER_ERROR, False, id="two failures in twelve keep it flapping"
        ),
        pytest.param("PFPFPFPFPF" + "P" * 10, UP, Reason.OK, False, id="one failure in twelve ends flapping"),
        pytest.param(
            "PFDFDFDFDF", FLAPPING, Reason.SERVER_ERROR, False, id="a degraded run between failures is a change"
        ),
    ],
)
def test_states(runs: str, state: State, reason: Reason, confirming: bool) -> None:
    health = after(runs)
    assert (health.state, health.reason, health.confirming) == (state, reason, confirming)


@pytest.mark.parametrize(
    ("runs", "state", "confirming"),
    [
        pytest.param("PSS", STARTING, False, id="a run that says it is starting counts at once"),
        pytest.param("S", STARTING, False, id="a first run that says it is starting counts"),
        pytest.param("P" + "S" * 20, STARTING, False, id="it is starting until its budget is spent"),
        pytest.param("P" + "S" * 21, DOWN, False, id="it is down when its budget is spent"),
        pytest.param("PSSSP", STARTING, True, id="one pass does not end starting"),
        pytest.param("PSSSPP", UP, False, id="two passes end starting"),
        pytest.param("PSP", UP, False, id="a start that ends before it is confirmed leaves no trace"),
        pytest.param("PTT", UP, True, id="silence is not starting before it is confirmed"),
        pytest.param("PTTT", STARTING, False, id="confirmed silence is starting during the cold start"),
        pytest.param("P" + "T" * 8, STARTING, False, id="silence is starting until the cold start ends"),
        pytest.param("P" + "T" * 9, DOWN, False, id="silence after the cold start is down"),
        pytest.param("PFFF", DOWN, False, id="an error is not starting"),
        pytest.param("PFFFS", DOWN, False, id="a down component does not get its budget again"),
        pytest.param("PFFFUS", DOWN, False, id="an unknown state in between does not grant the budget again"),
        pytest.param("PFFFPPSSS", STARTING, False, id="a component that was up again gets its budget again"),
        pytest.param("PSSSF", DOWN, False, id="an error ends a confirmed start"),
        pytest.param("PSSSDDD", DEGRADED, False, id="a degraded component has started"),
        pytest.param("PTTTU", UNKNOWN, False, id="an inconclusive run hides starting"),
        pytest.param("PTTTUT", STARTING, False, id="starting continues after an inconclusive run"),
    ],
)
def test_starting(runs: str, state: State, confirming: bool) -> None:
    health = after(runs, STARTS)
    assert (health.state, health.confirming) == (state, confirming)


def test_a_deploy_grants_the_budget_anew_from_then_on() -> None:
    spent = after("PFFF", STARTS)
    fresh = deployed(spent, STARTS.startup, at=100.0)
    assert after("S", STARTS, fresh, at=105.0).state == STARTING
    assert after("S", STARTS, fresh, at=119.0).state == STARTING
    assert after("S", STARTS, fresh, at=120.0).state == DOWN


def test_deploys_in_a_row_grant_three_budgets_in_all() -> None:
    health, budget = after("PFFF", STARTS), 20.0
    states = []
    for begin in range(100, 260, 10):
        health = after("SS", STARTS, deployed(health, STARTS.startup, at=begin), at=begin)
        states.append(health.state)
    assert states == [STARTING] * 6 + [DOWN] * 6 + [STARTING] * 4
    up = after("PP", STARTS, health, at=300.0)
    assert after("S", STARTS, deployed(up, STARTS.startup, at=310.0), at=310.0 + budget - 1).state == STARTING


def test_a_deploy_of_what_is_up_is_forgotten_with_the_next_pass() -> None:
    health = after("P", STARTS, deployed(after("P", STARTS), STARTS.startup, at=1.0), at=2.0)
    assert after("SS", STARTS, health, at=500.0).state == STARTING


def test_an_uptime_that_went_backwards_is_a_start() -> None:
    health = observe(Health(), STARTS, run("P", 0.0, uptime=500.0))
    health = observe(health, STARTS, run("F", 1.0, uptime=1.0))
    assert health.state == STARTING
    health = observe(health, STARTS, run("F", 2.0, uptime=2.0))
    assert health.state == STARTING
    health = after("PP", STARTS, health, at=3.0)
    assert health.state == UP
    assert after("FFF", STARTS, health, at=5.0).state == DOWN


@pytest.mark.parametrize("uptime", [600.0, True, "1"], ids=["it went on", "it is no number", "it is a text"])
def test_any_other_uptime_is_none(uptime: float) -> None:
    health = observe(Health(), STARTS, run("P", 0.0, uptime=500.0))
    for second in range(3):
        health = observe(health, STARTS, run("F", 1.0 + second, uptime=uptime))
    assert health.state == DOWN


def test_since_is_when_the_state_was_published_and_null_before() -> None:
    assert Health().since is None
    assert after("PFFF").since == 3.0
    assert after("PFFFFF").since == 3.0


def test_failing_since_is_the_first_run_that_did_not_pass_since_it_was_up() -> None:
    assert after("PPFPDFF").failing_since == 4.0
    assert after("PFFFPF").failing_since == 1.0
    assert after("PFFFPP").failing_since is None


@pytest.mark.parametrize(
    ("runs", "now", "state"),
    [
        pytest.param("P", 30.0, UP, id="three silent intervals keep it up"),
        pytest.param("P", 30.1, UNKNOWN, id="more than three silent intervals make it unknown"),
        pytest.param("FFF", 40.0, UNKNOWN, id="silence makes a down component unknown"),
        pytest.param("", 40.0, UNKNOWN, id="a component that never ran stays unknown"),
    ],
)
def test_silence(runs: str, now: float, state: State) -> None:
    assert expire(after(runs), PLAIN, now).state == state


def test_silence_says_how_long_it_is_and_keeps_what_it_says() -> None:
    health = expire(after("P"), PLAIN, 31.0)
    assert (health.reason, health.since, health.confirming) == (Reason.NO_EVIDENCE, 31.0, False)
    assert health.detail == "no result for 31 s, expected one every 10 s"
    assert expire(health, PLAIN, 99.0) is health


def forgotten(runs: str) -> Health:
    return forget_failures(after(runs), Reason.OFFLINE, "not probed since")


def test_failures_that_are_forgotten_must_be_seen_again() -> None:
    health = forgotten("PFFF")
    assert (health.state, health.reason, health.detail) == (UNKNOWN, Reason.OFFLINE, "not probed since")
    assert (health.confirming, health.failing_since, health.recent.runs) == (False, None, ())
    assert after("FF", health=health, at=9.0).state == UNKNOWN
    assert after("FFF", health=health, at=9.0).state == DOWN
    assert after("P", health=health, at=9.0).state == UP


@pytest.mark.parametrize(
    ("before", "after_it", "state"),
    [
        pytest.param("PFF", "P", UP, id="failures before it do not count when it is up again"),
        pytest.param("PFF", "FF", UNKNOWN, id="two new failures of what was up leave it unknown"),
        pytest.param("FFF", "P", UP, id="a first pass of what was never up sets up at once"),
        pytest.param("PFPFPFPFPF", "P", UP, id="flapping is forgotten"),
    ],
)
def test_after_failures_are_forgotten(before: str, after_it: str, state: State) -> None:
    assert after(after_it, health=forgotten(before), at=20.0).state == state


def test_the_end_of_a_budget_is_known_while_it_starts() -> None:
    assert startup_ends(after("PS", STARTS), STARTS) == 21.0
    assert startup_ends(after("PSSSPP", STARTS), STARTS) is None
