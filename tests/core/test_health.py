"""The state of one component in time: fall, rise, blindness, flapping, starting.

Runs are letters, one a second: P pass, D degraded, F server error, T timeout, S says it is starting, U inconclusive.
"""

from __future__ import annotations

import pytest
from staging_exporter.core.health import Health, deployed, expire, forgive, observe, startup_ends
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
        pytest.param("", UNKNOWN, Reason.NO_EVIDENCE, False, id="nothing is known at first"),
        pytest.param("P", UP, Reason.OK, False, id="the first pass sets up at once"),
        pytest.param("F", UNKNOWN, Reason.SERVER_ERROR, True, id="a first failure is shown, but not believed"),
        pytest.param("FT", UNKNOWN, Reason.TIMEOUT, True, id="nor is a second"),
        pytest.param("FFF", DOWN, Reason.SERVER_ERROR, False, id="the third of them is"),
        pytest.param("DDD", DEGRADED, Reason.CONTENT, False, id="three degraded runs from the start"),
        pytest.param("FFP", UP, Reason.OK, False, id="a pass before the third"),
        pytest.param("PFF", UP, Reason.OK, True, id="two failures leave it up, and ask for more"),
        pytest.param("PFFF", DOWN, Reason.SERVER_ERROR, False, id="three failures in a row"),
        pytest.param("PFFPFF", UP, Reason.OK, True, id="a pass starts the count anew"),
        pytest.param("PFFD", DEGRADED, Reason.CONTENT, False, id="not all of the three failed: degraded"),
        pytest.param("PDDF", DEGRADED, Reason.SERVER_ERROR, True, id="the last of three failed: degraded"),
        pytest.param("PDFDFD", DEGRADED, Reason.CONTENT, False, id="degraded and failed in turn stay degraded"),
        pytest.param("PDDDFF", DEGRADED, Reason.SERVER_ERROR, True, id="degraded, and two failures"),
        pytest.param("PDDDFFF", DOWN, Reason.SERVER_ERROR, False, id="degraded, and three failures"),
        pytest.param("PDDDP", DEGRADED, Reason.CONTENT, True, id="degraded, and one pass"),
        pytest.param("PDDDPP", UP, Reason.OK, False, id="degraded, and two passes"),
        pytest.param("PFFFP", DOWN, Reason.SERVER_ERROR, True, id="one pass does not lift what is down"),
        pytest.param("PFFFPP", UP, Reason.OK, False, id="two passes do"),
        pytest.param("PFFFPFP", DOWN, Reason.SERVER_ERROR, True, id="two passes with a failure between do not"),
        pytest.param("PFFFD", DOWN, Reason.SERVER_ERROR, True, id="one degraded run does not lift what is down"),
        pytest.param("PFFFDD", DEGRADED, Reason.CONTENT, False, id="two of them reach degraded"),
        pytest.param("PFFFPD", DEGRADED, Reason.CONTENT, False, id="so do a pass and a degraded run"),
        pytest.param("PFFFT", DOWN, Reason.TIMEOUT, False, id="the reason is that of the last run that agrees"),
        pytest.param("PU", UNKNOWN, Reason.PROBE_ERROR, False, id="unknown is immediate"),
        pytest.param("PUP", UP, Reason.OK, False, id="and goes with the next pass"),
        pytest.param("PFFUF", DOWN, Reason.SERVER_ERROR, False, id="it resets no count of failures"),
        pytest.param("PFFFU", UNKNOWN, Reason.PROBE_ERROR, False, id="also what is down turns unknown"),
        pytest.param("PFFFUF", DOWN, Reason.SERVER_ERROR, False, id="and shows again with a run that agrees"),
        pytest.param("PFFFUP", UNKNOWN, Reason.PROBE_ERROR, True, id="but not with one that disagrees"),
        pytest.param("PFFFUPP", UP, Reason.OK, False, id="which has to be confirmed"),
        pytest.param("PUF", UNKNOWN, Reason.SERVER_ERROR, True, id="a failure after blindness does not prove up"),
        pytest.param("U", UNKNOWN, Reason.PROBE_ERROR, False, id="inconclusive from the start"),
        pytest.param("PFPFPFPFP", UP, Reason.OK, False, id="four failures are no flapping"),
        pytest.param("PFPFPFPFPF", FLAPPING, Reason.SERVER_ERROR, False, id="five failures and six changes are"),
        pytest.param("PFFPFPFFP", FLAPPING, Reason.SERVER_ERROR, False, id="just six changes are, too"),
        pytest.param("PFFPFPFF", UP, Reason.OK, True, id="five failures with five changes are not"),
        pytest.param("PFPFPFPFPF" + "P" * 9, FLAPPING, Reason.SERVER_ERROR, False, id="two failures in twelve"),
        pytest.param("PFPFPFPFPF" + "P" * 10, UP, Reason.OK, False, id="flapping ends with one failure in twelve"),
        pytest.param("PFDFDFDFDF", FLAPPING, Reason.SERVER_ERROR, False, id="degraded is no failure: a change, too"),
    ],
)
def test_states(runs: str, state: State, reason: Reason, confirming: bool) -> None:
    health = after(runs)
    assert (health.state, health.reason, health.confirming) == (state, reason, confirming)


