"""The verdict in one sentence, for every state of the whole."""

from __future__ import annotations

from dataclasses import replace

import pytest
from staging_exporter.core.maintenance import MaintenanceWindow, Once
from staging_exporter.core.model import Component, Layer, Priority, Reason, Startup, State
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
    assert verdict(stage.snapshot) == "test is degraded: slow is still starting, 1 is waiting for that"


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
