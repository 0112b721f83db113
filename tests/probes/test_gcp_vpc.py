"""Kind `gcp_vpc`: the state of a connector, and that all instances alone are no saturation."""

from __future__ import annotations

from typing import Any

import pytest
from staging_exporter.core.model import Outcome, Reason, State, Trait
from staging_exporter.demo.googlecloud.reference import CONNECTOR, reference
from staging_exporter.demo.googlecloud.server import FakeGoogleCloud
from staging_exporter.demo.googlecloud.world import World
from staging_exporter.probes import load
from staging_exporter.probes.gcp_vpc import Usage, judge, newest_point, utilization

from tests.support.googlecloud import of_world, run

READY = {"state": "READY", "maxInstances": 10, "machineType": "e2-micro"}
TABLE: dict[str, tuple[dict[str, Any], Usage, State, str]] = {
    "ready": (READY, Usage(3, None, None), State.UP, ""),
    "without metrics": (READY, Usage(), State.UP, ""),
    "at its maximum, and idle: a peak in the past": (READY, Usage(10, 0.3, 1e6), State.UP, ""),
    "at its maximum, nobody knows how busy": (READY, Usage(10), State.UP, ""),
    "at its maximum with busy processors": (
        READY,
        Usage(10, 0.92, 1e6),
        State.DEGRADED,
        "10 of 10 instances, utilization 92%, saturated above 80%",
    ),
    "at its maximum with all its throughput": (READY, Usage(10, 0.2, 1.2e8), State.DEGRADED, "utilization 96%"),
    "busy, with room for more instances": (READY, Usage(4, 0.95, None), State.UP, ""),
    "an update": ({**READY, "state": "UPDATING"}, Usage(), State.UP, ""),
    "being created": ({**READY, "state": "CREATING"}, Usage(), State.STARTING, "state is CREATING"),
    "an error": ({**READY, "state": "ERROR"}, Usage(), State.DOWN, "it must be deleted and created again"),
    "being deleted": ({**READY, "state": "DELETING"}, Usage(), State.DOWN, "state is DELETING"),
    "no state": ({}, Usage(), State.UNKNOWN, "state is absent"),
}


@pytest.mark.parametrize("case", TABLE)
def test_the_fields_decide(case: str) -> None:
    connector, usage, health, words = TABLE[case]
    finding = judge(connector, usage)
    assert finding.health == health
    assert words in finding.detail


def test_the_utilization_is_the_larger_of_processor_and_throughput() -> None:
    assert utilization(READY, Usage(10, 0.2, 6.25e7)) == 0.5
    assert utilization({**READY, "machineType": "e2-standard-4"}, Usage(10, 0.2, 6.25e7)) == 0.2
    assert utilization({**READY, "machineType": "new"}, Usage(10, None, 6.25e7)) is None


def test_only_a_young_point_of_this_connector_counts() -> None:
    def series(name: str, end: str, region: str = "r") -> dict[str, Any]:
        labels = {"connector_name": name, "location": region}
        return {
            "resource": {"labels": labels},
            "points": [{"interval": {"endTime": end}, "value": {"int64Value": "7"}}],
        }

    now = 1_700_000_600.0  # 2023-11-14T22:23:20Z
    assert newest_point([series("c", "2023-11-14T22:20:00Z")], "c", "r", now) == (7.0, now - 200)
    assert newest_point([series("c", "2023-11-14T22:10:00Z")], "c", "r", now) == (None, None)
    assert newest_point([series("d", "2023-11-14T22:20:00Z")], "c", "r", now) == (None, None)
    assert newest_point([series("c", "2023-11-14T22:20:00Z", "q")], "c", "r", now) == (None, None)


def full(world: World) -> None:
    world.instances[CONNECTOR], world.cpu[CONNECTOR] = 10, 0.93


async def test_a_connector_at_its_maximum_is_saturated() -> None:
    seen = await of_world("gcp_vpc", full)
    assert (seen.outcome, seen.reason) == (Outcome.DEGRADED, Reason.SATURATED)
    assert "10 of 10 instances, utilization 93%" in seen.detail
    assert (seen.facts["instances"], seen.facts["max_instances"], seen.facts["utilization"]) == (10, 10, 0.93)
    assert 120 <= seen.facts["metrics_age"] <= 300


async def test_busy_is_asked_for_only_at_the_maximum() -> None:
    async with FakeGoogleCloud(reference()) as fake:
        await run("gcp_vpc", fake)
        assert fake.asked["monitoring.projects.timeSeries.list"] == 1
        full(fake.world)
        await run("gcp_vpc", fake)
        assert fake.asked["monitoring.projects.timeSeries.list"] == 1 + 4


async def test_metrics_that_are_too_old_say_nothing() -> None:
    def old(world: World) -> None:
        full(world)
        world.metrics_delay = 700.0

    seen = await of_world("gcp_vpc", old)
    assert seen.outcome == Outcome.PASS
    assert "instances" not in seen.facts


@pytest.mark.parametrize("trouble", ["forbidden", "throttled", "broken", "html", "half", "disabled"])
async def test_metrics_that_cannot_be_read_change_no_state(trouble: str) -> None:
    async with FakeGoogleCloud(reference()) as fake:
        full(fake.world)
        fake.troubles["monitoring.googleapis.com"] = trouble
        seen = await run("gcp_vpc", fake)
    assert seen.outcome == Outcome.PASS
    assert "monitoring.googleapis.com" in seen.facts["metrics"]


async def test_without_metrics_none_are_read() -> None:
    async with FakeGoogleCloud(reference()) as fake:
        full(fake.world)
        assert (await run("gcp_vpc", fake, metrics=False)).outcome == Outcome.PASS
        assert not fake.asked["monitoring.projects.timeSeries.list"]


def test_facts_of_that_name_of_another_kind_are_no_metrics_of_the_cloud() -> None:
    assert Trait.DESCRIBES_CLOUD in load("gcp_vpc").traits
    assert Trait.DESCRIBES_CLOUD not in load("http").traits
