"""Kind `http` on the health documents of common servers, in the shape in which they write them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from staging_exporter.core.model import Outcome, Reason

from tests.support.probing import probe
from tests.support.web import Web, response, serving

NOW = datetime.now(UTC)
FILLER = {f"part{number}": {"status": "UP", "details": {"free": 1, "total": 2}} for number in range(20)}
SPRING = {"status": "UP", "components": {"db": {"status": "UP"}, "redis": {"status": "DOWN"}}, "groups": ["readiness"]}
KEYCLOAK = {
    "status": "DOWN",
    "checks": [
        *({"name": f"check {number}", "status": "UP"} for number in range(9)),
        {"name": "database connections", "status": "DOWN", "data": {"Failing since": "2026-09-16 13:23:18,757"}},
    ],
}
ASPNET = {
    "status": "Unhealthy",
    "totalDuration": "00:00:00.0015582",
    "entries": {
        **{f"e-{number}": {"data": {}, "duration": "00:00:00.1", "status": "Healthy"} for number in range(5)},
        "node-health": {"data": {}, "description": "no peers", "status": "Unhealthy", "tags": []},
    },
}
READYZ = "[+]ping ok\n[+]log ok\n[-]etcd failed: reason withheld\n" + "[+]poststarthook/start-x ok\n" * 30
VAULT = {"initialized": True, "sealed": False, "standby": True, "server_time_utc": int(NOW.timestamp())}
HEARTBEAT = (NOW - timedelta(seconds=5)).isoformat(" ")
AIRFLOW = {"scheduler": {"status": "healthy", "latest_scheduler_heartbeat": HEARTBEAT}, "triggerer": {"status": None}}
NEST = {"status": "ok", "info": {"db": {"status": "up"}}, "error": {}, "details": {"db": {"status": "up"}}}
CONSUL = [{"Service": {"ID": "web"}, "Checks": [{"Status": "passing"}, {"Status": "critical"}]}]
PASS = {"status": "pass", "checks": {"cassandra:responseTime": [{"observedValue": 250, "status": "pass"}]}}

# status, body, options, outcome, reason, a part of the detail
CASES: dict[str, tuple[int, Any, dict[str, Any], Outcome, Reason, str]] = {
    "Spring Boot: all components are up": (
        200, SPRING, {"expect": {"json": {"status": "UP", "$.components[*].status": "UP"}}},
        Outcome.FAIL, Reason.CONTENT, 'json $.components.redis.status is "DOWN", expected "UP"',
    ),
    "Spring Boot: an optional component is down": (
        200, SPRING, {"expect": {"json": {"status": "UP"}}, "degraded": {"json": {"$.components[*].status": "DOWN"}}},
        Outcome.DEGRADED, Reason.CONTENT, 'json $.components.redis.status is "DOWN"',
    ),
    "Spring Boot: what is down is named, however long the document is": (
        503, {"status": "DOWN", "components": {**FILLER, "redis": {"status": "OUT_OF_SERVICE"}}}, {},
        Outcome.FAIL, Reason.SERVER_ERROR,
        'status 503, expected 2xx; $.components.redis.status is "OUT_OF_SERVICE"; body: {"status": "DOWN"',
    ),
    "MicroProfile: what is down is named with its name": (
        503, KEYCLOAK, {}, Outcome.FAIL, Reason.SERVER_ERROR,
        'status 503, expected 2xx; $.checks[9].status is "DOWN" (database connections); body',
    ),
    "MicroProfile: without checks": (
        200, {"status": "UP", "checks": []}, {"expect": {"json": {"$.checks[*].status": "UP"}}},
        Outcome.FAIL, Reason.CONTENT, 'is missing, expected "UP"; `empty: pass` would accept none',
    ),
    "ASP.NET": (
        503, ASPNET, {}, Outcome.FAIL, Reason.SERVER_ERROR, "; $.entries['node-health'].status is \"Unhealthy\"; body",
    ),
    "ASP.NET as text": (
        200, "Degraded", {"degraded": {"body": {"matches": "^Degraded$"}}}, Outcome.DEGRADED, Reason.CONTENT,
        "body: Degraded",
    ),
    "Kubernetes": (
        500, READYZ, {}, Outcome.FAIL, Reason.SERVER_ERROR,
        "status 500, expected 2xx; [-]etcd failed: reason withheld; body: [+]ping ok",
    ),
    "many parts are broken": (
        500, {name: {"status": "fail"} for name in FILLER}, {}, Outcome.FAIL, Reason.SERVER_ERROR,
        '; $.part0.status is "fail", $.part1.status is "fail", $.part2.status is "fail" and 17 more; body',
    ),
    "Django": (
        200, {"Cache backend: default": "working", "CeleryHealthCheck": "unavailable: Unknown error"},
        {"expect": {"json": {"$.*": "working"}}}, Outcome.FAIL, Reason.CONTENT, "json $.CeleryHealthCheck is",
    ),
    "Vault: a standby answers 429, which is expected": (
        429, VAULT, {"expect": {"status": [200, 429], "json": {"sealed": False, "server_time_utc": {"max_age": "1h"}}}},
        Outcome.PASS, Reason.OK, "",
    ),
    "Elasticsearch": (
        200, {"status": "yellow", "timed_out": False}, {"expect": {"json": {"status": ["green", "yellow"]}},
                                                        "degraded": {"json": {"status": "yellow"}}},
        Outcome.DEGRADED, Reason.CONTENT, 'json status is "yellow"',
    ),
    "etcd writes true as a text": (
        200, {"health": "true"}, {"expect": {"json": {"health": True}}},
        Outcome.FAIL, Reason.CONTENT, 'json health is "true", expected true',
    ),
    "Airflow: the age of a heartbeat": (
        200, AIRFLOW, {"expect": {"json": {"$.scheduler.latest_scheduler_heartbeat": {"max_age": "1h"}}}},
        Outcome.PASS, Reason.OK, "",
    ),
    "terminus": (
        200, NEST, {"expect": {"json": {"$.details.*.status": "up", "$.error.*": {"exists": False}}}},
        Outcome.PASS, Reason.OK, "",
    ),
    "Consul": (
        200, CONSUL, {"expect": {"json": {"$[*].Checks[*].Status": "passing"}}},
        Outcome.FAIL, Reason.CONTENT, 'json $[0].Checks[1].Status is "critical"',
    ),
    "Consul: nothing passes": (
        200, [], {"expect": {"json": {"$[0]": {"exists": True}}}}, Outcome.FAIL, Reason.CONTENT, "json $[0] is missing",
    ),
    "Consul: no leader": (
        200, '""', {"expect": {"json": {"$": {"matches": ":8300$"}}}}, Outcome.FAIL, Reason.CONTENT, 'json $ is ""',
    ),
    "the draft of health+json": (
        200, PASS, {"expect": {"json": {"$.checks['cassandra:responseTime'][*].status": "pass"}}},
        Outcome.PASS, Reason.OK, "",
    ),
    "an empty body": (
        200, "", {"expect": {"json": {"status": "ok"}}},
        Outcome.FAIL, Reason.CONTENT, "the body is empty, expected json status; status 200",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
async def test_a_health_document_is_judged_and_what_is_broken_is_named(case: str) -> None:
    status, body, options, outcome, reason, detail = CASES[case]
    text = body if isinstance(body, str) else json.dumps(body)
    async with serving(Web({"*": response(status, text.encode())})) as address:
        seen = await probe({"kind": "http", "url": f"http://{address}/health", **options})
    assert (seen.outcome, seen.reason) == (outcome, reason), seen.detail
    assert detail in seen.detail, seen.detail


async def test_a_document_that_is_large_or_nested_names_nothing() -> None:
    nested: Any = "down"
    for _ in range(100):
        nested = {"a": nested}
    for body in ({"a": "x" * 100_000, "status": "down"}, nested):
        async with serving(Web({"*": response(500, json.dumps(body).encode())})) as address:
            seen = await probe({"kind": "http", "url": f"http://{address}/health"})
        assert seen.detail.startswith("status 500, expected 2xx; body: "), seen.detail
