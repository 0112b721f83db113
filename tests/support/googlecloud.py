"""The kinds `gcp_*` against the fake of the demo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from staging_exporter.core.model import Component, Layer, Observation, Priority
from staging_exporter.demo.googlecloud.front import CERTIFICATE, URL_MAP
from staging_exporter.demo.googlecloud.reference import CONNECTOR, REDIS, SQL, reference
from staging_exporter.demo.googlecloud.server import FakeGoogleCloud
from staging_exporter.demo.googlecloud.world import World
from staging_exporter.engine.prober import Prober
from staging_exporter.probes import load

BACKEND = "netra-backend-staging"
# One check of each kind that reads Google Cloud.
CHECKS: dict[str, dict[str, Any]] = {
    "gcp_run": {"service": BACKEND, "region": "us-central1"},
    "gcp_sql": {"instance": SQL},
    "gcp_vpc": {"connector": CONNECTOR, "region": "us-central1"},
    "gcp_lb": {"url_map": URL_MAP},
    "gcp_redis": {"instance": REDIS},
    "gcp_certificate": {"name": CERTIFICATE},
}


def options(kind: str, fake: FakeGoogleCloud, **more: Any) -> dict[str, Any]:
    """The options of a check of this kind, as in the file."""
    return {"kind": kind, "project": "netra-staging", "endpoint": fake.url, **CHECKS[kind], **more}


async def run(
    kind: str,
    fake: FakeGoogleCloud,
    prober: Prober | None = None,
    *,
    investigating: bool = False,
    timeout: float = 5.0,
    **more: Any,
) -> Observation:
    """One run of a check of this kind."""
    check = load(kind).model_validate(options(kind, fake, **more))
    component = Component("target", Layer.INFRASTRUCTURE, Priority.P0, kind=kind, timeout=timeout)
    return await (prober or Prober()).attempt(component, check, investigating=investigating)


async def of_world(kind: str, change: Callable[[World], Any] = lambda _: None, **more: Any) -> Observation:
    """One run where `change` has changed the reference world."""
    world = reference()
    change(world)
    async with FakeGoogleCloud(world) as fake:
        seen = await run(kind, fake, **more)
        assert not fake.refused
        return seen
