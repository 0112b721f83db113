"""Kind `gcp_lb`: an HTTP load balancer, link by link: forwarding rule, proxy, URL map, backend services, groups.

Of groups of virtual machines it also reads the health that Compute Engine measures.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, model_validator

from staging_exporter.core.model import Reason, State
from staging_exporter.evidence.google.answers import Answer, resource_path, same_resource, short_name
from staging_exporter.evidence.google.backend_health import HEALTH_CHECKED, Health, backend_finding
from staging_exporter.evidence.google.check import Finding, GoogleCheck, absent, worst
from staging_exporter.evidence.google.errors import ApiFailed
from staging_exporter.evidence.google.reads import backend_health, compute
from staging_exporter.net.context import ProbeContext

Resource = Mapping[str, Any]
Lists = Mapping[str, Answer]

FRONT = ("forwardingRules", "targetHttpsProxies", "targetHttpProxies")
_MOST = 50  # hosts in a fact
_MOST_GROUPS = 20  # whose health is read: each is a request of its own
BACK = ("backendServices", "networkEndpointGroups")


class GcpLb(GoogleCheck):
    """A load balancer: does its configuration lead anywhere? Serverless groups have no health that could be read."""

    kind: Literal["gcp_lb"]
    url_map: str | None = Field(None, description="the whole load balancer")
    backend_service: str | None = Field(None, description="one backend service alone")

    @model_validator(mode="after")
    def _one(self) -> GcpLb:
        if (self.url_map is None) == (self.backend_service is None):
            raise ValueError("write either `url_map` or `backend_service`")
        return self

    def next_command(self, _reason: Reason) -> str | None:
        """What gcloud says about it."""
        if self.url_map:
            return self.gcloud("compute", "url-maps", "describe", self.url_map, "--global")
        return self.gcloud("compute", "backend-services", "get-health", str(self.backend_service), "--global")

    async def run(self, context: ProbeContext) -> None:
        """Read and judge. Raises ProbeFailed, ProbeDegraded."""
        wanted = (*FRONT, "urlMaps", *BACK) if self.url_map else BACK
        reads = [self.read(context, compute(self.in_project, name)) for name in wanted]
        lists: Lists = dict(zip(wanted, await asyncio.gather(*reads), strict=True))
        if self.url_map:
            finding = judge_map(self.url_map, lists, context.facts)
        else:
            finding = judge_backend(str(self.backend_service), lists, context.facts)
        if finding.health != State.DOWN:  # what leads nowhere needs no health
            finding = worst([finding, *await self._health(context, lists)])
        finding.conclude()

    async def _health(self, context: ProbeContext, lists: Lists) -> list[Finding]:
        """The findings on the endpoints of the groups that have health checks, one for each backend service."""
        services = _reached(self.url_map, self.backend_service, lists)
        groups = [(service, link) for service in services for link in _checked_groups(service, lists)]
        found = await asyncio.gather(*(self._of_group(context, *pair) for pair in groups[:_MOST_GROUPS]))
        by_service: dict[str, list[Health]] = {}
        for (service, _), health in zip(groups, found, strict=False):
            by_service.setdefault(str(service["name"]), []).append(health)
        context.facts.update({"endpoints": counts} if (counts := _counts(by_service)) else {})
        return [backend_finding(name, healths) for name, healths in by_service.items()]

    async def _of_group(self, context: ProbeContext, service: Resource, group: str) -> Health:
        try:
            answer = await self.read(context, backend_health(str(service.get("selfLink")), group))
        except ApiFailed as error:
            return Health(group, trouble=error)
        return Health(group, tuple(answer.items("healthStatus")))


def judge_map(name: str, lists: Lists, facts: dict[str, Any]) -> Finding:
    """The finding on a URL map with all that leads to it and all that it leads to; writes what is shown to `facts`."""
    found = _named(lists["urlMaps"].items("urlMaps"), name)
    if found is None:
        return absent(f"URL map {name}", "the project", lists["urlMaps"])
    proxies = [
        proxy
        for collection in FRONT[1:]
        for proxy in lists[collection].items(collection)
        if same_resource(proxy.get("urlMap"), found.get("selfLink"))
    ]
    rules = [
        rule
        for rule in lists["forwardingRules"].items("forwardingRules")
        if any(same_resource(rule.get("target"), proxy.get("selfLink")) for proxy in proxies)
    ]
    facts["addresses"] = sorted({str(rule["IPAddress"]) for rule in rules if rule.get("IPAddress")})
    hosts = [host for rule in found.get("hostRules") or () for host in rule.get("hosts") or ()]
    facts["hosts"] = hosts[:_MOST]
    broken = [_front_fault(proxies, rules, lists)] if not rules else []
    links = {str(link): None for link in _services(found)}
    findings = [_backend(link, lists, facts) for link in links if "/backendBuckets/" not in link]
    return worst([*broken, *findings])


def judge_backend(name: str, lists: Lists, facts: dict[str, Any]) -> Finding:
    """The finding on one backend service."""
    found = _named(lists["backendServices"].items("backendServices"), name)
    if found is None:
        return absent(f"backend service {name}", "the project", lists["backendServices"])
    return _backend(str(found.get("selfLink")), lists, facts)


def _front_fault(proxies: Sequence[Resource], rules: Sequence[Resource], lists: Lists) -> Finding:
    gaps = "; ".join(dict.fromkeys(lists[name].missing for name in FRONT if lists[name].missing))
    if gaps:
        return Finding(State.UNKNOWN, f"no forwarding rule was found in lists that are incomplete: {gaps}")
    what = "no forwarding rule leads to its proxies" if proxies else "no proxy uses it"
    return Finding(State.DOWN, f"no address leads to the URL map: {what}")


def _services(url_map: Resource) -> Iterator[Any]:
    """Links to all backends of a URL map; a redirect has none."""
    matchers = url_map.get("pathMatchers") or ()
    for place in (url_map, *matchers):
        if link := place.get("defaultService"):
            yield link
        yield from _of_action(place.get("defaultRouteAction"))
    for rule in (
        rule for matcher in matchers for key in ("pathRules", "routeRules") for rule in matcher.get(key) or ()
    ):
        if link := rule.get("service"):
            yield link
        yield from _of_action(rule.get("routeAction"))


def _of_action(action: Resource | None) -> Iterator[Any]:
    for weighted in (action or {}).get("weightedBackendServices") or ():
        if link := weighted.get("backendService"):
            yield link


def _backend(link: str, lists: Lists, facts: dict[str, Any]) -> Finding:
    """The finding on the backend service at that link and its groups."""
    name, services = short_name(link), lists["backendServices"]
    found = next((one for one in services.items("backendServices") if same_resource(one.get("selfLink"), link)), None)
    if found is None:
        return absent(f"backend service {name}", "the project", services)
    backends = found.get("backends") or ()
    if not backends:
        return Finding(State.DOWN, f"backend service {name} has no backends")
    drained = [one for one in backends if one.get("capacityScaler", 1.0) == 0]
    findings = [_group(str(one.get("group")), name, lists, facts) for one in backends]
    if len(drained) == len(backends):
        findings.append(Finding(State.DOWN, f"all backends of {name} are drained: capacityScaler is 0"))
    elif drained:
        text = f"{len(drained)} of {len(backends)} backends of {name} are drained: capacityScaler is 0"
        findings.append(Finding(State.DEGRADED, text))
    return worst(findings)


def _reached(url_map: str | None, service: str | None, lists: Lists) -> list[Resource]:
    """The backend services that are looked at."""
    listed = lists["backendServices"].items("backendServices")
    if url_map is None:
        return [one for one in listed if one.get("name") == service]
    found = _named(lists["urlMaps"].items("urlMaps"), url_map)
    links = dict.fromkeys(map(str, _services(found))) if found else {}
    return [one for one in listed if any(same_resource(one.get("selfLink"), link) for link in links)]


def _checked_groups(service: Resource, lists: Lists) -> Iterator[str]:
    """Links to its groups that get traffic and have health checks: of virtual machines, not serverless ones."""
    if not service.get("healthChecks"):
        return
    types = {
        resource_path(one.get("selfLink")): one.get("networkEndpointType")
        for one in lists["networkEndpointGroups"].items("networkEndpointGroups")
    }
    for one in service.get("backends") or ():
        link = str(one.get("group"))
        is_checked = "/instanceGroups/" in link or types.get(resource_path(link)) in HEALTH_CHECKED
        if is_checked and one.get("capacityScaler", 1.0) != 0:
            yield link


def _counts(by_service: Mapping[str, Sequence[Health]]) -> dict[str, str]:
    """`2 of 3 healthy` by backend service."""
    totals = {name: (sum(h.healthy for h in found), sum(h.total for h in found)) for name, found in by_service.items()}
    return {name: f"{healthy} of {total} healthy" for name, (healthy, total) in totals.items() if total}


def _group(link: str, service: str, lists: Lists, facts: dict[str, Any]) -> Finding:
    """The finding on a group of endpoints; instance groups are another collection, and are not looked up."""
    if "/networkEndpointGroups/" not in link:
        return Finding(State.UP)
    groups = lists["networkEndpointGroups"]
    listed = groups.items("networkEndpointGroups")
    found = next((one for one in listed if same_resource(one.get("selfLink"), link)), None)
    if found is None:
        return absent(f"network endpoint group {short_name(link)} of {service}", "the project", groups)
    if found.get("networkEndpointType") == "SERVERLESS":
        run = found.get("cloudRun") or {}
        facts.setdefault("services", {})[service] = run.get("service") or run.get("urlMask") or "not Cloud Run"
    return Finding(State.UP)


def _named(resources: Sequence[Resource], name: str) -> Resource | None:
    return next((one for one in resources if one.get("name") == name), None)
