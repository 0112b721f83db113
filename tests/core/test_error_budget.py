"""Which runs count for the error budget of a component."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from staging_exporter.core.board import Board
from staging_exporter.core.maintenance import MaintenanceWindow, Once
from staging_exporter.core.model import Component, Layer, Observation, Outcome, Priority, Reason, Startup, Topology

from tests.support.world import HEALTHY, START, Answer, VirtualRunner

BROKEN = Answer(Outcome.FAIL, Reason.SERVER_ERROR)
STARTING = Answer(Outcome.FAIL, Reason.STARTING)
UNKNOWN = Answer(Outcome.UNKNOWN, Reason.RATE_LIMITED)
DB = Component("db", Layer.INFRASTRUCTURE, Priority.P0, "tcp")
API = Component("api", Layer.SERVICE, Priority.P0, "http", depends_on=(("db",),), startup=Startup(600.0))


def counted(world: Callable[[str, float], Answer], seconds: float = 1200.0) -> dict[str, tuple[int, int]]:
    """Runs and failures of each component after that time."""
    runner = VirtualRunner(
        Topology("test", {"db": DB, "api": API}), lambda name, now: world(name, now - START), Random(1)
    )
    runner.run(START + seconds)
    found = runner.board.snapshot(START + seconds).components
    return {name: (s.stats.budget_runs, s.stats.budget_failures) for name, s in found.items() if s.stats}


def during(answers: dict[str, Answer], begin: float = 300.0, end: float = 600.0) -> Callable[[str, float], Answer]:
    return lambda name, now: answers.get(name, HEALTHY) if begin <= now < end else HEALTHY


def test_healthy_components_have_runs_and_no_failure() -> None:
    for runs, failures in counted(during({})).values():
        assert (118 <= runs <= 121, failures) == (True, 0)


def test_a_root_cause_spends_its_budget_and_a_symptom_does_not() -> None:
    found = counted(during({"db": BROKEN, "api": BROKEN}))
    assert found["db"][1] == pytest.approx(30, abs=2)
    assert found["db"][0] == pytest.approx(120, abs=3)
    assert found["api"][1] <= 1
    assert found["api"][0] == pytest.approx(90, abs=3)


def test_a_component_that_fails_by_itself_spends_its_budget() -> None:
    found = counted(during({"api": BROKEN}))
    assert (found["api"][1], found["db"][1]) == (pytest.approx(30, abs=2), 0)


def test_every_third_failure_is_counted_though_the_component_stays_up() -> None:
    asked = {"api": 0}

    def world(name: str, now: float) -> Answer:
        asked[name] = asked.get(name, 0) + 1
        return BROKEN if name == "api" and 100 <= now < 250 and asked[name] % 3 == 0 else HEALTHY

    runs, failures = counted(world)["api"]
    assert 3 <= failures <= 8
    assert runs == pytest.approx(120, abs=3)


@pytest.mark.parametrize("answer", [STARTING, UNKNOWN])
def test_a_start_and_what_is_not_known_are_left_out(answer: Answer) -> None:
    runs, failures = counted(during({"api": answer}))["api"]
    assert (runs, failures) == (pytest.approx(90, abs=3), 0)


def test_a_maintenance_is_left_out() -> None:
    window = MaintenanceWindow(("db",), Once(START, START + 50))
    board = Board(Topology("test", {"db": DB}), START, windows=[window])
    for second in range(0, 300, 10):  # a recovery grace follows the maintenance
        at = START + second
        board.tick(at)
        board.record(Observation("db", at, 0.1, Outcome.FAIL, Reason.REFUSED, scheduled=True))
    stats = board.snapshot(START + 300).components["db"].stats
    assert stats is not None
    assert 17 <= stats.budget_failures == stats.budget_runs <= 20


def test_a_failure_waits_for_its_verdict_also_over_a_reload() -> None:
    topology = Topology("test", {"db": DB, "api": API})
    board = Board(topology, START)
    for at in (0.0, 10.0):
        for name in ("db", "api"):
            board.record(Observation(name, START + at, 0.1, Outcome.PASS, Reason.OK, scheduled=True))
    board.record(Observation("api", START + 20, 0.1, Outcome.FAIL, Reason.TIMEOUT, scheduled=True))

    def failures(of: Board, at: float) -> int:
        stats = of.snapshot(START + at).components["api"].stats
        assert stats is not None
        return stats.budget_failures

    assert failures(board, 21) == 0
    after = Board(topology, START + 22)
    after.inherit(board, {"db", "api"}, START + 22)
    for at in (23.0, 24.0, 25.0):
        for name, outcome in (("db", Outcome.PASS), ("api", Outcome.FAIL)):
            reason = Reason.OK if outcome == Outcome.PASS else Reason.TIMEOUT
            after.record(Observation(name, START + at, 0.1, outcome, reason))
    after.tick(START + 90)
    assert failures(after, 90) == 1
