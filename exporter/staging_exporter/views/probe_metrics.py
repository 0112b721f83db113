"""Metric families of the probes themselves: what the runs of each component amount to, and facts of the last one."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

from staging_exporter.core import names
from staging_exporter.core.facts import Fact
from staging_exporter.core.model import Component, Outcome, Trait
from staging_exporter.core.snapshot import ComponentStatus, ProbeStats
from staging_exporter.views.columns import Distribution, Group, Labelled, Row, Several, Single
from staging_exporter.views.component_metrics import unix_time

Read = Callable[[ComponentStatus], Any]
_SUCCESS = {Outcome.PASS: 1.0, Outcome.DEGRADED: 1.0, Outcome.FAIL: 0.0}


def seconds(duration: float | None) -> float | None:
    """To the microsecond: digits of chance are a fifth of a compressed scrape."""
    return None if duration is None else round(duration, 6)


def address_hash(address: str) -> float:
    """FNV-1a, 32 bits, of the bytes of the address, as blackbox_exporter has it."""
    value = 0x811C9DC5
    for byte in ipaddress.ip_address(address).packed:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return float(value)


_known_hash = lru_cache(maxsize=4096)(address_hash)


def _of_stats(read: Callable[[ProbeStats], Any]) -> Read:
    return lambda status: None if status.stats is None else read(status.stats)


def _is_checked(component: Component) -> bool:
    return not component.latent


def _fact(fact: str) -> Read:
    return lambda status: status.facts.get(fact)


def _success(status: ComponentStatus) -> float | None:
    return None if status.last_outcome is None else _SUCCESS.get(status.last_outcome)


def _phases(*, of_steps: bool) -> Read:
    def read(status: ComponentStatus) -> tuple[tuple[str, float], ...] | None:
        has_steps = Trait.HAS_STEPS in status.component.traits
        return tuple(status.phases.items()) if has_steps is of_steps else None

    return read


def _seconds_of(phases: Iterable[tuple[str, float]]) -> list[tuple[str, float]]:
    return [(name, round(took, 6)) for name, took in phases]


def _tls_info(values: tuple[str, ...]) -> Iterator[Row]:
    yield values, 1


def _expiry(*facts: str) -> Read:
    return _of_stats(lambda stats: next((stats.expiries[fact] for fact in facts if fact in stats.expiries), None))


def _address(status: ComponentStatus) -> float | None:
    return _known_hash(status.facts[Fact.IP]) if Fact.IP in status.facts else None


def _connections(which: str) -> Read:
    return lambda status: status.facts[Fact.CONNECTIONS][which] if Fact.CONNECTIONS in status.facts else None


ABOUT_PROBES = (
    Group(
        (
            Single(names.INTERVAL, lambda status: status.component.interval),
            Single(names.TIMEOUT, lambda status: status.component.timeout),
        ),
        _is_checked,
        configured=True,
    ),
    Group(
        (
            Distribution(names.PROBE_DURATION, _of_stats(lambda stats: stats.durations)),
            Single(names.LAST_FAILURE_DURATION, _of_stats(lambda stats: seconds(stats.last_failure_duration))),
            Single(names.PROBE_SUCCESS, _success),
            Labelled(names.PROBE_PHASE, _phases(of_steps=False), _seconds_of),
            Labelled(names.PROBE_STEP, _phases(of_steps=True), _seconds_of),
            Single(names.PROBES, _of_stats(lambda stats: stats.runs)),
            Single(names.BUDGET_RUNS, _of_stats(lambda stats: stats.budget_runs)),
            Single(names.BUDGET_FAILURES, _of_stats(lambda stats: stats.budget_failures)),
            Labelled(names.PROBE_FAILURES, _of_stats(lambda stats: tuple(stats.failures.items()))),
            Single(names.LAST_RUN, lambda status: unix_time(status.last_probe)),
            Single(names.SKIPPED, _of_stats(lambda stats: stats.skipped)),
            Single(names.HTTP_STATUS, _fact(Fact.STATUS)),
            Single(names.CLOSE_CODE, _fact(Fact.CLOSE_CODE)),
            Single(names.ADDRESS_HASH, _address),
            Single(names.CONNECTIONS, _connections("used")),
            Single(names.MAX_CONNECTIONS, _connections("usable")),
            Single(names.TLS_NOT_AFTER, _expiry(Fact.TLS_NOT_AFTER)),
            Single(names.TLS_CHAIN_NOT_AFTER, _expiry(Fact.TLS_VERIFIED_NOT_AFTER, Fact.TLS_CHAIN_NOT_AFTER)),
            Single(names.CREDENTIAL_NOT_AFTER, _expiry(Fact.CREDENTIAL_NOT_AFTER)),
            Single(names.TOKEN_NOT_AFTER, _expiry(Fact.TOKEN_NOT_AFTER)),
            Several(names.TLS_INFO, _of_stats(lambda stats: stats.tls_info or None), _tls_info),
            Single(names.CHECK_SHALLOW, lambda status: status.unnoticed),
            Single(names.FAILURE_RATIO, lambda status: status.failure_ratio),
            Single(names.DEPLOY, lambda status: status.deployed.at if status.deployed else None),
        ),
        _is_checked,
    ),
    Group(
        (Single(names.DOMAIN_DRIFT, lambda status: bool(status.facts.get(Fact.SIBLINGS))),),
        lambda component: Trait.COMPARES_NAMES in component.traits,
    ),
    Group(
        (
            Single(names.CLOUD_INSTANCES, _fact(Fact.CLOUD_INSTANCES)),
            Single(names.CLOUD_MAX_INSTANCES, _fact(Fact.CLOUD_MAX_INSTANCES)),
            Single(names.CLOUD_UTILIZATION, _fact(Fact.CLOUD_UTILIZATION)),
            Single(names.CLOUD_STARTUP_BUDGET, _fact(Fact.CLOUD_STARTUP_BUDGET)),
        ),
        lambda component: Trait.DESCRIBES_CLOUD in component.traits,
    ),
)
