"""Kind `gcp_sql`: the fields of an instance decide, and RUNNABLE alone does not mean that it runs."""

from __future__ import annotations

from typing import Any

import pytest
from staging_exporter.core.model import Outcome, Reason, State
from staging_exporter.demo.googlecloud.world import World
from staging_exporter.probes.gcp_sql import judge

from tests.support.googlecloud import of_world

ALWAYS = {"settings": {"activationPolicy": "ALWAYS"}}
TABLE: dict[str, tuple[dict[str, Any], str, State, str]] = {
    "running": ({"state": "RUNNABLE", **ALWAYS}, "", State.UP, ""),
    "stopped by its owner": (
        {"state": "RUNNABLE", "settings": {"activationPolicy": "NEVER"}},
        "",
        State.DOWN,
        "it was stopped by its owner: state is RUNNABLE, activationPolicy is NEVER",
    ),
    "being stopped": ({"state": "RUNNABLE", "settings": {"activationPolicy": "NEVER"}}, "UPDATE", State.DOWN, "owner"),
    "on demand": (
        {"state": "RUNNABLE", "settings": {"activationPolicy": "ON_DEMAND"}},
        "",
        State.UNKNOWN,
        "ON_DEMAND",
    ),
    "no policy": ({"state": "RUNNABLE"}, "", State.UNKNOWN, "activationPolicy is absent"),
    "suspended": (
        {"state": "SUSPENDED", "suspensionReason": ["BILLING_ISSUE"], **ALWAYS},
        "",
        State.DOWN,
        "it is suspended (BILLING_ISSUE): state is SUSPENDED",
    ),
    "failed": ({"state": "FAILED", **ALWAYS}, "", State.DOWN, "state is FAILED"),
    "maintenance": ({"state": "MAINTENANCE", **ALWAYS}, "", State.DOWN, "down for maintenance"),
    "being deleted": ({"state": "PENDING_DELETE", **ALWAYS}, "", State.DOWN, "being deleted"),
    "being created": ({"state": "PENDING_CREATE", **ALWAYS}, "CREATE", State.STARTING, "being created"),
    "restarting": ({"state": "RUNNABLE", **ALWAYS}, "RESTART", State.STARTING, "the operation RESTART is under way"),
    "failing over": ({"state": "RUNNABLE", **ALWAYS}, "FAILOVER", State.STARTING, "FAILOVER"),
    "a backup": ({"state": "RUNNABLE", **ALWAYS}, "BACKUP", State.UP, ""),
    "a read pool in repair": ({"state": "REPAIRING", **ALWAYS}, "", State.UNKNOWN, "REPAIRING"),
    "no state": (ALWAYS, "", State.UNKNOWN, "state is absent"),
    "the disk is full": (
        {"state": "RUNNABLE", **ALWAYS, "outOfDiskReport": {"sqlOutOfDiskState": "SOFT_SHUTDOWN"}},
        "",
        State.DEGRADED,
        "its disk is nearly full",
    ),
}


@pytest.mark.parametrize("case", TABLE)
def test_the_fields_decide(case: str) -> None:
    instance, operation, health, words = TABLE[case]
    finding = judge(instance, operation)
    assert finding.health == health
    assert words in finding.detail


async def test_facts_are_those_of_the_instance() -> None:
    seen = await of_world("gcp_sql")
    assert seen.facts["activation_policy"] == "ALWAYS"
    assert seen.facts["max_connections"] == 100


async def test_an_instance_that_was_stopped_is_down() -> None:
    seen = await of_world("gcp_sql", lambda w: w.sql[0]["settings"].update(activationPolicy="NEVER"))
    assert (seen.outcome, seen.reason) == (Outcome.FAIL, Reason.FAILED)
    assert "activationPolicy is NEVER" in seen.detail


async def test_a_restart_is_a_start() -> None:
    def restarting(world: World) -> None:
        world.operations += [
            {"targetId": world.sql[0]["name"], "operationType": "RESTART", "status": "RUNNING", "name": "op"}
        ]

    seen = await of_world("gcp_sql", restarting)
    assert (seen.reason, seen.facts["operation"]) == (Reason.STARTING, "RESTART")
