"""Kind `promql` against a real Prometheus, and against servers that only resemble it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from staging_exporter.core.model import Observation, Outcome, Reason
from staging_exporter.probes import load

from tests.support.live import prometheus, wait_for
from tests.support.live import query as ask
from tests.support.probing import probe
from tests.support.tokens import Metadata
from tests.support.web import Answer, Seen, Web, ca_file, response, server_tls, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus whose one target does not answer."""
    with prometheus(tmp_path_factory.mktemp("prometheus"), "127.0.0.1:1") as url:
        wait_for(lambda: ask(url, "up == 0"), "the target is seen to be down")
        yield url


async def asked(server: str, query: str, expect: Any = 1, **options: Any) -> Observation:
    return await probe({"kind": "promql", "url": server, "query": query, "expect": {"value": expect}, **options})


REAL = {
    "a scalar": ("scalar(vector(3))", 3, Reason.OK, ""),
    "a vector": ('up{job="staging"}', 0, Reason.OK, ""),
    "a value that is not expected": (
        "up",
        1,
        Reason.CONTENT,
        'up{instance="127.0.0.1:1", job="staging"} is 0, expected 1',
    ),
    "a comparison": ("vector(0.25)", {"ge": 0.2, "lt": 0.3}, Reason.OK, ""),
    "one of a list": ("vector(2)", [1, 2], Reason.OK, ""),
    "no series": ("nothing_of_that_name", 1, Reason.NO_EVIDENCE, "the query selects no series"),
    "no series where none is expected": ("nothing_of_that_name", {"exists": False}, Reason.OK, ""),
    "a series where none is expected": ("vector(1)", {"exists": False}, Reason.CONTENT, "the value is 1, expected"),
    "no series where one is expected": (
        "nothing_of_that_name",
        {"exists": True},
        Reason.CONTENT,
        "the query selects no series, expected exists true",
    ),
    "not a number": ("vector(0)/0", {"ge": 0}, Reason.NO_EVIDENCE, "the value is NaN, expected ge 0"),
    "not a number is not another value": ("vector(0)/0", {"ne": 0}, Reason.NO_EVIDENCE, "the value is NaN"),
    "one of two series is not a number": (
        'label_replace(vector(1), "n", "a", "", "") or label_replace(vector(0)/0, "n", "b", "", "")',
        {"ge": 0},
        Reason.NO_EVIDENCE,
        '{n="b"} is NaN',
    ),
    "one of two series is enough": (
        'label_replace(vector(1), "n", "a", "", "") or label_replace(vector(2), "n", "b", "", "")',
        {"nodes": "any", "eq": 2},
        Reason.OK,
        "",
    ),
    "no series, which is allowed": ("nothing_of_that_name", {"eq": 1, "empty": "pass"}, Reason.OK, ""),
    "every series must be as expected": (
        'label_replace(vector(1), "n", "a", "", "") or label_replace(vector(2), "n", "b", "", "")',
        1,
        Reason.CONTENT,
        '{n="b"} is 2, expected 1',
    ),
    "an invalid query": ("up{", 1, Reason.PROBE_ERROR, "status 400, expected 200; body: "),
    "a matrix": ("up[5m]", 1, Reason.NO_EVIDENCE, "the answer is neither an instant vector nor a scalar"),
}


@pytest.mark.parametrize("name", REAL)
async def test_the_result_decides_the_reason(server: str, name: str) -> None:
    query, expect, reason, said = REAL[name]
    seen = await asked(server, query, expect)
    assert seen.reason == reason, seen.detail
    assert said in seen.detail


async def test_a_run_records_facts_and_phases(server: str) -> None:
    seen = await asked(server, "vector(2.5)", 2.5)
    assert (seen.facts["series"], seen.facts["value"], seen.facts["status"]) == (1, 2.5, 200)
    assert set(seen.phases) == {"resolve", "connect", "processing", "transfer"}
    assert "value" not in (await asked(server, "vector(0)/0")).facts


@pytest.mark.parametrize(
    ("degraded", "outcome", "reason"),
    [
        ({"value": {"gt": 1}}, Outcome.DEGRADED, Reason.CONTENT),
        ({"value": {"gt": 2}}, Outcome.PASS, Reason.OK),
        ({"value": 2, "slower_than": "5s"}, Outcome.DEGRADED, Reason.CONTENT),
        ({"slower_than": "1ms"}, Outcome.DEGRADED, Reason.SLOW),
    ],
)
async def test_degraded_options_decide_the_outcome(
    server: str, degraded: Any, outcome: Outcome, reason: Reason
) -> None:
    seen = await asked(server, "vector(2)", {"ge": 0}, degraded=degraded)
    assert (seen.outcome, seen.reason) == (outcome, reason), seen.detail


def vector(*values: str) -> bytes:
    rows = [{"metric": {}, "value": [1.0, value]} for value in values]
    return response(200, json.dumps({"status": "success", "data": {"resultType": "vector", "result": rows}}).encode())


