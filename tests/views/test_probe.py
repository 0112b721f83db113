"""The answer of `/probe`: blackbox_exporter's names for each kind, from one Observation."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from staging_exporter.core.model import Observation, Outcome, Reason
from staging_exporter.probes import load
from staging_exporter.views.exposition import TEXT
from staging_exporter.views.probe import body, debug

CERTIFICATE = {
    "tls_not_after": 1.9e9,
    "tls_chain_not_after": 1.8e9,
    "tls_fingerprint_sha256": "ab" * 32,
    "tls_subject": "api.test",
    "tls_issuer": 'Mine "and" yours',
    "tls_names": ["api.test", "www.test"],
    "tls_serial": "0a",
    "tls_version": "TLSv1.3",
    "tls_cipher": "TLS_AES_256_GCM_SHA384",
}


def seen(outcome: Outcome = Outcome.PASS, reason: Reason = Reason.OK, **facts: Any) -> Observation:
    phases = {"resolve": 0.001, "connect": 0.002, "upgrade": 0.003, "query": 0.004, "check": 0.005}
    return Observation("backend", 1.0, 0.25, outcome, reason, phases=phases, facts=facts)


def metrics(kind: str, observation: Observation) -> dict[str, float]:
    families = text_string_to_metric_families(body(load(kind).blackbox, 5.0, observation, TEXT))
    return {" ".join([s.name, *s.labels.values()]): s.value for family in families for s in family.samples}


PAIRS: dict[str, tuple[str, Observation, dict[str, float | None]]] = {
    "a pass": ("tcp", seen(), {"probe_success": 1, "probe_duration_seconds": 0.25, "probe_timeout_seconds": 5}),
    "a degraded run is a success": ("http", seen(Outcome.DEGRADED, Reason.SLOW), {"probe_success": 1}),
    "a failure": ("tcp", seen(Outcome.FAIL, Reason.CLOSED), {"probe_success": 0, "probe_reason_info closed": 1}),
    "what says nothing of the target is no success": (
        "http",
        seen(Outcome.UNKNOWN, Reason.RESOLVER),
        {"probe_success": 0, "probe_http_status_code": 0, "probe_http_content_length": 0, "probe_ip_protocol": None},
    ),
    "http": (
        "http",
        seen(status=204, http_version="1.1", redirects=2, body_length=7, ip="127.0.0.1", ip_family=4),
        {
            "probe_http_status_code": 204,
            "probe_http_version": 1.1,
            "probe_http_redirects": 2,
            "probe_http_content_length": -1,
            "probe_http_uncompressed_body_length": 7,
            "probe_http_ssl": 0,
            "probe_ip_protocol": 4,
            "probe_ip_addr_hash": 3668918509,
            "probe_failed_due_to_regex": 0,
            "probe_http_duration_seconds resolve": 0.001,
            "probe_http_duration_seconds tls": 0,
            "probe_http_last_modified_timestamp_seconds": None,
        },
    ),
    "http with a length and a date": (
        "http",
        seen(status=200, content_length=12, last_modified=1.5e9),
        {"probe_http_content_length": 12, "probe_http_last_modified_timestamp_seconds": 1.5e9},
    ),
    "content that is not expected": (
        "http",
        seen(Outcome.FAIL, Reason.CONTENT, status=200),
        {"probe_failed_due_to_regex": 1},
    ),
    "an address of IPv6": ("tcp", seen(ip="::1", ip_family=6), {"probe_ip_protocol": 6}),
    "dns": (
        "dns",
        seen(rcode="NOERROR", answer_rrs=2, authority_rrs=1, additional_rrs=3, serial=2026),
        {
            "probe_dns_query_succeeded": 1,
            "probe_dns_answer_rrs": 2,
            "probe_dns_authority_rrs": 1,
            "probe_dns_additional_rrs": 3,
            "probe_dns_serial": 2026,
            "probe_dns_duration_seconds request": 0.004,
        },
    ),
    "dns without an answer": ("dns", seen(), {"probe_dns_query_succeeded": 0, "probe_dns_serial": None}),
    "grpc": (
        "grpc",
        seen(grpc_status=0, health="NOT_SERVING"),
        {
            "probe_grpc_ssl": 0,
            "probe_grpc_status_code": 0,
            "probe_grpc_healthcheck_response NOT_SERVING": 1,
            "probe_grpc_healthcheck_response SERVING": 0,
            "probe_grpc_duration_seconds check": 0.005,
        },
    ),
    "websocket": (
        "websocket",
        seen(status=101),
        {
            "probe_websocket_status_code": 101,
            "probe_websocket_connection_upgraded": 1,
            "probe_websocket_failed_due_to_regex": 0,
            "probe_websocket_duration_seconds processing": 0.003,
        },
    ),
    "a kind that blackbox_exporter does not have": ("postgres", seen(), {"probe_phase_duration_seconds query": 0.004}),
    "a certificate that was verified": (
        "http",
        seen(**CERTIFICATE, tls_verified_not_after=1.85e9),
        {
            "probe_http_ssl": 1,
            "probe_ssl_earliest_cert_expiry": 1.8e9,
            "probe_ssl_last_chain_expiry_timestamp_seconds": 1.85e9,
            "probe_tls_version_info TLS 1.3": 1,
            "probe_tls_cipher_info TLS_AES_256_GCM_SHA384": 1,
            f'probe_ssl_last_chain_info {"ab" * 32} Mine "and" yours 0a api.test api.test,www.test': 1,
        },
    ),
    "a certificate that was refused": (
        "tls",
        seen(Outcome.FAIL, Reason.TLS_EXPIRED, **CERTIFICATE),
        {
            "probe_success": 0,
            "probe_ssl_earliest_cert_expiry": 1.8e9,
            "probe_ssl_last_chain_expiry_timestamp_seconds": None,
        },
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_metrics_of(name: str) -> None:
    kind, observation, expected = PAIRS[name]
    found = metrics(kind, observation)
    assert {metric: found.get(metric) for metric in expected} == expected


def test_debug_shows_the_log_and_the_facts() -> None:
    text = debug([(0.0125, "connect took 12.5 ms")], seen(status=200, server="nginx"), "probe_success 1\n")
    assert text.splitlines() == [
        "Log of this run:",
        "   0.013 s  connect took 12.5 ms",
        "",
        "Facts:",
        "status: 200",
        'server: "nginx"',
        "",
        "Metrics:",
        "probe_success 1",
    ]
    assert "none" in debug([], seen(), "")
