"""The reference environment in the fake: three services behind a load balancer, a database and a cache behind a VPC."""

from __future__ import annotations

import time
from collections.abc import Callable

from staging_exporter.demo.googlecloud.front import add_load_balancer
from staging_exporter.demo.googlecloud.logs import stamp
from staging_exporter.demo.googlecloud.world import DAY, Resource, World

DOMAIN = "staging.netrasystems.ai"
CONNECTOR = "staging-connector"
SQL = "staging-shared-postgres"
REDIS = "staging-shared-redis"
BACKEND, AUTH, FRONTEND = "netra-backend-staging", "netra-auth-service-staging", "netra-frontend-staging"
_HOSTS = {FRONTEND: ("", "app."), AUTH: ("auth.",), BACKEND: ("api.",)}
_SECRETS = {
    BACKEND: ("postgres-password", "redis-password", "jwt-secret", "llm-api-key", "clickhouse-password"),
    AUTH: ("postgres-password", "jwt-secret", "oauth-client-secret"),
    FRONTEND: (),
}


def reference(
    project: str = "netra-staging", region: str = "us-central1", now: Callable[[], float] = time.time
) -> World:
    """A world in which everything works."""
    world = World(project, region, now)
    for name in (BACKEND, AUTH, FRONTEND):
        add_service(world, name)
    _add_network(world)
    add_load_balancer(world, _HOSTS, DOMAIN)
    _add_uptime_check(world)
    names = sorted({name for names in _SECRETS.values() for name in names})
    world.secrets = {name: {"value": f"value-of-{name}", "state": "ENABLED"} for name in names}
    return world


def _add_uptime_check(world: World) -> None:
    """The team watches the WebSocket's own health, which answers 200 whatever it says."""
    world.uptime_checks.append(
        {
            "name": f"projects/{world.project}/uptimeCheckConfigs/websocket-health-Xy2",
            "displayName": "WebSocket health",
            "monitoredResource": {
                "type": "uptime_url",
                "labels": {"project_id": world.project, "host": f"{BACKEND}.example.run.app"},
            },
            "httpCheck": {
                "path": "/ws/health",
                "port": 443,
                "useSsl": True,
                "requestMethod": "GET",
                "acceptedResponseStatusCodes": [{"statusClass": "STATUS_CLASS_2XX"}],
            },
            "contentMatchers": [
                {
                    "content": "healthy",
                    "matcher": "MATCHES_JSON_PATH",
                    "jsonPathMatcher": {"jsonPath": "$.status", "jsonMatcher": "EXACT_MATCH"},
                }
            ],
            "period": "60s",
            "timeout": "10s",
        }
    )


def add_service(world: World, name: str, connector: str | None = CONNECTOR) -> Resource:
    """A Cloud Run service with one ready revision that has all traffic."""
    revision = f"{name}-00042-kem"
    template = _template(world, name, connector)
    path = f"{world.at}/services/{name}"
    created = stamp(world.now() - 3 * DAY)
    ready = {"type": "Ready", "state": "CONDITION_SUCCEEDED", "lastTransitionTime": created}
    service: Resource = {
        "name": path,
        "uid": f"uid-of-{name}",
        "generation": "42",
        "observedGeneration": "42",
        "createTime": created,
        "ingress": "INGRESS_TRAFFIC_ALL",
        "uri": f"https://{name}.example.run.app",
        "urls": [f"https://{name}.example.run.app", f"https://{name}-{world.number}.{world.region}.run.app"],
        "template": template,
        "traffic": [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}],
        "trafficStatuses": [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}],
        "latestReadyRevision": f"{path}/revisions/{revision}",
        "latestCreatedRevision": f"{path}/revisions/{revision}",
        "terminalCondition": ready,
        "conditions": [{**ready, "type": "RoutesReady"}, {**ready, "type": "ConfigurationsReady"}],
    }
    world.services.append(service)
    kept = ("containers", "volumes", "vpcAccess", "scaling", "timeout", "maxInstanceRequestConcurrency")
    world.revisions.append(
        {
            "name": f"{path}/revisions/{revision}",
            "service": name,
            "generation": "1",
            "createTime": created,
            "conditions": [ready],
            "scalingStatus": {"desiredMinInstanceCount": 1},
            **{key: template[key] for key in kept if key in template},
        }
    )
    return service


