"""Kind `gcp_redis`: the fields of an instance decide."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from staging_exporter.core.model import Outcome, State
from staging_exporter.demo.googlecloud.additions import add_cluster
from staging_exporter.probes.gcp_redis import GcpRedis, judge

from tests.support.googlecloud import of_world

TABLE: dict[str, tuple[dict[str, Any], State, str]] = {
    "ready": ({"state": "READY"}, State.UP, ""),
    "failing over": ({"state": "FAILING_OVER"}, State.DEGRADED, "state is FAILING_OVER"),
    "being repaired": (
        {"state": "REPAIRING", "statusMessage": "a node is replaced"},
        State.DEGRADED,
        "state is REPAIRING: a node is replaced",
    ),
    "maintenance": ({"state": "MAINTENANCE"}, State.DEGRADED, "MAINTENANCE"),
    "being created": ({"state": "CREATING"}, State.STARTING, "CREATING"),
    "being deleted": ({"state": "DELETING"}, State.DOWN, "DELETING"),
    "without its key": (
        {"state": "READY", "suspensionReasons": ["CUSTOMER_MANAGED_KEY_ISSUE"]},
        State.DOWN,
        "it is suspended: CUSTOMER_MANAGED_KEY_ISSUE; state is READY",
    ),
    "no state": ({}, State.UNKNOWN, "state is absent"),
}


@pytest.mark.parametrize("case", TABLE)
def test_the_fields_decide(case: str) -> None:
    instance, health, words = TABLE[case]
    finding = judge(instance)
    assert finding.health == health
    assert words in finding.detail


async def test_facts_are_those_of_the_instance() -> None:
    seen = await of_world("gcp_redis")
    assert (seen.outcome, seen.facts["host"], seen.facts["port"]) == (Outcome.PASS, "10.107.0.3", 6379)


CLUSTER: dict[str, tuple[dict[str, Any], State, str]] = {
    "active": ({"state": "ACTIVE"}, State.UP, ""),
    "being updated": ({"state": "UPDATING"}, State.DEGRADED, "state is UPDATING"),
    "being created": ({"state": "CREATING"}, State.STARTING, "CREATING"),
    "being deleted": ({"state": "DELETING"}, State.DOWN, "DELETING"),
}


@pytest.mark.parametrize("case", CLUSTER)
def test_the_state_of_a_cluster_decides(case: str) -> None:
    cluster, health, words = CLUSTER[case]
    finding = judge(cluster)
    assert finding.health == health
    assert words in finding.detail


async def test_facts_of_a_cluster_are_its_size_and_where_clients_begin() -> None:
    alone = {"instance": None, "cluster": "sessions"}
    seen = await of_world("gcp_redis", lambda world: add_cluster(world, "sessions"), **alone)
    facts = {name: seen.facts[name] for name in ("state", "host", "port", "shardCount", "replicaCount")}
    assert seen.outcome == Outcome.PASS
    assert facts == {"state": "ACTIVE", "host": "10.107.2.3", "port": 6379, "shardCount": 3, "replicaCount": 1}
    gone = await of_world("gcp_redis", **alone)
    assert (gone.outcome, gone.detail) == (Outcome.FAIL, "there is no Redis cluster sessions in project netra-staging")


@pytest.mark.parametrize("given", [{}, {"instance": "a", "cluster": "b"}])
def test_it_is_an_instance_or_a_cluster(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="write either `instance` or `cluster`"):
        GcpRedis.model_validate({"kind": "gcp_redis", "project": "p", **given})
