"""The share of scheduled runs that failed: when a component that no `fall` in a row took down is `unstable`.

Runs are letters, one a second: P pass, F failure, D degraded, S it is starting, U inconclusive; small letters are
retries and runs that a round asked for.
"""

from __future__ import annotations

from random import Random

import pytest
from staging_exporter.core.board import Board
from staging_exporter.core.health import Health, observe
from staging_exporter.core.maintenance import MaintenanceWindow, Once
from staging_exporter.core.model import (
    Component,
    FailureRatio,
    Layer,
    Observation,
    Outcome,
    Priority,
    Reason,
    Startup,
    State,
    Topology,
)

from tests.support.world import HEALTHY, START, Answer, VirtualRunner

RUNS = {
    "P": (Outcome.PASS, Reason.OK),
    "F": (Outcome.FAIL, Reason.SERVER_ERROR),
    "D": (Outcome.DEGRADED, Reason.CONTENT),
    "S": (Outcome.FAIL, Reason.STARTING),
    "U": (Outcome.UNKNOWN, Reason.PROBE_ERROR),
}
PLAIN = Component("it", Layer.SERVICE, Priority.P0, "http", startup=Startup(600.0))
SIXTH = "PPFPPP"  # one failure in six: 17 %
QUARTER = "PPPF"


def run(letter: str, at: float) -> Observation:
    outcome, reason = RUNS[letter.upper()]
    return Observation("it", at, 0.0, outcome, reason, f"{letter} at {at:g}", scheduled=letter.isupper())


def after(runs: str, component: Component = PLAIN) -> Health:
    health = Health()
    for at, letter in enumerate(runs):
        health = observe(health, component, run(letter, float(at)))
    return health


@pytest.mark.parametrize(
    ("runs", "state"),
    [
        pytest.param(QUARTER * 4 + "PPF", State.UP, id="nineteen runs decide nothing"),
        pytest.param(QUARTER * 5, State.DEGRADED, id="a quarter of twenty runs is unstable"),
        pytest.param("PPPPF" * 6, State.UP, id="a fifth of the runs is not more than a fifth"),
        pytest.param(SIXTH * 10, State.UP, id="a sixth of the runs is stable"),
        pytest.param("PPPFfp" * 4, State.UP, id="retries are no runs of the window"),
        pytest.param("PPPp" * 4 + "PPPPPPPPfpfp", State.UP, id="runs that a round asked for do not count"),
        pytest.param("PPPD" * 10, State.UP, id="a degraded run has not failed"),
        pytest.param("FFFPP" + "P" * 20, State.UP, id="an outage that is over does not count"),
        pytest.param(QUARTER * 4 + "FFF", State.DOWN, id="three failures in a row take it down"),
        pytest.param(QUARTER * 5 + "FFF", State.DOWN, id="three failures in a row take an unstable one down"),
        pytest.param(QUARTER * 5 + "FFFPP", State.UP, id="it is up after that, for the window begins anew"),
        pytest.param(QUARTER * 5 + "FFFPP" + QUARTER * 4, State.UP, id="and decides nothing before twenty runs"),
        pytest.param(QUARTER * 5 + "FFFPP" + QUARTER * 5, State.DEGRADED, id="it is unstable again after twenty"),
        pytest.param("PPFPF" * 6, State.FLAPPING, id="flapping wins"),
        pytest.param(QUARTER * 5 + "S", State.STARTING, id="starting wins"),
        pytest.param(QUARTER * 5 + "SPPPP", State.UP, id="a start begins the window anew"),
        pytest.param(QUARTER * 5 + "U", State.UNKNOWN, id="an inconclusive run hides it"),
        pytest.param(QUARTER * 5 + "UP", State.DEGRADED, id="and a pass shows it again"),
        pytest.param(QUARTER * 8 + "P" * 13, State.DEGRADED, id="more than half of the limit keeps it unstable"),
        pytest.param(QUARTER * 8 + "P" * 18, State.UP, id="half of the limit ends it"),
        pytest.param(QUARTER * 8 + "P" * 18 + QUARTER, State.UP, id="one more failure does not bring it back"),
        pytest.param("P" + "FPP" * 5 + "PPPP", State.UP, id="a pass does not make it unstable"),
        pytest.param("P" + "FPP" * 5 + "PPPPF", State.DEGRADED, id="a failure makes it unstable"),
    ],
)
def test_a_component_is_unstable(runs: str, state: State) -> None:
    assert after(runs).state == state


def test_it_says_how_many_failed_and_how_the_last_did() -> None:
    health = after(QUARTER * 5)
    assert (health.reason, health.since, health.failing_since) == (Reason.UNSTABLE, 19.0, 3.0)
    share = "5 of its last 20 scheduled probes failed (unstable above 20%, until 10%)"
    assert health.detail == f"{share}; the last failure: server_error, F at 19"
    later = after(QUARTER * 5 + "PP")
    assert later.detail.startswith("5 of its last 22 scheduled probes failed")
    assert (later.since, later.failing_since) == (19.0, 3.0)


def test_the_limit_and_the_number_of_runs_are_configured() -> None:
    strict = Component("it", Layer.SERVICE, Priority.P0, "http", failure_ratio=FailureRatio(0.1, 20))
    assert after(SIXTH * 4, strict).state == State.DEGRADED
    assert after(SIXTH * 4 + "P" * 19, strict).state == State.UP
    off = Component("it", Layer.SERVICE, Priority.P0, "http", failure_ratio=FailureRatio(1.0))
    assert after(QUARTER * 20, off).state == State.UP


def test_a_maintenance_begins_the_window_anew() -> None:
    window = MaintenanceWindow(("it",), Once(30.0, 40.0))
    board = Board(Topology("test", {"it": PLAIN}), 0.0, windows=[window])
    for at, letter in enumerate(QUARTER * 4 + "P" * 60):
        board.tick(float(at))
        board.record(run(letter, float(at)))
    assert board.snapshot(76.0).components["it"].failure_ratio == 0.0
    short = Board(Topology("test", {"it": PLAIN}), 0.0, windows=[window])
    for at, letter in enumerate(QUARTER * 4 + "P" * 18 + QUARTER * 2):
        short.tick(float(at))
        short.record(run(letter, float(at)))
    assert short.snapshot(41.0).components["it"].failure_ratio == 0.5
    assert short.snapshot(41.0).components["it"].state == State.UP


@pytest.mark.parametrize("seed", range(5))
def test_a_component_that_answers_two_thirds_of_the_requests_is_unstable_or_worse(seed: int) -> None:
    random = Random(seed)
    failure = Answer(Outcome.FAIL, Reason.SERVER_ERROR)

    def world(_name: str, now: float) -> Answer:
        return failure if START + 300 < now < START + 900 and random.random() < 1 / 3 else HEALTHY

    bad: list[float] = []

    def look(now: float, board: Board) -> None:
        if board.roots:
            bad.append(now - START)

    VirtualRunner(Topology("test", {"it": PLAIN}), world, random, look=look).run(START + 1800)
    assert bad
    assert min(bad) < 700
    assert max(bad) < 900 + 300  # thirty runs after the last failure at the latest
