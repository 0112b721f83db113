"""The resources of the reference environment, as Google's APIs describe them: change them to break something."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from staging_exporter.demo.googlecloud.logs import Writer, stamp

DAY = 86400.0
_COMPUTE = "https://www.googleapis.com/compute/v1"
Resource = dict[str, Any]


class World:
    """One project in one region. Lists hold resources by the names that the APIs have for their fields.

    `instances`, `cpu` and `throughput` are what Cloud Monitoring says of each connector: instances, the 95th percentile
    of their CPU as a ratio, bytes a second sent and received. `loops` are services that crash, since when. `health` are
    the endpoints of each group of virtual machines, by its name.
    """

    def __init__(
        self, project: str = "netra-staging", region: str = "us-central1", now: Callable[[], float] = time.time
    ) -> None:
        self.project, self.region, self.number, self.now = project, region, "701982941522", now
        self.services: list[Resource] = []
        self.revisions: list[Resource] = []
        self.connectors: list[Resource] = []
        self.sql: list[Resource] = []
        self.operations: list[Resource] = []
        self.redis: list[Resource] = []
        self.redis_clusters: list[Resource] = []
        self.uptime_checks: list[Resource] = []
        self.health: dict[str, list[Resource]] = {}
        self.certificates: list[Resource] = []
        self.certificate_maps: list[Resource] = []
        self.map_entries: list[Resource] = []
        self.domain_mappings: list[Resource] = []
        self.compute: dict[str, list[Resource]] = {}
        self.secrets: dict[str, dict[str, str]] = {}
        self.instances: dict[str, int] = {}
        self.cpu: dict[str, float] = {}
        self.throughput: dict[str, float] = {}
        self.metrics_delay = 150.0
        self.loops: dict[str, float] = {}

    @property
    def at(self) -> str:
        """The name of project and region in resources."""
        return f"projects/{self.project}/locations/{self.region}"

    def service(self, name: str) -> Resource:
        """The Cloud Run service of that name."""
        return named(self.services, name)

    def link(self, scope: str, collection: str, name: str) -> str:
        """The URL of a resource of Compute Engine; `scope` is `global` or `regions/R`."""
        return f"{_COMPUTE}/projects/{self.project}/{scope}/{collection}/{name}"

    def log_entries(self) -> list[Resource]:
        """What Cloud Logging holds now."""
        entries = []
        for name, since in self.loops.items():
            revision = short(self.service(name)["latestCreatedRevision"])
            writer = Writer(self.project, self.region, name, revision)
            entries += writer.loop(max(since, self.now() - 600.0), self.now())
        return entries

    def time_series(self, text: str, start: str, end: str) -> list[Resource]:
        """The series of the metric type in a filter; the newest point is as old as the real ones are."""
        match = re.search(r'metric\.type\s*=\s*"vpcaccess\.googleapis\.com/connector/([a-z_/]+)"', text)
        metric = match[1] if match else ""
        values: dict[str, Resource] = {
            "instances": {name: {"int64Value": str(count)} for name, count in self.instances.items()},
            "cpu/utilizations": {name: {"doubleValue": ratio} for name, ratio in self.cpu.items()},
            "sent_bytes_count": {name: {"doubleValue": rate} for name, rate in self.throughput.items()},
            "received_bytes_count": {name: {"doubleValue": rate} for name, rate in self.throughput.items()},
        }
        moment = (self.now() - self.metrics_delay) // 60 * 60
        kind = "INT64" if metric == "instances" else "DOUBLE"
        return [
            {
                "metric": {"type": f"vpcaccess.googleapis.com/connector/{metric}"},
                "resource": {
                    "type": "vpc_access_connector",
                    "labels": {"project_id": self.project, "location": self.region, "connector_name": name},
                },
                "metricKind": "GAUGE",
                "valueType": kind,
                "points": [
                    {"interval": {"startTime": stamp(at), "endTime": stamp(at)}, "value": value}
                    for at in (moment, moment - 60.0)
                    if (not start or start <= stamp(at)) and stamp(at) <= end
                ],
            }
            for name, value in values.get(metric, {}).items()
        ]


def named(resources: list[Resource], name: str) -> Resource:
    """The resource whose name ends so. Raises KeyError."""
    for resource in resources:
        if short(resource["name"]) == name:
            return resource
    raise KeyError(name)


def short(name: str) -> str:
    """The last part of a name."""
    return name.rpartition("/")[2]
