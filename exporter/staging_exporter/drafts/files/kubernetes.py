"""Manifests of Kubernetes: Services to components, probes to checks, references in the environment to edges.

https://kubernetes.io/docs/reference/kubernetes-api/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from staging_exporter.drafts.files.drafting import Drafting, Found, literal
from staging_exporter.drafts.files.images import DATA, POSTGRES, REDIS, image_name
from staging_exporter.drafts.files.manifests import ADDRESS, Manifest, Values, manifests
from staging_exporter.drafts.files.reading import Source, mapping, sequence, text
from staging_exporter.drafts.parts import Edge, Part

_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Rollout", "Pod")
_ENDS = ("Job", "CronJob")
# Nothing of these answers requests; the others that are not read are listed.
_SILENT = frozenset(
    (
        *("Namespace", "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "NetworkPolicy"),
        *("PersistentVolume", "PersistentVolumeClaim", "StorageClass", "Secret", "ConfigMap", "LimitRange"),
        *("HorizontalPodAutoscaler", "PodDisruptionBudget", "ResourceQuota", "PriorityClass", "IngressClass"),
        *("ServiceMonitor", "PodMonitor", "PrometheusRule", "CustomResourceDefinition"),
    )
)
# A service in a value: `http://NAME...`, `NAME:PORT`, `NAME.NAMESPACE.svc`.
_REFERENCE = re.compile(r"(://(?:[^/@\s]*@)?)?\b([a-z][a-z0-9-]{0,62})((?:\.[a-z0-9-]+)*)(:\d+)?")
_GRPC_PROBE = re.compile(r"grpc[-_]health[-_]probe\b.*-addr=[^:\s]*:(\d+)")
_TIMING = {
    "periodSeconds": "interval",
    "timeoutSeconds": "timeout",
    "failureThreshold": "fall",
    "successThreshold": "rise",
}


def draft(sources: list[Source], drafting: Drafting) -> None:
    """Add the Services, Ingresses and HTTPRoutes of the manifests."""
    objects = [each for source in sources for document in source.documents for each in manifests(document)]
    by_kind: dict[str, list[Manifest]] = {}
    for each in objects:
        by_kind.setdefault(each.kind, []).append(each)
    workloads = [each for kind in _WORKLOADS for each in by_kind.get(kind, [])]
    services = {(each.namespace, each.name): each for each in by_kind.get("Service", [])}
    for service in services.values():
        _Exposed(service, workloads, drafting).add()
    for workload in workloads:
        if not workload.parts:
            part = drafting.add(workload.name, workload.at, None, layer="application")
            part.comments.append("no Service selects it, so its state is inferred from what depends on it")
            workload.parts.append(part)
    values = Values({(each.namespace, each.name): each for each in by_kind.get("ConfigMap", [])}, drafting)
    for workload in workloads:
        _edges(workload, services, values, drafting)
    for ingress in by_kind.get("Ingress", []):
        _ingress(ingress, services, drafting)
    for kind, found in by_kind.items():
        if kind not in (*_WORKLOADS, *_SILENT, "Service", "Ingress"):
            why = "a job that ends is no component" if kind in _ENDS else "this kind is not read"
            drafting.leave_out(", ".join(each.at for each in found[:5]) + (" ..." if len(found) > 5 else ""), why)
    drafting.draft.notes.append(
        "Addresses are those inside the cluster: run the exporter there, or replace them by those that it reaches."
    )


class _Exposed:
    """A Service and the workload that it selects."""

    def __init__(self, service: Manifest, workloads: Iterable[Manifest], drafting: Drafting) -> None:
        self._service, self._drafting = service, drafting
        selector = mapping(service.spec.get("selector"))
        self._workload = next((each for each in workloads if _selects(selector, each, service)), None)
        self._ports = [mapping(port) for port in sequence(service.spec.get("ports"))]
        self._host = f"{service.name}.{service.namespace}.svc.cluster.local"
        if service.spec.get("type") == "ExternalName":
            self._host = text(service.spec.get("externalName")) or self._host

    def add(self) -> None:
        """Add its component."""
        service, workload = self._service, self._workload
        containers = workload.containers if workload else []
        images = [image_name(text(each.get("image"))) for each in containers]
        layer = "infrastructure" if any(map(DATA.search, images)) else "service"
        container, probe, where = self._probe(containers)
        check = self._check(container, probe, where, images)
        timing, startup = _timing(probe, where), _startup(container, workload)
        part = self._drafting.add(service.name, service.at, check, layer=layer, timing=timing, startup=startup)
        if workload:
            part.comments.append(f"runs as {workload.at}")
            workload.parts.append(part)
        elif not mapping(service.spec.get("selector")):
            part.comments.append("selects no pods: what it leads to is outside of these manifests")
        else:
            self._drafting.leave_out(service.at, "no workload in these manifests has the labels that it selects")
        service.parts.append(part)

    def _probe(self, containers: list[Mapping[str, Any]]) -> tuple[Mapping[str, Any], Mapping[str, Any], str]:
        at = self._workload.at if self._workload else ""
        for sort in ("readinessProbe", "livenessProbe"):
            for container in containers:
                if probe := mapping(container.get(sort)):
                    return container, probe, f"{at}.{text(container.get('name'))}.{sort}"
        return (containers[0] if containers else {}), {}, ""

    def _check(
        self, container: Mapping[str, Any], probe: Mapping[str, Any], where: str, images: list[str]
    ) -> Found | None:
        tcp = [port for port in self._ports if text(port.get("protocol")) in ("", "TCP")]
        if not tcp:
            self._drafting.leave_out(self._service.at, "it has no TCP port")
            return None
        command = " ".join(map(str, sequence(mapping(probe.get("exec")).get("command"))))
        if (called := _GRPC_PROBE.search(command)) and (port := self._published(called[1], container, tcp)):
            return Found(self._grpc({}, port), f"{where}.exec, {self._service.at}.ports")
        for sort, make in (("httpGet", self._http), ("grpc", self._grpc)):
            if (asked := mapping(probe.get(sort))) and (port := self._published(asked.get("port"), container, tcp)):
                return Found(make(asked, port), f"{where}.{sort}, {self._service.at}.ports")
        if (asked := mapping(probe.get("httpGet") or probe.get("grpc"))) and where:
            self._drafting.leave_out(
                where, f"the Service does not publish port {asked.get('port')}; its port is probed"
            )
        elif "exec" in probe:
            self._drafting.leave_out(f"{where}.exec", "runs inside the container; the port is probed instead")
        return self._by_image(tcp[0], images)

    def _http(self, asked: Mapping[str, Any], port: str) -> dict[str, Any]:
        scheme = "https" if text(asked.get("scheme")).upper() == "HTTPS" else "http"
        path = text(asked.get("path")) or "/"
        check: dict[str, Any] = {"kind": "http", "url": literal(f"{scheme}://{self._host}:{port}/{path.lstrip('/')}")}
        if scheme == "https":
            check["tls"] = {"insecure_skip_verify": "true"}  # as the kubelet does
        return check

    def _grpc(self, asked: Mapping[str, Any], port: str) -> dict[str, Any]:
        service = text(asked.get("service"))
        return {"kind": "grpc", "address": f"{self._host}:{port}", **({"service": service} if service else {})}

    def _by_image(self, port: Mapping[str, Any], images: list[str]) -> Found:
        number, at = str(port.get("port")), f"{self._service.at}.ports"
        if any(map(POSTGRES.search, images)) and number == "5432":
            check = {
                "kind": "postgres", "host": self._host, "database": "postgres", "user": "prober",
                "password": {"env": "POSTGRES_PASSWORD"}, "tls": {"mode": "disable"},
            }  # fmt: skip
            return Found(check, f"{at}, image; set database, user and the variable")
        if any(map(REDIS.search, images)) and number == "6379":
            return Found({"kind": "redis", "address": f"{self._host}:{number}"}, f"{at}, image")
        return Found({"kind": "tcp", "address": f"{self._host}:{number}"}, f"{at}; a check with content would see more")

    def _published(self, wanted: Any, container: Mapping[str, Any], ports: list[Mapping[str, Any]]) -> str | None:
        """The port of the Service that leads to this port of the container, which may be a name."""
        named = {
            text(each.get("name")): str(each.get("containerPort"))
            for each in map(mapping, sequence(container.get("ports")))
        }
        number = named.get(str(wanted), str(wanted))
        for port in ports:
            target = str(port.get("targetPort") or port.get("port"))
            if named.get(target, target) == number:
                return str(port.get("port"))
        return None


def _selects(selector: Mapping[str, Any], workload: Manifest, service: Manifest) -> bool:
    labels = mapping(mapping(workload.template.get("metadata")).get("labels"))
    same = workload.namespace == service.namespace
    return same and bool(selector) and all(labels.get(name) == value for name, value in selector.items())


def _timing(probe: Mapping[str, Any], where: str) -> dict[str, Found]:
    found = {}
    for theirs, ours in _TIMING.items():
        if theirs in probe:
            unit = "s" if theirs.endswith("Seconds") else ""
            found[ours] = Found(f"{probe[theirs]}{unit}", f"{where}.{theirs}")
    return found


def _startup(container: Mapping[str, Any], workload: Manifest | None) -> Found | None:
    """How long the kubelet lets it start."""
    probe, at = mapping(container.get("startupProbe")), workload.at if workload else ""
    numbers = [str(probe.get(key, default)) for key, default in (("failureThreshold", "3"), ("periodSeconds", "10"))]
    if not probe or not all(map(str.isdecimal, numbers)):
        return None
    return Found(f"{int(numbers[0]) * int(numbers[1])}s", f"{at}.startupProbe")


def _edges(
    workload: Manifest, services: Mapping[tuple[str, str], Manifest], values: Values, drafting: Drafting
) -> None:
    for name, value, source in values.of(workload):
        for other in _named(name, value, workload.namespace, services):
            for part in workload.parts:
                _connect(part, other, source, drafting)


def _named(name: str, value: str, namespace: str, services: Mapping[tuple[str, str], Manifest]) -> Iterator[Manifest]:
    """The services that a value names; a bare word counts only where the name of the variable says that it is one."""
    for match in _REFERENCE.finditer(value):
        scheme, host, rest, port = match.groups()
        place = rest.removeprefix(".").partition(".")[0] or namespace
        whole = match[0] == value and ADDRESS.search(name)
        if (found := services.get((place, host))) and (scheme or port or ".svc" in rest or whole):
            yield found


def _connect(part: Part, other: Manifest, source: str, drafting: Drafting) -> None:
    for target in other.parts:
        known = any(target.name in edge.targets for edge in part.needs)
        if target is part or known:
            continue
        if drafting.draft.reaches(target.name, part.name):
            drafting.leave_out(source, f"{target.name} depends on {part.name} already: an edge back would be a circle")
        else:
            part.needs.append(Edge((target.name,), source))


def _ingress(ingress: Manifest, services: Mapping[tuple[str, str], Manifest], drafting: Drafting) -> None:
    secured = {host for each in sequence(ingress.spec.get("tls")) for host in sequence(mapping(each).get("hosts"))}
    for number, rule in enumerate(map(mapping, sequence(ingress.spec.get("rules")))):
        host, at = text(rule.get("host")), f"{ingress.at}.rules[{number}]"
        if not host or "*" in host:
            drafting.leave_out(at, "it has no single host: add a check with the name that users call")
            continue
        for path in map(mapping, sequence(mapping(rule.get("http")).get("paths"))):
            backend = mapping(path.get("backend"))
            name = text(mapping(backend.get("service")).get("name")) or text(backend.get("serviceName"))
            where = text(path.get("path")).partition("(")[0].rstrip(".*") or "/"
            url = f"{'https' if host in secured else 'http'}://{host}/{where.lstrip('/')}"
            part = drafting.add(
                f"ingress-{name}", at, Found({"kind": "http", "url": literal(url)}, at), layer="platform"
            )
            if service := services.get((ingress.namespace, name)):
                _connect(part, service, f"{at}.http.paths", drafting)
            else:
                drafting.leave_out(f"{at}.http.paths", f"there is no Service {name} in these manifests")
