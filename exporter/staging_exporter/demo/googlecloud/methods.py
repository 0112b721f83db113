"""What each method of the fake answers, from the resources of its world."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from staging_exporter.demo.googlecloud.logs import select
from staging_exporter.demo.googlecloud.troubles import error
from staging_exporter.demo.googlecloud.world import World, short

Variables = Mapping[str, str]
Document = dict[str, Any]
Handler = Callable[[World, Variables, Variables, Any], Document]


class Refused(Exception):
    """The method answers with an error."""

    def __init__(self, status: int, name: str, text: str) -> None:
        super().__init__(text)
        self.answer = error(status, name, text)


def answer(world: World, method: str, variables: Variables, query: Variables, body: Any) -> Document:
    """The answer of the method with that id. Raises Refused."""
    if (handler := _HANDLERS.get(method)) is None:
        raise Refused(501, "UNIMPLEMENTED", f"the fake does not answer {method}")
    return handler(world, variables, query, body or {})


def _page(items: list[Document], key: str, query: Variables, size: str = "pageSize") -> Document:
    """A page of a list; the token is where the next one begins."""
    begin, length = int(query.get("pageToken") or 0), int(query.get(size) or 50)
    page: Document = {key: items[begin : begin + length]}
    if begin + length < len(items):
        page["nextPageToken"] = str(begin + length)
    return page


def _in_project(world: World, name: str) -> None:
    if name not in (world.project, world.number):
        raise Refused(403, "PERMISSION_DENIED", f"Permission denied on resource project {name}.")


def _regional(items: list[Document], variables: Variables) -> list[Document]:
    region = variables["locationsId"]
    return [item for item in items if region == "-" or f"/locations/{region}/" in item["name"]]


def _regional_list(of: Callable[[World], list[Document]], key: str) -> Handler:
    def listed(world: World, variables: Variables, query: Variables, _body: Any) -> Document:
        _in_project(world, variables["projectsId"])
        return _page(_regional(of(world), variables), key, query)

    return listed


def _run_services(world: World, variables: Variables, query: Variables, _body: Any) -> Document:
    _in_project(world, variables["projectsId"])
    if variables["locationsId"] == "-":
        raise Refused(400, "INVALID_ARGUMENT", "location - is not supported")
    return _page(_regional(world.services, variables), "services", query)


def _run_revisions(world: World, variables: Variables, query: Variables, _body: Any) -> Document:
    _in_project(world, variables["projectsId"])
    wanted = variables["servicesId"]
    found = [one for one in _regional(world.revisions, variables) if wanted in ("-", one["service"])]
    return _page(found, "revisions", query)


def _run_revision(world: World, variables: Variables, _query: Variables, _body: Any) -> Document:
    _in_project(world, variables["projectsId"])
    for revision in _regional(world.revisions, variables):
        if revision["name"].endswith(f"/{variables['servicesId']}/revisions/{variables['revisionsId']}"):
            return revision
    raise Refused(404, "NOT_FOUND", f"Revision '{variables['revisionsId']}' not found.")


def _sql(world: World, variables: Variables, query: Variables, _body: Any) -> Document:
    _in_project(world, variables["project"])
    return {"kind": "sql#instancesList", **_page(world.sql, "items", query, "maxResults")}


def _sql_operations(world: World, variables: Variables, query: Variables, _body: Any) -> Document:
    _in_project(world, variables["project"])
    wanted = query.get("instance")
    found = [one for one in world.operations if wanted in (None, one["targetId"])]
    return {"kind": "sql#operationsList", **_page(found, "items", query, "maxResults")}


def _compute(collection: str) -> Handler:
    def listed(world: World, variables: Variables, _query: Variables, _body: Any) -> Document:
        _in_project(world, variables["project"])
        scopes: dict[str, Document] = {}
        for scope in ("global", f"regions/{world.region}", f"zones/{world.region}-a"):
            found = [one for one in world.compute.get(collection, []) if f"/{scope}/" in one["selfLink"]]
            empty = {"code": "NO_RESULTS_ON_PAGE", "message": f"There are no results for scope '{scope}' on this page."}
            scopes[scope] = {collection: found} if found else {"warning": empty}
        return {"kind": f"compute#{collection[:-1]}AggregatedList", "items": scopes}

    return listed


def _health(collection: str) -> Handler:
    def health(world: World, variables: Variables, _query: Variables, body: Any) -> Document:
        """Serverless groups have no health, and a backend service knows only its own groups."""
        _in_project(world, variables["project"])
        name, group = variables["backendService"], str(body.get("group"))
        scope = f"/{collection}/" if collection == "global" else f"/regions/{variables['region']}/"
        services = [one for one in world.compute.get("backendServices", []) if scope in one["selfLink"]]
        found = next((one for one in services if one["name"] == name), None)
        if found is None:
            raise Refused(404, "NOT_FOUND", f"The resource 'backendServices/{name}' was not found")
        if all(one["group"] != group for one in found.get("backends", [])):
            raise Refused(400, "INVALID_ARGUMENT", f"Invalid value for field 'resource.group': '{group}'.")
        return {"kind": "compute#backendServiceGroupHealth", "healthStatus": world.health.get(short(group), [])}

    return health


def _uptime_checks(world: World, variables: Variables, query: Variables, _body: Any) -> Document:
    _in_project(world, variables["projectsId"])
    return _page(world.uptime_checks, "uptimeCheckConfigs", query)


def _map_entries(world: World, variables: Variables, query: Variables, _body: Any) -> Document:
    within = f"/certificateMaps/{variables['certificateMapsId']}/"
    return _page([e for e in world.map_entries if within in e["name"]], "certificateMapEntries", query)


def _log_entries(world: World, _variables: Variables, _query: Variables, body: Any) -> Document:
    for name in body.get("resourceNames", ()):
        _in_project(world, name.removeprefix("projects/"))
    try:
        found = select(world.log_entries(), body.get("filter", ""))
    except ValueError as problem:
        raise Refused(400, "INVALID_ARGUMENT", f"Unparseable filter: {problem}") from None
    found.sort(key=lambda entry: str(entry["timestamp"]), reverse=body.get("orderBy") == "timestamp desc")
    return _page(found, "entries", {key: str(value) for key, value in body.items()})


def _time_series(world: World, variables: Variables, query: Variables, _body: Any) -> Document:
    _in_project(world, variables["projectsId"])
    start, end = query.get("interval.startTime", ""), query["interval.endTime"]
    return {"timeSeries": world.time_series(query["filter"], start, end), "unit": "1"}


def _domain_mappings(world: World, _variables: Variables, _query: Variables, _body: Any) -> Document:
    return {"apiVersion": "domains.cloudrun.com/v1", "kind": "DomainMappingList", "items": world.domain_mappings}


def _enabled_services(world: World, variables: Variables, query: Variables, _body: Any) -> Document:
    """One of the names: a query with several has them under one key, of which this fake keeps the last."""
    _in_project(world, variables["v1Id1"])
    return {"services": [{"name": query.get("names", ""), "parent": f"projects/{world.number}", "state": "ENABLED"}]}


def _secrets(world: World, variables: Variables, query: Variables, _body: Any) -> Document:
    _in_project(world, variables["projectsId"])
    names = [{"name": f"projects/{world.number}/secrets/{name}"} for name in world.secrets]
    return _page(names, "secrets", query)


def _secret(world: World, variables: Variables) -> Mapping[str, str]:
    _in_project(world, variables["projectsId"])
    name = variables["secretsId"]
    if name not in world.secrets or variables["versionsId"] not in ("latest", "1"):
        raise Refused(404, "NOT_FOUND", f"Secret [projects/{world.number}/secrets/{name}] not found.")
    return world.secrets[name]


def _secret_version(world: World, variables: Variables, _query: Variables, _body: Any) -> Document:
    found = _secret(world, variables)
    return {"name": f"projects/{world.number}/secrets/{variables['secretsId']}/versions/1", "state": found["state"]}


def _secret_value(world: World, variables: Variables, _query: Variables, _body: Any) -> Document:
    found = _secret(world, variables)
    if found["state"] != "ENABLED":
        raise Refused(400, "FAILED_PRECONDITION", f"Secret Version is in {found['state']} state.")
    name = f"projects/{world.number}/secrets/{variables['secretsId']}/versions/1"
    return {"name": name, "payload": {"data": base64.b64encode(found["value"].encode()).decode()}}


_RUN = "run.projects.locations.services"
_MANAGER = "certificatemanager.projects.locations"
_VERSIONS = "secretmanager.projects.secrets.versions"
_COMPUTE = (
    *("forwardingRules", "targetHttpsProxies", "targetHttpProxies", "urlMaps", "backendServices"),
    *("networkEndpointGroups", "sslCertificates", "routers"),
)
_HANDLERS: Mapping[str, Handler] = {
    f"{_RUN}.list": _run_services,
    f"{_RUN}.revisions.list": _run_revisions,
    f"{_RUN}.revisions.get": _run_revision,
    "run.namespaces.domainmappings.list": _domain_mappings,
    "vpcaccess.projects.locations.connectors.list": _regional_list(lambda world: world.connectors, "connectors"),
    "redis.projects.locations.instances.list": _regional_list(lambda world: world.redis, "instances"),
    "redis.projects.locations.clusters.list": _regional_list(lambda world: world.redis_clusters, "clusters"),
    "sql.instances.list": _sql,
    "sql.operations.list": _sql_operations,
    **{f"compute.{name}.aggregatedList": _compute(name) for name in _COMPUTE},
    "compute.backendServices.getHealth": _health("global"),
    "compute.regionBackendServices.getHealth": _health("regions"),
    f"{_MANAGER}.certificates.list": _regional_list(lambda world: world.certificates, "certificates"),
    f"{_MANAGER}.certificateMaps.list": _regional_list(lambda world: world.certificate_maps, "certificateMaps"),
    f"{_MANAGER}.certificateMaps.certificateMapEntries.list": _map_entries,
    "logging.entries.list": _log_entries,
    "monitoring.projects.timeSeries.list": _time_series,
    "monitoring.projects.uptimeCheckConfigs.list": _uptime_checks,
    "serviceusage.services.batchGet": _enabled_services,
    "secretmanager.projects.secrets.list": _secrets,
    f"{_VERSIONS}.get": _secret_version,
    f"{_VERSIONS}.access": _secret_value,
}

# The permission that each method needs; seen in public role lists, never against Google.
PERMISSIONS: Mapping[str, str] = {
    f"{_RUN}.list": "run.services.list",
    f"{_RUN}.revisions.list": "run.revisions.list",
    f"{_RUN}.revisions.get": "run.revisions.get",
    "run.namespaces.domainmappings.list": "run.domainmappings.list",
    "vpcaccess.projects.locations.connectors.list": "vpcaccess.connectors.list",
    "redis.projects.locations.instances.list": "redis.instances.list",
    "redis.projects.locations.clusters.list": "redis.clusters.list",
    "sql.instances.list": "cloudsql.instances.list",
    "sql.operations.list": "cloudsql.instances.get",
    **{f"compute.{name}.aggregatedList": f"compute.{name}.list" for name in _COMPUTE},
    "compute.backendServices.getHealth": "compute.backendServices.get",
    "compute.regionBackendServices.getHealth": "compute.regionBackendServices.get",
    f"{_MANAGER}.certificates.list": "certificatemanager.certs.list",
    f"{_MANAGER}.certificateMaps.list": "certificatemanager.certmaps.list",
    f"{_MANAGER}.certificateMaps.certificateMapEntries.list": "certificatemanager.certmapentries.list",
    "logging.entries.list": "logging.logEntries.list",
    "monitoring.projects.timeSeries.list": "monitoring.timeSeries.list",
    "monitoring.projects.uptimeCheckConfigs.list": "monitoring.uptimeCheckConfigs.list",
    "serviceusage.services.batchGet": "serviceusage.services.get",
    "secretmanager.projects.secrets.list": "secretmanager.secrets.list",
    f"{_VERSIONS}.get": "secretmanager.versions.get",
    f"{_VERSIONS}.access": "secretmanager.versions.access",
}

_UNREACHABLE = {"warning": {"code": "UNREACHABLE", "message": "The scope could not be reached."}}
# How each list says that it could not look everywhere.
PARTIAL: Mapping[str, Document] = {
    f"{_RUN}.list": {"unreachable": ["projects/netra-staging/locations/us-central1"]},
    "redis.projects.locations.instances.list": {"unreachable": ["us-central1"]},
    "redis.projects.locations.clusters.list": {"unreachable": ["us-central1"]},
    "sql.instances.list": {"warnings": [{"code": "REGION_UNREACHABLE", "region": "us-central1"}]},
    **{f"compute.{name}.aggregatedList": {"items": {"global": _UNREACHABLE}} for name in _COMPUTE},
    f"{_MANAGER}.certificates.list": {"unreachable": ["global"]},
    "monitoring.projects.timeSeries.list": {"executionErrors": [{"code": 14, "message": "unavailable"}]},
}
