"""What a Cloud Run service says of what it needs: the revisions that serve, and the field that each fact came from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from staging_exporter.core.durations import format_duration
from staging_exporter.drafts.gcp.inventory import Inventory, Resource
from staging_exporter.evidence.google.answers import short_name, whole_number

_LIKE_HOSTS = re.compile(r"(_|^)(HOST|HOSTNAME|ADDR|ADDRESS|URL|URI|DSN|ENDPOINT|SERVER)S?$")
_SOCKET = re.compile(r"/cloudsql/([a-z0-9.:-]+:[a-z0-9-]+:[a-z0-9-]+)")
_HOST_PORT = re.compile(r"([a-z0-9.-]+\.[a-z0-9-]+|\d+\.\d+\.\d+\.\d+)(?::(\d{1,5}))?", re.IGNORECASE)
_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443, "redis": 6379, "rediss": 6379, "mysql": 3306}
_POSTGRES = ("postgres", "postgresql", "postgresql+asyncpg", "postgresql+psycopg")
_PERIOD, _FAILURES = 10, 3  # of a startup probe that does not say otherwise
_WITHOUT_PROBE = 240  # seconds that a container without a startup probe has to open its port


class Hint(NamedTuple):
    """A host in a plain environment variable; without what a URL may hold besides: a user, a password, a query."""

    variable: str
    scheme: str
    host: str
    port: int | None
    path: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """A Cloud Run service, by the revisions that have traffic. `source` names them, for comments."""

    name: str
    region: str
    raw: Resource
    revisions: Sequence[Resource]
    source: str

    @property
    def public(self) -> bool:
        """True when its run.app address can be asked from the internet."""
        return self.raw.get("ingress") == "INGRESS_TRAFFIC_ALL" and not self.raw.get("defaultUriDisabled")

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts of its run.app addresses."""
        urls = [self.raw.get("uri"), *(self.raw.get("urls") or ())]
        return frozenset(host for url in urls if url and (host := urlsplit(str(url)).hostname))

    @property
    def containers(self) -> list[Resource]:
        """All containers of the revisions that serve."""
        return [one for revision in self.revisions for one in revision.get("containers") or ()]

    @property
    def connectors(self) -> frozenset[str]:
        """Names of its VPC connectors."""
        found = (revision.get("vpcAccess", {}).get("connector") for revision in self.revisions)
        return frozenset(short_name(name) for name in found if name)

    @property
    def networks(self) -> frozenset[str]:
        """Names of the subnetworks that it is in by direct VPC egress."""
        access = [revision.get("vpcAccess", {}) for revision in self.revisions]
        interfaces = [one for found in access for one in found.get("networkInterfaces") or ()]
        return frozenset(short_name(one.get("subnetwork") or one.get("network") or "") for one in interfaces) - {""}

    @property
    def all_egress(self) -> bool:
        """True when what it sends to the internet goes through the VPC."""
        return any(revision.get("vpcAccess", {}).get("egress") == "ALL_TRAFFIC" for revision in self.revisions)

    @property
    def databases(self) -> frozenset[str]:
        """Connection names of the Cloud SQL instances that are mounted."""
        volumes = [one for revision in self.revisions for one in revision.get("volumes") or ()]
        return frozenset(name for one in volumes for name in one.get("cloudSqlInstance", {}).get("instances") or ())

    @property
    def sockets(self) -> frozenset[str]:
        """Connection names in plain environment variables, mounted or not."""
        return frozenset(name for _, value in self.variables() for name in _SOCKET.findall(value))

    @property
    def secrets(self) -> tuple[str, ...]:
        """Names of the secrets that it needs at its start."""
        env = [one for container in self.containers for one in container.get("env") or ()]
        found = {str(one["valueSource"]["secretKeyRef"].get("secret", "")) for one in env if _from_secret(one)}
        volumes = [one for revision in self.revisions for one in revision.get("volumes") or ()]
        found |= {str(one["secret"].get("secret", "")) for one in volumes if "secret" in one}
        return tuple(sorted(map(short_name, found - {""})))

    @property
    def startup_budget(self) -> int:
        """Seconds that a container has to start: the longest of those with a port."""
        probes = [one.get("startupProbe") for one in self.containers if one.get("ports")]
        return max((_allowed(probe) for probe in probes), default=_WITHOUT_PROBE)

    @property
    def path(self) -> str:
        """The path that a probe of the platform asks whether it lives, or else whether it is ready; `/` without one."""
        return self._probed("livenessProbe", "readinessProbe", "startupProbe") or "/"

    @property
    def ready_path(self) -> str:
        """Another path that a probe of the platform asks whether it is ready or has started; empty without one."""
        path = self._probed("readinessProbe", "startupProbe")
        return "" if path == self.path else path

    def _probed(self, *kinds: str) -> str:
        for kind in kinds:
            for container in self.containers:
                path = str((container.get(kind) or {}).get("httpGet", {}).get("path") or "")
                if path and not path.endswith("z"):  # Cloud Run answers some of those itself, with 404
                    return path
        return ""

    def variables(self) -> Iterator[tuple[str, str]]:
        """Name and value of the plain environment variables."""
        seen = set()
        for container in self.containers:
            for one in container.get("env") or ():
                pair = (str(one.get("name")), str(one.get("value") or ""))
                if pair[1] and pair not in seen:
                    seen.add(pair)
                    yield pair

    def hints(self) -> Iterator[Hint]:
        """Hosts in plain environment variables."""
        for name, value in self.variables():
            if (hint := _hint(name, value)) is not None:
                yield hint

    def secret_addresses(self) -> tuple[str, ...]:
        """Variables whose names promise an address, and whose value is a secret."""
        env = [one for container in self.containers for one in container.get("env") or ()]
        names = {str(one.get("name")) for one in env if _from_secret(one)}
        return tuple(sorted(name for name in names if _LIKE_HOSTS.search(name)))

    @property
    def budget_text(self) -> str:
        """The startup budget as a duration."""
        return format_duration(self.startup_budget)


