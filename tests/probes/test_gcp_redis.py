"""Kind `gcp_redis`: the fields of an instance decide."""

from __future__ import annotations

from typing import Any

import pytest
from staging_exporter.core.model import Outcome, State
from staging_exporter.probes.gcp_redis import judge

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
