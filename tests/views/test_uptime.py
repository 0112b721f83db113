"""Uptime bars, the latency curve, failures that repeat, and the pages that show them."""

from __future__ import annotations

from typing import Any

import pytest
from staging_exporter.core.coincidence import Suggestions
from staging_exporter.core.history import Change, Sort, Subject
from staging_exporter.core.incidents import Incident, IncidentRootCause
from staging_exporter.core.past import Past
from staging_exporter.views.document import component_document, document
from staging_exporter.views.page import component_page, status_page
from staging_exporter.views.page.history import Trace, history_page
from staging_exporter.views.page.latency import curve, folded
from staging_exporter.views.page.uptime import RANGES, Range, in_words, percent, uptime
from staging_exporter.views.suggestions import suggestions_document

from tests.views.fleet import board

BACKEND = Subject(Sort.COMPONENT, "backend")
HOUR = Range("6h", "6 hours", 6 * 3600.0, 6)


def past(*changes: tuple[float, str], subject: Subject = BACKEND) -> Past:
    made = Past()
    for at, state in changes:
        made.add(Change(at, subject, state))
    return made


def test_bars_begin_at_whole_steps_and_the_last_one_ends_now() -> None:
    made = past((0.0, "up"), (7200.0, "down"), (7260.0, "up"))
    bars = made.bars(BACKEND, 3600.0, 6, 6 * 3600.0 + 60.0)
    assert [(bar.begin, bar.end) for bar in bars[-2:]] == [(18000.0, 21600.0), (21600.0, 21660.0)]
    assert [bar.worst for bar in bars] == ["up", "down", "up", "up", "up", "up"]
    assert made.bars(BACKEND, 3600.0, 6, 6 * 3600.0 + 60.0) == bars  # those that are over are kept


def test_a_clock_that_was_set_back_makes_new_bars() -> None:
    made = past((0.0, "up"), (7200.0, "down"))
    assert made.bars(BACKEND, 3600.0, 3, 20000.0)[0].worst == "down"
    made.forget_after(7000.0)
    assert made.bars(BACKEND, 3600.0, 3, 20000.0)[0].worst == "up"


def test_an_outage_is_a_bar_of_its_own_height_with_its_minutes() -> None:
    found = uptime(past((0.0, "up"), (7200.0, "down"), (7920.0, "up")), BACKEND, HOUR, 21599.0)
    assert (found.paths["up"][:18], found.paths["down"]) == ("M3 24v-16M9 24v-16", "M15 8v-8")
    assert "M15 24v-16" in found.paths["up"]  # a cap on what it was else
    assert (found.available, found.words) == ("96.66 %", "down 12 min")
    assert [(each.x, each.begin, each.end, each.words) for each in found.stretches] == [
        (12.0, 7200.0, 10800.0, "down 12 min, up 48 min")
    ]
    assert found.aria_label == "last 6 hours: 96.66 % available; down 12 min"


def test_what_is_not_recorded_is_not_drawn_below_an_outage() -> None:
    found = uptime(past((9000.0, "down"), (10800.0, "up")), BACKEND, HOUR, 21599.0)
    assert found.paths["down"] == "M15 24v-24"
    assert found.paths["none"] == "M3 24v-2M9 24v-2"


def test_maintenance_and_unknown_are_no_downtime_but_are_visible() -> None:
    made = past((0.0, "up"), (7200.0, "maintenance"), (10800.0, "unknown"), (14400.0, "up"))
    found = uptime(made, BACKEND, HOUR, 21599.0)
    assert (found.available, found.words) == ("100 %", "unknown 60 min, maintenance 60 min")
    assert {*found.paths} == {"up", "maintenance", "unknown"}


PERCENT = {1.0: "100 %", 0.999999: "99.99 %", 0.9: "90.00 %", 0.5: "50.0 %", 0.0: "0.0 %", None: "–"}


@pytest.mark.parametrize(("share", "expected"), PERCENT.items())
def test_availability_in_numbers(share: float | None, expected: str) -> None:
    assert percent(share) == expected


def test_words_leave_out_what_is_shorter_than_half_a_second() -> None:
    assert in_words({"down": 0.4, "degraded": 3.0, "up": 9.0, "none": 99.0}) == "degraded 3 s"


def run(started: float, duration: float, outcome: str = "pass", reason: str = "ok", detail: str = "") -> Any:
    return {"started": started, "duration": duration, "outcome": outcome, "reason": reason, "detail": detail,
            "phases": {}}  # fmt: skip


def test_a_curve_has_round_numbers_on_its_axis_and_marks_failures() -> None:
    made = curve([run(0.0, 0.010), run(5.0, 0.032, "fail"), run(10.0, 0.020)])
    assert made is not None
    assert [tick.text for tick in made.ticks] == ["0", "12 ms", "25 ms", "38 ms", "50 ms"]
    assert made.line == "M56.0 104.0 L345.0 51.2 L634.0 80.0"
    assert [(point.x, point.outcome) for point in made.points] == [(345.0, "fail")]
    assert made.aria_label == "durations of the last 3 runs: median 20 ms, slowest 32 ms"
    assert curve([run(0.0, 1.0)]) is None
    assert curve([run(0.0, 0.0), run(0.0, 0.0)]) is not None


def test_failures_that_differ_in_numbers_alone_are_one_row() -> None:
    runs = [
        run(1.0, 0.1, "fail", "status", "status 503, trace 8f3a"),
        run(2.0, 0.1, "fail", "timeout", "silence"),
        run(3.0, 0.1, "fail", "status", "status 503, trace 77b1"),
        run(4.0, 0.1, "fail", "status", "status 502, trace 0001"),
    ]
    found = [(each.first["started"], each.last["started"], each.count) for each in folded(runs)]
    assert found == [(3.0, 4.0, 2), (2.0, 2.0, 1), (1.0, 1.0, 1)]
    assert folded([]) == []


def test_the_pages_show_bars_and_the_last_incident() -> None:
    snapshot = board().snapshot(26.0)
    seen = document(snapshot)
    root = IncidentRootCause("database", "infrastructure", "P0", "closed", "", 1.0, 20.0)
    trace = Trace(past((0.0, "up"), (10.0, "down")), Incident(1.0, 20.0, (root,)))
    trace.past.add(Change(0.0, Subject(Sort.JOURNEY, "login"), "blocked"))
    suggestions = suggestions_document("staging", 26.0, Suggestions())
    page = "".join(status_page(seen, suggestions, trace=trace))
    assert 'last incident: <a href="incidents/19700101T000001.000Z">database, 19 s, 6 s ago</a>' in page
    assert 'aria-label="login, last 24 hours: 0.0 % available; blocked 26 s"' in page
    page = "".join(component_page(seen, component_document(snapshot, "backend"), trace=trace))
    assert page.count('class="bars"') == len(RANGES)
    assert "3 times since" in page
    page = "".join(history_page(seen, trace, RANGES["7d"]))
    assert page.count('class="bars"') >= len(seen["components"]) + len(seen["journeys"])
    assert "38.4 %" in page
    assert "last incident" not in "".join(status_page(seen, suggestions))
