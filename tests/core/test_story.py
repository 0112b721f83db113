"""The story of an incident, from its changes: what is in it, in which order, and what is left out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from staging_exporter.core.history import VERDICT, Change, Sort, Subject
from staging_exporter.core.incidents import Incident, IncidentRootCause
from staging_exporter.core.story import AlertPlan, EventSort, story


def root(name: str, **changes: Any) -> dict[str, Any]:
    known = {"component": name, "state": "down", "certainty": "observed", "suspects": [], "journeys": []}
    return {**known, **changes}


def verdict(at: float, *roots: dict[str, Any], **symptoms: Any) -> Change:
    return Change(at, VERDICT, "down" if roots else "up", {"roots": list(roots), "symptoms": symptoms})


def cause(name: str, since: float, until: float | None, began: float | None) -> IncidentRootCause:
    return IncidentRootCause(name, "service", "P1", "timeout", "", since, until, began)


def events_of(
    changes: list[Change], *causes: IncidentRootCause, ended: float | None = None
) -> list[tuple[float, EventSort, str]]:
    made = story(Incident(100.0, ended, causes), changes, {}, {"P1": AlertPlan("StagingRootCauseP1")})
    return [(event.at, event.sort, event.text) for event in made.events]


def test_a_root_cause_that_lasts_has_no_recovery_and_one_without_a_first_failure_none() -> None:
    without_alert = replace(cause("cache", 102.0, None, None), priority="P2")
    events = events_of([verdict(101.0, root("db"))], cause("db", 101.0, None, None), without_alert)
    assert events == [
        (101.0, EventSort.VERDICT, "db is a root cause (P1, down, timeout)"),
        (101.0, EventSort.ALERT, "alert for db: StagingRootCauseP1; configured receivers: none"),
        (102.0, EventSort.VERDICT, "cache is a root cause (P2, timeout)"),
    ]


def test_suspects_are_named_once_until_they_change() -> None:
    changes = [
        verdict(101.0, root("db", certainty="likely", suspects=["vpc"])),
        verdict(102.0, root("db", certainty="likely", suspects=["vpc"]), api=[["db"], []]),
        verdict(103.0, root("db", suspects=["vpc", "dns"]), api=[["db"], []]),
        verdict(104.0),
    ]
    events = events_of(changes, cause("db", 101.0, 104.0, 99.0), ended=104.0)
    assert [
        (at, text) for at, kind, text in events if kind in (EventSort.SUSPECTS, EventSort.VERDICT, EventSort.RECOVERY)
    ] == [
        (101.0, "vpc may be involved in the failure of db"),
        (101.0, "db is a root cause (P1, down, timeout, likely)"),
        (102.0, "api is affected by db"),
        (103.0, "vpc and dns may be involved in the failure of db"),
        (104.0, "db is no longer a root cause"),
    ]


def test_journeys_say_where_they_are_blocked_and_deploys_after_the_end_are_left_out() -> None:
    journey, deploy = Subject(Sort.JOURNEY, "login"), Subject(Sort.DEPLOY, "api")
    changes = [
        Change(90.0, deploy, "", {"revision": "r1"}),
        verdict(101.0, root("db")),
        Change(101.0, journey, "blocked", {"blocked_at": "token"}),
        Change(103.0, journey, "up", {}),
        verdict(104.0),
        Change(110.0, deploy, "", {"revision": "r2"}),
    ]
    events = events_of(changes, cause("db", 101.0, 104.0, 100.0), ended=104.0)
    assert [(at, text) for at, kind, text in events if kind in (EventSort.JOURNEY, EventSort.DEPLOY)] == [
        (90.0, "api deployed as r1, 10 s before the first failure"),
        (101.0, "journey login is blocked at token"),
        (103.0, "journey login is up"),
    ]


def test_what_became_up_before_the_first_failure_belongs_to_what_was_before() -> None:
    api = Subject(Sort.COMPONENT, "api")
    changes = [
        Change(95.0, api, "up"),
        Change(101.0, api, "down", {"reason": "refused"}),
        verdict(102.0, root("db")),
        Change(103.0, api, "up"),
    ]
    events = events_of(changes, cause("db", 102.0, 104.0, 100.0), ended=104.0)
    assert [(at, text) for at, kind, text in events if kind == EventSort.STATE] == [
        (101.0, "api is down (refused)"),
        (103.0, "api is up"),
    ]
