"""Resources that the reference environment does not have, to be added to a world: a Redis cluster, virtual machines."""

from __future__ import annotations

from staging_exporter.demo.googlecloud.world import Resource, World


def add_cluster(world: World, name: str) -> Resource:
    """A cluster of Memorystore for Redis in the network of the environment."""
    network = f"projects/{world.project}/global/networks/staging-vpc"
    cluster: Resource = {
        "name": f"{world.at}/clusters/{name}",
        "state": "ACTIVE",
        "shardCount": 3,
        "replicaCount": 1,
        "authorizationMode": "AUTH_MODE_DISABLED",
        "transitEncryptionMode": "TRANSIT_ENCRYPTION_MODE_DISABLED",
        "discoveryEndpoints": [{"address": "10.107.2.3", "port": 6379, "pscConfig": {"network": network}}],
        "pscConfigs": [{"network": network}],
    }
    world.redis_clusters.append(cluster)
    return cluster


def add_machines(world: World, name: str, hosts: tuple[str, ...], healthy: int = 2, unhealthy: int = 0) -> Resource:
    """A backend service of virtual machines: an instance group behind the load balancer, with a host rule."""
    zone = f"zones/{world.region}-a"
    group = world.link(zone, "instanceGroups", f"{name}-group")
    backend: Resource = {
        "name": name,
        "selfLink": world.link("global", "backendServices", name),
        "loadBalancingScheme": "EXTERNAL_MANAGED",
        "protocol": "HTTP",
        "healthChecks": [world.link("global", "healthChecks", f"{name}-check")],
        "backends": [{"group": group, "capacityScaler": 1.0}],
    }
    world.compute["backendServices"].append(backend)
    states = ["HEALTHY"] * healthy + ["UNHEALTHY"] * unhealthy
    world.health[f"{name}-group"] = [
        {
            "instance": world.link(zone, "instances", f"{name}-{n}"),
            "ipAddress": f"10.9.0.{n + 1}",
            "port": 80,
            "healthState": state,
        }
        for n, state in enumerate(states)
    ]
    url_map = world.compute["urlMaps"][0]
    url_map["hostRules"].append({"hosts": [*hosts], "pathMatcher": name})
    url_map["pathMatchers"].append({"name": name, "defaultService": backend["selfLink"]})
    return backend
