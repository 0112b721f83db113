"""One run -> the answer of `/probe`, under the names of blackbox_exporter, for the dashboards and rules that know them.

Names and meanings: https://github.com/prometheus/blackbox_exporter, the `prober` package. Where a certificate is bad
its facts are there all the same, which theirs are not; `probe_reason_info` is ours.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from staging_exporter.core.facts import Fact
from staging_exporter.core.model import Observation, Outcome, Reason
from staging_exporter.core.names import GAUGE, Metric
from staging_exporter.views.exposition import OPENMETRICS, Family, Samples, label, render

Facts = Mapping[str, Any]
_gauge = partial(Metric, kind=GAUGE, labels=())

_SUCCESS = _gauge("probe_success", help="Whether or not the probe was a success; a degraded answer is one.")
_DURATION = _gauge("probe_duration_seconds", help="How long the probe took to complete in seconds.")
_TIMEOUT = _gauge("probe_timeout_seconds", help="How long the probe was allowed to take.")
_LOOKUP = _gauge("probe_dns_lookup_time_seconds", help="The time taken for probe dns lookup in seconds.")
_PROTOCOL = _gauge("probe_ip_protocol", help="Whether the probe used IPv4 or IPv6: 4 or 6.")
_ADDRESS = _gauge("probe_ip_addr_hash", help="The hash of the IP address, to see when it changes.")
_REASON = _gauge("probe_reason_info", help="Why the probe ended as it did, always 1.", labels=("reason",))

_PHASE_HELP = "How long each phase of the probe took."
_PHASES = _gauge("probe_phase_duration_seconds", help=_PHASE_HELP, labels=("phase",))
# Theirs by kind: the metric, and their name for each phase of ours.
_THEIR_PHASES = {
    "http": (
        "probe_http_duration_seconds",
        {name: name for name in ("resolve", "connect", "tls", "processing", "transfer")},
    ),
    "dns": ("probe_dns_duration_seconds", {"resolve": "resolve", "connect": "connect", "query": "request"}),
    "grpc": ("probe_grpc_duration_seconds", {"resolve": "resolve", "check": "check"}),
    "websocket": (
        "probe_websocket_duration_seconds",
        {"resolve": "resolve", "connect": "connect", "upgrade": "processing", "first_message": "transfer"},
    ),
}

_NOT_AFTER = _gauge("probe_ssl_earliest_cert_expiry", help="When the first one of the chain expires, Unix time.")
_CHAIN_NOT_AFTER = _gauge(
    "probe_ssl_last_chain_expiry_timestamp_seconds", help="When the chain that was verified expires, Unix time."
)
_CHAIN = _gauge(
    "probe_ssl_last_chain_info",
    help="The certificate that was shown, always 1.",
    labels=("fingerprint_sha256", "subject", "issuer", "subjectalternative", "serialnumber"),
)
_TLS_VERSION = _gauge("probe_tls_version_info", help="The TLS version that was used, always 1.", labels=("version",))
_TLS_CIPHER = _gauge("probe_tls_cipher_info", help="The TLS cipher that was used, always 1.", labels=("cipher",))
_MAX_NAMES = 1000  # characters of a label
_SERVING = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
_HEALTH = _gauge(
    "probe_grpc_healthcheck_response", help="1 for the health that was answered.", labels=("serving_status",)
)


def _fact(name: str) -> Callable[[Facts], float | None]:
    """The fact as a number, none without it."""
    return lambda facts: float(facts[name]) if name in facts else None


def _number(name: str) -> Callable[[Facts], float]:
    """The fact as a number, 0 without it."""
    return lambda facts: float(facts.get(name) or 0)


def _present(name: str) -> Callable[[Facts], float]:
    return lambda facts: float(name in facts)


_BY_REGEX = "failed_due_to_regex"
_REGEX_HELP = "Whether the probe failed because the content was not what is expected."
# Gauges by kind: the rest of the name behind `probe_`, HELP, and the value, none of which leaves the metric out.
_OF_KIND: dict[str, tuple[tuple[str, str, Callable[[Facts], float | None]], ...]] = {
    "http": (
        ("http_status_code", "The status of the response, 0 without one.", _number(Fact.STATUS)),
        (
            "http_content_length",
            "Length of the body by its header, -1 without that.",
            lambda facts: float(facts.get(Fact.CONTENT_LENGTH, -1 if Fact.STATUS in facts else 0)),
        ),
        ("http_uncompressed_body_length", "Length of the body, decompressed.", _number(Fact.BODY_LENGTH)),
        ("http_redirects", "How many redirects were followed.", _number(Fact.REDIRECTS)),
        ("http_ssl", "Whether TLS was spoken.", _present(Fact.TLS_VERSION)),
        ("http_version", "The HTTP version of the response.", _number(Fact.HTTP_VERSION)),
        ("http_last_modified_timestamp_seconds", "Last-Modified, Unix time.", _fact(Fact.LAST_MODIFIED)),
    ),
    "dns": (
        ("dns_query_succeeded", "Whether there was an answer.", _present(Fact.RCODE)),
        ("dns_answer_rrs", "Records in the answer section.", _number(Fact.ANSWER_RRS)),
        ("dns_authority_rrs", "Records in the authority section.", _number(Fact.AUTHORITY_RRS)),
        ("dns_additional_rrs", "Records in the additional section.", _number(Fact.ADDITIONAL_RRS)),
        ("dns_serial", "The serial of the zone, of an answer of type SOA.", _fact(Fact.SERIAL)),
    ),
    "grpc": (
        ("grpc_ssl", "Whether TLS was spoken.", _present(Fact.TLS_VERSION)),
        ("grpc_status_code", "The gRPC status of the response.", _number(Fact.GRPC_STATUS)),
    ),
    "websocket": (
        ("websocket_status_code", "The status of the handshake, 0 without one.", _number(Fact.STATUS)),
        (
            "websocket_connection_upgraded",
            "Whether the connection was upgraded.",
            lambda facts: float(facts.get(Fact.STATUS) == 101),
        ),
    ),
}
_WITH_REGEX = {"http": _BY_REGEX, "tcp": _BY_REGEX, "websocket": f"websocket_{_BY_REGEX}"}


def body(kind: str, timeout: float, seen: Observation, form: str) -> str:
    """The metrics of one run of a check of this `kind`, in the format of that content type; `timeout` in seconds."""
    return "".join(render(_families(kind, timeout, seen), form)) + ("# EOF\n" if form == OPENMETRICS else "")


def debug(log: Sequence[tuple[float, str]], seen: Observation, metrics: str) -> str:
    """The log of the run, (seconds since its start, text) by line, what it learnt, and the metrics: for people."""
    lines = [f"{at:8.3f} s  {text}" for at, text in log]
    facts = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in seen.facts.items()]
    return "\n".join(["Log of this run:", *lines, "", "Facts:", *(facts or ["none"]), "", "Metrics:", metrics])


def _families(kind: str, timeout: float, seen: Observation) -> Iterator[Family]:
    facts = seen.facts
    yield _one(_SUCCESS, float(seen.outcome in (Outcome.PASS, Outcome.DEGRADED)))
    yield _one(_DURATION, seen.duration)
    yield _one(_TIMEOUT, timeout)
    yield _info(_REASON, seen.reason)
    yield _one(_LOOKUP, seen.phases.get("resolve", 0.0))
    if Fact.IP_FAMILY in facts:
        yield _one(_PROTOCOL, facts[Fact.IP_FAMILY])
        yield _one(_ADDRESS, _address_hash(facts[Fact.IP]))
    yield _phases(kind, seen.phases)
    for name, text, value in _OF_KIND.get(kind, ()):
        if (number := value(facts)) is not None:
            yield _one(_gauge(f"probe_{name}", help=text), number)
    if kind in _WITH_REGEX:
        yield _one(_gauge(f"probe_{_WITH_REGEX[kind]}", help=_REGEX_HELP), float(seen.reason == Reason.CONTENT))
    if Fact.HEALTH in facts:
        yield Samples(_HEALTH, [(label("serving_status", s), float(s == facts[Fact.HEALTH])) for s in _SERVING])
    yield from _certificate(facts)


def _one(metric: Metric, value: float) -> Samples:
    return Samples(metric, [("", value)])


def _info(metric: Metric, *values: str) -> Samples:
    return Samples(metric, [(",".join(map(label, metric.labels, values)), 1.0)])


def _phases(kind: str, phases: Mapping[str, float]) -> Samples:
    """Theirs are always all there, ours are those that the run came to."""
    name, theirs = _THEIR_PHASES.get(kind, ("", {}))
    seconds = {their: phases.get(our, 0.0) for our, their in theirs.items()} or phases
    metric = _gauge(name, help=_PHASE_HELP, labels=_PHASES.labels) if name else _PHASES
    return Samples(metric, [(label("phase", phase), took) for phase, took in seconds.items()])


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


def _address_hash(address: str) -> float:
    """FNV-1a, 32 bits, of the bytes of the address."""
    value = 0x811C9DC5
    for byte in ipaddress.ip_address(address).packed:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return float(value)
