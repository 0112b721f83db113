"""States over time: timelines, bars, availability; and what is a change between two snapshots."""

from __future__ import annotations

from dataclasses import replace

import pytest
from staging_exporter.core.history import EXPORTER, STOPPED, VERDICT, Change, Observer, Sort, Subject
from staging_exporter.core.incidents import incident_id
from staging_exporter.core.past import Bar, Past, Timeline, availability

from tests.views.fleet import board

API = Subject(Sort.COMPONENT, "api")


def timeline(*changes: tuple[float, str]) -> Timeline:
    made = Timeline()
    for at, state in changes:
        made.add(at, state)
    return made


SECONDS = {
    "before the first change nothing is known": ([(10, "up")], 0, 20, {"none": 10, "up": 10}),
    "a stretch between two changes": ([(0, "up"), (10, "down")], 2, 8, {"up": 6}),
    "states that come back are added up": ([(0, "up"), (3, "down"), (5, "up")], 0, 10, {"up": 8, "down": 2}),
    "a change at the begin counts in full": ([(0, "up"), (5, "down")], 5, 7, {"down": 2}),
    "a change at the end does not count": ([(0, "up"), (5, "down")], 0, 5, {"up": 5}),
    "the same state again is no change": ([(0, "up"), (3, "up")], 0, 4, {"up": 4}),
    "a time before the last one counts as that": ([(5, "up"), (3, "down")], 4, 7, {"none": 1, "down": 2}),
    "a state of a later version is not known": ([(0, "frozen")], 0, 1, {"none": 1}),
}


@pytest.mark.parametrize(("changes", "begin", "end", "expected"), SECONDS.values(), ids=SECONDS)
def test_the_seconds_in_each_state(
    changes: list[tuple[float, str]], begin: float, end: float, expected: dict[str, float]
) -> None:
    made = timeline(*changes)
    assert made.seconds(begin, end) == expected


AVAILABILITY = {
    "degraded is available": ({"up": 50.0, "degraded": 49.0, "down": 1.0}, 0.99),
    "starting and flapping are not": ({"up": 1.0, "starting": 1.0, "flapping": 1.0, "blocked": 1.0}, 0.25),
    "unknown, maintenance and no data count as neither": (
        {"up": 1.0, "unknown": 9.0, "maintenance": 9.0, "none": 9.0},
        1.0,
    ),
    "nothing that counts": ({"unknown": 5.0, "maintenance": 5.0}, None),
}


@pytest.mark.parametrize(("seconds", "expected"), AVAILABILITY.values(), ids=AVAILABILITY)
def test_availability(seconds: dict[str, float], expected: float | None) -> None:
    assert availability(seconds) == expected


def test_a_bar_shows_the_worst_state_however_short() -> None:
    assert Bar(0, 10, {"up": 9.99, "down": 0.01}).worst == "down"
    assert Bar(0, 10, {"unknown": 5, "maintenance": 5}).worst == "unknown"
    assert Bar(0, 10, {}).worst == "none"
    assert Bar(0, 10, {"starting": 10}).worst == "starting"


def test_old_and_future_changes_are_forgotten_and_the_present_state_is_not() -> None:
    made = timeline((0, "up"), (10, "down"), (20, "up"), (30, "degraded"))
    made.forget_before(15)
    assert made.seconds(0, 40) == {"none": 10, "down": 10, "up": 10, "degraded": 10}
    made.forget_after(25)
    assert made.at(99) == "up"


def test_nothing_is_known_while_the_exporter_did_not_run() -> None:
    past = Past()
    past.add(Change(0, API, "up"))
    past.add(Change(10, EXPORTER, STOPPED))
    past.add(Change(30, API, "up"))
    assert past.timeline(API).seconds(0, 40) == {"up": 20, "none": 20}
    assert past.states(Sort.COMPONENT, ["api", "other"], 5) == {"api": "up", "other": "none"}


def test_only_what_differs_is_a_change() -> None:
    observer, seen = Observer(), board().snapshot(26.0)
    first = observer.changes(seen)
    assert {change.subject.name for change in first if change.subject.sort == Sort.COMPONENT} == {*seen.components}
    assert {change.subject.name for change in first if change.subject.sort == Sort.JOURNEY} == {*seen.journeys}
    assert [change.subject for change in first][-1] == VERDICT
    roots = [root["component"] for root in first[-1].value["roots"]]
    assert roots == [root.component for root in seen.root_causes]
    assert observer.changes(replace(seen, generated_at=27.0)) == []


def test_a_component_that_is_not_configured_any_more_is_a_change() -> None:
    observer, seen = Observer(), board().snapshot(26.0)
    observer.changes(seen)
    name = next(iter(seen.components))
    rest = {other: status for other, status in seen.components.items() if other != name}
    assert observer.changes(replace(seen, components=rest, generated_at=30.0))[0] == Change(
        30.0, Subject(Sort.COMPONENT, name), "none"
    )


def test_a_reason_that_alternates_is_a_change_once() -> None:
    observer, seen = Observer(), board().snapshot(26.0)
    observer.changes(seen)
    root = seen.root_causes[0]
    other = replace(seen, root_causes=(replace(root, reason="dns"), *seen.root_causes[1:]))  # type: ignore[arg-type]
    assert [change.subject for change in observer.changes(other)] == [VERDICT]
    assert observer.changes(seen) == []
    assert observer.changes(other) == []


def test_the_id_of_an_incident_is_its_beginning_and_ordered_by_it() -> None:
    assert incident_id(1_763_800_000.1234) == "20251122T082640.123Z"
    assert incident_id(1_763_800_000.9996) == "20251122T082641.000Z"


def test_bars_that_slid_out_of_the_range_are_forgotten_and_made_again() -> None:
    past = Past()
    past.put(0.0, API, "up")
    past.put(1000.0, API, "down")
    past.put(1060.0, API, "up")
    early = past.bars(API, 100.0, 20, 2000.0)
    assert [bar.begin for bar in early if bar.worst == "down"] == [1000.0]
    assert all(bar.worst == "up" for bar in past.bars(API, 100.0, 20, 8950.0))
    assert past.bars(API, 100.0, 20, 2000.0) == early


def test_what_was_over_before_is_forgotten_and_what_lasts_is_not() -> None:
    past = Past()
    past.put(0.0, API, "up")
    past.put(10.0, API, "down")
    past.forget_before(20.0)
    past.forget_before(20.0)
    assert past.timeline(API).seconds(0.0, 30.0) == {"none": 10.0, "down": 20.0}


def test_verdicts_and_starts_are_not_states() -> None:
    past = Past()
    past.put(0.0, API, "up")
    past.put(5.0, VERDICT, "down")
    past.put(6.0, EXPORTER, "started")
    assert past.timeline(API).seconds(0.0, 10.0) == {"up": 10.0}
    assert not past.knows(VERDICT)
