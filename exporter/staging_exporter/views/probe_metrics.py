"""Metric families of the probes themselves: what the runs of each component amount to, and facts of the last one."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from staging_exporter.core import names
from staging_exporter.core.facts import Fact
from staging_exporter.core.model import Outcome, Trait
from staging_exporter.core.snapshot import ComponentStatus
from staging_exporter.views.exposition import Family, Histograms, Samples, label_set

Components = Sequence[tuple[str, ComponentStatus]]  # the label set of each, as text
_OF_FACTS = (
    (names.HTTP_STATUS, Fact.STATUS),
    (names.CLOSE_CODE, Fact.CLOSE_CODE),
)
_OF_CLOUD = (
    (names.CLOUD_INSTANCES, Fact.CLOUD_INSTANCES),
    (names.CLOUD_MAX_INSTANCES, Fact.CLOUD_MAX_INSTANCES),
    (names.CLOUD_UTILIZATION, Fact.CLOUD_UTILIZATION),
    (names.CLOUD_STARTUP_BUDGET, Fact.CLOUD_STARTUP_BUDGET),
)
_SUCCESS = {Outcome.PASS: 1.0, Outcome.DEGRADED: 1.0, Outcome.FAIL: 0.0}


def about_probes(checked: Components) -> Iterator[Family]:
    """The families of components that have a check."""
    yield from _runs(checked)
    yield from _schedule(checked)
    yield from _credentials(checked)
    yield from _answers(checked)
    yield Samples(names.CHECK_SHALLOW, ((at, s.unnoticed) for at, s in checked))
    ratios = [(at, s.failure_ratio) for at, s in checked]
    yield Samples(names.FAILURE_RATIO, ((at, ratio) for at, ratio in ratios if ratio is not None))
    yield Samples(names.DEPLOY, ((at, s.deployed.at) for at, s in checked if s.deployed))


def _runs(checked: Components) -> Iterator[Family]:
    stats = [(at, status.stats) for at, status in checked if status.stats]
    yield Histograms(names.PROBE_DURATION, ((at, s.durations) for at, s in stats))
    failed = [(at, s.last_failure_duration) for at, s in stats]
    yield Samples(names.LAST_FAILURE_DURATION, ((at, seconds(took)) for at, took in failed if took is not None))
    yield Samples(
        names.PROBE_SUCCESS, ((at, _SUCCESS[s.last_outcome]) for at, s in checked if s.last_outcome in _SUCCESS)
    )
    for metric, steps in ((names.PROBE_PHASE, False), (names.PROBE_STEP, True)):
        of_runs = [(at, s.phases) for at, s in checked if (Trait.HAS_STEPS in s.component.traits) is steps]
        yield Samples(
            metric,
            ((label_set(at, metric, name), seconds(took)) for at, phases in of_runs for name, took in phases.items()),
        )
    yield Samples(names.PROBES, ((at, s.runs) for at, s in stats))
    yield Samples(names.BUDGET_RUNS, ((at, s.budget_runs) for at, s in stats))
    yield Samples(names.BUDGET_FAILURES, ((at, s.budget_failures) for at, s in stats))
    yield Samples(
        names.PROBE_FAILURES,
        ((label_set(at, names.PROBE_FAILURES, reason), n) for at, s in stats for reason, n in s.failures.items()),
    )


def _schedule(checked: Components) -> Iterator[Family]:
    yield Samples(names.LAST_RUN, ((at, unix_time(s.last_probe)) for at, s in checked if s.last_probe is not None))
    yield Samples(names.INTERVAL, ((at, s.component.interval) for at, s in checked))
    yield Samples(names.TIMEOUT, ((at, s.component.timeout) for at, s in checked))
    yield Samples(names.SKIPPED, ((at, s.stats.skipped) for at, s in checked if s.stats))


def _credentials(checked: Components) -> Iterator[Family]:
    """When certificates and tokens end, as they were seen last."""
    stats = [(at, status.stats) for at, status in checked if status.stats]
    for metric, facts in (
        (names.TLS_NOT_AFTER, (Fact.TLS_NOT_AFTER,)),
        (names.TLS_CHAIN_NOT_AFTER, (Fact.TLS_VERIFIED_NOT_AFTER, Fact.TLS_CHAIN_NOT_AFTER)),
        (names.CREDENTIAL_NOT_AFTER, (Fact.CREDENTIAL_NOT_AFTER,)),
        (names.TOKEN_NOT_AFTER, (Fact.TOKEN_NOT_AFTER,)),
    ):
        ends = [(at, next((s.expiries[fact] for fact in facts if fact in s.expiries), None)) for at, s in stats]
        yield Samples(metric, [(at, end) for at, end in ends if end is not None])
    yield Samples(names.TLS_INFO, ((label_set(at, names.TLS_INFO, *s.tls_info), 1) for at, s in stats if s.tls_info))


def _answers(checked: Components) -> Iterator[Family]:
    for metric, fact in _OF_FACTS:
        yield Samples(metric, [(at, s.facts[fact]) for at, s in checked if fact in s.facts])
    yield Samples(names.ADDRESS_HASH, ((at, address_hash(s.facts[Fact.IP])) for at, s in checked if Fact.IP in s.facts))
    named = [(at, s) for at, s in checked if Trait.COMPARES_NAMES in s.component.traits]
    yield Samples(names.DOMAIN_DRIFT, ((at, bool(s.facts.get(Fact.SIBLINGS))) for at, s in named))
    cloud = [(at, s) for at, s in checked if Trait.DESCRIBES_CLOUD in s.component.traits]
    for metric, fact in _OF_CLOUD:
        yield Samples(metric, [(at, s.facts[fact]) for at, s in cloud if fact in s.facts])
    slots = [(at, s.facts[Fact.CONNECTIONS]) for at, s in checked if Fact.CONNECTIONS in s.facts]
    yield Samples(names.CONNECTIONS, ((at, seen["used"]) for at, seen in slots))
    yield Samples(names.MAX_CONNECTIONS, ((at, seen["usable"]) for at, seen in slots))


def seconds(duration: float) -> float:
    """To the microsecond: digits of chance are a fifth of a compressed scrape."""
    return round(duration, 6)


def unix_time(moment: float) -> float:
    """To the millisecond."""
    return round(moment, 3)


def address_hash(address: str) -> float:
    """FNV-1a, 32 bits, of the bytes of the address, as blackbox_exporter has it."""
    value = 0x811C9DC5
    for byte in ipaddress.ip_address(address).packed:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return float(value)
