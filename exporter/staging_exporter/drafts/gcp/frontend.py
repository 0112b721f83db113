"""From forwarding rule to Cloud Run: which service answers for which host, and by which certificate."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from staging_exporter.drafts.gcp.inventory import Inventory, Resource
from staging_exporter.evidence.google.answers import same_resource, short_name


class Certificate(NamedTuple):
    """A certificate of a proxy, and the domains that it has."""

    name: str
    domains: tuple[str, ...]

    def covers(self, host: str) -> bool:
        """True when it has that host; a wildcard has one label."""
        return any(
            fnmatch.fnmatchcase(host, domain) and host.count(".") == domain.count(".") for domain in self.domains
        )


class Front(NamedTuple):
    """A host that a load balancer, or a domain mapping, leads to a service."""

    host: str
    service: str  # empty where it leads somewhere else
    url_map: str  # empty for a domain mapping
    source: str
    certificates: Sequence[Certificate]
    protected: str = ""  # the OAuth client of IAP
    machines: str = ""  # the backend service, where virtual machines are behind it


class _Behind(NamedTuple):
    """What is behind a backend service: a Cloud Run service, or machines; and the OAuth client of IAP."""

    service: str = ""
    protected: str = ""
    machines: str = ""


def fronts(inventory: Inventory) -> tuple[list[Front], list[str]]:
    """The hosts of all HTTPS load balancers and domain mappings, and sentences on what leads nowhere."""
    walker = _Walker(inventory)
    found = [*walker.load_balancers(), *walker.mappings()]
    unique = {front.host: front for front in reversed(found)}
    return sorted(unique.values(), key=lambda front: front.host), walker.notes


class _Walker:
    def __init__(self, inventory: Inventory) -> None:
        self._all, self._compute = inventory, inventory.compute
        self.notes: list[str] = []

    def load_balancers(self) -> Iterator[Front]:
        for rule in self._compute.get("forwardingRules", ()):
            proxy = self._find("targetHttpsProxies", rule.get("target"))
            if proxy is None:
                continue
            url_map = self._find("urlMaps", proxy.get("urlMap"))
            if url_map is None:
                self.notes.append(f"forwarding rule {rule['name']}: URL map {proxy.get('urlMap')} was not found")
                continue
            yield from self._of_map(url_map, self._certificates(proxy))

    def mappings(self) -> Iterator[Front]:
        for mapping in self._all.domain_mappings:
            host, service = mapping.get("metadata", {}).get("name"), mapping.get("spec", {}).get("routeName")
            if host and service:
                yield Front(host, service, "", f"domain mapping {host}: spec.routeName", ())

    def _find(self, collection: str, link: object) -> Resource | None:
        found = self._compute.get(collection, ())
        return next((one for one in found if link and same_resource(one.get("selfLink"), link)), None)

    def _certificates(self, proxy: Resource) -> list[Certificate]:
        if name := proxy.get("certificateMap"):
            entries = self._all.map_entries.get(short_name(name), ())
            used = {short_name(one) for entry in entries for one in entry.get("certificates") or ()}
            known = [one for one in self._all.certificates if short_name(one.get("name")) in used]
            return [Certificate(short_name(one["name"]), _manager_domains(one)) for one in known]
        found = [self._find("sslCertificates", link) for link in proxy.get("sslCertificates") or ()]
        return [Certificate(one["name"], _compute_domains(one)) for one in found if one is not None]

    def _of_map(self, url_map: Resource, certificates: Sequence[Certificate]) -> Iterator[Front]:
        name = str(url_map["name"])
        matchers = {one["name"]: one for one in url_map.get("pathMatchers") or ()}
        for rule in url_map.get("hostRules") or ():
            matcher = matchers.get(rule.get("pathMatcher"), {})
            behind = self._behind(matcher.get("defaultService") or url_map.get("defaultService"))
            self._note_paths(name, matcher, behind.service)
            for host in rule.get("hosts") or ():
                if "*" in host:
                    self.notes.append(f"URL map {name}: {host} is a wildcard: name the hosts that matter")
                    continue
                source = f"URL map {name}: hostRules, pathMatcher {rule.get('pathMatcher')}"
                yield Front(str(host), behind.service, name, source, certificates, behind.protected, behind.machines)

    def _note_paths(self, name: str, matcher: Resource, default: str) -> None:
        """Paths of a host that lead to another service: which of them matters is for a person to say."""
        for rule in (*(matcher.get("pathRules") or ()), *(matcher.get("routeRules") or ())):
            service = self._behind(rule.get("service")).service if rule.get("service") else ""
            if service and service != default:
                places = ", ".join(rule.get("paths") or ["some paths"])
                self.notes.append(f"URL map {name}, {matcher['name']}: {places} lead to {service}: add a check of one")

    def _behind(self, link: object) -> _Behind:
        backend = self._find("backendServices", link)
        if backend is None:
            return _Behind()
        iap = backend.get("iap") or {}
        protected = str(iap.get("oauth2ClientId") or "CLIENT_ID") if iap.get("enabled") else ""
        for one in backend.get("backends") or ():
            neg = self._find("networkEndpointGroups", one.get("group"))
            if neg is not None and (service := (neg.get("cloudRun") or {}).get("service")):
                return _Behind(str(service), protected)
        if backend.get("healthChecks"):  # serverless backends have none
            return _Behind("", protected, str(backend["name"]))
        self.notes.append(f"backend service {backend['name']}: no Cloud Run service was found behind it")
        return _Behind("", protected)


def _manager_domains(one: Resource) -> tuple[str, ...]:
    return tuple((one.get("managed") or {}).get("domains") or one.get("sanDnsnames") or ())


def _compute_domains(one: Resource) -> tuple[str, ...]:
    return tuple((one.get("managed") or {}).get("domains") or one.get("subjectAlternativeNames") or ())
