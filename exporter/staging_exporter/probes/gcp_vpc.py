"""Kind `gcp_vpc`: a Serverless VPC Access connector, and how full Cloud Monitoring says that it is."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import Field

from staging_exporter.core.facts import Fact
from staging_exporter.core.model import Reason, State
from staging_exporter.evidence.google.answers import unix_time
from staging_exporter.evidence.google.check import Finding, RegionalCheck, fields
from staging_exporter.evidence.google.errors import ApiFailed
from staging_exporter.evidence.google.reads import time_series, vpc_connectors
from staging_exporter.net.context import ProbeContext

Resource = Mapping[str, Any]

STATES = {
    "READY": State.UP,
    "UPDATING": State.UP,  # it goes on serving
    "CREATING": State.STARTING,
    "DELETING": State.DOWN,
    "ERROR": State.DOWN,
    "STATE_UNSPECIFIED": State.UNKNOWN,
}
_TYPE = "vpcaccess.googleapis.com/connector"
_RANGE = 900.0  # seconds of points that are asked for: they are visible after up to 240
_OLDEST = 600.0  # seconds after which a point says nothing about now
# Megabits a second of one instance, by a tenth of what the documentation has for ten.
_SPEED = {"f1-micro": 100.0, "e2-micro": 100.0, "e2-standard-4": 1600.0}


@dataclass(frozen=True, slots=True)
class Usage:
    """The newest points of a connector; None where there is none that is young enough. `throughput` is in bytes/s."""

    instances: float | None = None
    cpu: float | None = None
    throughput: float | None = None
    age: float | None = None


class GcpVpc(RegionalCheck):
    """A VPC connector. No API says how full it is now: metrics are up to four minutes old, and never make it down."""

    kind: Literal["gcp_vpc"]
    connector: str = Field(min_length=1, max_length=25)
    metrics: bool = Field(
        True, description="read from Cloud Monitoring how many instances it has, and how busy they are"
    )
    saturated_above: float = Field(0.8, gt=0, le=1, description="share of CPU or throughput, at its most instances")

    def next_command(self, _reason: Reason) -> str | None:
        """What gcloud says about it."""
        return self.gcloud(
            "compute", "networks", "vpc-access", "connectors", "describe", self.connector, f"--region={self.in_region}"
        )

    async def run(self, context: ProbeContext) -> None:
        """Read and judge. Raises ProbeFailed, ProbeDegraded."""
        answer = await self.read(context, vpc_connectors(self.in_project, self.in_region))
        found = self.pick(answer, "connectors", self.connector, "VPC connector", self.place)
        usage = await self._usage(context, found) if self.metrics else Usage()
        context.facts.update(facts_of(found, usage))
        judge(found, usage, self.saturated_above).conclude()

    async def _usage(self, context: ProbeContext, connector: Resource) -> Usage:
        """Its instances; how busy they are is asked for only when there cannot be more of them."""
        try:
            instances, at = await self._newest(context, "instances", "ALIGN_MAX")
            age = None if at is None else max(0.0, time.time() - at)
            if instances is None or instances < connector.get("maxInstances", 10):
                return Usage(instances, age=age)
            cpu, _ = await self._newest(context, "cpu/utilizations", "ALIGN_PERCENTILE_95")
            sent, _ = await self._newest(context, "sent_bytes_count", "ALIGN_RATE")
            received, _ = await self._newest(context, "received_bytes_count", "ALIGN_RATE")
        except ApiFailed as error:
            context.facts["metrics"] = error.detail
            return Usage()
        rates = [rate for rate in (sent, received) if rate is not None]
        return Usage(instances, cpu, sum(rates) if rates else None, age)

    async def _newest(self, context: ProbeContext, metric: str, aligner: str) -> tuple[float | None, float | None]:
        """Value and time of the newest point of this connector; of one read for all connectors of the project.

        The times of the read move once a minute, so that components share it.
        """
        end = time.time() // 60 * 60 + 60
        wanted = time_series(
            self.in_project, f'metric.type="{_TYPE}/{metric}"', _stamp(end - _RANGE), _stamp(end), aligner
        )
        answer = await self.read(context, wanted)
        return newest_point(answer.items("timeSeries"), self.connector, self.in_region, time.time())


def newest_point(
    series: Sequence[Resource], connector: str, region: str, now: float
) -> tuple[float | None, float | None]:
    """Value and time of the newest point of a connector, None without one of the last ten minutes."""
    for one in series:
        labels = fields(one, "resource", "labels") or {}
        if (labels.get("connector_name"), labels.get("location")) != (connector, region):
            continue
        for point in one.get("points") or ():  # newest first
            at = unix_time(fields(point, "interval", "endTime"))
            value = fields(point, "value", "doubleValue")
            number = value if value is not None else fields(point, "value", "int64Value")
            if at is not None and number is not None and now - at <= _OLDEST:
                return float(number), at
    return None, None


def facts_of(connector: Resource, usage: Usage) -> dict[str, Any]:
    """What is shown of a connector."""
    facts = {
        "state": connector.get("state"),
        "machine_type": connector.get("machineType"),
        Fact.CLOUD_INSTANCES: None if usage.instances is None else int(usage.instances),
        Fact.CLOUD_MAX_INSTANCES: connector.get("maxInstances"),
        Fact.CLOUD_UTILIZATION: utilization(connector, usage),
        "metrics_age": None if usage.age is None else round(usage.age),
    }
    return {key: value for key, value in facts.items() if value is not None}


def utilization(connector: Resource, usage: Usage) -> float | None:
    """The larger of its CPU and its share of the throughput that its machines have; None without either."""
    speed = _SPEED.get(str(connector.get("machineType", "e2-micro")))
    most = connector.get("maxInstances", 10)
    shares = [usage.cpu]
    if usage.throughput is not None and speed is not None:
        shares.append(usage.throughput * 8 / 1e6 / (most * speed))
    known = [share for share in shares if share is not None]
    return round(max(known), 3) if known else None


def judge(connector: Resource, usage: Usage, saturated_above: float = 0.8) -> Finding:
    """The finding from the fields of a connector and its newest metrics.

    Connectors do not scale in: all instances alone prove a peak in the past, not that it is full now.
    """
    state = str(connector.get("state", "absent"))
    health = STATES.get(state, State.UNKNOWN)
    if health != State.UP:
        advice = ": it must be deleted and created again" if state == "ERROR" else ""
        return Finding(health, f"state is {state}{advice}")
    most, busy = connector.get("maxInstances", 10), utilization(connector, usage)
    if usage.instances is None or usage.instances < most or busy is None or busy <= saturated_above:
        return Finding(State.UP)
    text = f"{usage.instances:.0f} of {most} instances, utilization {busy:.0%}, saturated above {saturated_above:.0%}"
    return Finding(State.DEGRADED, text, Reason.SATURATED)


def _stamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
