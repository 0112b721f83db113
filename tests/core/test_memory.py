"""What is remembered: incidents, deploys, windows, `since` and startup budgets; over a restart, as JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from staging_exporter.core.incidents import KEPT, follow
from staging_exporter.core.maintenance import MaintenanceWindow, Once, Weekly
from staging_exporter.core.memory import Memory, Remembered, dump, parse
from staging_exporter.core.model import Layer, Priority, Reason, Startup, State
from staging_exporter.core.snapshot import Deploy, RootCause

from tests.support.stage import COMPONENTS, SURE, Stage

BACKEND = replace(COMPONENTS[3], startup=Startup(budget=60.0, cold=30.0))


def root(component: str, priority: Priority = Priority.P1) -> RootCause:
    return RootCause(component, Layer.SERVICE, priority, State.DOWN, Reason.REFUSED, "seen", 1.0)


def test_an_incident_begins_changes_and_ends() -> None:
    incidents = follow((), [root("database")], 10.0)
    incidents = follow(incidents, [root("database"), root("cache")], 20.0)
    incidents = follow(incidents, [root("cache", Priority.P0)], 30.0)
    incidents = follow(incidents, [], 40.0)
    (incident,) = incidents
    assert (incident.began, incident.ended, incident.moved) == (10.0, 40.0, (20.0, 30.0))
    assert [(c.component, c.since, c.until, c.priority) for c in incident.roots] == [
        ("database", 10.0, 30.0, "P1"),
        ("cache", 20.0, 40.0, "P0"),
    ]


def test_no_root_is_no_incident_and_the_next_root_is_another_one() -> None:
    assert follow((), [], 10.0) == ()
    incidents = follow(follow(follow((), [root("a")], 1.0), [], 2.0), [root("a")], 3.0)
    assert [(i.began, i.ended) for i in incidents] == [(1.0, 2.0), (3.0, None)]


def test_a_root_that_comes_back_within_an_incident_is_listed_twice() -> None:
    incidents = follow((), [root("a"), root("b")], 1.0)
    incidents = follow(incidents, [root("b")], 2.0)
    incidents = follow(incidents, [root("a"), root("b")], 3.0)
    assert [(c.component, c.until) for c in incidents[0].roots] == [("a", 2.0), ("b", None), ("a", None)]


def test_only_the_last_incidents_are_kept() -> None:
    incidents: Any = ()
    for moment in range(KEPT + 5):
        incidents = follow(follow(incidents, [root("a")], 2.0 * moment), [], 2.0 * moment + 1)
    assert len(incidents) == KEPT
    assert incidents[0].began == 10.0


def test_of_a_root_that_comes_and_goes_beside_one_that_stays_only_the_last_times_are_kept() -> None:
    incidents = follow((), [root("a")], 0.0)
    for moment in range(1, 2 * KEPT, 2):
        incidents = follow(incidents, [root("a"), root("b")], float(moment))
        incidents = follow(incidents, [root("a")], moment + 1.0)
        incidents = follow(incidents, [root("a"), root("c")], moment + 1.0)
        incidents = follow(incidents, [root("a")], moment + 1.0)
    (incident,) = incidents
    assert len(incident.moved) == KEPT
    assert (incident.roots[0].component, incident.roots[0].until) == ("a", None)
    assert len(incident.roots) == KEPT + 1
    assert incident.roots[-1].until == 2.0 * KEPT


def test_the_board_follows_incidents() -> None:
    stage = Stage()
    stage.play(2)
    stage.play(SURE, database=Reason.REFUSED)
    stage.play(5)
    (incident,) = stage.board.journal.incidents
    assert [culprit.component for culprit in incident.roots] == ["database"]
    assert incident.ended


def test_since_and_incidents_outlive_a_restart() -> None:
    before = Stage()
    before.play(2)
    before.play(SURE, database=Reason.REFUSED)
    kept = parse(json.loads(json.dumps(dump(before.board.memory()))))
    after = Stage(at=100.0)
    after.board.recall(kept)
    after.play(SURE, database=Reason.REFUSED)
    assert after["database"].since == before["database"].since
    assert after["cache"].since == before["cache"].since
    assert after.board.journal.incidents == before.board.journal.incidents
    after.play(5)
    assert after.board.journal.incidents[0].ended is not None
    assert len(after.board.journal.incidents) == 1


def test_an_incident_that_ended_while_we_were_away_ends_with_the_first_verdict() -> None:
    before = Stage()
    before.play(2)
    before.play(SURE, database=Reason.REFUSED)
    after = Stage(at=100.0)
    after.board.recall(before.board.memory())
    after.play(2)
    assert after.board.journal.incidents[0].ended is not None


def test_a_restart_right_after_a_restart_forgets_nothing() -> None:
    before = Stage()
    before.play(2)
    before.play(SURE, database=Reason.REFUSED)
    after = Stage(at=100.0)
    after.board.recall(before.board.memory())
    assert after.board.memory() == before.board.memory()
    after.play(1, database=Reason.REFUSED)
    kept = after.board.memory().components["database"]
    assert (kept.state, kept.since) == (State.DOWN, before["database"].since)
    reloaded = Stage(*COMPONENTS[:3], at=102.0)
    reloaded.board.inherit(after.board, ("database", "cache"), 102.0)
    assert reloaded.board.memory().components["database"] == kept


def test_a_component_that_the_memory_does_not_have_starts_anew() -> None:
    before = Stage(*COMPONENTS[:2])
    before.play(2)
    after = Stage(*COMPONENTS[:3], at=100.0)
    after.board.recall(before.board.memory())
    assert after.board.memory().components["cache"] == Remembered(State.UNKNOWN, None, None, spent=False)
    after.play(2)
    assert after["database"].since == before["database"].since
    assert after["cache"].since == pytest.approx(101.0, abs=0.1)


def test_a_state_that_changed_while_we_were_away_has_its_own_since() -> None:
    before = Stage()
    before.play(2)
    after = Stage(at=100.0)
    after.board.recall(before.board.memory())
    after.play(SURE, database=Reason.REFUSED)
    assert after["database"].since is not None
    assert after["database"].since > 100.0


def test_a_spent_startup_budget_stays_spent_over_a_restart() -> None:
    before = Stage(*COMPONENTS[:3], BACKEND)
    before.play(2)
    before.play(70, backend=Reason.STARTING)
    assert before["backend"].state == State.DOWN
    after = Stage(*COMPONENTS[:3], BACKEND, at=100.0)
    after.board.recall(before.board.memory())
    after.play(5, backend=Reason.STARTING)
    assert after["backend"].state == State.DOWN


def test_what_was_down_before_its_budget_ended_is_granted_no_other_by_a_restart() -> None:
    before = Stage(*COMPONENTS[:3], BACKEND)
    before.play(2)
    before.play(4, backend=Reason.SERVER_ERROR)
    after = Stage(*COMPONENTS[:3], BACKEND, at=10.0)
    after.board.recall(parse(json.loads(json.dumps(dump(before.board.memory())))))
    after.play(5, backend=Reason.STARTING)
    assert after["backend"].state == State.DOWN


def test_a_deploy_grants_the_startup_budget_anew_and_is_remembered() -> None:
    stage = Stage(*COMPONENTS[:3], BACKEND)
    stage.play(2)
    stage.play(70, backend=Reason.STARTING)
    stage.board.deploy(["backend", "network"], Deploy(stage.now, "r42"))
    stage.play(2, backend=Reason.STARTING)
    assert stage["backend"].state == State.STARTING
    assert stage["backend"].deployed == Deploy(72.0, "r42")
    assert parse(dump(stage.board.memory())).journal.deploys["backend"].revision == "r42"


def test_windows_are_kept_but_not_the_weekly_ones_of_the_file() -> None:
    stage = Stage()
    posted = MaintenanceWindow(("cache",), Once(0.0, 50.0))
    stage.board.maintain(posted, 1.0)
    memory = stage.board.memory()
    assert parse(dump(memory)).journal.windows == (posted,)
    weekly = Weekly.__new__(Weekly)
    strange = replace(memory, journal=replace(memory.journal, windows=(MaintenanceWindow(("cache",), weekly),)))
    assert dump(strange)["windows"] == []


def test_an_unknown_component_is_refused() -> None:
    stage = Stage()
    with pytest.raises(KeyError, match="gopher"):
        stage.board.deploy(["gopher"], Deploy(1.0, ""))
    with pytest.raises(KeyError, match="gopher"):
        stage.board.maintain(MaintenanceWindow(("gopher",), Once(0.0, 1.0)), 0.0)


def _with(**parts: Any) -> dict[str, Any]:
    return {**dump(Memory("test")), **parts}


@pytest.mark.parametrize(
    "document",
    [
        *(None, [], {}, "x", {"version": 2}, {"version": 1, "components": {"a": {}}}),
        _with(components={"a": {"state": "up", "since": "today", "first_failure": None, "spent": False}}),
        _with(windows=[{"components": ["a"], "start": "now", "end": 5}]),
        _with(deploys={"a": {"at": None, "revision": ""}}),
        _with(incidents=[{"began": [], "ended": None, "roots": [], "moved": []}]),
    ],
)
def test_a_document_of_another_program_is_refused(document: object) -> None:
    with pytest.raises(ValueError):
        parse(document)


@pytest.mark.parametrize("moment", [float("nan"), float("inf"), 1e300, -1.0])
@pytest.mark.parametrize(
    "parts",
    [
        lambda at: {"components": {"a": {"state": "up", "since": at, "first_failure": None, "spent": False}}},
        lambda at: {"windows": [{"components": ["a"], "start": 1.0, "end": at}]},
        lambda at: {"deploys": {"a": {"at": at, "revision": ""}}},
        lambda at: {"incidents": [{"began": at, "ended": None, "roots": [], "moved": []}]},
        lambda at: {"incidents": [{"began": 1.0, "ended": 2.0, "roots": [], "moved": [at]}]},
        lambda at: {"incidents": [{"began": 1.0, "ended": 2.0, "moved": [], "roots": [{**CAUSE, "until": at}]}]},
    ],
)
def test_a_time_that_no_page_could_show_is_refused(parts: Any, moment: float) -> None:
    assert parse(_with(**parts(5.0)))
    with pytest.raises(ValueError):
        parse(_with(**parts(moment)))


CAUSE = {"component": "a", "layer": "service", "priority": "P0", "reason": "refused", "detail": "", "since": 1.0}


def test_a_memory_with_an_announcement_is_that_of_the_board_after_it() -> None:
    stage = Stage(*COMPONENTS[:3], BACKEND)
    stage.play(2)
    stage.play(70, backend=Reason.STARTING)
    window, deploy = MaintenanceWindow(("cache",), Once(stage.now, stage.now + 50.0)), Deploy(stage.now, "r42")
    expected = (
        stage.board.memory().with_window(window, stage.now).with_deploy(["backend"], deploy, stage.board.topology)
    )
    stage.board.maintain(window, stage.now)
    stage.board.deploy(["backend"], deploy)
    assert stage.board.memory() == expected
    assert parse(dump(expected)) == expected


def test_repeated_deploys_grant_three_budgets_in_all_also_across_a_restart() -> None:
    stage = Stage(*COMPONENTS[:3], BACKEND)
    stage.play(2)
    states, restarted = [], stage
    for minute in range(8):
        restarted.board.deploy(["backend"], Deploy(restarted.now, f"r{minute}"))
        restarted.play(58, backend=Reason.STARTING)
        states.append(restarted["backend"].state)
        stage, restarted = restarted, Stage(*COMPONENTS[:3], BACKEND, at=restarted.now + 2)
        restarted.board.recall(parse(json.loads(json.dumps(dump(stage.board.memory())))))
    assert states == [State.STARTING] * 3 + [State.DOWN] * 3 + [State.STARTING] * 2


def test_an_empty_memory() -> None:
    assert parse(dump(Memory("test"))) == Memory("test")


def test_when_the_clock_was_set_back_nothing_that_is_known_is_in_the_future() -> None:
    before = Stage()
    before.play(2)
    before.play(SURE, database=Reason.REFUSED)
    before.board.deploy(["cache"], Deploy(before.now, "r1"))
    memory = before.board.memory()
    weekly = MaintenanceWindow(("cache",), Weekly.__new__(Weekly))
    early = MaintenanceWindow(("network",), Once(0.5, 900.0))
    late = MaintenanceWindow(("cache",), Once(before.now, before.now + 60.0))
    memory = replace(memory, journal=replace(memory.journal, windows=(early, late, weekly)))
    after = memory.set_back(1.0, before.now - 1.0)
    assert after.journal.windows == (early, replace(late, when=Once(1.0, 61.0)), weekly)
    assert after.journal.deploys["cache"] == Deploy(1.0, "r1")
    assert {c.since for c in after.components.values()} <= {None, 0.0, 1.0} | {
        c.since for c in memory.components.values() if c.since is not None and c.since <= 1.0
    }
    (incident,) = after.journal.incidents
    assert (incident.began, incident.roots[0].since, incident.roots[0].until, incident.ended) == (1.0, 1.0, None, None)
    assert memory.set_back(1e9, 0.0) == memory
