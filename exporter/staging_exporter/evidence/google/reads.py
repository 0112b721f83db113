"""The reads of Google's APIs: each a list, so that one read serves all components of a project."""

from __future__ import annotations

import json
from typing import NamedTuple
from urllib.parse import quote, urlencode

from staging_exporter.evidence.google.answers import resource_path


class ApiRead(NamedTuple):
    """A read: `host` is the API, `query` are parameters, `body` is JSON of a read that is a POST.

    `newest` wants the first page with content alone: an empty one with a token means that the search goes on.
    """

    host: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: str = ""
    newest: bool = False

    @property
    def method(self) -> str:
        """Its HTTP method."""
        return "POST" if self.body else "GET"

    @property
    def target(self) -> str:
        """Path and query of the request."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    def page(self, token: str) -> ApiRead:
        """The read of the page with that token."""
        if self.body:
            return self._replace(body=json.dumps({**json.loads(self.body), "pageToken": token}))
        return self._replace(query=(*(pair for pair in self.query if pair[0] != "pageToken"), ("pageToken", token)))


def _of(project: str, region: str) -> str:
    return f"projects/{quote(project, '')}/locations/{quote(region, '')}"


def run_services(project: str, region: str) -> ApiRead:
    """All Cloud Run services; the API refuses `-` as region."""
    return ApiRead("run.googleapis.com", f"/v2/{_of(project, region)}/services", (("pageSize", "100"),))


def run_revision(project: str, region: str, service: str, revision: str) -> ApiRead:
    """One revision: there can be a thousand of them, so they are not listed."""
    return ApiRead(
        "run.googleapis.com",
        f"/v2/{_of(project, region)}/services/{quote(service, '')}/revisions/{quote(revision, '')}",
    )


def sql_instances(project: str) -> ApiRead:
    """All Cloud SQL instances."""
    return ApiRead("sqladmin.googleapis.com", f"/v1/projects/{quote(project, '')}/instances", (("maxResults", "500"),))


def sql_operations(project: str) -> ApiRead:
    """The last operations on all Cloud SQL instances, newest first."""
    path = f"/v1/projects/{quote(project, '')}/operations"
    return ApiRead("sqladmin.googleapis.com", path, (("maxResults", "50"),), newest=True)


def vpc_connectors(project: str, region: str) -> ApiRead:
    """All VPC connectors of a region."""
    return ApiRead("vpcaccess.googleapis.com", f"/v1/{_of(project, region)}/connectors")


def redis_instances(project: str) -> ApiRead:
    """All Memorystore instances; `-` is every region."""
    return ApiRead("redis.googleapis.com", f"/v1/{_of(project, '-')}/instances")


def redis_clusters(project: str) -> ApiRead:
    """All clusters of Memorystore for Redis; `-` is every region."""
    return ApiRead("redis.googleapis.com", f"/v1/{_of(project, '-')}/clusters")


def backend_health(service: str, group: str) -> ApiRead:
    """The health of the endpoints of one group; `service` and `group` are their URLs.

    Compute Engine answers from the health checks that it makes anyway.
    """
    path = f"/compute/v1/{resource_path(service)}/getHealth"
    return ApiRead("compute.googleapis.com", path, body=json.dumps({"group": group}))


def uptime_checks(project: str) -> ApiRead:
    """All uptime checks of Cloud Monitoring."""
    path = f"/v3/projects/{quote(project, '')}/uptimeCheckConfigs"
    return ApiRead("monitoring.googleapis.com", path, (("pageSize", "100"),))


def compute(project: str, collection: str) -> ApiRead:
    """All resources of that collection, global and regional: `urlMaps`, `sslCertificates`, ..."""
    path = f"/compute/v1/projects/{quote(project, '')}/aggregated/{collection}"
    return ApiRead("compute.googleapis.com", path, (("maxResults", "500"),))


def certificates(project: str) -> ApiRead:
    """All global certificates of Certificate Manager."""
    return ApiRead(
        "certificatemanager.googleapis.com", f"/v1/{_of(project, 'global')}/certificates", (("pageSize", "500"),)
    )


def log_entries(project: str, log_filter: str, size: int = 50) -> ApiRead:
    """The newest entries that match the filter."""
    body = {
        "resourceNames": [f"projects/{project}"],
        "filter": log_filter,
        "orderBy": "timestamp desc",
        "pageSize": size,
    }
    return ApiRead("logging.googleapis.com", "/v2/entries:list", body=json.dumps(body), newest=True)


def time_series(project: str, metric_filter: str, start: str, end: str, aligner: str) -> ApiRead:
    """The points of one metric type, one a minute, newest first; `start` and `end` are RFC 3339."""
    query = (
        ("filter", metric_filter),
        ("interval.startTime", start),
        ("interval.endTime", end),
        ("aggregation.alignmentPeriod", "60s"),
        ("aggregation.perSeriesAligner", aligner),
    )
    return ApiRead("monitoring.googleapis.com", f"/v3/projects/{quote(project, '')}/timeSeries", query)
