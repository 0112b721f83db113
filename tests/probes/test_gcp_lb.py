"""Kind `gcp_lb`: a load balancer is up when every link of its chain leads somewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError
from staging_exporter.core.model import Outcome, Reason
from staging_exporter.demo.googlecloud.additions import add_machines
from staging_exporter.demo.googlecloud.reference import reference
from staging_exporter.demo.googlecloud.server import FakeGoogleCloud
from staging_exporter.demo.googlecloud.world import World
from staging_exporter.probes.gcp_lb import GcpLb

from tests.support.googlecloud import of_world, run


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


def machines(healthy: int, unhealthy: int, **changes: Any) -> Callable[[World], Any]:
    return lambda world: add_machines(world, "shop", ("shop.example.com",), healthy, unhealthy).update(changes)


def serverless_again(world: World) -> None:
    """Health checks alone do not make a serverless group one that has health."""
    world.compute["backendServices"][0]["healthChecks"] = [world.link("global", "healthChecks", "old")]


def zonal(world: World) -> None:
    """An endpoint group of virtual machines beside an instance group, all of whose endpoints fail."""
    service = add_machines(world, "shop", ("shop.example.com",), 1)
    link = world.link("zones/us-central1-a", "networkEndpointGroups", "shop-neg")
    world.compute["networkEndpointGroups"].append(
        {"name": "shop-neg", "selfLink": link, "networkEndpointType": "GCE_VM_IP_PORT"}
    )
    service["backends"].append({"group": link, "capacityScaler": 1.0})
    world.health["shop-neg"] = [{"ipAddress": "10.9.1.1", "port": 8080, "healthState": "UNHEALTHY"}]


HEALTH: dict[str, tuple[Callable[[World], Any], Reason, str]] = {
    "all are healthy": (machines(2, 0), Reason.OK, ""),
    "one of three is not": (machines(2, 1), Reason.CONTENT, "1 of 3 endpoints of shop are unhealthy: shop-2"),
    "none is": (machines(0, 2), Reason.FAILED, "no endpoint of shop is healthy: shop-0, shop-1"),
    "no endpoints": (machines(0, 0), Reason.NO_EVIDENCE, "the API reports no endpoint of backend service shop"),
    "drained ones are not asked": (
        lambda world: add_machines(world, "shop", ("s.example.com",), 0, 2)["backends"][0].update(capacityScaler=0),
        Reason.FAILED,
        "all backends of shop are drained: capacityScaler is 0",
    ),
    "without health checks nothing is asked": (machines(0, 2, healthChecks=[]), Reason.OK, ""),
    "a zonal group": (zonal, Reason.CONTENT, "1 of 2 endpoints of shop are unhealthy: 10.9.1.1:8080"),
    "a serverless group": (serverless_again, Reason.OK, ""),
}


@pytest.mark.parametrize("case", HEALTH)
async def test_the_health_of_virtual_machines_counts(case: str) -> None:
    change, reason, words = HEALTH[case]
    seen = await of_world("gcp_lb", change)
    assert (seen.reason, seen.detail) == (reason, words)


async def test_the_endpoints_are_a_fact_and_one_backend_service_may_stand_alone() -> None:
    alone = {"url_map": None, "backend_service": "shop"}
    seen = await of_world("gcp_lb", machines(1, 1), **alone)
    assert (seen.outcome, seen.facts["endpoints"]) == (Outcome.DEGRADED, {"shop": "1 of 2 healthy"})
    assert "endpoints" not in (await of_world("gcp_lb")).facts


async def test_a_missing_permission_for_the_health_makes_nothing_down() -> None:
    world = reference()
    add_machines(world, "shop", ("shop.example.com",), 0, 2)
    async with FakeGoogleCloud(world) as fake:
        fake.removed = {"compute.backendServices.get"}
        seen = await run("gcp_lb", fake)
    assert (seen.outcome, seen.reason) == (Outcome.UNKNOWN, Reason.CREDENTIALS)
    assert seen.detail.startswith("health of shop: ")
    assert "compute.backendServices.get" in seen.detail
