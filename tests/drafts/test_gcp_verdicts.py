"""The draft of the reference environment gives the verdicts of the hand-written configuration, root for root."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from random import Random

import pytest
from staging_exporter.config import load_config
from staging_exporter.core.model import Reason, Topology
from staging_exporter.demo.googlecloud.reference import AUTH, BACKEND, FRONTEND

from tests.replay.play import WARM_UP
from tests.replay.scenarios import SCENARIOS, Effect, Scenario, tells_nothing
from tests.support.drafted import REPOSITORY, drafted
from tests.support.world import HEALTHY, START, Answer, VirtualRunner

# The component of the draft that looks at the same as one of the hand-written file.
SAME = {
    "vpc-connector": "vpc-staging-connector",
    "nat": "nat-staging-nat",
    "secret-manager": "secret-manager",
    "load-balancer": "lb-netra-staging-lb",
    "dns-api": "dns-api-staging-netrasystems-ai",
    "postgres": "sql-staging-shared-postgres",
    "redis": "redis-staging-shared-redis",
    "clickhouse": "outside-clickhouse-netrasystems-ai",
    "llm": "outside-api-openai-com",
    "auth": AUTH,
    "backend": BACKEND,
    "backend-revision": f"{BACKEND}-revision",
    "frontend": FRONTEND,
    "edge-app": "edge-app-staging-netrasystems-ai",
    "edge-auth": "edge-auth-staging-netrasystems-ai",
    "edge-api": "edge-api-staging-netrasystems-ai",
    "websocket-direct": f"websocket-{BACKEND}",
    "websocket": "websocket-api-staging-netrasystems-ai",
    "backend-ready": f"{BACKEND}-ready",
    "ws-health": "uptime-websocket-health",
}
# What the cloud does not know of: conversations, logins, test reports.
ONLY_BY_HAND = {"agent-run", "e2e", "user-login", "chat", "chat-history", "user-path"}
# A second name of the frontend, that the hand-written file leaves out: it fails with the frontend, not with one host.
_SETTLED = 150.0  # seconds: two runs of the slowest
SECOND = "edge-staging-netrasystems-ai"


@pytest.fixture(scope="module")
def written() -> Topology:
    return load_config(REPOSITORY / "deploy" / "netra-staging.yml").topology


@pytest.fixture(scope="module")
def topology(tmp_path_factory: pytest.TempPathFactory) -> Topology:
    file = tmp_path_factory.mktemp("draft") / "staging.yml"
    file.write_text(asyncio.run(drafted()))
    return load_config(file).topology


def roots(topology: Topology, effects: Mapping[str, Effect], scenario: Scenario) -> set[str]:
    """The root causes just before the repair."""
    injected = START + WARM_UP

    def world(name: str, now: float) -> Answer:
        effect = effects.get(name)
        return effect(now - injected) if effect and now >= injected else HEALTHY

    runner = VirtualRunner(topology, world, Random(scenario.id))
    runner.run(injected + max(scenario.lasts, _SETTLED))
    return {root.component for root in runner.board.snapshot(runner.now).root_causes}


def as_written(scenario: Scenario) -> dict[str, Effect]:
    """With what the steps of the flow see, which fail with what they go through."""
    effects = dict(scenario.effects)
    for name, through in (("user-login", "edge-auth"), ("chat", "agent-run")):
        if through in effects:
            effects[name] = effects[through]
            effects["user-path"] = effects[through]
            effects["chat-history"] = tells_nothing(Reason.NO_EVIDENCE)
    if "edge-app" in effects:
        effects["user-path"] = effects["edge-app"]
    return effects


def in_draft(scenario: Scenario) -> dict[str, Effect]:
    effects = {SAME[name]: effect for name, effect in scenario.effects.items() if name in SAME}
    if "frontend" in scenario.effects and "edge-app" in scenario.effects:
        effects[SECOND] = scenario.effects["edge-app"]
    return effects


def test_every_component_of_the_hand_written_file_is_accounted_for(written: Topology, topology: Topology) -> None:
    assert set(written.components) == set(SAME) | ONLY_BY_HAND
    assert set(SAME.values()) <= set(topology.components)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.id)
def test_the_roots_are_the_same(scenario: Scenario, written: Topology, topology: Topology) -> None:
    by_hand = roots(written, as_written(scenario), scenario)
    assert roots(topology, in_draft(scenario), scenario) == {SAME[root] for root in by_hand - ONLY_BY_HAND}


def test_only_one_scenario_has_a_root_that_the_cloud_does_not_know() -> None:
    assert {scenario.id for scenario in SCENARIOS if set(scenario.roots) & ONLY_BY_HAND} == {"F19"}
