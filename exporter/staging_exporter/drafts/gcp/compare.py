"""How a configuration differs from what is deployed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from staging_exporter.core.durations import format_duration
from staging_exporter.core.model import Component
from staging_exporter.drafts.gcp.frontend import Front, fronts
from staging_exporter.drafts.gcp.inventory import Inventory
from staging_exporter.drafts.gcp.services import Service, services_of
from staging_exporter.evidence.google.answers import short_name
from staging_exporter.options.check import Check


class _Kind(NamedTuple):
    """The option that names a resource, what it is in words, and the lists that must be complete to miss it."""

    option: str
    words: str
    lists: tuple[str, ...]


# By kind; where a kind has two sorts of resources, the second has a word more.
_KINDS = {
    "gcp_run": _Kind("service", "Cloud Run service", ("services of",)),
    "gcp_sql": _Kind("instance", "Cloud SQL instance", ("items of sqladmin",)),
    "gcp_vpc": _Kind("connector", "VPC connector", ("connectors of",)),
    "gcp_redis": _Kind("instance", "Redis instance", ("instances of redis",)),
    "gcp_redis cluster": _Kind("cluster", "Redis cluster", ("clusters of redis",)),
    "gcp_lb": _Kind("url_map", "URL map", ("urlMaps of",)),
    "gcp_lb backend": _Kind("backend_service", "backend service", ("backendServices of",)),
    "gcp_certificate": _Kind("name", "certificate", ("sslCertificates of", "certificates of")),
}
_CERTIFICATES = ("sslCertificates of", "certificates of", "certificateMapEntries of")
Target = tuple[str, str]  # a kind, and the name of a resource; or `host` and a host


def differences(
    inventory: Inventory, components: Mapping[str, Component], checks: Mapping[str, Check]
) -> Iterator[str]:
    """Sentences; what the file says of something that could not be seen is not judged."""
    comparison = _Comparison(inventory, components, checks)
    yield from comparison.gone()
    for service in comparison.services:
        yield from comparison.service(service)
    yield from comparison.hosts()


class _Comparison:
    def __init__(self, inventory: Inventory, components: Mapping[str, Component], checks: Mapping[str, Check]) -> None:
        self.services = services_of(inventory)
        self._all, self._components, self._checks = inventory, components, checks
        self._fronts, self._notes = fronts(inventory)
        self._hosts = {host: one.name for one in self.services for host in one.hosts}
        self._addresses = dict(self._by_address())
        self._targets = {name: frozenset(self._of(name, check)) for name, check in checks.items()}

    def gone(self) -> Iterator[str]:
        """Resources that the file names and the cloud does not have."""
        for name, check in self._checks.items():
            for target, wanted in _resources(check):
                kind = _KINDS[target]
                if not self._unseen(*kind.lists) and wanted not in self._existing(target):
                    yield f"components.{name}.check: there is no {kind.words} {wanted}"

    def service(self, service: Service) -> Iterator[str]:
        """What is different about a service and its edges."""
        places = [name for name, found in self._targets.items() if ("gcp_run", service.name) in found]
        behind = [front.host for front in self._fronts if front.service == service.name]
        probed = [name for name in places if self._checks[name].kind != "gcp_run"]
        if not places and not any(self._probed(host) for host in behind):
            yield f"service {service.name} is deployed, and no component probes it"
        first = [name for name in probed if not self._reached(name, service) & (set(probed) - {name})]
        for name in first:  # the others have their edges through it
            yield from self._edges(name, service)
            yield from self._startup(name, service)

    def hosts(self) -> Iterator[str]:
        """Hosts of the load balancer, and whether they are probed and have a certificate."""
        for front in self._fronts:
            if not self._probed(front.host):
                yield f"host {front.host} leads to {front.service or 'a backend'}, and no component probes it"
            if _without_certificate(front) and not self._unseen(*_CERTIFICATES):
                yield f"host {front.host}: no certificate of the load balancer has this name"
        yield from self._notes

    # What the file means

    def _of(self, name: str, check: Check) -> Iterator[Target]:
        yield from _resources(check)
        place = str(getattr(check, "host", "") or "")
        address = getattr(check, "address", None)
        for host in (*check.names(), place, str(getattr(address, "host", "") or "")):
            yield "host", host
            if host in self._hosts:
                yield "gcp_run", self._hosts[host]
            if host in self._addresses:
                yield self._addresses[host]
        if "/cloudsql/" in place:
            yield "gcp_sql", place.partition("/cloudsql/")[2].rpartition(":")[2]

    def _by_address(self) -> Iterator[tuple[str, Target]]:
        for one in self._all.sql:
            for address in one.get("ipAddresses") or ():
                yield str(address.get("ipAddress")), ("gcp_sql", str(one["name"]))
        for one in self._all.redis:
            for key in ("host", "readEndpoint"):
                if key in one:
                    yield str(one[key]), ("gcp_redis", short_name(one["name"]))
        for one in self._all.redis_clusters:
            for endpoint in one.get("discoveryEndpoints") or ():
                yield str(endpoint.get("address")), ("gcp_redis cluster", short_name(one["name"]))

    def _probed(self, host: str) -> bool:
        return any(("host", host) in found for found in self._targets.values())

    def _reached(self, name: str, service: Service) -> set[str]:
        """The component, and what it depends on; what another service depends on is that one's own."""
        seen: set[str] = set()
        left = [name]
        while left:
            here = left.pop()
            services = {found for kind, found in self._targets.get(here, ()) if kind == "gcp_run"}
            if here not in seen and not services - {service.name}:
                seen.add(here)
                left += self._components[here].needs
        return seen

    # What the cloud says

    def _existing(self, kind: str) -> set[str]:
        found = {
            "gcp_run": self._all.services,
            "gcp_sql": self._all.sql,
            "gcp_vpc": self._all.connectors,
            "gcp_redis": self._all.redis,
            "gcp_redis cluster": self._all.redis_clusters,
            "gcp_lb": self._all.compute.get("urlMaps", []),
            "gcp_lb backend": self._all.compute.get("backendServices", []),
            "gcp_certificate": [*self._all.compute.get("sslCertificates", []), *self._all.certificates],
        }[kind]
        return {short_name(one["name"]) for one in found}

    def _unseen(self, *lists: str) -> bool:
        return any(text.startswith(lists) for text in self._all.unseen)

    def _needed(self, service: Service) -> dict[Target, str]:
        """What a service needs by fields that leave no doubt, each with the field."""
        found = {("gcp_sql", name.rpartition(":")[2]): f"mounts {name}" for name in service.databases}
        return found | {("gcp_vpc", name): f"uses the VPC connector {name}" for name in service.connectors}

    def _edges(self, name: str, service: Service) -> Iterator[str]:
        needed, reached = self._needed(service), self._reached(name, service)
        have = {target for one in reached for target in self._targets.get(one, ())}
        for target, why in needed.items():
            if target in have:
                continue
            others = sorted(found for kind, found in have if kind == target[0])
            if target[0] == "gcp_vpc" and others:
                yield f"components.{name}: revision {service.source} {why}, the file has {', '.join(others)}"
            elif any(target in found for found in self._targets.values()):
                yield f"components.{name}: revision {service.source} {why}, and no edge leads there"
            else:
                yield f"components.{name}: revision {service.source} {why}, which no component checks"
        hinted = {self._addresses[hint.host] for hint in service.hints() if hint.host in self._addresses}
        hinted |= {("gcp_sql", connection.rpartition(":")[2]) for connection in service.sockets}
        for other in sorted(self._components[name].hard):
            for kind, resource in self._targets.get(other, ()):
                if kind in ("gcp_sql", "gcp_vpc") and (kind, resource) not in {*needed, *hinted} and resource:
                    text = f"revision {service.source} does not use {_KINDS[kind].words} {resource}"
                    yield f"components.{name}.depends_on: {other}: {text}"

    def _startup(self, name: str, service: Service) -> Iterator[str]:
        startup = self._components[name].startup
        if startup is not None and startup.budget > service.startup_budget:
            text = f"the startup probe allows {service.budget_text}: Cloud Run ends the container before"
            yield f"components.{name}.startup.budget: it is {format_duration(startup.budget)}, {text}"


def _resources(check: Check) -> Iterator[Target]:
    """The resources that a check of a kind `gcp_*` names."""
    for target, kind in _KINDS.items():
        if target.partition(" ")[0] == check.kind and (name := getattr(check, kind.option)) is not None:
            yield target, str(name)


def _without_certificate(front: Front) -> bool:
    return bool(front.url_map) and not any(one.covers(front.host) for one in front.certificates)
