"""From an inventory to a graph: components and edges by the rules of what each field of Cloud Run means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from staging_exporter.drafts.gcp.cloud_draft import CloudDraft
from staging_exporter.drafts.gcp.frontend import Front, fronts
from staging_exporter.drafts.gcp.inventory import Inventory
from staging_exporter.drafts.gcp.network import Network
from staging_exporter.drafts.gcp.services import Hint, Service, services_of
from staging_exporter.drafts.gcp.uptime import add_uptime_checks
from staging_exporter.drafts.parts import Edge, Part, slug

_SLOW = {"interval": "1m", "timeout": "10s"}  # of what is read from an API
_SECRETS = "secret-manager"
_WEB = ("http", "https", "ws", "wss")


def draft(inventory: Inventory) -> CloudDraft:
    """The graph of the project, in the region that most of its services are in."""
    return _Drafter(inventory).draft()


class _Drafter:
    def __init__(self, inventory: Inventory) -> None:
        self._services = services_of(inventory)
        regions = [service.region for service in self._services] or [*inventory.regions, ""]
        self._draft = CloudDraft(project=inventory.project, region=max(sorted(set(regions)), key=regions.count))
        self._draft.unseen = inventory.unseen
        self._inventory = inventory
        self._fronts, notes = fronts(inventory)
        self._draft.notes += notes
        self._network = Network(inventory, self._draft, self._services)
        self._by_host = {host: one.name for one in self._services for host in one.hosts}
        self._by_host |= {front.host: front.service for front in self._fronts if front.service}

    def draft(self) -> CloudDraft:
        """The whole graph."""
        self._network.draw()
        if any(service.secrets for service in self._services):
            source = "components without a check are inferred from their dependents"
            self._draft.add(Part(_SECRETS, "platform", "P0", comments=[source]))
        for service in self._services:
            self._revision(service)
            self._service(service)
            self._ready(service)
        for service in self._services:
            self._hints(service)
        self._load_balancers()
        for front in self._fronts:
            self._front(front)
        for service in self._services:
            self._sockets(service)
        add_uptime_checks(self._inventory.uptime_checks, self._draft, self._by_host)
        return self._draft

    # Services

    def _revision(self, service: Service) -> None:
        check = {"kind": "gcp_run", "service": service.name, **self._region(service.region)}
        self._draft.add(Part(slug(service.name, "revision"), "service", "P0", check, timing=_SLOW))

    def _region(self, region: str) -> Mapping[str, str]:
        return {} if region == self._draft.region else {"region": region}

    def _service(self, service: Service) -> None:
        part = self._draft.add(Part(slug(service.name), "service", "P0"))
        part.startup = {"budget": service.budget_text, "cold": "30s"}
        part.comments.append(f"startup.budget: what the startup probe allows; revision {service.source}")
        if service.public:
            part.check = {"kind": "http", "url": f"{service.raw['uri']}{service.path}"}
            part.comments.append(
                "identity: {json: {...}} on a field that only this service has makes a wrong answer seen"
            )
            if service.raw.get("iapEnabled"):
                part.comments.append("iapEnabled: needs auth: {google_id_token: {audience: CLIENT_ID}}")
            elif not service.raw.get("invokerIamDisabled"):
                token = f"{{header: X-Serverless-Authorization, google_id_token: {{audience: {service.raw['uri']}}}}}"
                part.comments.append(f"where it answers 403 to everybody: auth: {token}")
        else:
            part.comments.append(f"ingress {service.raw.get('ingress')}: not asked directly, so its state is inferred")
        part.needs.append(Edge((slug(service.name, "revision"),), "the revision that the platform reports"))
        part.needs += self._network.needs_of(service)
        if service.secrets:
            part.needs.append(Edge((_SECRETS,), f"env and volumes: secrets {', '.join(service.secrets)}"))
        for name in service.secret_addresses():
            self._draft.notes.append(
                f"{service.name}: {name} comes from a secret, which is not read: what does it name?"
            )

    def _ready(self, service: Service) -> None:
        """Readiness, where a probe of the platform asks for it at another path: what is connected is needed for it."""
        if service.public and service.ready_path:
            check = {"kind": "http", "url": f"{service.raw['uri']}{service.ready_path}"}
            part = self._draft.add(Part(slug(service.name, "ready"), "service", "P1", check))
            part.comments.append("the path of its readiness or startup probe; degraded: {json: {...}} sees more")
            part.needs.append(Edge((slug(service.name),), f"revision {service.source}"))

    # Environment variables

    def _hints(self, service: Service) -> None:
        part, others = self._draft.parts[slug(service.name)], dict[str, list[str]]()
        for hint in service.hints():
            target = self._by_host.get(hint.host, "")
            if target and hint.scheme in (*_WEB, ""):
                if target != service.name and not self._draft.reaches(slug(target), part.name):
                    others.setdefault(slug(target), []).append(hint.variable)
                continue
            inside = self._network.by_address(hint.host)
            found = inside or self._outside(service, hint)
            if found:
                self._add_optional(part, found, f"env {hint.variable}, a hint: confirm")
            ready = self._draft.parts.get(slug(service.name, "ready"))
            if inside and ready and (inside,) not in [edge.targets for edge in ready.needs]:
                ready.needs.append(Edge((inside,), f"env {hint.variable}, a hint: connected when ready; confirm"))
        edges = [Edge((name,), f"env {', '.join(variables)}, a hint: confirm") for name, variables in others.items()]
        if len(edges) > 1:
            names = ", ".join(variable for variables in others.values() for variable in variables)
            group = tuple(others)
            part.needs.append(Edge(group, f"env {names}, a hint: any one of them is enough; confirm"))
        else:
            part.optional += edges

    def _add_optional(self, part: Part, target: str, source: str) -> None:
        taken = {name for edge in (*part.needs, *part.optional) for name in edge.targets}
        if target not in taken:
            part.optional.append(Edge((target,), source))

    def _outside(self, service: Service, hint: Hint) -> str:
        """A host outside of the project; empty for one that cannot be asked, which is noted."""
        if "." not in hint.host or hint.port is None:
            text = f"{service.name}: {hint.variable} looks like a host ({hint.host}) that is not in this project"
            self._draft.notes.append(text)
            return ""
        name = slug("outside", hint.host)
        part = self._draft.add(
            Part(
                name,
                "platform",
                "P1",
                {"kind": "tcp", "address": f"{hint.host}:{hint.port}"},
                timing={"interval": "30s"},
            )
        )
        if not part.needs:
            part.comments.append(f"env {hint.variable} of {service.name}; kind http with a path would see more")
            part.needs += self._network.outside(service)
        return name

    # What users reach

    def _load_balancers(self) -> None:
        for name in dict.fromkeys(front.url_map for front in self._fronts if front.url_map):
            state = slug("lb", name, "state")
            self._draft.add(Part(state, "infrastructure", "P0", {"kind": "gcp_lb", "url_map": name}, timing=_SLOW))
            part = self._draft.add(Part(slug("lb", name), "infrastructure", "P0"))
            part.comments.append("inferred from the hosts behind it: no API knows the health of serverless backends")
            part.needs.append(Edge((state,), "forwarding rule, proxy, URL map, backends"))
            self._draft.shared.append([front.host for front in self._fronts if front.url_map == name])

    def _front(self, front: Front) -> None:
        dns = self._draft.add(
            Part(
                slug("dns", front.host), "infrastructure", "P0", {"kind": "dns", "name": front.host, "siblings": "auto"}
            )
        )
        service = next((one for one in self._services if one.name == front.service), None)
        check: dict[str, Any] = {"kind": "http", "url": f"https://{front.host}{service.path if service else '/'}"}
        if front.protected:
            check["auth"] = {"google_id_token": {"audience": front.protected}}
        part = self._draft.add(Part(slug("edge", front.host), "infrastructure", "P0", check))
        part.comments.append("a 200 of another service passes until `identity` or `expect` names this one")
        if front.url_map:
            part.needs.append(Edge((slug("lb", front.url_map),), front.source))
        part.needs.append(Edge((dns.name,), "the name"))
        if service is not None:
            source = "backendServices, networkEndpointGroups: cloudRun.service" if front.url_map else front.source
            part.needs.append(Edge((slug(service.name),), source))
        elif front.machines:
            check = {"kind": "gcp_lb", "backend_service": front.machines}
            machines = self._draft.add(Part(slug("machines", front.machines), "service", "P0", check, timing=_SLOW))
            machines.comments = ["the health of its endpoints, as Compute Engine's health checks see it (getHealth)"]
            part.needs.append(Edge((machines.name,), "backendServices: its groups"))
        self._certificate(front, part)

    def _certificate(self, front: Front, part: Part) -> None:
        for certificate in front.certificates:
            if certificate.covers(front.host):
                check = {"kind": "gcp_certificate", "name": certificate.name}
                name = slug("certificate", certificate.name)
                self._draft.add(Part(name, "infrastructure", "P0", check, timing=_SLOW))
                part.needs.append(Edge((name,), "targetHttpsProxies: its certificates"))
                return
        if front.url_map:
            self._draft.notes.append(f"{front.host}: no certificate of the load balancer has this name")

    def _sockets(self, service: Service) -> None:
        """WebSockets that some service names: through the load balancer, and directly."""
        for hint in service.hints():
            target = self._by_host.get(hint.host, "")
            if hint.scheme not in ("ws", "wss") or not target:
                continue
            owner = next(one for one in self._services if one.name == target)
            source = f"env {hint.variable} of {service.name}"
            needs = [Edge((slug(target),), source)]
            if owner.public:
                url = f"{str(owner.raw['uri']).replace('https:', 'wss:', 1)}{hint.path}"
                direct = Part(slug("websocket", target), "service", "P0", {"kind": "websocket", "url": url}, [source])
                direct.needs = needs
                needs = [Edge((self._draft.add(direct).name,), "the same, past the load balancer")]
            if hint.host not in owner.hosts:
                url = f"{hint.scheme}://{hint.host}{hint.path}"
                edge = Part(slug("websocket", hint.host), "service", "P0", {"kind": "websocket", "url": url}, [source])
                edge.needs = [Edge((slug("edge", hint.host),), "the host"), *needs]
                self._draft.add(edge)