def partial(*values: str, **more: Any) -> bytes:
    rows = [{"metric": {}, "value": [1.0, value]} for value in values]
    document = {"status": "success", "data": {"resultType": "vector", "result": rows}, **more}
    return response(200, json.dumps(document).encode())


@pytest.mark.parametrize("more", [{"warnings": ["store-1:10901 is unavailable"]}, {"isPartial": True}])
@pytest.mark.parametrize(("values", "expect"), [(["1"], 1), (["2"], 1), ([], {"exists": False})])
async def test_an_incomplete_answer_is_no_evidence(more: dict[str, Any], values: list[str], expect: Any) -> None:
    async with serving(Web({"*": partial(*values, **more)})) as address:
        seen = await asked(f"http://{address}", "up", expect)
        assert (seen.reason, seen.detail.partition(":")[0]) == (Reason.NO_EVIDENCE, "the answer is incomplete")
        accepted = await asked(f"http://{address}", "up", expect, partial="accept")
        assert accepted.reason == (Reason.CONTENT if values == ["2"] else Reason.OK)


@pytest.mark.parametrize("more", [{"warnings": []}, {"warnings": None}, {"isPartial": False}, {"infos": ["a hint"]}])
async def test_an_answer_without_warnings_is_complete(more: dict[str, Any]) -> None:
    async with serving(Web({"*": partial("1", **more)})) as address:
        assert (await asked(f"http://{address}", "up")).reason == Reason.OK


ODD: dict[str, tuple[bytes, Reason]] = {
    "an error": (response(503, b'{"status": "error"}'), Reason.NO_EVIDENCE),
    "a refusal": (response(401), Reason.NO_EVIDENCE),
    "too many requests": (response(429, headers={"Retry-After": "3"}), Reason.RATE_LIMITED),
    "no JSON": (response(200, b"<html>"), Reason.NO_EVIDENCE),
    "other JSON": (response(200, b"[1]"), Reason.NO_EVIDENCE),
    "a vector of texts": (vector("many"), Reason.NO_EVIDENCE),
    "a body cut short": (b"HTTP/1.1 200 X\r\nContent-Length: 90\r\n\r\nabc", Reason.NO_EVIDENCE),
    "another protocol": (b"220 mail ready\r\n", Reason.NO_EVIDENCE),
    "infinity": (vector("+Inf"), Reason.CONTENT),
}


@pytest.mark.parametrize("name", ODD)
async def test_a_response_without_a_result_is_no_evidence(name: str) -> None:
    answer, reason = ODD[name]
    async with serving(Web({"*": answer})) as address:
        seen = await asked(f"http://{address}", "up")
    assert seen.reason == reason, seen.detail
    if reason == Reason.NO_EVIDENCE and not name.startswith(("no JSON", "other", "a vector")):
        assert f"http://{address}/api/v1/query: " in seen.detail


async def test_a_server_that_does_not_listen_or_is_silent_is_no_evidence() -> None:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.read()

    async with serving(silent) as address:
        options = {"kind": "promql", "url": f"http://{address}", "query": "up", "expect": {"value": 1}}
        seen = await probe(options, timeout=1.0)
        assert (seen.outcome, seen.reason) == (Outcome.UNKNOWN, Reason.NO_EVIDENCE)
        assert seen.detail.endswith("/api/v1/query: no answer within 1s in phase processing")
    gone = await asked(f"http://{address}", "up")
    detail = f"http://{address}/api/v1/query: nothing listens at {address}: connection refused"
    assert (gone.reason, gone.detail) == (Reason.NO_EVIDENCE, detail)


async def test_the_query_is_sent_as_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMQL_TOKEN", "t0ken-of-prometheus")
    came: list[Seen] = []

    def answer(request: Seen) -> bytes:
        came.append(request)
        return vector("1") if request.headers.get("authorization") == "Bearer t0ken-of-prometheus" else response(401)

    async with serving(Web({"*": answer}), server_tls()) as address:
        url, tls = f"https://{address}/prefix/", {"ca_file": ca_file(tmp_path)}
        auth = {"bearer": {"env": "PROMQL_TOKEN"}}
        assert (await asked(url, "a+b", tls=tls, auth=auth)).outcome == Outcome.PASS
        assert came[0].target.startswith("/prefix/api/v1/query?query=a%2Bb&timeout=")
        assert (await asked(url, "a+b", tls=tls)).reason == Reason.NO_EVIDENCE
        assert (await asked(url, "a+b", auth=auth)).reason == Reason.NO_EVIDENCE


async def test_proxy_and_ip_family_are_respected() -> None:
    web = Web({"*": vector("1")})
    async with serving(web) as proxy:
        assert (await asked("http://prometheus.test:9090", "up", proxy=f"http://{proxy}")).outcome == Outcome.PASS
        assert web.seen[0].target.startswith("http://prometheus.test:9090/api/v1/query?")
        seen = await asked(f"http://{proxy}", "up", ip_family=6)
        assert "has no IPv6 address" in seen.detail


