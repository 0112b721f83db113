"""What masks a state: our own blindness, which names no root and resolves none; and maintenance."""

from __future__ import annotations

from staging_exporter.core.board import Board
from staging_exporter.core.maintenance import MaintenanceWindow, Once
from staging_exporter.core.masking import Vantage
from staging_exporter.core.model import Observation, Outcome, Reason, State, Topology

from tests.support.stage import COMPONENTS, VANTAGE, Stage


def test_while_all_vantage_checks_fail_everything_is_unknown_and_nothing_is_down() -> None:
    stage = Stage(vantage=True)
    stage.play(2)
    seen = set()
    for _ in range(20):
        stage.play(1, vantage=False, database=Reason.TIMEOUT, cache=Reason.TIMEOUT, backend=Reason.TIMEOUT)
        seen |= {stage[name].state for name in stage.checked}
    assert seen == {State.UNKNOWN}
    assert stage["database"].reason == Reason.OFFLINE
    assert not stage.snapshot.online
    assert stage.snapshot.root_causes == ()
    assert stage.snapshot.state == State.UNKNOWN


def test_a_pass_counts_while_all_vantage_checks_fail() -> None:
    stage = Stage(vantage=True)
    stage.play(2)
    stage.play(6, vantage=False, database=Reason.TIMEOUT)
    states = {name: stage[name].state for name in stage.checked}
    assert states == {name: State.UNKNOWN if name == "database" else State.UP for name in stage.checked}
    assert not stage.snapshot.online


def test_a_root_cause_that_is_seen_up_goes_although_all_vantage_checks_fail() -> None:
    stage = Stage(vantage=True)
    stage.play(2)
    stage.play(6, database=Reason.REFUSED, backend=Reason.SERVER_ERROR)
    stage.play(6, vantage=False)
    assert stage.snapshot.root_causes == ()


def test_a_failure_while_we_were_offline_does_not_count() -> None:
    stage = Stage(vantage=True)
    stage.play(2)
    stage.play(1, vantage=True, database=Reason.TIMEOUT)
    stage.play(5, vantage=False, database=Reason.TIMEOUT)
    stage.play(1)
    assert stage.snapshot.online
    assert stage["database"].state == State.UP
    assert stage.snapshot.root_causes == ()


def test_a_failure_is_not_published_before_a_vantage_check_passed_since_it_began() -> None:
    stage = Stage(vantage=True)
    stage.play(2)
    for _ in range(4):
        stage.now += 1.0
        stage.run("database", Reason.REFUSED)
    assert stage["database"].state == State.UNKNOWN
    assert "no vantage check of the exporter has passed" in stage["database"].detail
    assert stage.snapshot.root_causes == ()
    stage.run(VANTAGE.name)
    assert stage["database"].state == State.DOWN


def test_a_vantage_check_that_passed_since_a_failure_began_vouches_for_it() -> None:
    vantage = Vantage({VANTAGE.name: None}).seen(Observation(VANTAGE.name, 5.0, 0.1, Outcome.PASS, Reason.OK))
    assert [vantage.vouches(began) for began in (4.0, 5.0, 5.1)] == [True, True, False]


def test_one_vantage_check_that_passes_answers_for_all() -> None:
    passed = Observation("vantage[1]", 5.0, 0.1, Outcome.PASS, Reason.OK)
    vantage = Vantage({"vantage[0]": None, "vantage[1]": None}).seen(passed)
    assert [vantage.answered(since) for since in (5.0, 5.1)] == [True, False]
    vantage = vantage.seen(Observation("vantage[0]", 4.0, 5.0, Outcome.FAIL, Reason.TIMEOUT))
    assert [vantage.answered(since) for since in (5.1, 5.2)] == [True, False]


def test_a_round_asks_the_vantage_checks_and_waits_for_them() -> None:
    stage = Stage(vantage=True)
    stage.play(2)
    stage.now += 1.0
    assert VANTAGE.name in stage.run("database", Reason.REFUSED)
    assert not stage.board.confirming(VANTAGE.name)
    stage.run(VANTAGE.name, Reason.TIMEOUT)
    assert stage.board.confirming(VANTAGE.name)


def test_a_root_stays_stale_while_we_are_offline_and_goes_when_it_is_seen_up() -> None:
    stage = Stage(vantage=True)
    stage.play(2)
    stage.play(6, database=Reason.REFUSED, backend=Reason.SERVER_ERROR)
    stage.play(6, vantage=False, database=Reason.TIMEOUT, backend=Reason.TIMEOUT)
    (root,) = stage.snapshot.root_causes
    assert (root.component, root.stale, root.state, root.reason) == ("database", True, State.DOWN, Reason.REFUSED)
    assert stage.snapshot.state == State.DOWN
    stage.play(6, database=Reason.REFUSED, backend=Reason.SERVER_ERROR)
    assert [(root.component, root.stale) for root in stage.snapshot.root_causes] == [("database", False)]
    stage.play(6)
    assert stage.snapshot.root_causes == ()


