"""Kind `gcp_lb`: a load balancer is up when every link of its chain leads somewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError
from staging_exporter.core.model import Outcome, Reason
from staging_exporter.demo.googlecloud.world import World
from staging_exporter.probes.gcp_lb import GcpLb

from tests.support.googlecloud import of_world


def drop(collection: str, at: int = 0) -> Callable[[World], Any]:
    return lambda world: world.compute[collection].pop(at)


def scale(*capacities: float) -> Callable[[World], Any]:
    def change(world: World) -> None:
        service = world.compute["backendServices"][0]
        group = service["backends"][0]["group"]
        service["backends"] = [{"group": group, "capacityScaler": one} for one in capacities]

    return change


def weigh(world: World) -> None:
    """Traffic is split to a service that does not exist."""
    link = world.link("global", "backendServices", "canary")
    action = {"weightedBackendServices": [{"backendService": link, "weight": 5}]}
    world.compute["urlMaps"][0]["pathMatchers"][0]["routeRules"] = [{"priority": 1, "routeAction": action}]


def redirect(world: World) -> None:
    """A map that only redirects has no backends."""
    url_map = world.compute["urlMaps"][0]
    for key in ("defaultService", "pathMatchers", "hostRules"):
        del url_map[key]
    url_map["defaultUrlRedirect"] = {"httpsRedirect": True}


CASES: dict[str, tuple[Callable[[World], Any], Outcome, str]] = {
    "a backend service is gone": (drop("backendServices"), Outcome.FAIL, "there is no backend service netra-frontend"),
    "a group is gone": (
        drop("networkEndpointGroups", 2),
        Outcome.FAIL,
        "there is no network endpoint group netra-back",
    ),
    "the proxy is gone": (
        drop("targetHttpsProxies"),
        Outcome.FAIL,
        "no address leads to the URL map: no proxy uses it",
    ),
    "the forwarding rule is gone": (drop("forwardingRules"), Outcome.FAIL, "no forwarding rule leads to its proxies"),
    "every backend is drained": (scale(0.0), Outcome.FAIL, "are drained: capacityScaler is 0"),
    "one of two backends is drained": (scale(0.0, 1.0), Outcome.DEGRADED, "1 of 2 backends of netra-frontend"),
    "no backends": (scale(), Outcome.FAIL, "has no backends"),
    "a split to nowhere": (weigh, Outcome.FAIL, "there is no backend service canary"),
    "a redirect": (redirect, Outcome.PASS, ""),
}


@pytest.mark.parametrize("case", CASES)
async def test_every_link_counts(case: str) -> None:
    change, outcome, words = CASES[case]
    seen = await of_world("gcp_lb", change)
    assert seen.outcome == outcome, seen.detail
    assert words in seen.detail
    assert seen.reason in (Reason.OK, Reason.FAILED, Reason.CONTENT)


async def test_facts_are_addresses_hosts_and_services() -> None:
    seen = await of_world("gcp_lb")
    assert seen.facts["addresses"] == ["203.0.113.10"]
    assert "api.staging.netrasystems.ai" in seen.facts["hosts"]
    assert seen.facts["services"]["netra-backend-staging-backend"] == "netra-backend-staging"


async def test_one_backend_service_alone() -> None:
    name = {"url_map": None, "backend_service": "netra-backend-staging-backend"}
    assert (await of_world("gcp_lb", **name)).outcome == Outcome.PASS
    assert (await of_world("gcp_lb", drop("networkEndpointGroups", 2), **name)).outcome == Outcome.FAIL
    assert (await of_world("gcp_lb", drop("networkEndpointGroups", 0), **name)).outcome == Outcome.PASS


@pytest.mark.parametrize("given", [{}, {"url_map": "a", "backend_service": "b"}])
def test_it_is_one_or_the_other(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="write either `url_map` or `backend_service`"):
        GcpLb.model_validate({"kind": "gcp_lb", "project": "p", **given})
