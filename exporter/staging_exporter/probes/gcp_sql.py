"""Kind `gcp_sql`: a Cloud SQL instance, by the API that manages it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from staging_exporter.core.model import Reason, State
from staging_exporter.evidence.google.answers import short_name, whole_number
from staging_exporter.evidence.google.check import Finding, GoogleCheck, fields
from staging_exporter.evidence.google.errors import ApiFailed
from staging_exporter.evidence.google.reads import sql_instances, sql_operations
from staging_exporter.net.context import ProbeContext

Resource = Mapping[str, Any]

STATES = {
    "RUNNABLE": (State.UP, ""),
    "SUSPENDED": (State.DOWN, "it is suspended"),
    "PENDING_DELETE": (State.DOWN, "it is being deleted"),
    "PENDING_CREATE": (State.STARTING, "it is being created"),
    "MAINTENANCE": (State.DOWN, "it is down for maintenance"),
    "FAILED": (State.DOWN, "its creation failed, or an operation left it in an unknown state"),
    "ONLINE_MAINTENANCE": (State.UP, ""),
    "REPAIRING": (State.UNKNOWN, "its read pool is being repaired"),
    "SQL_INSTANCE_STATE_UNSPECIFIED": (State.UNKNOWN, "the API does not know its state"),
}
# RUNNABLE means "running, or has been stopped by owner": only this tells the two apart.
POLICIES = {
    "ALWAYS": State.UP,
    "NEVER": State.DOWN,
    "ON_DEMAND": State.UNKNOWN,
    "SQL_ACTIVATION_POLICY_UNSPECIFIED": State.UNKNOWN,
}
RESTARTS = frozenset({"RESTART", "AUTO_RESTART", "FAILOVER", "UPDATE", "SWITCHOVER", "MAINTENANCE"})


class GcpSql(GoogleCheck):
    """An instance of Cloud SQL. It says nothing about the network to it: that is what kind `postgres` is for."""

    kind: Literal["gcp_sql"]
    instance: str = Field(min_length=1, max_length=98)

    def next_command(self, _reason: Reason) -> str | None:
        """What gcloud says about it."""
        return self.gcloud("sql", "instances", "describe", self.instance)

    async def run(self, context: ProbeContext) -> None:
        """Read and judge. Raises ProbeFailed, ProbeDegraded."""
        answer = await self.read(context, sql_instances(self.in_project))
        found = self.pick(answer, "items", self.instance, "Cloud SQL instance")
        running = running_operation(await self._operations(context), self.instance)
        context.facts.update(facts_of(found, running))
        judge(found, running).conclude()

    async def _operations(self, context: ProbeContext) -> Sequence[Resource]:
        """The last operations; they only add to what the instance says, so their absence is no failure."""
        try:
            return (await self.read(context, sql_operations(self.in_project))).items("items")
        except ApiFailed as error:
            context.log(f"operations cannot be read: {error.detail}")
            return []


def running_operation(operations: Sequence[Resource], instance: str) -> str:
    """The type of the operation on the instance that is under way, empty without one."""
    for one in operations:
        if short_name(one.get("targetId")) == instance and one.get("status") in ("RUNNING", "PENDING"):
            return str(one.get("operationType", "UNKNOWN"))
    return ""


def facts_of(instance: Resource, operation: str) -> dict[str, Any]:
    """What is shown of an instance."""
    flags = fields(instance, "settings", "databaseFlags") or ()
    limit = next((flag.get("value") for flag in flags if flag.get("name") == "max_connections"), None)
    facts = {
        "state": instance.get("state"),
        "activation_policy": fields(instance, "settings", "activationPolicy"),
        "operation": operation or None,
        "availability_type": fields(instance, "settings", "availabilityType"),
        "max_connections": whole_number(limit),
        "maintenance": fields(instance, "scheduledMaintenance", "startTime"),
    }
    return {key: value for key, value in facts.items() if value is not None}


def judge(instance: Resource, operation: str = "") -> Finding:
    """The finding from the fields of an instance and the operation on it that is under way."""
    state = str(instance.get("state", "absent"))
    health, words = STATES.get(state, (State.UNKNOWN, "a state that this version does not know"))
    policy = str(fields(instance, "settings", "activationPolicy") or "absent")
    shown = f"state is {state}, activationPolicy is {policy}"
    if operation in RESTARTS and health == State.UP and policy != "NEVER":
        return Finding(State.STARTING, f"the operation {operation} is under way; {shown}")
    if health != State.UP:
        why = ", ".join(map(str, instance.get("suspensionReason") or ()))
        return Finding(health, f"{words}{f' ({why})' if why else ''}: {shown}")
    if policy == "NEVER":
        return Finding(State.DOWN, f"it was stopped by its owner: {shown}")
    if POLICIES.get(policy, State.UNKNOWN) == State.UNKNOWN:
        return Finding(State.UNKNOWN, f"whether it runs is unknown: {shown}")
    disk = fields(instance, "outOfDiskReport", "sqlOutOfDiskState")
    if disk == "SOFT_SHUTDOWN":
        return Finding(State.DEGRADED, f"its disk is nearly full: sqlOutOfDiskState is {disk}; {shown}")
    return Finding(State.UP)
