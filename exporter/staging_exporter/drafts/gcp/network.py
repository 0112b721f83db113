"""Connectors, databases, caches and NAT: what a service reaches through a VPC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from staging_exporter.drafts.gcp.cloud_draft import CloudDraft
from staging_exporter.drafts.gcp.inventory import Inventory, Resource
from staging_exporter.drafts.gcp.services import Service
from staging_exporter.drafts.parts import Edge, Part, slug
from staging_exporter.evidence.google.answers import short_name

_SLOW = {"interval": "1m", "timeout": "10s"}
_SQL_PORTS = {"POSTGRES": 5432, "MYSQL": 3306, "SQLSERVER": 1433}
_VANTAGE = "only while the exporter itself sits behind this connector"


class Network:
    """Adds the parts behind a VPC to a draft, and knows which of them a service needs."""

    def __init__(self, inventory: Inventory, drafted: CloudDraft, services: Sequence[Service]) -> None:
        self._all, self._draft, self._services = inventory, drafted, services
        self._sql = {str(one.get("connectionName")): one for one in inventory.sql}
        self._addresses: dict[str, str] = {}

    def draw(self) -> None:
        """Add all of them."""
        for connector in self._all.connectors:
            self._connector(short_name(connector["name"]), str(connector["name"]).split("/")[3])
        for name in sorted({name for service in self._services for name in service.networks}):
            part = self._draft.add(Part(slug("subnet", name), "infrastructure", "P0"))
            part.comments.append("direct VPC egress: no API knows its health, so it is inferred from its dependents")
        self._nat()
        for instance in self._all.sql:
            self._database(instance)
        for cache in self._all.redis:
            self._cache(cache)
        for cluster in self._all.redis_clusters:
            self._cluster(cluster)

    def needs_of(self, service: Service) -> list[Edge]:
        """Hard dependencies of a service on what is behind the VPC, with the fields that say so."""
        edges = []
        for connection in sorted(service.databases):
            project, _, name = connection.split(":")[-3:] if connection.count(":") >= 2 else ("", "", connection)
            if connection not in self._sql and project == self._draft.project and self._unseen("items of sqladmin"):
                self._database({"name": name, "connectionName": connection})
            elif connection not in self._sql:
                self._draft.notes.append(f"{service.name}: {connection} is mounted, and is not in this project")
                continue
            edges.append(Edge((slug("sql", name),), f"volumes: cloudSqlInstance {connection}"))
        for connection in sorted(service.sockets - service.databases):
            self._draft.notes.append(f"{service.name}: /cloudsql/{connection} is in a variable, and is not mounted")
        for name in sorted(service.connectors):
            if not self._known_connector(name) and self._unseen("connectors of"):
                self._connector(name, service.region)
            elif not self._known_connector(name):
                self._draft.notes.append(f"{service.name}: its VPC connector {name} was not found")
                continue
            edges.append(Edge((slug("vpc", name),), "vpcAccess.connector"))
        edges += [Edge((slug("subnet", name),), "vpcAccess.networkInterfaces") for name in sorted(service.networks)]
        return edges

    def by_address(self, host: str) -> str:
        """The component of the database or cache with that address, empty for another one."""
        return self._addresses.get(host, "")

    def outside(self, service: Service) -> list[Edge]:
        """What stands between a service and the internet."""
        if not service.all_egress:
            return []
        found = [slug("nat", str(nat["name"])) for router in self._routers() for nat in router.get("nats") or ()]
        if not found:
            self._draft.notes.append(f"{service.name}: vpcAccess.egress is ALL_TRAFFIC, and no Cloud NAT was found")
        return [Edge((name,), "vpcAccess.egress ALL_TRAFFIC, routers: nats") for name in found[:1]]

    def _routers(self) -> Sequence[Resource]:
        return self._all.compute.get("routers", ())

    def _unseen(self, what: str) -> bool:
        """True when a list could not be read, or not all of it: what is not in it may exist."""
        return any(text.startswith(what) for text in self._all.unseen)

    def _known_connector(self, name: str) -> bool:
        return any(short_name(one["name"]) == name for one in self._all.connectors)

    def _region(self, region: str) -> Mapping[str, str]:
        return {} if region in ("", self._draft.region) else {"region": region}

    def _connector(self, name: str, region: str) -> None:
        if slug("vpc", name) in self._draft.parts:
            return
        check = {"kind": "gcp_vpc", "connector": name, **self._region(region)}
        state = self._draft.add(Part(slug("vpc", name, "state"), "infrastructure", "P0", check, timing=_SLOW))
        part = self._draft.add(Part(slug("vpc", name), "infrastructure", "P0"))
        part.comments.append("inferred from what is reached through it: the API does not know whether packets pass")
        part.needs.append(Edge((state.name,), "what the API says of it"))

    def _nat(self) -> None:
        for router in self._routers():
            for nat in router.get("nats") or ():
                part = self._draft.add(Part(slug("nat", str(nat["name"])), "infrastructure", "P2"))
                part.comments.append(f"routers: {router['name']}; inferred from its dependents")

    def _behind(self, network: object) -> list[Edge]:
        """The connector that leads into a network, when there is one alone."""
        found = [one for one in self._all.connectors if short_name(one.get("network")) == short_name(network)]
        return [Edge((slug("vpc", short_name(found[0]["name"])),), f"network; {_VANTAGE}")] if len(found) == 1 else []

    def _database(self, instance: Resource) -> None:
        name = str(instance["name"])
        settings = instance.get("settings", {}).get("ipConfiguration", {})
        check = {"kind": "gcp_sql", "instance": name}
        addresses = {str(one.get("type")): str(one.get("ipAddress")) for one in instance.get("ipAddresses") or ()}
        private = addresses.get("PRIVATE")
        state = Part(
            slug("sql", name, "state") if private else slug("sql", name), "infrastructure", "P0", check, timing=_SLOW
        )
        if primary := instance.get("masterInstanceName"):
            state.needs.append(Edge((self._state_of(str(primary)),), "masterInstanceName"))
        self._draft.add(state)
        self._sql.setdefault(str(instance.get("connectionName")), instance)
        for address in addresses.values():
            self._addresses[address] = slug("sql", name)
        if private is None:
            if "ipAddresses" in instance:
                state.comments.append("no private address: only what the API says of it is known")
            return
        port = next((port for kind, port in _SQL_PORTS.items() if kind in str(instance.get("databaseVersion"))), 5432)
        probe = self._draft.add(Part(slug("sql", name), "infrastructure", "P0", _tcp(private, port)))
        probe.comments.append("kind postgres with a user of its own sees logins, queries and connections as well")
        probe.needs = [Edge((state.name,), "what the API says of it"), *self._behind(settings.get("privateNetwork"))]

    def _state_of(self, name: str) -> str:
        """The component of another instance: the second part of `PROJECT:NAME`."""
        instance = name.rpartition(":")[2]
        found = next((one for one in self._all.sql if one.get("name") == instance), {})
        private = any(one.get("type") == "PRIVATE" for one in found.get("ipAddresses") or ())
        return slug("sql", instance, "state") if private else slug("sql", instance)

    def _cache(self, cache: Resource) -> None:
        name = short_name(cache["name"])
        check = {"kind": "gcp_redis", "instance": name}
        state = self._draft.add(Part(slug("redis", name, "state"), "infrastructure", "P1", check, timing=_SLOW))
        for address in (cache.get("host"), cache.get("readEndpoint")):
            if address:
                self._addresses[str(address)] = slug("redis", name)
        if host := cache.get("host"):
            probe = self._draft.add(
                Part(slug("redis", name), "infrastructure", "P1", _tcp(str(host), cache.get("port", 6379)))
            )
            probe.comments.append("kind redis with the password sees more")
            network = cache.get("authorizedNetwork")
            probe.needs = [Edge((state.name,), "what the API says of it"), *self._behind(network)]

    def _cluster(self, cluster: Resource) -> None:
        name = short_name(cluster["name"])
        check = {"kind": "gcp_redis", "cluster": name}
        state = self._draft.add(Part(slug("redis", name, "state"), "infrastructure", "P1", check, timing=_SLOW))
        for one in cluster.get("discoveryEndpoints") or ():
            if address := one.get("address"):
                self._addresses[str(address)] = slug("redis", name)
                probed = _tcp(str(address), one.get("port", 6379))
                probe = self._draft.add(Part(slug("redis", name), "infrastructure", "P1", probed))
                probe.comments.append("discoveryEndpoints; kind redis with cluster: true sees its slots")
                network = one.get("pscConfig", {}).get("network")
                probe.needs = [Edge((state.name,), "what the API says of it"), *self._behind(network)]


def _tcp(host: str, port: Any) -> dict[str, Any]:
    return {"kind": "tcp", "address": f"{host}:{port}"}
