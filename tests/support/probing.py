"""Probe once, as the scheduler does, and look at the Observation."""

from __future__ import annotations

from typing import Any

from staging_exporter.core.model import Component, Layer, Observation, Priority
from staging_exporter.engine.prober import Prober
from staging_exporter.net.address import HostPort
from staging_exporter.net.resolve import Resolver
from staging_exporter.probes import load


async def probe(
    options: dict[str, Any],
    *,
    timeout: float = 5.0,
    servers: tuple[HostPort, ...] = (),
    prober: Prober | None = None,
) -> Observation:
    """One run of the check that `options` describe, as in the file under `check:`.

    Runs of one `prober` share what it keeps between runs; without one each run has its own.
    """
    check = load(options["kind"]).model_validate(options)
    component = Component("target", Layer.SERVICE, Priority.P1, kind=options["kind"], timeout=timeout)
    return await (prober or Prober(Resolver(servers))).attempt(component, check)
