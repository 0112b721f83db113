"""The reference topology of the incident, in Python: what the replay breaks the way it broke."""

from __future__ import annotations

from staging_exporter.core.model import LATENT, Component, Journey, Layer, Priority, Startup, Topology
from staging_exporter.probes import load

INFRASTRUCTURE, PLATFORM, SERVICE = Layer.INFRASTRUCTURE, Layer.PLATFORM, Layer.SERVICE
APPLICATION, TEST = Layer.APPLICATION, Layer.TEST
P0, P1, P2 = Priority.P0, Priority.P1, Priority.P2
STARTUP = Startup(budget=600.0, cold=30.0)


def _component(
    name: str,
    layer: Layer,
    priority: Priority,
    kind: str,
    needs: str = "",
    optional: str = "",
    startup: Startup | None = None,
    covers: str = "",
) -> Component:
    """`needs` are names with `|` between alternatives: `lb backend|auth`."""
    groups = tuple(tuple(group.split("|")) for group in needs.split())
    return Component(
        name,
        layer,
        priority,
        kind,
        groups,
        tuple(optional.split()),
        startup=startup,
        covers=tuple(covers.split()),
        traits=frozenset() if kind == LATENT else load(kind).traits,
    )


COMPONENTS = (
    _component("vpc-connector", INFRASTRUCTURE, P0, LATENT),
    _component("nat", INFRASTRUCTURE, P2, LATENT),
    _component("secret-manager", PLATFORM, P0, LATENT),
    _component("load-balancer", INFRASTRUCTURE, P0, LATENT),
    _component("dns-api", INFRASTRUCTURE, P0, "dns"),
    _component("postgres", INFRASTRUCTURE, P0, "postgres", "vpc-connector"),
    _component("redis", INFRASTRUCTURE, P1, "redis", "vpc-connector"),
    _component("clickhouse", PLATFORM, P2, "http", "nat"),
    _component("llm", PLATFORM, P1, "http", "nat"),
    _component("auth", SERVICE, P0, "http", "postgres secret-manager"),
    _component("backend-revision", APPLICATION, P0, "exec"),
    _component(
        "backend",
        APPLICATION,
        P0,
        "http",
        "postgres secret-manager backend-revision",
        "redis clickhouse llm",
        startup=STARTUP,
    ),
    _component("backend-ready", APPLICATION, P1, "http", "backend redis"),
    _component("frontend", SERVICE, P0, "http", "backend|auth"),
    _component("edge-app", INFRASTRUCTURE, P0, "http", "load-balancer frontend"),
    _component("edge-auth", INFRASTRUCTURE, P0, "http", "load-balancer auth"),
    _component("edge-api", INFRASTRUCTURE, P0, "http", "load-balancer dns-api backend"),
    _component("websocket-direct", SERVICE, P0, "websocket", "backend", "auth"),
    _component("websocket", SERVICE, P0, "websocket", "edge-api websocket-direct", "auth"),
    _component("ws-health", SERVICE, P1, "http", "backend"),
    _component("agent-run", APPLICATION, P0, "websocket", "websocket", "llm"),
    _component("e2e", TEST, P2, "e2e", "websocket", covers="edge-app edge-auth edge-api websocket"),
)

GOLDEN_PATH = Journey(
    "golden-path",
    P0,
    (("page", "edge-app"), ("login", "edge-auth"), ("connect", "websocket"), ("agent", "agent-run")),
)


def reference() -> Topology:
    """Section 2 of the incident: every component at the default cadence of 10 s, 5 s and three failures."""
    return Topology("netra-staging", {c.name: c for c in COMPONENTS}, {GOLDEN_PATH.name: GOLDEN_PATH})
