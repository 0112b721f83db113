"""The verdict in one sentence, for every state of the whole."""

from __future__ import annotations

from dataclasses import replace

import pytest
from staging_exporter.core.maintenance import MaintenanceWindow, Once
from staging_exporter.core.model import Component, Layer, Priority, Reason, Startup, State
from staging_exporter.views.document import document
from staging_exporter.views.gate import Gate
from staging_exporter.views.report import explained, text
from staging_exporter.views.verdict import verdict

from tests.support.stage import COMPONENTS, SURE, Stage

CASES = {
    "everything passes": ({}, "test is up: all 3 checks pass"),
    "one root cause": ({"database": Reason.CLOSED, "backend": Reason.SERVER_ERROR}, "database is the root cause"),
    "a latent root cause": ({"database": Reason.TIMEOUT, "cache": Reason.TIMEOUT}, "network is the root cause"),
    "two root causes": (
        {"database": Reason.CLOSED, "backend": Reason.TLS_EXPIRED},
        "backend and database are root causes",
    ),
}


@pytest.mark.parametrize(("failing", "expected"), CASES.values(), ids=CASES)
def test_a_verdict(failing: dict[str, Reason], expected: str) -> None:
    stage = Stage()
    stage.play(5)
    stage.play(SURE, **failing)
    assert verdict(stage.snapshot).endswith(expected)


def test_nothing_was_probed_yet() -> None:
    assert verdict(Stage().snapshot) == "test is unknown: database, backend and cache are unknown"


def test_a_long_list_of_components_is_cut() -> None:
    many = [Component(f"c{n}", Layer.SERVICE, Priority.P1, "http") for n in range(6)]
    assert verdict(Stage(*many).snapshot) == "test is unknown: c0, c1, c2 and 3 more are unknown"
    assert verdict(Stage(*many[:5]).snapshot) == "test is unknown: c0, c1, c2 and 2 more are unknown"
    assert verdict(Stage(*many[:4]).snapshot) == "test is unknown: c0, c1, c2 and c3 are unknown"


def test_the_exporter_is_offline() -> None:
    stage = Stage(vantage=True)
    stage.play(5)
    stage.play(5, vantage=False, database=Reason.TIMEOUT, cache=Reason.TIMEOUT, backend=Reason.TIMEOUT)
    assert verdict(stage.snapshot) == "test is unknown: the exporter is offline"


def test_a_component_is_starting() -> None:
    slow = Component("slow", Layer.SERVICE, Priority.P1, "http", startup=Startup(budget=600, cold=30))
    stage = Stage(slow)
    stage.play(3, slow=Reason.TIMEOUT)
    assert verdict(stage.snapshot) == "test is starting: slow is still starting"


def test_a_dependent_waits_for_a_component_that_is_starting() -> None:
    slow = Component("slow", Layer.SERVICE, Priority.P1, "http", startup=Startup(budget=600, cold=30))
    stage = Stage(slow, Component("needs-it", Layer.SERVICE, Priority.P1, "http", (("slow",),)))
    stage.play(5, **{"slow": Reason.TIMEOUT, "needs-it": Reason.SERVER_ERROR})
    assert verdict(stage.snapshot) == "test is starting: slow is still starting, 1 is waiting for that"


def test_headline_journey_and_check_agree_while_something_starts() -> None:
    slow = Component("slow", Layer.SERVICE, Priority.P1, "http", startup=Startup(budget=600, cold=30))
    between = Component("between", Layer.SERVICE, Priority.P1, "http", (("slow",),))
    stage = Stage(slow, between, Component("backend", Layer.APPLICATION, Priority.P0, "http", (("between",),)))
    stage.play(5)
    stage.play(SURE, slow=Reason.STARTING, between=Reason.SERVER_ERROR, backend=Reason.SERVER_ERROR)
    seen = document(stage.snapshot)
    assert seen["verdict"] == "test is starting: slow is still starting, 2 are waiting for that"
    assert "login: blocked at sign-in, waiting for slow, still starting" in text(seen)
    gate = Gate()
    assert gate.exit_code(seen) == 3
    assert gate.sentence(seen) == (
        "undetermined: slow is starting, between is waiting for slow, still starting, "
        "backend is waiting for slow, still starting"
    )


def test_a_failure_beside_a_start_is_no_start() -> None:
    slow = Component("slow", Layer.SERVICE, Priority.P1, "http", startup=Startup(budget=600, cold=30))
    stage = Stage(slow, Component("other", Layer.SERVICE, Priority.P1, "http"))
    stage.play(5)
    stage.play(SURE, slow=Reason.STARTING, other=Reason.CLOSED)
    assert verdict(stage.snapshot) == "test is down: other is the root cause"


def test_a_dependent_waits_for_a_component_in_maintenance() -> None:
    stage = Stage(windows=(MaintenanceWindow(("database",), Once(0, 1000)),))
    stage.play(5)
    stage.play(5, database=Reason.CLOSED, backend=Reason.SERVER_ERROR)
    assert verdict(stage.snapshot) == "test is degraded: backend is waiting for database, in maintenance"


def test_a_recovering_component_is_not_a_new_root_cause() -> None:
    stage = Stage()
    stage.play(5)
    stage.play(5, database=Reason.CLOSED, backend=Reason.SERVER_ERROR)
    stage.play(5, backend=Reason.SERVER_ERROR)
    assert verdict(stage.snapshot) == "test is degraded: backend is still recovering from database"


def test_a_failure_without_an_identified_root_cause() -> None:
    stage = Stage()
    stage.play(5)
    degraded = {name: replace(each, state=State.DEGRADED) for name, each in stage.snapshot.components.items()}
    seen = replace(stage.snapshot, state=State.DEGRADED, components=degraded | {"network": stage["network"]})
    assert verdict(seen) == "test is degraded: database, cache and backend are failing, no root cause identified"


def test_what_is_unknown_is_named_beside_a_state_that_it_does_not_change() -> None:
    late = Component("report", Layer.TEST, Priority.P0, "e2e"), Component("mail", Layer.SERVICE, Priority.P2, "tcp")
    stage = Stage(*COMPONENTS, *late, windows=(MaintenanceWindow(("cache",), Once(0, 1000)),))
    stage.checked = ["database", "cache", "backend"]
    stage.play(5)
    assert verdict(stage.snapshot) == "test is up: 2 checks pass, report and mail are unknown, 1 in maintenance"


def test_components_in_maintenance_are_counted_separately() -> None:
    stage = Stage(windows=(MaintenanceWindow(("cache",), Once(0, 1000)),))
    stage.play(5)
    assert verdict(stage.snapshot) == "test is up: all 2 checks pass, 1 in maintenance"


COLOURS = {
    "a root cause is red": ("database", "\x1b[1;31mdatabase is down\x1b[0m"),
    "a symptom is magenta": ("backend", "\x1b[1;35mbackend is down\x1b[0m"),
    "what is up is green": ("cache", "\x1b[1;32mcache is up\x1b[0m"),
}


@pytest.mark.parametrize(("name", "expected"), COLOURS.values(), ids=COLOURS)
def test_the_colour_of_an_explanation(name: str, expected: str) -> None:
    stage = Stage()
    stage.play(5)
    stage.play(SURE, database=Reason.CLOSED, backend=Reason.SERVER_ERROR)
    seen = document(stage.snapshot)
    assert explained(seen, name, colour=True).startswith(expected)
    assert explained(seen, name, colour=False) == seen["components"][name]["explanation"]
