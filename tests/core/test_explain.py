"""Why, in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from staging_exporter.core.explain import explain
from staging_exporter.core.maintenance import MaintenanceWindow, Once
from staging_exporter.core.model import Component, Layer, Outcome, Priority, Reason, Startup
from staging_exporter.core.snapshot import Deploy

from tests.support.stage import COMPONENTS, SURE, Stage


def after(stage: Stage, name: str, seconds: int = SURE, **failing: Reason) -> str:
    stage.play(2)
    stage.play(seconds, **failing)
    return explain(stage.snapshot, name)


def test_an_up_component() -> None:
    assert after(Stage(), "cache") == "cache is up (ok)."


def test_a_root_whose_dependencies_are_up() -> None:
    assert after(Stage(), "backend", backend=Reason.REFUSED) == (
        "backend is down (refused): backend saw refused. Of its dependencies, database is up, so it is the root cause. "
        "It blocks login."
    )


def test_a_root_without_dependencies() -> None:
    alone = Component("alone", Layer.SERVICE, Priority.P1, "tcp")
    assert after(Stage(alone), "alone", alone=Reason.REFUSED) == (
        "alone is down (refused): alone saw refused. It has no dependencies, so it is the root cause."
    )


def test_a_symptom_names_its_root_and_the_path() -> None:
    page = Component("page", Layer.SERVICE, Priority.P1, "http", (("backend",),))
    failing = {"database": Reason.CLOSED, "backend": Reason.SERVER_ERROR, "page": Reason.SERVER_ERROR}
    stage = Stage(*COMPONENTS, page)
    assert after(stage, "page", **failing).endswith("It is affected by database, through backend.")
    assert explain(stage.snapshot, "backend").endswith("It is affected by database.")
    assert "Affected: backend and page." in explain(stage.snapshot, "database")


def test_a_latent_root() -> None:
    text = after(Stage(), "network", database=Reason.TIMEOUT, cache=Reason.TIMEOUT, backend=Reason.SERVER_ERROR)
    assert "inferred from the failures of cache and database, which began together" in text
    assert "It has no check; it is inferred from the failures of its dependents." in text
    assert "Affected: backend, cache and database." in text


def test_a_component_in_maintenance() -> None:
    stage = Stage(windows=(MaintenanceWindow(("cache",), Once(0.0, 99.0)),))
    assert after(stage, "cache", cache=Reason.REFUSED) == (
        "cache is in maintenance; its last run: refused, cache saw refused."
    )


def test_a_suite_that_fails_alone() -> None:
    suite = Component("suite", Layer.TEST, Priority.P2, "e2e", (("backend",),), covers=("cache",))
    assert after(Stage(*COMPONENTS, suite), "suite", suite=Reason.FAILED).endswith(
        "Of its dependencies, backend is up, so it is the root cause. "
        "Nothing that it covers is failing, so check the application, or the tests themselves."
    )


@pytest.mark.parametrize(
    ("failed", "roots"),
    [
        pytest.param({"cache": {"failed": 1}}, ("cache",), id="a failing test that covers it"),
        pytest.param({"cache": {"error": 2}}, ("cache",), id="a test that covers it and ends in an error"),
        pytest.param({"cache": {"passed": 1}}, (), id="a passing test does not count"),
        pytest.param({"cache": {"skipped": 1}, "network": {"failed": 1}}, (), id="a failing test of another component"),
        pytest.param({}, (), id="no test covers it"),
    ],
)
def test_a_failing_suite_is_explained_by_what_its_failing_tests_cover(
    failed: dict[str, dict[str, int]], roots: tuple[str, ...]
) -> None:
    suite = Component("suite", Layer.TEST, Priority.P2, "e2e", covers=("cache", "network"))
    stage = Stage(*COMPONENTS, suite)
    stage.play(2)
    stage.checked.remove("suite")
    for _ in range(SURE):
        stage.run("suite", Reason.FAILED, covered=failed)
        stage.play(1, cache=Reason.REFUSED)
    assert stage["suite"].root_causes == roots
    assert stage["suite"].root is not bool(roots)
    if not roots:
        assert "Nothing that its failing tests cover is failing" in explain(stage.snapshot, "suite")


def test_a_contradiction() -> None:
    assert after(Stage(), "database", database=Reason.CLOSED).endswith(
        "backend depends on it and is up, so the problem is the network path from the exporter, the dependency is "
        "wrong, or that check is shallow."
    )


def test_an_intrinsic_root_beside_another() -> None:
    stage = Stage()
    after(stage, "backend", seconds=20, backend=Reason.IDENTITY)
    stage.play(SURE, database=Reason.CLOSED, backend=Reason.IDENTITY)
    text = explain(stage.snapshot, "backend")
    assert "database is failing too, but cannot cause identity, so this is a root cause of its own." in text


def test_a_suspect_and_a_dependency_that_does_not_explain() -> None:
    router = Component("router", Layer.PLATFORM, Priority.P1, "tcp")
    groups = (("backend", "cache"), ("router",))
    either = Component("either", Layer.SERVICE, Priority.P1, "http", groups, ("database",))
    stage = Stage(*COMPONENTS, router, either)
    text = after(stage, "either", database=Reason.CLOSED, backend=Reason.SERVER_ERROR, either=Reason.REFUSED)
    assert (
        "Of its dependencies, cache and router are up, backend alone does not explain it, so it is the root cause."
        in text
    )
    assert text.endswith("Possibly involved, without proof: database.")


def test_a_stale_root() -> None:
    stage = Stage()
    stage.play(2)
    stage.play(SURE, database=Reason.CLOSED)
    stage.now += 1
    stage.run("database", Reason.RESOLVER, Outcome.UNKNOWN)
    text = explain(stage.snapshot, "database")
    assert "It was down (closed) when last seen, and remains a root cause until it is up." in text


def test_a_recovering_and_a_waiting_component() -> None:
    stage = Stage()
    assert "It is affected by database." in after(stage, "backend", database=Reason.CLOSED, backend=Reason.SERVER_ERROR)
    stage.play(5, backend=Reason.SERVER_ERROR)
    assert explain(stage.snapshot, "backend").endswith(
        "It has not recovered yet from database, which is no longer failing. "
        "It becomes a root cause if it still fails at 00:01:12 UTC."
    )
    starting = replace(COMPONENTS[1], startup=Startup(600.0))
    waiting = Stage(COMPONENTS[0], starting, *COMPONENTS[2:])
    text = after(waiting, "backend", 2 * SURE, database=Reason.STARTING, backend=Reason.SERVER_ERROR)
    assert text.endswith("It is waiting for database, which is not a fault.")


def test_a_component_without_a_verdict() -> None:
    stage = Stage()
    stage.play(2)
    for _ in range(3):
        stage.now += 1
        stage.run("backend", Reason.REFUSED)
    assert explain(stage.snapshot, "backend").endswith("No root cause identified yet.")


def test_a_conflict() -> None:
    suite = Component("suite", Layer.TEST, Priority.P2, "e2e", covers=("backend",))
    text = after(Stage(*COMPONENTS, suite), "suite", backend=Reason.REFUSED)
    assert text.endswith("It passes although backend is down: it does not test what it claims to.")


def test_a_deploy_before_the_failure() -> None:
    stage = Stage()
    stage.play(2)
    stage.board.deploy(["backend"], Deploy(stage.now, "00742"))
    stage.play(SURE, backend=Reason.REFUSED)
    assert "This began 3 s after deploy 00742." in explain(stage.snapshot, "backend")


def test_an_unknown_component() -> None:
    with pytest.raises(KeyError):
        explain(Stage().snapshot, "gopher")


def test_a_root_whose_dependency_is_unknown() -> None:
    text = after(Stage(*COMPONENTS[:2]), "database", database=Reason.REFUSED)
    assert "Of its dependencies, network is not known to fail, so it is the root cause." in text


def test_a_degraded_component_without_a_verdict() -> None:
    stage = Stage()
    stage.play(2)
    for _ in range(3):
        stage.now += 1.0
        stage.run("backend", Reason.SLOW, Outcome.DEGRADED)
    assert explain(stage.snapshot, "backend") == "backend is degraded (slow): backend saw slow."


@pytest.mark.parametrize(
    ("ran", "conflicts"),
    [
        pytest.param({"run_timestamp": 2.0}, (), id="no conflict when the tests ran before the failure"),
        pytest.param({"run_timestamp": 9.0}, ("cache",), id="a conflict when the tests passed during the failure"),
        pytest.param({}, ("cache",), id="a conflict when the time of the tests is unknown"),
        pytest.param(
            {"covered": {"cache": {"passed": 1}}}, ("cache",), id="a conflict when a test that covers it passed"
        ),
        pytest.param(
            {"covered": {"cache": {"skipped": 1}}}, (), id="no conflict when the tests that cover it did not pass"
        ),
        pytest.param({"covered": {"cache": {}}}, (), id="no conflict when no test covers it"),
    ],
)
def test_a_passing_suite_conflicts_only_with_what_was_down_when_it_ran(
    ran: dict[str, Any], conflicts: tuple[str, ...]
) -> None:
    stage = Stage(*COMPONENTS, Component("suite", Layer.TEST, Priority.P2, "e2e", covers=("cache",)))
    stage.play(2)
    stage.play(8, cache=Reason.REFUSED)
    stage.run("suite", **ran)
    assert stage["suite"].conflicts == conflicts


def test_a_conflict_outlives_an_inconclusive_run() -> None:
    stage = Stage(*COMPONENTS, Component("suite", Layer.TEST, Priority.P2, "e2e", covers=("cache",)))
    stage.play(2)
    stage.play(8, cache=Reason.REFUSED)
    stage.run("suite", run_timestamp=9.0)
    stage.run("cache", Reason.RESOLVER, Outcome.UNKNOWN)
    assert stage["suite"].conflicts == ("cache",)
    stage.now += 1.0
    stage.run("cache", Reason.REFUSED)
    assert stage["suite"].conflicts == ("cache",)
