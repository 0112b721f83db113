"""Outages of Google Cloud in the demo: the right root cause, with the crash line or the field that says so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.live import Demo, demo, fetch, wait_for

LINE = "ModuleNotFoundError: No module named 'langchain_openai'"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with demo(tmp_path_factory.mktemp("cloud"), "--scale", "0.4", "--google-cloud") as environment:
        environment.wait_healthy()
        yield environment


def settled(running: Demo, roots: list[str]) -> dict[str, Any]:
    """The status once these are the root causes and no round is open."""

    def look() -> dict[str, Any] | None:
        status = running.status()
        named = sorted(root["component"] for root in status["root_causes"])
        return status if named == sorted(roots) and not status["pending"] else None

    try:
        return wait_for(look, f"the root causes are {roots}", 40.0)
    except AssertionError:
        pytest.fail(f"expected {roots}, found {running.status()['root_causes']}")


SCENARIOS: dict[str, tuple[str, str, str, str, set[str]]] = {
    "a connector at its maximum": (
        "G01",
        "cloud-connector",
        "saturated",
        "10 of 10 instances, utilization 93%",
        set(),
    ),
    "an instance that its owner stopped": (
        "G02",
        "cloud-sql",
        "failed",
        "it was stopped by its owner: state is RUNNABLE, activationPolicy is NEVER",
        {"postgres", "backend", "auth"},
    ),
    "a deployed revision that crash-loops": ("G03", "cloud-run-backend", "failed", f"{LINE} (exit(3) ", {"backend"}),
    "a revision that does not start": ("G04", "cloud-run-backend", "content", f"{LINE} (exit(3) ", set()),
    "a managed certificate that expired": ("G05", "cloud-certificate", "tls_expired", "it expired on", {"edge-app"}),
}


@pytest.mark.parametrize("case", SCENARIOS)
def test_the_root_cause_has_what_the_cloud_says(running: Demo, case: str) -> None:
    fault, root, reason, words, affected = SCENARIOS[case]
    running.wait_healthy()
    running.inject(fault)
    try:
        status = settled(running, [root])
        (found,) = status["root_causes"]
        assert found["reason"] == reason
        assert found["detail"].startswith(words)
        assert affected <= set(found["affected"])
        announced = rf'staging_component_root_cause_info{{.*component="{root}".*detail="(.*)"}} 1'
        sent = re.search(announced, fetch(f"{running.url}/metrics"))  # what notifications quote
        assert sent is not None
        assert sent[1].startswith(words)
    finally:
        running.clear_faults()
    running.wait_healthy()


def test_a_permission_that_is_removed_in_mid_flight_makes_nothing_down(running: Demo) -> None:
    running.wait_healthy()
    running.inject("G06")
    try:
        wait_for(lambda: running.status()["components"]["cloud-sql"]["state"] == "unknown", "it is not seen any more")
        status = running.status()
        component = status["components"]["cloud-sql"]
        assert (component["reason"], status["root_causes"]) == ("credentials", [])
        assert "permission cloudsql.instances.list is missing on projects/netra-staging" in component["detail"]
    finally:
        running.clear_faults()
    running.wait_healthy()


def test_a_permission_that_is_removed_during_an_outage_resolves_nothing(running: Demo) -> None:
    running.wait_healthy()
    running.inject("G02")
    try:
        settled(running, ["cloud-sql"])
        running.inject("G06")
        wait_for(lambda: running.status()["components"]["cloud-sql"]["state"] == "unknown", "it is not seen any more")
        (root,) = settled(running, ["cloud-sql"])["root_causes"]
        assert root["stale"] is True
    finally:
        running.clear_faults()
    running.wait_healthy()