@pytest.mark.parametrize(
    ("runs", "state", "confirming"),
    [
        pytest.param("PSS", STARTING, False, id="it says so, and is believed at once"),
        pytest.param("S", STARTING, False, id="also in its first run"),
        pytest.param("P" + "S" * 20, STARTING, False, id="for all of its budget"),
        pytest.param("P" + "S" * 21, DOWN, False, id="and no longer"),
        pytest.param("PSSSP", STARTING, True, id="one pass does not end a start"),
        pytest.param("PSSSPP", UP, False, id="two passes do"),
        pytest.param("PSP", UP, False, id="a start that was over before it was believed"),
        pytest.param("PTT", UP, True, id="silence is no start before it is confirmed"),
        pytest.param("PTTT", STARTING, False, id="silence, then, for as long as a cold start takes"),
        pytest.param("P" + "T" * 8, STARTING, False, id="silence to the end of it"),
        pytest.param("P" + "T" * 9, DOWN, False, id="silence past it"),
        pytest.param("PFFF", DOWN, False, id="an error is no start"),
        pytest.param("PFFFS", DOWN, False, id="once down, a budget is not granted again"),
        pytest.param("PFFFUS", DOWN, False, id="nor when it was unknown in between"),
        pytest.param("PFFFPPSSS", STARTING, False, id="before it was up again"),
        pytest.param("PSSSF", DOWN, False, id="an error ends a start that is confirmed"),
        pytest.param("PSSSDDD", DEGRADED, False, id="what is degraded has started"),
        pytest.param("PTTTU", UNKNOWN, False, id="unknown hides a start"),
        pytest.param("PTTTUT", STARTING, False, id="which goes on after it"),
    ],
)
def test_starting(runs: str, state: State, confirming: bool) -> None:
    health = after(runs, STARTS)
    assert (health.state, health.confirming) == (state, confirming)


def test_a_deploy_grants_the_budget_anew_from_then_on() -> None:
    spent = after("PFFF", STARTS)
    fresh = deployed(spent, at=100.0)
    assert after("S", STARTS, fresh, at=105.0).state == STARTING
    assert after("S", STARTS, fresh, at=119.0).state == STARTING
    assert after("S", STARTS, fresh, at=120.0).state == DOWN


def test_a_deploy_of_what_is_up_is_forgotten_with_the_next_pass() -> None:
    health = after("P", STARTS, deployed(after("P", STARTS), at=1.0), at=2.0)
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
        pytest.param("P", 30.0, UP, id="three silent intervals are borne"),
        pytest.param("P", 30.1, UNKNOWN, id="no more than that"),
        pytest.param("FFF", 40.0, UNKNOWN, id="down is not believed for ever either"),
        pytest.param("", 40.0, UNKNOWN, id="what never ran is unknown anyway"),
    ],
)
def test_silence(runs: str, now: float, state: State) -> None:
    assert expire(after(runs), PLAIN, now).state == state


def test_silence_says_how_long_it_is_and_keeps_what_it_says() -> None:
    health = expire(after("P"), PLAIN, 31.0)
    assert (health.reason, health.since, health.confirming) == (Reason.NO_EVIDENCE, 31.0, False)
    assert health.detail == "no result for 31 s, expected one every 10 s"
    assert expire(health, PLAIN, 99.0) is health


def test_what_failed_while_we_were_blind_is_forgiven() -> None:
    assert after("P", health=forgive(after("PFF")), at=9.0).state == UP
    assert after("FF", health=forgive(after("PFF")), at=9.0).state == UNKNOWN
    assert after("P", health=forgive(after("FFF")), at=9.0).state == UP


def test_the_end_of_a_budget_is_known_while_it_starts() -> None:
    assert startup_ends(after("PS", STARTS), STARTS) == 21.0
    assert startup_ends(after("PSSSPP", STARTS), STARTS) is None
