"""Kind `gcp_redis`: an instance of Memorystore for Redis, by the API that manages it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from staging_exporter.core.model import Reason, State
from staging_exporter.evidence.google.check import Finding, GoogleCheck
from staging_exporter.evidence.google.reads import redis_instances
from staging_exporter.net.context import ProbeContext

Resource = Mapping[str, Any]

STATES = {
    "READY": State.UP,
    "CREATING": State.STARTING,
    "UPDATING": State.DEGRADED,
    "DELETING": State.DOWN,
    "REPAIRING": State.DEGRADED,
    "MAINTENANCE": State.DEGRADED,
    "IMPORTING": State.DEGRADED,
    "FAILING_OVER": State.DEGRADED,
    "STATE_UNSPECIFIED": State.UNKNOWN,
}


class GcpRedis(GoogleCheck):
    """An instance of Memorystore. Whether it answers is what kind `redis` is for."""

    kind: Literal["gcp_redis"]
    instance: str = Field(min_length=1, max_length=40)

    def next_command(self, _reason: Reason) -> str | None:
        """What gcloud says about it."""
        return self.gcloud("redis", "instances", "list", "--region=-", f"--filter=name~{self.instance}$")

    async def run(self, context: ProbeContext) -> None:
        """Read and judge. Raises ProbeFailed, ProbeDegraded."""
        answer = await self.read(context, redis_instances(self.in_project))
        found = self.pick(answer, "instances", self.instance, "Redis instance")
        shown = ("state", "host", "port", "tier", "authEnabled", "transitEncryptionMode")
        context.facts.update({name: found[name] for name in shown if name in found})
        judge(found).conclude()


def judge(instance: Resource) -> Finding:
    """The finding from the fields of an instance."""
    state = str(instance.get("state", "absent"))
    message = f": {instance['statusMessage']}" if instance.get("statusMessage") else ""
    if suspended := instance.get("suspensionReasons"):
        return Finding(State.DOWN, f"it is suspended: {', '.join(map(str, suspended))}; state is {state}{message}")
    health = STATES.get(state, State.UNKNOWN)
    return Finding(health, "" if health == State.UP else f"state is {state}{message}")
