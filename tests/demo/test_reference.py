"""The reference topology, and the two files that describe it: the demo's and the one in deploy/."""

from __future__ import annotations

from pathlib import Path

import pytest
from staging_exporter.config import Config, load_config
from staging_exporter.demo.configuration import render

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "deploy" / "netra-staging.yml"

# component: layer, priority, hard dependencies, optional dependencies, kind
TOPOLOGY = {
    "vpc-connector": ("infrastructure", "P0", [], [], "latent"),
    "nat": ("infrastructure", "P2", [], [], "latent"),
    "secret-manager": ("platform", "P0", [], [], "latent"),
    "load-balancer": ("infrastructure", "P0", [], [], "latent"),
    "dns-api": ("infrastructure", "P0", [], [], "dns"),
    "postgres": ("infrastructure", "P0", ["vpc-connector"], [], "postgres"),
    "redis": ("infrastructure", "P1", ["vpc-connector"], [], "redis"),
    "clickhouse": ("platform", "P2", ["nat"], [], "http"),
    "llm": ("platform", "P1", ["nat"], [], "http"),
    "auth": ("service", "P0", ["postgres", "secret-manager"], [], "http"),
    "backend-revision": ("application", "P0", [], [], "exec"),
    "backend": (
        "application",
        "P0",
        ["postgres", "secret-manager", "backend-revision"],
        ["redis", "clickhouse", "llm"],
        "http",
    ),
    "backend-ready": ("application", "P1", ["backend", "redis"], [], "http"),
    "frontend": ("service", "P0", ["backend|auth"], [], "http"),
    "edge-app": ("infrastructure", "P0", ["load-balancer", "frontend"], [], "http"),
    "edge-auth": ("infrastructure", "P0", ["load-balancer", "auth"], [], "http"),
    "edge-api": ("infrastructure", "P0", ["load-balancer", "dns-api", "backend"], [], "http"),
    "websocket-direct": ("service", "P0", ["backend"], ["auth"], "websocket"),
    "websocket": ("service", "P0", ["edge-api", "websocket-direct"], ["auth"], "websocket"),
    "ws-health": ("service", "P1", ["backend"], [], "http"),
    "agent-run": ("application", "P0", ["websocket"], ["llm"], "websocket"),
    "user-login": ("service", "P0", ["edge-auth"], [], "step"),
    "chat": ("application", "P0", ["agent-run", "user-login"], ["llm"], "step"),
    "chat-history": ("application", "P0", ["chat", "postgres"], [], "step"),
    "user-path": ("application", "P0", ["edge-app", "user-login", "chat", "chat-history"], [], "flow"),
    "e2e": ("test", "P2", ["websocket"], [], "e2e"),
}
SERVERS = ["control", "vantage", "nameserver", "edge", "postgres", "redis"]
PORTS = [*SERVERS, "clickhouse", "llm", "auth", "backend", "frontend"]
PATHS = [
    "postgres-password",
    "redis-password",
    "user-password",
    "token",
    "ca-file",
    "report",
    "revision-script",
    "revision-file",
]
JOURNEY = (
    ("page", "edge-app"),
    ("login", "user-login"),
    ("connect", "websocket"),
    ("agent", "agent-run"),
    ("chat", "chat"),
    ("history", "chat-history"),
)


@pytest.fixture(params=["demo", "deploy"])
def config(request: pytest.FixtureRequest, tmp_path: Path) -> Config:
    if request.param == "deploy":
        return load_config(REFERENCE)
    file = tmp_path / "demo.yml"
    file.write_text(render(dict.fromkeys(PORTS, "18000") | dict.fromkeys(PATHS, '"/file"'), 1.0), encoding="utf-8")
    return load_config(file)


def test_both_files_describe_the_reference_topology(config: Config) -> None:
    seen = {
        name: (
            str(component.layer),
            str(component.priority),
            ["|".join(group) for group in component.depends_on],
            list(component.optional_depends_on),
            component.kind,
        )
        for name, component in config.topology.components.items()
    }
    assert seen == TOPOLOGY
    assert config.topology.journeys["golden-path"].steps == JOURNEY
    assert config.warnings == ()


def test_hosts_behind_the_load_balancer_share_one_rate_limit() -> None:
    config = load_config(REFERENCE)
    assert config.limits.requests_per_minute == 60
    (group,) = config.limits.shared
    behind = {
        host
        for name in ("edge-app", "edge-auth", "edge-api", "websocket", "agent-run")
        for host in config.checks[name].hosts()
    }
    assert behind < set(group)
    assert config.topology.components["agent-run"].interval == 300
    startup = config.topology.components["backend"].startup
    assert startup is not None
    assert (startup.budget, startup.cold) == (600, 30)


def test_every_checked_component_of_the_reference_has_a_runbook() -> None:
    components = load_config(REFERENCE).topology.components.values()
    assert [component.name for component in components if "runbook" not in component.links] == []
