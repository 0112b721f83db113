"""A configuration without errors, and which of its secrets cannot be read on this machine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass

from pydantic import BaseModel

from staging_exporter.config.problems import Problem
from staging_exporter.config.schema import Limits
from staging_exporter.config.watch import Watched
from staging_exporter.core.maintenance import MaintenanceWindow
from staging_exporter.core.model import Component, ProbeFailed, Topology
from staging_exporter.generate.options import AlertingOptions
from staging_exporter.logs import event
from staging_exporter.net.address import HostPort
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.resolve import Resolver
from staging_exporter.options.access import Api
from staging_exporter.options.check import Check
from staging_exporter.options.google import GoogleOptions
from staging_exporter.options.secrets import AnySecret, FromGoogle

log = logging.getLogger("exporter")
_PATIENCE = 1.0  # seconds that reading all secrets together may take


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration without errors.

    `checks` are by component, in the order of the file, without latent components. `vantage` are our own checks, with
    the default timing. `observed` are components that steps of the check of another one observe, with that one.
    `servers` are name servers instead of those of the system, `resolvers` those of single checks.
    `slo` are objectives, shares of time, by component. `warnings` are never fatal.
    `watched` are the files that it was read from.
    """

    topology: Topology
    checks: Mapping[str, Check]
    vantage: tuple[tuple[Component, Check], ...]
    observed: Mapping[str, str]
    limits: Limits
    maintenance: tuple[MaintenanceWindow, ...]
    servers: tuple[HostPort, ...]
    resolvers: Mapping[str, tuple[HostPort, ...]]
    slo: Mapping[str, float]
    alerting: AlertingOptions
    google: GoogleOptions
    api: Api
    warnings: tuple[Problem, ...]
    watched: Watched = field(default=Watched((), ()), compare=False)

    def unchanged_since(self, old: Config) -> frozenset[str]:
        """The components, and vantage checks, whose runs are made and counted as `old` says."""
        targets, before = self._targets(), old._targets()
        same = {
            name
            for name, (component, check) in targets.items()
            if name in before and before[name][1] == check and component.counts_like(before[name][0])
        }
        return frozenset(same | {part for part, owner in self.observed.items() if owner in same})

    def _targets(self) -> dict[str, tuple[Component, Check]]:
        checked = {name: (self.topology.components[name], check) for name, check in self.checks.items()}
        return checked | {component.name: (component, check) for component, check in self.vantage}


async def missing_secrets(config: Config) -> dict[str, list[str]]:
    """The error of each secret that cannot be read now, and the components or keys that use it.

    Those of Secret Manager are left to the runs: they are far away, and take longer.
    """
    run = ProbeContext(_PATIENCE, Resolver())
    users: dict[str, object] = {**config.checks, **{c.name: check for c, check in config.vantage}}
    users |= {f"alerting.alertmanagers {each.url.shown}": each for each in config.alerting.alertmanagers}
    found: dict[str, list[str]] = {}
    uses = [
        (user, secret)
        for user, options in {**config.api.secrets, **users}.items()
        for secret in dict.fromkeys(secrets(options))
        if not isinstance(secret, FromGoogle)
    ]
    errors = await asyncio.gather(*(_error(run, secret) for _, secret in uses))
    for (user, _), error in zip(uses, errors, strict=True):
        if error is not None and user not in found.setdefault(error, []):
            found[error].append(user)
    return found


async def log_missing_secrets(config: Config) -> None:
    """Log one line per secret that cannot be read now; the checks that need it end with `probe_error`."""
    for error, users in (await missing_secrets(config)).items():
        event(log, "cannot read secret", logging.WARNING, error=error, used_by=users)


async def _error(run: ProbeContext, secret: AnySecret) -> str | None:
    try:
        await run.reveal(secret)
    except ProbeFailed as error:
        return error.detail
    return None


def secrets(value: object) -> Iterator[AnySecret]:
    """All secrets in it, at any depth."""
    if isinstance(value, AnySecret):
        yield value
    elif isinstance(value, BaseModel):
        yield from secrets([getattr(value, name) for name in type(value).model_fields])
    elif is_dataclass(value):
        yield from secrets([getattr(value, field.name) for field in fields(value)])
    elif isinstance(value, Mapping):
        yield from secrets(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from secrets(item)
