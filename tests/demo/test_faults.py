"""Every fault, seen by the checks of the demo's own configuration: who fails, how, and that it heals when lifted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping

import psutil
import pytest
from staging_exporter.config import Config, load_config
from staging_exporter.core.model import Observation, Outcome
from staging_exporter.demo.faults import FAULTS
from staging_exporter.engine.prober import Prober
from staging_exporter.net.resolve import Resolver

from tests.demo.running import Running, demo

SCALE = 0.4
PATIENCE = 30.0  # seconds until a fault must show, or be gone

# Everything that leans on the backend, when it answers 503.
BACKEND_DOWN = {
    "backend": "fail server_error",
    "backend-ready": "fail server_error",
    "frontend": "degraded content",
    "edge-api": "fail server_error",
    "websocket-direct": "fail server_error",
    "websocket": "fail server_error",
    "ws-health": "fail server_error",
    "agent-run": "fail server_error",
    "user-path": "fail server_error",
    "e2e": "fail failed",
}
DATABASE_DOWN = BACKEND_DOWN | {"ws-health": "degraded content"}
AUTH_DOWN = {
    "auth": "fail server_error",
    "edge-auth": "fail server_error",
    "frontend": "fail server_error",
    "edge-app": "fail server_error",
}
CONVERSATIONS = ("websocket", "agent-run", "user-path")  # through the edge
WEBSOCKET_DOWN = dict.fromkeys(("websocket-direct", *CONVERSATIONS), "fail server_error")
BEHIND_THE_EDGE = ("edge-app", "edge-auth", "edge-api", *CONVERSATIONS)
SUITE_FAILS = {"e2e": "fail failed"}

SEEN: Mapping[str, dict[str, str]] = {
    "F01": DATABASE_DOWN | {"postgres": "fail closed"},
    "F03": BACKEND_DOWN,
    "F06": WEBSOCKET_DOWN | SUITE_FAILS,
    "F07": {"ws-health": "degraded content"},
    "F08": BACKEND_DOWN,
    "F09": {"edge-api": "fail identity", **dict.fromkeys(CONVERSATIONS, "fail server_error")} | SUITE_FAILS,
    "F10": dict.fromkeys(("dns-api", "edge-api", *CONVERSATIONS), "fail dns") | SUITE_FAILS,
    "F11": {"edge-app": "fail tls_name", "user-path": "fail tls_name"} | SUITE_FAILS,
    "F12": {"postgres": "unknown probe_error"},
    "F14": dict.fromkeys(CONVERSATIONS, "fail server_error") | SUITE_FAILS,
    "F16": WEBSOCKET_DOWN | SUITE_FAILS,
    "F19": {"agent-run": "fail content", "user-path": "fail timeout"} | SUITE_FAILS,
    "F21": {"redis": "fail timeout", "backend-ready": "fail timeout"},
    "F22": {"redis": "fail refused", "backend-ready": "degraded content"},
    "F25": DATABASE_DOWN | AUTH_DOWN | {"postgres": "fail timeout", "redis": "fail timeout"},
    "F27": {"clickhouse": "fail timeout"},
    "F30": BACKEND_DOWN | {name: "fail timeout" for name in BACKEND_DOWN if name not in ("frontend", "e2e")},
    "F31": BACKEND_DOWN | {"backend": "fail starting"},
    "F37": dict.fromkeys(BEHIND_THE_EDGE, "unknown rate_limited"),
    "F40": BACKEND_DOWN | {"e2e": "unknown no_evidence"},
    "F41": WEBSOCKET_DOWN,
    "F43": {"e2e": "unknown no_evidence"},
    # Those of Google Cloud, where the configuration has no components of it.
    "G01": {},
    "G02": DATABASE_DOWN | AUTH_DOWN | {"postgres": "fail refused"},
    "G03": BACKEND_DOWN,
    "G04": {},
    "G05": {"edge-app": "fail tls_expired", "user-path": "fail tls_expired"} | SUITE_FAILS,
    "G06": {},
    "F44": DATABASE_DOWN | AUTH_DOWN | {"postgres": "fail refused", "backend-revision": "fail failed"},
    # What only a user sees: test_golden_path has the components and steps.
    "F50": {"user-path": "unknown credentials"},
    "F53": {"user-path": "fail status"},
    "F57": {"user-path": "degraded content"},
    **{f"F{number}": {"user-path": "fail content"} for number in (51, 52, 54, 55, 56, 58)},
}


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with demo("--scale", str(SCALE)) as started:
        yield started


@pytest.fixture
def config(running: Running) -> Config:
    return load_config(running.config)


@pytest.fixture(autouse=True)
async def everything_is_closed() -> AsyncIterator[None]:
    """The loop waits until all connections are closed: a TLS peer has a second to answer a close."""
    yield
    async with asyncio.timeout(5):
        while any(c.raddr for c in psutil.Process().net_connections()):
            await asyncio.sleep(0.01)


async def probe_all(config: Config) -> dict[str, Observation]:
    prober = Prober(Resolver(config.servers))
    components = config.topology.components
    seen = await asyncio.gather(*(prober.attempt(components[name], check) for name, check in config.checks.items()))
    return {observation.component: observation for observation in seen}


async def expect(config: Config, wanted: Mapping[str, str]) -> dict[str, Observation]:
    """Probe until each component in `wanted` is as it says, and every other one passes."""
    deadline = time.monotonic() + PATIENCE
    while True:
        seen = await probe_all(config)
        troubles = {name: f"{o.outcome} {o.reason}" for name, o in seen.items() if o.outcome != Outcome.PASS}
        if troubles == wanted:
            return seen
        if time.monotonic() > deadline:
            assert troubles == wanted, "\n".join(f"{o.component}: {o.reason}: {o.detail}" for o in seen.values())


async def test_everything_passes_without_faults(config: Config) -> None:
    seen = await expect(config, {})
    assert len(seen) == 19
    assert {name for name, component in config.topology.components.items() if component.latent} == {
        "vpc-connector",
        "nat",
        "secret-manager",
        "load-balancer",
    }
    assert seen["auth"].facts["uptime"] > 0
    assert len(config.vantage) == 1


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_has_the_expected_results_and_clears(running: Running, config: Config, fault: str) -> None:
    status, state = running.ask("PUT", f"/faults/{fault}")
    assert (status, state["on"]) == (200, [fault])
    try:
        await expect(config, SEEN[fault])
    finally:
        status, state = running.ask("DELETE", f"/faults/{fault}")
    assert (status, state["on"]) == (200, [])
    await expect(config, {})


async def test_a_cold_start_ends_by_itself(running: Running, config: Config) -> None:
    running.ask("PUT", "/switches/backend", {"mode": "cold", "seconds": 45})
    try:
        await expect(config, SEEN["F30"])
        await expect(config, {})
    finally:
        running.ask("DELETE", "/switches")


async def test_details_name_the_cause(running: Running, config: Config) -> None:
    running.ask("PUT", "/faults/F10")
    running.ask("PUT", "/faults/F11")
    try:
        seen = await expect(config, {**SEEN["F10"], **SEEN["F11"]})
        assert "api-staging.netra.test" in seen["dns-api"].detail, "the sibling that resolves is named"
        assert "app.staging.netra.test" not in seen["edge-app"].facts["tls_names"]
        assert seen["edge-app"].facts["tls_not_after"] > time.time()
    finally:
        running.ask("DELETE", "/faults")
    await expect(config, {})


VARIATIONS: Mapping[str, tuple[str, dict[str, object], dict[str, str]]] = {
    "the load balancer is gone": (
        "edge",
        {"mode": "refuse"},
        dict.fromkeys(BEHIND_THE_EDGE, "fail refused") | SUITE_FAILS,
    ),
    "an expired certificate": (
        "certificate",
        {"mode": "expired", "host": "auth.staging.netra.test"},
        {"edge-auth": "fail tls_expired", "user-path": "fail tls_expired"} | SUITE_FAILS,
    ),
    "a certificate of nobody's": (
        "certificate",
        {"mode": "untrusted"},
        {"edge-app": "fail tls_untrusted", "user-path": "fail tls_untrusted"} | SUITE_FAILS,
    ),
    "a silent provider": (
        "llm-proxy",
        {"mode": "timeout"},
        {"llm": "fail timeout", "user-path": "degraded content"},
    ),
    "a name server in trouble": (
        "dns",
        {"mode": "servfail"},
        dict.fromkeys(("dns-api", *BEHIND_THE_EDGE), "unknown resolver"),
    ),
    "a socket that closes cleanly": (
        "websocket",
        {"mode": "close", "code": 1000},
        dict.fromkeys(WEBSOCKET_DOWN, "fail closed") | SUITE_FAILS,
    ),
    "a policy": (
        "websocket",
        {"mode": "status", "status": 403},
        dict.fromkeys(WEBSOCKET_DOWN, "fail denied") | SUITE_FAILS,
    ),
    "a page that is gone": (
        "frontend",
        {"mode": "status", "status": 404},
        dict.fromkeys(("frontend", "edge-app", "user-path"), "fail status") | SUITE_FAILS,
    ),
    "a failing suite": ("e2e", {"mode": "failed"}, {"e2e": "fail failed"}),
}


@pytest.mark.parametrize("name", VARIATIONS)
async def test_switches_of_other_components(running: Running, config: Config, name: str) -> None:
    switch, setting, wanted = VARIATIONS[name]
    assert running.ask("PUT", f"/switches/{switch}", setting)[0] == 200
    try:
        await expect(config, wanted)
    finally:
        running.ask("DELETE", f"/switches/{switch}")
    await expect(config, {})