@pytest.mark.parametrize(
    "options",
    [
        {"query": ""},
        {"url": "http://p.test/?query=up"},
        {"expect": {}},
        {"expect": {"value": {"foo": 1}}},
    ],
)
def test_bad_options_are_refused(options: dict[str, Any]) -> None:
    good = {"kind": "promql", "url": "http://p.test", "query": "up", "expect": {"value": 1}}
    with pytest.raises(ValidationError):
        load("promql").model_validate(good | options)


def test_the_host_is_that_of_the_url() -> None:
    good = {"kind": "promql", "url": "http://p.test", "query": "up", "expect": {"value": 1}}
    assert load("promql").model_validate(good).hosts() == ("p.test",)


# Samples with their age


AGED = {
    "young samples": ("up[5m]", 0, {}, Reason.OK, ""),
    "young samples of another value": (
        "up[5m]",
        1,
        {},
        Reason.CONTENT,
        'up{instance="127.0.0.1:1", job="staging"} is 0',
    ),
    "no series": ("nothing[5m]", 1, {}, Reason.NO_EVIDENCE, "the query selects no series"),
    "a query that computes, beside its samples": ("sum(up) + 2", 2, {"samples": "up[5m]"}, Reason.OK, ""),
    "a query that computes, beside samples of no series": (
        "vector(1)",
        1,
        {"samples": "nothing[5m]"},
        Reason.NO_EVIDENCE,
        "samples selects no series",
    ),
}


@pytest.mark.parametrize("name", AGED)
async def test_samples_of_a_real_server(name: str, server: str) -> None:
    query, expect, options, reason, detail = AGED[name]
    seen = await asked(server, query, expect, max_age="1m", **options)
    assert (seen.reason, seen.detail[: len(detail)]) == (reason, detail)
    if reason in (Reason.OK, Reason.CONTENT):
        assert 0 <= seen.facts["age"] < 60


def aged(*ages: float) -> bytes:
    rows = [
        {"metric": {"n": str(age)}, "values": [[time.time() - age - 60, "9"], [time.time() - age, "1"]]} for age in ages
    ]
    data = {"resultType": "matrix", "result": rows}
    return response(200, json.dumps({"status": "success", "data": data}).encode())


OLD: dict[str, tuple[Answer, Reason, str]] = {
    "older than may be": (lambda _: aged(600.0), Reason.NO_EVIDENCE, "the newest sample is 10m old, max_age is 5m"),
    "one series of two is old": (lambda _: aged(600.0, 10.0), Reason.OK, ""),
    "from the future": (lambda _: aged(-20.0), Reason.OK, ""),
    "a vector in answer to a range": (
        response(200, json.dumps({"data": {"resultType": "vector", "result": []}}).encode()),
        Reason.NO_EVIDENCE,
        "the answer is not a range of samples",
    ),
}


@pytest.mark.parametrize("name", OLD)
async def test_old_samples_are_no_evidence(name: str) -> None:
    answer, reason, detail = OLD[name]
    async with serving(Web({"*": answer})) as address:
        seen = await asked(f"http://{address}", "a[10m]", 1, max_age="5m")
    assert (seen.reason, seen.detail[: len(detail)]) == (reason, detail)


NOT_RANGES = {
    "an instant query": ({"query": "up", "max_age": "5m"}, "query must end in a range such as"),
    "samples that are none": ({"query": "up", "max_age": "5m", "samples": "up"}, "samples must end in a range such as"),
    "samples without an age": ({"query": "up", "samples": "up[5m]"}, "samples goes with max_age"),
}


@pytest.mark.parametrize("name", NOT_RANGES)
def test_an_age_needs_samples(name: str) -> None:
    options, message = NOT_RANGES[name]
    with pytest.raises(ValidationError, match=message):
        load("promql").model_validate({"kind": "promql", "url": "http://a.test", "expect": {"value": 1}, **options})


# Managed Prometheus of Google Cloud


async def test_managed_prometheus_by_an_access_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    metadata, path = Metadata(), "/v1/projects/p/location/global/prometheus"
    monitoring = Web({"*": lambda _: aged(200.0)})
    async with serving(metadata) as host, serving(monitoring) as address:
        monkeypatch.setenv("GCE_METADATA_HOST", host)
        query = 'vpcaccess_googleapis_com:connector_instances{connector_name="c"}[10m]'
        auth = {"google_access_token": {"scopes": ["https://www.googleapis.com/auth/monitoring.read"]}}
        seen = await asked(f"http://{address}{path}", query, 1, max_age="6m", auth=auth)
    assert seen.reason == Reason.OK
    assert seen.facts["age"] == pytest.approx(200.0, abs=10.0)
    assert monitoring.seen[0].target.startswith(f"{path}/api/v1/query?query=vpcaccess_googleapis_com%3A")
    assert monitoring.seen[0].headers["authorization"].startswith("Bearer access-")
    assert "scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fmonitoring.read" in metadata.asked("token")[0].target
