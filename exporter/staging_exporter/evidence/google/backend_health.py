"""Health of the endpoints behind a backend service, as Compute Engine's own health checks see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from staging_exporter.core.model import State
from staging_exporter.evidence.google.answers import short_name
from staging_exporter.evidence.google.check import Finding
from staging_exporter.evidence.google.errors import ApiFailed

# Types of endpoint groups whose endpoints are checked; serverless ones and those of the internet have no health.
HEALTH_CHECKED = frozenset({"GCE_VM_IP", "GCE_VM_IP_PORT", "GCE_VM_IP_PORTMAP", "NON_GCP_PRIVATE_IP_PORT"})
_NAMED = 5  # unhealthy endpoints in a detail


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of the endpoints of one group; `trouble` is why nothing is."""

    group: str
    statuses: Sequence[Mapping[str, Any]] = ()
    trouble: ApiFailed | None = None

    @property
    def total(self) -> int:
        """The endpoints that the API reports."""
        return len(self.statuses)

    @property
    def healthy(self) -> int:
        """Those that pass their health check."""
        return sum(one.get("healthState") == "HEALTHY" for one in self.statuses)

    @property
    def unhealthy(self) -> list[str]:
        """The names or addresses of the others."""
        return [_name(one) for one in self.statuses if one.get("healthState") != "HEALTHY"]


def backend_finding(service: str, groups: Sequence[Health]) -> Finding:
    """The finding on a backend service by all its groups: down only when no endpoint is healthy and all were seen."""
    healthy, total = sum(one.healthy for one in groups), sum(one.total for one in groups)
    bad = [name for one in groups for name in one.unhealthy]
    troubles = [one.trouble for one in groups if one.trouble is not None]
    if troubles and not healthy:
        return Finding(State.UNKNOWN, f"health of {service}: {troubles[0].detail}", troubles[0].reason)
    if not total:
        return Finding(State.UNKNOWN, f"the API reports no endpoint of backend service {service}")
    named = ", ".join(bad[:_NAMED]) + (", ..." if len(bad) > _NAMED else "")
    if not healthy:
        return Finding(State.DOWN, f"no endpoint of {service} is healthy: {named}")
    if bad:
        return Finding(State.DEGRADED, f"{len(bad)} of {total} endpoints of {service} are unhealthy: {named}")
    return Finding(State.UP)


def _name(status: Mapping[str, Any]) -> str:
    address = str(status.get("ipAddress") or status.get("ipv6Address") or "")
    name = short_name(status.get("instance")) or address or "an endpoint"
    return f"{name}:{status['port']}" if status.get("port") and name == address else name