def _from_secret(one: Resource) -> bool:
    return "secretKeyRef" in (one.get("valueSource") or {})


def _allowed(probe: Resource | None) -> int:
    if not probe:
        return _WITHOUT_PROBE
    numbers = {
        key: whole_number(probe.get(key)) for key in ("initialDelaySeconds", "periodSeconds", "failureThreshold")
    }
    period, failures = numbers["periodSeconds"] or _PERIOD, numbers["failureThreshold"] or _FAILURES
    return (numbers["initialDelaySeconds"] or 0) + period * failures


def _hint(name: str, value: str) -> Hint | None:
    if "://" in value:
        try:
            parts = urlsplit(value)
            host, port = parts.hostname, parts.port
        except ValueError:
            return None
        scheme = "postgres" if parts.scheme in _POSTGRES else parts.scheme.partition("+")[0]
        known = {**_PORTS, "postgres": 5432}
        return Hint(name, scheme, host, port or known[scheme], parts.path) if host and scheme in known else None
    match = _HOST_PORT.fullmatch(value)
    if match and _LIKE_HOSTS.search(name):
        return Hint(name, "", match[1].lower(), int(match[2]) if match[2] else None)
    return None


def services_of(inventory: Inventory) -> list[Service]:
    """The services, each with the revisions that have traffic, or else what is to be deployed next."""
    by_name = {str(one.get("name")): one for one in inventory.revisions}
    return [_service(raw, by_name) for raw in inventory.services]


def _service(raw: Resource, by_name: dict[str, Any]) -> Service:
    path = str(raw["name"])
    serving = list(dict.fromkeys(_serving(raw)))
    known = [by_name[name] for name in serving if name in by_name]
    source = ", ".join(short_name(name) for name in serving if name in by_name)
    region = path.split("/")[3] if path.count("/") >= 3 else ""
    revisions = known or [raw.get("template") or {}]
    return Service(short_name(path), region, raw, revisions, source or "template, since no revision could be read")


def _serving(raw: Resource) -> Iterator[str]:
    for status in raw.get("trafficStatuses") or ():
        if status.get("percent"):
            name = status.get("revision") or raw.get("latestReadyRevision") or ""
            yield name if "/" in name else f"{raw['name']}/revisions/{name}"