def test_without_vantage_checks_we_are_online() -> None:
    stage = Stage()
    stage.play(4, database=Reason.REFUSED)
    assert stage.snapshot.online
    assert stage["database"].state == State.DOWN


def window(start: float, end: float, *names: str) -> MaintenanceWindow:
    return MaintenanceWindow(names, Once(start, end))


def test_in_maintenance_neither_a_component_nor_its_dependents_are_roots() -> None:
    stage = Stage(windows=(window(5.0, 60.0, "database"),))
    stage.play(2)
    assert stage["database"].state == State.UP
    stage.play(8, database=Reason.REFUSED, backend=Reason.SERVER_ERROR)
    assert stage["database"].state == State.MAINTENANCE
    assert "its last run: refused, database saw refused" in stage["database"].detail
    assert stage["database"].since == 5.5
    assert stage["backend"].state == State.DOWN
    assert stage.snapshot.root_causes == ()


def test_after_maintenance_its_dependents_are_recovering() -> None:
    stage = Stage(windows=(window(5.0, 20.0, "database"),))
    stage.play(2)
    stage.play(12, database=Reason.REFUSED, backend=Reason.SERVER_ERROR)
    stage.play(8, backend=Reason.SERVER_ERROR)
    assert stage["database"].state == State.UP
    assert stage["backend"].recovering_from == ("database",)
    assert stage.snapshot.root_causes == ()


def test_at_the_end_of_maintenance_a_component_is_not_inferred_from_what_failed_because_of_it() -> None:
    stage = Stage(windows=(window(5.0, 20.0, "database"),))
    stage.play(2)
    stage.play(16, database=Reason.REFUSED, backend=Reason.SERVER_ERROR)
    stage.now += 1.0
    stage.run("database")
    stage.board.tick(20.0)
    assert (stage["database"].state, stage["backend"].recovering_from) == (State.UNKNOWN, ("database",))
    assert stage.board.roots == ()


def test_after_maintenance_a_component_must_fail_anew_before_it_is_down() -> None:
    stage = Stage(windows=(window(2.0, 20.0, "database"),))
    stage.play(3)
    stage.play(17, database=Reason.REFUSED)
    assert (stage["database"].state, stage["database"].reason) == (State.UNKNOWN, Reason.NO_EVIDENCE)
    stage.play(2, database=Reason.REFUSED)
    assert stage["database"].state == State.UNKNOWN
    stage.play(1, database=Reason.REFUSED)
    assert stage["database"].state == State.DOWN


def test_after_maintenance_a_component_has_as_long_as_after_a_root_cause_before_it_is_one() -> None:
    stage = Stage(windows=(window(2.0, 20.0, "database"),))
    stage.play(3)
    stage.play(76, database=Reason.REFUSED)
    assert stage["database"].state == State.DOWN
    assert stage.snapshot.root_causes == ()
    stage.play(3, database=Reason.REFUSED)
    assert [root.component for root in stage.snapshot.root_causes] == ["database"]


def test_a_posted_window_counts_like_a_configured_one_and_is_dropped_when_it_is_over() -> None:
    stage = Stage()
    stage.play(2)
    stage.board.maintain(window(stage.now, stage.now + 5, "cache"), stage.now)
    assert stage["cache"].state == State.MAINTENANCE
    assert stage["cache"].detail == "in maintenance; its last run: ok"
    stage.play(7)
    assert stage["cache"].state == State.UP
    stage.board.maintain(window(stage.now, stage.now + 5, "database"), stage.now)
    assert [w.components for w in stage.board.journal.windows] == [("database",)]


def test_a_posted_window_replaces_what_was_posted_before_and_an_empty_one_ends_it() -> None:
    stage = Stage()
    stage.play(2)
    stage.board.maintain(window(stage.now, stage.now + 90, "cache", "database"), stage.now)
    stage.board.maintain(window(stage.now, stage.now, "cache"), stage.now)
    assert (stage["cache"].state, stage["database"].state) == (State.UP, State.MAINTENANCE)
    stage.board.maintain(window(stage.now, stage.now + 2, "database"), stage.now)
    stage.play(3)
    assert stage["database"].state == State.UP


def test_a_reload_keeps_vantage_and_posted_windows() -> None:
    stage = Stage(vantage=True)
    stage.play(2)
    stage.board.maintain(window(stage.now, stage.now + 50, "cache"), stage.now)
    stage.play(1, vantage=False)
    board = Board(Topology("test", {c.name: c for c in COMPONENTS}), stage.now, 2.0, (VANTAGE,))
    board.inherit(stage.board, stage.checked, stage.now)
    snapshot = board.snapshot(stage.now)
    assert not snapshot.online
    assert snapshot.components["cache"].state == State.MAINTENANCE
