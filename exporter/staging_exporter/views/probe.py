"""One run -> the body of `/probe`, with the metric names of blackbox_exporter, for existing dashboards and rules.

Names and meanings: https://github.com/prometheus/blackbox_exporter, the `prober` package. Unlike there, the facts of a
bad certificate are included; `probe_reason_info` is ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from staging_exporter.core.blackbox import BlackboxNames, StateGauge
from staging_exporter.core.facts import Fact
from staging_exporter.core.model import Observation, Outcome
from staging_exporter.core.names import GAUGE, Metric
from staging_exporter.views.exposition import OPENMETRICS, Family, Samples, label_set, render
from staging_exporter.views.probe_metrics import address_hash

Facts = Mapping[str, Any]
_gauge = partial(Metric, kind=GAUGE, labels=())

_SUCCESS = _gauge(
    "probe_success", help="Whether or not the probe was a success; a degraded response counts as success."
)
_DURATION = _gauge("probe_duration_seconds", help="How long the probe took to complete in seconds.")
_TIMEOUT = _gauge("probe_timeout_seconds", help="How long the probe was allowed to take.")
_LOOKUP = _gauge("probe_dns_lookup_time_seconds", help="The time taken for probe dns lookup in seconds.")
_PROTOCOL = _gauge("probe_ip_protocol", help="Whether the probe used IPv4 or IPv6: 4 or 6.")
_ADDRESS = _gauge("probe_ip_addr_hash", help="The hash of the IP address, to detect changes.")
_REASON = _gauge("probe_reason_info", help="Reason of the result of the probe, always 1.", labels=("reason",))

_PHASE_HELP = "How long each phase of the probe took."
_PHASES = _gauge("probe_phase_duration_seconds", help=_PHASE_HELP, labels=("phase",))

_NOT_AFTER = _gauge(
    "probe_ssl_earliest_cert_expiry", help="When the first certificate of the chain expires, Unix time."
)
_CHAIN_NOT_AFTER = _gauge(
    "probe_ssl_last_chain_expiry_timestamp_seconds", help="When the chain that was verified expires, Unix time."
)
_CHAIN = _gauge(
    "probe_ssl_last_chain_info",
    help="The certificate presented by the server, always 1.",
    labels=("fingerprint_sha256", "subject", "issuer", "subjectalternative", "serialnumber"),
)
_TLS_VERSION = _gauge("probe_tls_version_info", help="The TLS version that was used, always 1.", labels=("version",))
_TLS_CIPHER = _gauge("probe_tls_cipher_info", help="The TLS cipher that was used, always 1.", labels=("cipher",))
_MAX_NAMES = 1000  # characters of a label


def body(names: BlackboxNames, timeout: float, seen: Observation, form: str) -> str:
    """The metrics of one run, by the `names` of its kind, in the format of that content type; `timeout` in seconds."""
    return "".join(render(_families(names, timeout, seen), form)) + ("# EOF\n" if form == OPENMETRICS else "")


def debug(log: Sequence[tuple[float, str]], seen: Observation, metrics: str) -> str:
    """For people: the log of the run as (seconds since its start, text), its facts, and its metrics."""
    lines = [f"{at:8.3f} s  {text}" for at, text in log]
    facts = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in seen.facts.items()]
    return "\n".join(["Log of this run:", *lines, "", "Facts:", *(facts or ["none"]), "", "Metrics:", metrics])


def _families(names: BlackboxNames, timeout: float, seen: Observation) -> Iterator[Family]:
    facts = seen.facts
    yield _one(_SUCCESS, float(seen.outcome in (Outcome.PASS, Outcome.DEGRADED)))
    yield _one(_DURATION, seen.duration)
    yield _one(_TIMEOUT, timeout)
    yield _info(_REASON, seen.reason)
    yield _one(_LOOKUP, seen.phases.get("resolve", 0.0))
    if Fact.IP_FAMILY in facts:
        yield _one(_PROTOCOL, facts[Fact.IP_FAMILY])
        yield _one(_ADDRESS, address_hash(facts[Fact.IP]))
    yield _phases(names, seen.phases)
    for gauge in names.gauges:
        if (number := gauge.value(seen)) is not None:
            yield _one(_gauge(gauge.name, help=gauge.help), number)
    for states in names.states:
        if states.fact in facts:
            yield _states(states, facts[states.fact])
    yield from _certificate(facts)


def _one(metric: Metric, value: float) -> Samples:
    return Samples(metric, [("", value)])


def _info(metric: Metric, *values: str) -> Samples:
    return Samples(metric, [(label_set(**dict(zip(metric.labels, values, strict=True))), 1.0)])


def _states(gauge: StateGauge, current: object) -> Samples:
    metric = _gauge(gauge.name, help=gauge.help, labels=(gauge.label,))
    return Samples(metric, [(label_set(**{gauge.label: state}), float(state == current)) for state in gauge.states])


def _phases(names: BlackboxNames, phases: Mapping[str, float]) -> Samples:
    """All phases that blackbox_exporter has for the kind, or else those that the run came to."""
    seconds = {theirs: phases.get(ours, 0.0) for ours, theirs in names.phases.items()} or phases
    metric = _gauge(names.duration, help=_PHASE_HELP, labels=(names.label,)) if names.duration else _PHASES
    return Samples(metric, [(label_set(**{names.label: phase}), took) for phase, took in seconds.items()])


def _certificate(facts: Facts) -> Iterator[Family]:
    if Fact.TLS_CHAIN_NOT_AFTER in facts:
        yield _one(_NOT_AFTER, facts[Fact.TLS_CHAIN_NOT_AFTER])
    if Fact.TLS_VERIFIED_NOT_AFTER in facts:
        yield _one(_CHAIN_NOT_AFTER, facts[Fact.TLS_VERIFIED_NOT_AFTER])
    if Fact.TLS_FINGERPRINT_SHA256 in facts:
        about = [facts[name] for name in (Fact.TLS_FINGERPRINT_SHA256, Fact.TLS_SUBJECT, Fact.TLS_ISSUER)]
        yield _info(_CHAIN, *about, ",".join(facts[Fact.TLS_NAMES])[:_MAX_NAMES], facts[Fact.TLS_SERIAL])
    if facts.get(Fact.TLS_VERSION):
        yield _info(_TLS_VERSION, facts[Fact.TLS_VERSION].replace("TLSv", "TLS "))
        yield _info(_TLS_CIPHER, str(facts[Fact.TLS_CIPHER]))