def _template(world: World, name: str, connector: str | None) -> Resource:
    env: list[Resource] = [
        {
            "name": secret.upper().replace("-", "_"),
            "valueSource": {"secretKeyRef": {"secret": secret, "version": "latest"}},
        }
        for secret in _SECRETS.get(name, ())
    ]
    template: Resource = {
        "scaling": {"minInstanceCount": 1, "maxInstanceCount": 10},
        "timeout": "3600s",
        "maxInstanceRequestConcurrency": 80,
        "serviceAccount": f"{name}@{world.project}.iam.gserviceaccount.com",
    }
    if name in (BACKEND, AUTH):
        connection = f"{world.project}:{world.region}:{SQL}"
        env.append({"name": "POSTGRES_HOST", "value": f"/cloudsql/{connection}"})
        template["volumes"] = [{"name": "cloudsql", "cloudSqlInstance": {"instances": [connection]}}]
    if name == BACKEND:
        env += [
            {"name": "REDIS_HOST", "value": "10.107.0.3"},
            {"name": "AUTH_SERVICE_URL", "value": f"https://auth.{DOMAIN}"},
            {"name": "CLICKHOUSE_URL", "value": "https://clickhouse.netrasystems.ai:8443"},
            {"name": "LLM_BASE_URL", "value": "https://api.openai.com/v1"},
        ]
    if name == FRONTEND:
        env += [
            {"name": "NEXT_PUBLIC_API_URL", "value": f"https://api.{DOMAIN}"},
            {"name": "NEXT_PUBLIC_AUTH_URL", "value": f"https://auth.{DOMAIN}"},
            {"name": "NEXT_PUBLIC_WS_URL", "value": f"wss://api.{DOMAIN}/ws"},
        ]
    elif connector:
        template["vpcAccess"] = {"connector": f"{world.at}/connectors/{connector}", "egress": "ALL_TRAFFIC"}
    template["containers"] = [
        {
            "name": "app",
            "image": f"{world.region}-docker.pkg.dev/{world.project}/netra/{name}:staging",
            "ports": [{"name": "http1", "containerPort": 8000}],
            "env": env,
            "resources": {"limits": {"cpu": "2", "memory": "4Gi"}, "cpuIdle": True},
            "startupProbe": {
                "httpGet": {"path": "/health/ready" if name == BACKEND else "/health", "port": 8000},
                "initialDelaySeconds": 0,
                "periodSeconds": 30,
                "failureThreshold": 20,
                "timeoutSeconds": 10,
            },
            "livenessProbe": {"httpGet": {"path": "/health", "port": 8000}, "periodSeconds": 60},
            "volumeMounts": [{"name": "cloudsql", "mountPath": "/cloudsql"}] if "volumes" in template else [],
        }
    ]
    return template


def _add_network(world: World) -> None:
    network = f"projects/{world.project}/global/networks/staging-vpc"
    add_connector(world, CONNECTOR)
    world.sql.append(
        {
            "kind": "sql#instance",
            "name": SQL,
            "project": world.project,
            "region": world.region,
            "connectionName": f"{world.project}:{world.region}:{SQL}",
            "state": "RUNNABLE",
            "databaseVersion": "POSTGRES_17",
            "instanceType": "CLOUD_SQL_INSTANCE",
            "ipAddresses": [{"type": "PRIVATE", "ipAddress": "10.107.1.3"}],
            "settings": {
                "activationPolicy": "ALWAYS",
                "availabilityType": "ZONAL",
                "tier": "db-custom-2-7680",
                "dataDiskSizeGb": "50",
                "ipConfiguration": {"privateNetwork": network, "sslMode": "ALLOW_UNENCRYPTED_AND_ENCRYPTED"},
                "databaseFlags": [{"name": "max_connections", "value": "100"}],
            },
        }
    )
    world.redis.append(
        {
            "name": f"{world.at}/instances/{REDIS}",
            "locationId": f"{world.region}-a",
            "state": "READY",
            "host": "10.107.0.3",
            "port": 6379,
            "tier": "BASIC",
            "memorySizeGb": 1,
            "redisVersion": "REDIS_7_2",
            "authEnabled": True,
            "authorizedNetwork": network,
            "connectMode": "PRIVATE_SERVICE_ACCESS",
        }
    )
    world.compute["routers"] = [
        {
            "name": "staging-router",
            "selfLink": world.link(f"regions/{world.region}", "routers", "staging-router"),
            "network": world.link("global", "networks", "staging-vpc"),
            "nats": [{"name": "staging-nat", "sourceSubnetworkIpRangesToNat": "ALL_SUBNETWORKS_ALL_IP_RANGES"}],
        }
    ]


def add_connector(world: World, name: str) -> Resource:
    """A VPC connector with room."""
    connector = {
        "name": f"{world.at}/connectors/{name}",
        "network": "staging-vpc",
        "ipCidrRange": "10.8.0.0/28",
        "state": "READY",
        "machineType": "e2-micro",
        "minInstances": 2,
        "maxInstances": 10,
    }
    world.connectors.append(connector)
    world.instances[name], world.cpu[name], world.throughput[name] = 3, 0.21, 2_000_000.0
    return connector
