"""What is deployed in a project, by reads alone: 16 lists, and what could not be seen."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.evidence.google import reads
from staging_exporter.evidence.google.answers import short_name
from staging_exporter.evidence.google.errors import ApiFailed
from staging_exporter.evidence.google.reader import GoogleReader
from staging_exporter.evidence.google.reads import ApiRead
from staging_exporter.net.context import ProbeContext

Resource = Mapping[str, Any]
_OLD = 600.0  # seconds: one run of a command reads nothing twice
COLLECTIONS = (
    *("forwardingRules", "targetHttpsProxies", "urlMaps", "backendServices"),
    *("networkEndpointGroups", "sslCertificates", "routers"),
)


@dataclass
class Inventory:
    """The resources of a project, as the APIs describe them.

    `compute` are those of Compute Engine by collection. `unseen` are sentences on what could not be read: a resource
    that is missing here on their account may exist.
    """

    project: str
    regions: tuple[str, ...] = ()
    services: list[Resource] = field(default_factory=list)
    revisions: list[Resource] = field(default_factory=list)
    connectors: list[Resource] = field(default_factory=list)
    sql: list[Resource] = field(default_factory=list)
    redis: list[Resource] = field(default_factory=list)
    redis_clusters: list[Resource] = field(default_factory=list)
    uptime_checks: list[Resource] = field(default_factory=list)
    certificates: list[Resource] = field(default_factory=list)
    map_entries: dict[str, list[Resource]] = field(default_factory=dict)
    domain_mappings: list[Resource] = field(default_factory=list)
    compute: dict[str, list[Resource]] = field(default_factory=dict)
    unseen: list[str] = field(default_factory=list)
    denied: bool = False


async def take_inventory(
    reader: GoogleReader, context: ProbeContext, project: str, regions: Iterable[str] = ()
) -> Inventory:
    """Read the project; without `regions` those in which its network endpoint groups, databases and caches are.

    Raises ProbeFailed when nothing at all can be read, with the first reason.
    """
    found = Inventory(project)
    taker = _Taker(reader, context, found)
    await asyncio.gather(taker.project_wide(), *map(taker.collection, COLLECTIONS))
    found.regions = tuple(regions) or _regions(found)
    if not found.regions and not taker.succeeded:
        raise taker.failed or ProbeFailed(Reason.NO_EVIDENCE, "nothing could be read")
    await asyncio.gather(*(taker.region(region) for region in found.regions), taker.map_entries())
    return found


def _regions(found: Inventory) -> tuple[str, ...]:
    negs = (short_name(neg["region"]) for neg in found.compute.get("networkEndpointGroups", ()) if "region" in neg)
    databases = (str(one["region"]) for one in found.sql if "region" in one)
    stores = (*found.redis, *found.redis_clusters)
    caches = (str(one["name"]).split("/")[3] for one in stores if str(one.get("name")).count("/") >= 3)
    return tuple(sorted({*negs, *databases, *caches}))


class _Taker:
    def __init__(self, reader: GoogleReader, context: ProbeContext, found: Inventory) -> None:
        self._reader, self._context, self._found = reader, context, found
        self.succeeded = False
        self.failed: ProbeFailed | None = None

    async def project_wide(self) -> None:
        """What one list has for all regions."""
        project, found = self._found.project, self._found
        found.sql, found.certificates, found.domain_mappings, found.uptime_checks = await asyncio.gather(
            self._list(reads.sql_instances(project), "items"),
            self._list(reads.certificates(project), "certificates"),
            self._list(_domain_mappings(project), "items", optional=True),
            self._list(reads.uptime_checks(project), "uptimeCheckConfigs"),
        )
        found.redis, found.redis_clusters = await asyncio.gather(
            self._list(reads.redis_instances(project), "instances"),
            self._list(reads.redis_clusters(project), "clusters"),
        )

    async def collection(self, name: str) -> None:
        """A collection of Compute Engine."""
        self._found.compute[name] = await self._list(reads.compute(self._found.project, name), name)

    async def region(self, region: str) -> None:
        """What each region has a list of its own for."""
        project, found = self._found.project, self._found
        services, revisions, connectors = await asyncio.gather(
            self._list(reads.run_services(project, region), "services"),
            self._list(_revisions(project, region), "revisions"),
            self._list(reads.vpc_connectors(project, region), "connectors"),
        )
        found.services += services
        found.revisions += revisions
        found.connectors += connectors

    async def map_entries(self) -> None:
        """The entries of the certificate maps that proxies use."""
        names = {short_name(proxy["certificateMap"]) for proxy in self._proxies() if "certificateMap" in proxy}
        for name in sorted(names):
            self._found.map_entries[name] = await self._list(
                _map_entries(self._found.project, name), "certificateMapEntries"
            )

    def _proxies(self) -> list[Resource]:
        return self._found.compute.get("targetHttpsProxies", [])

    async def _list(self, wanted: ApiRead, key: str, *, optional: bool = False) -> list[Resource]:
        """The resources; a list is `optional` when no role of Google's has its permission."""
        try:
            answer = await self._reader.read(self._context, wanted, _OLD)
        except ApiFailed as error:
            self.failed = self.failed or error
            self._unseen(f"{key} of {wanted.host}: {error.detail}")
            self._found.denied |= error.status == 403 and not optional
            return []
        self.succeeded = True
        if answer.missing:
            self._unseen(f"{key} of {wanted.host}, in part: {answer.missing}")
        return list(answer.items(key))

    def _unseen(self, text: str) -> None:
        if text not in self._found.unseen:
            self._found.unseen.append(text)


def _revisions(project: str, region: str) -> ApiRead:
    """The revisions of all services, newest first."""
    path = f"/v2/projects/{quote(project, '')}/locations/{quote(region, '')}/services/-/revisions"
    return ApiRead("run.googleapis.com", path, (("pageSize", "100"),))


def _domain_mappings(project: str) -> ApiRead:
    path = f"/apis/domains.cloudrun.com/v1/namespaces/{quote(project, '')}/domainmappings"
    return ApiRead("run.googleapis.com", path)


def _map_entries(project: str, name: str) -> ApiRead:
    path = f"/v1/projects/{quote(project, '')}/locations/global/certificateMaps/{quote(name, '')}/certificateMapEntries"
    return ApiRead("certificatemanager.googleapis.com", path, (("pageSize", "500"),))
