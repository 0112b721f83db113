"""Kind `gcp_certificate`: managed and own certificates, of Compute Engine and of Certificate Manager."""

from __future__ import annotations

from typing import Any

import pytest
from staging_exporter.core.model import Outcome, Reason, State
from staging_exporter.demo.googlecloud.front import PREVIEWS
from staging_exporter.demo.googlecloud.logs import stamp
from staging_exporter.demo.googlecloud.world import DAY, World
from staging_exporter.probes.gcp_certificate import judge

from tests.support.googlecloud import of_world

NOW = 1_800_000_000.0
LATER, SOON, GONE = stamp(NOW + 60 * DAY), stamp(NOW + 5 * DAY), stamp(NOW - DAY)


def managed(status: str, end: str | None = LATER, **domains: str) -> dict[str, Any]:
    found: dict[str, Any] = {"managed": {"status": status, "domainStatus": domains}}
    return found | ({"expireTime": end} if end else {})


def manager(state: str, end: str | None = LATER, **failure: str) -> dict[str, Any]:
    attempts = [{"domain": "a.x", "state": "FAILED", **failure}] if failure else []
    found: dict[str, Any] = {"managed": {"state": state, "authorizationAttemptInfo": attempts}}
    return found | ({"expireTime": end} if end else {})


TABLE: dict[str, tuple[dict[str, Any], State, str]] = {
    "active": (managed("ACTIVE", a="ACTIVE"), State.UP, ""),
    "active, and ends soon": (managed("ACTIVE", SOON), State.DEGRADED, "status is ACTIVE, it ends on 2027-01-20"),
    "expired": (managed("ACTIVE", GONE), State.DOWN, "it expired on 2027-01-14"),
    "one domain is not visible": (
        managed("ACTIVE", api="FAILED_NOT_VISIBLE", app="ACTIVE"),
        State.DEGRADED,
        "api: FAILED_NOT_VISIBLE, its DNS does not point to the load balancer",
    ),
    "a renewal failed": (
        managed("RENEWAL_FAILED", api="FAILED_CAA_FORBIDDEN"),
        State.DEGRADED,
        "status is RENEWAL_FAILED, it ends on 2027-03-16 08:00:00 UTC; api: FAILED_CAA_FORBIDDEN, its CAA record",
    ),
    "a renewal failed, and the old one is over": (managed("RENEWAL_FAILED", GONE), State.DOWN, "it expired on"),
    "never provisioned": (managed("PROVISIONING_FAILED", None, api="FAILED_RATE_LIMITED"), State.DOWN, "limits"),
    "permanently": (managed("PROVISIONING_FAILED_PERMANENTLY", None), State.DOWN, "PROVISIONING_FAILED_PERMANENTLY"),
    "provisioning": (managed("PROVISIONING", None), State.STARTING, "status is PROVISIONING"),
    "own": ({"expireTime": LATER}, State.UP, ""),
    "own, and over": ({"expireTime": GONE}, State.DOWN, "it expired on"),
    "own, without an end": ({}, State.UNKNOWN, "it does not say when it ends"),
    "a status of the future": (managed("FRESH"), State.UNKNOWN, "status is FRESH"),
    "of Certificate Manager": (manager("ACTIVE"), State.UP, ""),
    "of Certificate Manager, being renewed": (manager("PROVISIONING"), State.UP, ""),
    "of Certificate Manager, being made": (manager("PROVISIONING", None), State.STARTING, "PROVISIONING"),
    "of Certificate Manager, failed": (
        manager("FAILED", None, failureReason="CONFIG"),
        State.DOWN,
        "status is FAILED; a.x: CONFIG, its DNS authorization",
    ),
}


@pytest.mark.parametrize("case", TABLE)
def test_the_fields_decide(case: str) -> None:
    certificate, health, words = TABLE[case]
    finding = judge(certificate, NOW)
    assert finding.health == health, finding.detail
    assert words in finding.detail


async def test_a_certificate_of_certificate_manager_is_found_by_its_name() -> None:
    seen = await of_world("gcp_certificate", name=PREVIEWS)
    assert (seen.outcome, seen.facts["names"]) == (Outcome.PASS, ["*.preview.staging.netrasystems.ai"])


async def test_an_expired_certificate_has_the_reason_of_one() -> None:
    def expire(world: World) -> None:
        certificate = world.compute["sslCertificates"][0]
        certificate["expireTime"] = stamp(world.now() - DAY)
        certificate["managed"]["domainStatus"]["api.staging.netrasystems.ai"] = "FAILED_NOT_VISIBLE"

    seen = await of_world("gcp_certificate", expire)
    assert (seen.outcome, seen.reason) == (Outcome.FAIL, Reason.TLS_EXPIRED)
    assert "api.staging.netrasystems.ai: FAILED_NOT_VISIBLE" in seen.detail
    assert seen.facts["tls_not_after"] == seen.facts["tls_chain_not_after"]
