"""A small environment with one of everything, recorded on a real board: what the tests of the views look at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from staging_exporter.core.board import Board
from staging_exporter.core.model import (
    LATENT,
    Component,
    Journey,
    Layer,
    Observation,
    Outcome,
    Priority,
    Reason,
    Startup,
    Topology,
    Trait,
)
from staging_exporter.core.snapshot import Deploy
from staging_exporter.probes import load

HOSTILE = 'stag"ing\\\nn ünï'  # quotes, backslashes, newlines: what an environment may be called
PHASES = {"resolve": 0.001, "connect": 0.002, "tls": 0.01, "processing": 0.1, "transfer": 0.001}
SEEN = {
    "status": 503,
    "ip": "192.0.2.1",
    "close_code": 1011,
    "credential_not_after": 1.8e9,
    "token_not_after": 1.85e9,
    "tls_not_after": 2e9,
    "tls_chain_not_after": 1.7e9,
    "tls_verified_not_after": 1.9e9,
    "tls_version": "TLSv1.3",
    "tls_cipher": "TLS_AES_128_GCM_SHA256",
    "tls_issuer": 'an "issuer"',
    "tls_subject": "backend.test",
    "tls_serial": "1f",
    "tls_fingerprint_sha256": "ab" * 32,
}
CLOUD = {"instances": 10, "max_instances": 10, "utilization": 0.9, "startup_budget": 240.0}
TESTS = {"passed": 7, "failed": 0, "error": 0, "skipped": 1, "environment_skipped": 0, "harness_error": 0}


def _component(name: str, layer: Layer, kind: str = "http", *needs: str, covers: tuple[str, ...] = ()) -> Component:
    traits = frozenset() if kind == LATENT else load(kind).traits
    return Component(name, layer, Priority.P1, kind, tuple((need,) for need in needs), covers=covers, traits=traits)


COMPONENTS = (
    _component("vpc", Layer.INFRASTRUCTURE, "latent"),
    _component("database", Layer.INFRASTRUCTURE, "postgres", "vpc"),
    replace(_component("cache", Layer.INFRASTRUCTURE, "redis", "vpc"), traits=frozenset({Trait.DESCRIBES_CLOUD})),
    Component(
        "backend",
        Layer.APPLICATION,
        Priority.P0,
        "http",
        depends_on=(("database",), ("model-a", "model-b")),
        optional_depends_on=("cache",),
        links={"owner": "backend-team"},
        labels={"team": "core", "tier": 'one "two"'},
    ),
    replace(_component("model-a", Layer.SERVICE), buckets=(0.001, 0.05)),
    _component("model-b", Layer.SERVICE, "flow"),
    _component("report", Layer.SERVICE, "http", "database"),
    _component("silent", Layer.PLATFORM, "tcp"),
    _component("name", Layer.PLATFORM, "dns"),
    Component("slow", Layer.SERVICE, Priority.P2, "http", startup=Startup(600.0)),
    _component("suite", Layer.TEST, "e2e", covers=("database",)),
)
JOURNEYS = {"login": Journey("login", Priority.P0, (("open", "model-a"), ("sign-in", "backend")))}


def board(environment: str = "staging", components: tuple[Component, ...] = COMPONENTS) -> Board:
    """All but `silent` ran: the database is down and takes the backend down, report and suite pass nonetheless."""
    known = {component.name: component for component in components}
    journeys = JOURNEYS if "backend" in known else {}
    made = Board(Topology(environment, known, journeys), at=0.0)
    if "cache" in known:
        made.deploy(["cache"], Deploy(0.5, "r42"))
    for turn in range(1, 4):
        for name in known:
            if name not in ("vpc", "silent"):
                made.record(_seen(name, float(turn)))
    made.tick(25.0)  # the opening round waits for `silent` no longer
    return made


def _seen(name: str, at: float) -> Observation:
    if name == "database":
        return Observation(name, at, 0.02, Outcome.FAIL, Reason.CLOSED, "the peer hung up", lag=0.002)
    if name == "slow":
        return Observation(name, at, 0.01, Outcome.FAIL, Reason.STARTING, "startup in progress")
    if name == "backend":
        return Observation(name, at, 0.3, Outcome.FAIL, Reason.SERVER_ERROR, "status 503, expected 2xx", phases=PHASES,
                           facts=SEEN)  # fmt: skip
    facts: dict[str, Any] = {"tests": TESTS, "run_timestamp": 24.5, "run_duration": 0.27} if name == "suite" else {}
    if name == "name":
        facts = {"siblings": {"na-me.test": ["192.0.2.1"]}}
    if name == "cache":
        facts = {"connections": {"used": 70, "usable": 97}, **CLOUD}
    skipped = 2 if name == "model-a" else 0
    return Observation(name, at, 0.01, Outcome.PASS, Reason.OK, "", 0.0, skipped, True, phases=PHASES, facts=facts)
