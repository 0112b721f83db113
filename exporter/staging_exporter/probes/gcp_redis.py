"""Kind `gcp_redis`: an instance or a cluster of Memorystore for Redis, by the API that manages it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from staging_exporter.core.model import Reason, State
from staging_exporter.evidence.google.check import Finding, GoogleCheck
from staging_exporter.evidence.google.reads import redis_clusters, redis_instances
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
CLUSTER_STATES = {
    "ACTIVE": State.UP,
    "CREATING": State.STARTING,
    "UPDATING": State.DEGRADED,
    "DELETING": State.DOWN,
    "STATE_UNSPECIFIED": State.UNKNOWN,
}
_OF_INSTANCE: tuple[str, ...] = ("state", "host", "port", "tier", "authEnabled", "transitEncryptionMode")
_OF_CLUSTER: tuple[str, ...] = ("state", "shardCount", "replicaCount", "authorizationMode", "transitEncryptionMode")


class GcpRedis(GoogleCheck):
    """An instance or a cluster of Memorystore. Whether it answers is what kind `redis` is for."""

    kind: Literal["gcp_redis"]
    instance: str | None = Field(None, min_length=1, max_length=40)
    cluster: str | None = Field(None, min_length=1, max_length=63)

    @model_validator(mode="after")
    def _one(self) -> GcpRedis:
        if (self.instance is None) == (self.cluster is None):
            raise ValueError("write either `instance` or `cluster`")
        return self

    def next_command(self, _reason: Reason) -> str | None:
        """What gcloud says about it."""
        what = "clusters" if self.cluster else "instances"
        return self.gcloud("redis", what, "list", "--region=-", f"--filter=name~{self.cluster or self.instance}$")

    async def run(self, context: ProbeContext) -> None:
        """Read and judge. Raises ProbeFailed, ProbeDegraded."""
        if self.cluster is not None:
            answer = await self.read(context, redis_clusters(self.in_project))
            found, shown = self.pick(answer, "clusters", self.cluster, "Redis cluster"), _OF_CLUSTER
            context.facts.update(endpoint(found))
        else:
            answer = await self.read(context, redis_instances(self.in_project))
            found, shown = self.pick(answer, "instances", str(self.instance), "Redis instance"), _OF_INSTANCE
        context.facts.update({name: found[name] for name in shown if name in found})
        judge(found).conclude()


def endpoint(cluster: Resource) -> dict[str, Any]:
    """Host and port that clients of a cluster begin with; empty where it has none yet."""
    for one in cluster.get("discoveryEndpoints") or ():
        if address := one.get("address"):
            return {"host": str(address), "port": one.get("port", 6379)}
    return {}


def judge(resource: Resource) -> Finding:
    """The finding from the fields of an instance or a cluster."""
    state = str(resource.get("state", "absent"))
    message = f": {resource['statusMessage']}" if resource.get("statusMessage") else ""
    if suspended := resource.get("suspensionReasons"):
        return Finding(State.DOWN, f"it is suspended: {', '.join(map(str, suspended))}; state is {state}{message}")
    health = {**STATES, **CLUSTER_STATES}.get(state, State.UNKNOWN)
    return Finding(health, "" if health == State.UP else f"state is {state}{message}")
