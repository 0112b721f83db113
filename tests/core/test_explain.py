"""Why, in words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from staging_exporter.core.explain import explain, span
from staging_exporter.core.maintenance import MaintenanceWindow, Once
from staging_exporter.core.model import Component, Layer, Outcome, Priority, Reason, Startup
from staging_exporter.core.snapshot import Deploy

from tests.support.stage import COMPONENTS, Stage


def after(stage: Stage, name: str, seconds: int = 5, **failing: Reason) -> str:
    stage.play(2)
    stage.play(seconds, **failing)
    return explain(stage.snapshot, name)


def test_what_is_up_is_up() -> None:
    assert after(Stage(), "cache") == "cache is up (ok)."


def test_a_root_with_fine_dependencies() -> None:
    assert after(Stage(), "backend", backend=Reason.REFUSED) == (
        "backend is down (refused): backend saw refused. Of its dependencies database is up, so it is the root. "
        "It blocks login."
    )


def test_a_root_that_depends_on_nothing() -> None:
    alone = Component("alone", Layer.SERVICE, Priority.P1, "tcp")
    assert after(Stage(alone), "alone", alone=Reason.REFUSED) == (
        "alone is down (refused): alone saw refused. It depends on nothing, so it is the root."
    )


def test_a_symptom_names_its_root_and_the_way() -> None:
    page = Component("page", Layer.SERVICE, Priority.P1, "http", (("backend",),))
    failing = {"database": Reason.CLOSED, "backend": Reason.SERVER_ERROR, "page": Reason.SERVER_ERROR}
    stage = Stage(*COMPONENTS, page)
    assert after(stage, "page", **failing).endswith("It suffers from database, by way of backend.")
    assert explain(stage.snapshot, "backend").endswith("It suffers from database.")
    assert "Suffering from it: backend and page." in explain(stage.snapshot, "database")


def test_a_latent_root() -> None:
    text = after(Stage(), "network", database=Reason.TIMEOUT, cache=Reason.TIMEOUT, backend=Reason.SERVER_ERROR)
    assert "cache and database began to fail together" in text
    assert "It has no check of its own: its dependents convict it, so it is the root." in text
    assert "Suffering from it: backend, cache and database." in text


def test_what_is_in_maintenance() -> None:
    stage = Stage(windows=(MaintenanceWindow(("cache",), Once(0.0, 99.0)),))
    assert after(stage, "cache", cache=Reason.REFUSED) == (
        "cache is in maintenance; its last run: refused, cache saw refused."
    )


def test_a_suite_that_fails_alone() -> None:
    suite = Component("suite", Layer.TEST, Priority.P2, "e2e", (("backend",),), covers=("cache",))
    assert after(Stage(*COMPONENTS, suite), "suite", suite=Reason.FAILED).endswith(
        "Of its dependencies backend is up, so it is the root. "
        "Nothing that it covers fails, so look at the application, or at the tests themselves."
    )


def test_a_contradiction() -> None:
    assert after(Stage(), "database", database=Reason.CLOSED).endswith(
        "backend depends on it and is up, so the fault may lie on the path from here, not in it."
    )


def test_an_intrinsic_root_beside_another() -> None:
    text = after(Stage(), "backend", database=Reason.CLOSED, backend=Reason.IDENTITY)
    assert "database fails too, but that does not make a peer show identity: it is a root of its own." in text


def test_a_suspect_and_a_dependency_that_cannot_account() -> None:
    either = Component(
        "either", Layer.SERVICE, Priority.P1, "http", (("backend", "cache"), ("network",)), ("database",)
    )
    stage = Stage(*COMPONENTS, either)
    text = after(stage, "either", database=Reason.CLOSED, backend=Reason.SERVER_ERROR, either=Reason.REFUSED)
    assert (
        "Of its dependencies cache and network are up, backend cannot account for it alone, so it is the root." in text
    )
    assert text.endswith("Not proven, but possibly involved: database.")


def test_a_stale_root() -> None:
    stage = Stage()
    stage.play(2)
    stage.play(5, database=Reason.CLOSED)
    stage.now += 1
    stage.run("database", Reason.RESOLVER, Outcome.UNKNOWN)
    text = explain(stage.snapshot, "database")
    assert "It was down (closed) when it was last seen, and stays a root cause until it is seen up." in text


def test_what_recovers_and_what_waits() -> None:
    stage = Stage()
    assert "It suffers from database." in after(stage, "backend", database=Reason.CLOSED, backend=Reason.SERVER_ERROR)
    stage.play(5, backend=Reason.SERVER_ERROR)
    assert explain(stage.snapshot, "backend").endswith("It still recovers from database, which is well again.")
    starting = replace(COMPONENTS[1], startup=Startup(600.0))
    waiting = Stage(COMPONENTS[0], starting, *COMPONENTS[2:])
    text = after(waiting, "backend", database=Reason.STARTING, backend=Reason.SERVER_ERROR)
    assert text.endswith("It waits for database, which is no fault.")


def test_an_open_verdict_is_called_open() -> None:
    stage = Stage()
    stage.play(2)
    for _ in range(3):
        stage.now += 1
        stage.run("backend", Reason.REFUSED)
    assert explain(stage.snapshot, "backend").endswith("Nothing is blamed for it yet.")


def test_a_conflict() -> None:
    suite = Component("suite", Layer.TEST, Priority.P2, "e2e", covers=("backend",))
    text = after(Stage(*COMPONENTS, suite), "suite", backend=Reason.REFUSED)
    assert text.endswith("It passes although backend is down: it does not test what it claims to.")


def test_a_deploy_just_before() -> None:
    stage = Stage()
    stage.play(2)
    stage.board.deploy(["backend"], Deploy(stage.now, "00742"))
    stage.play(5, backend=Reason.REFUSED)
    assert "So since 3 s after deploy 00742." in explain(stage.snapshot, "backend")


SPANS = {0.4: "0 s", 61: "61 s", 119.9: "120 s", 120: "2 min", 7199: "119 min", 7200: "2 h", 172800: "2 days"}


@pytest.mark.parametrize(("seconds", "expected"), SPANS.items())
def test_a_span(seconds: float, expected: str) -> None:
    assert span(seconds) == expected


def test_an_unknown_component() -> None:
    with pytest.raises(KeyError):
        explain(Stage().snapshot, "gopher")


def test_a_root_whose_dependency_tells_nothing() -> None:
    text = after(Stage(*COMPONENTS[:2]), "database", database=Reason.REFUSED)
    assert "Of its dependencies nothing speaks against network, so it is the root." in text


def test_what_is_degraded_and_not_judged_yet_has_nothing_to_explain() -> None:
    stage = Stage()
    stage.play(2)
    for _ in range(3):
        stage.now += 1.0
        stage.run("backend", Reason.SLOW, Outcome.DEGRADED)
    assert explain(stage.snapshot, "backend") == "backend is degraded (slow): backend saw slow."


@pytest.mark.parametrize(
    ("ran", "conflicts"),
    [
        pytest.param({"run_timestamp": 2.0}, (), id="the tests ran before it went down"),
        pytest.param({"run_timestamp": 9.0}, ("cache",), id="they passed while it was down"),
        pytest.param({}, ("cache",), id="nobody knows when they ran"),
    ],
)
def test_a_pass_is_held_against_a_suite_only_while_what_it_covers_was_down(
    ran: dict[str, float], conflicts: tuple[str, ...]
) -> None:
    stage = Stage(*COMPONENTS, Component("suite", Layer.TEST, Priority.P2, "e2e", covers=("cache",)))
    stage.play(2)
    stage.play(8, cache=Reason.REFUSED)
    stage.run("suite", **ran)
    assert stage["suite"].conflicts == conflicts


def test_a_conflict_outlives_a_moment_in_which_nothing_is_known() -> None:
    stage = Stage(*COMPONENTS, Component("suite", Layer.TEST, Priority.P2, "e2e", covers=("cache",)))
    stage.play(2)
    stage.play(8, cache=Reason.REFUSED)
    stage.run("suite", run_timestamp=9.0)
    stage.run("cache", Reason.RESOLVER, Outcome.UNKNOWN)
    assert stage["suite"].conflicts == ("cache",)
    stage.now += 1.0
    stage.run("cache", Reason.REFUSED)
    assert stage["suite"].conflicts == ("cache",)
