"""The fake against Google's discovery documents: it accepts and answers what they have, and nothing else."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any
from urllib.request import Request, urlopen

import pytest
from staging_exporter.demo.googlecloud.additions import add_cluster, add_machines
from staging_exporter.demo.googlecloud.discovery import documents, faults, find, methods, without_defaults
from staging_exporter.demo.googlecloud.methods import _HANDLERS, PARTIAL, PERMISSIONS
from staging_exporter.demo.googlecloud.reference import reference
from staging_exporter.demo.googlecloud.server import FakeGoogleCloud
from staging_exporter.evidence.google import reads
from staging_exporter.evidence.google.reader import GoogleReader
from staging_exporter.evidence.google.reads import ApiRead
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.resolve import Resolver
from staging_exporter.net.url import parse_url

from tests.googlecloud.__main__ import METHODS

P, R = "netra-staging", "us-central1"
_ENTRIES = 'resource.type="cloud_run_revision" AND severity>=WARNING'
_SERIES = 'metric.type="vpcaccess.googleapis.com/connector/{}"'
READS = {
    "services": reads.run_services(P, R),
    "revision": reads.run_revision(P, R, "netra-backend-staging", "netra-backend-staging-00042-kem"),
    "instances of Cloud SQL": reads.sql_instances(P),
    "operations of Cloud SQL": reads.sql_operations(P),
    "connectors": reads.vpc_connectors(P, R),
    "instances of Memorystore": reads.redis_instances(P),
    "clusters of Memorystore": reads.redis_clusters(P),
    "uptime checks": reads.uptime_checks(P),
    "health of a backend": reads.backend_health(
        reference().link("global", "backendServices", "machines"),
        reference().link("zones/us-central1-a", "instanceGroups", "machines-group"),
    ),
    **{name: reads.compute(P, name) for name in reference().compute},
    "certificates": reads.certificates(P),
    "log entries": reads.log_entries(P, _ENTRIES),
    **{
        metric: reads.time_series(P, _SERIES.format(metric), "2020-01-01T00:00:00Z", "2035-01-01T00:00:00Z", aligner)
        for metric, aligner in {
            "instances": "ALIGN_MAX",
            "cpu/utilizations": "ALIGN_PERCENTILE_95",
            "sent_bytes_count": "ALIGN_RATE",
        }.items()
    },
}


@pytest.mark.parametrize("name", READS)
async def test_every_read_of_the_exporter_is_one_that_google_documents(name: str) -> None:
    world = reference()
    world.loops["netra-backend-staging"] = world.now() - 60.0
    add_cluster(world, "sessions")
    add_machines(world, "machines", ("vm.staging.netrasystems.ai",))
    async with FakeGoogleCloud(world) as fake:
        reader = GoogleReader(parse_url(fake.url, ("http",)))
        answer = await reader.read(ProbeContext(5.0, Resolver()), READS[name], 60.0)
        assert not fake.refused
        assert answer.document or name in ("operations of Cloud SQL", "uptime checks")  # of which there are none


def ask(fake: str, host: str, target: str, body: Any = None, method: str | None = None) -> tuple[int, dict[str, Any]]:
    """Status and body of a request to the API of that name."""
    data = None if body is None else json.dumps(body).encode()
    request = Request(f"{fake}{target}", data, {"Host": host, "Content-Type": "application/json"}, method=method)
    try:
        with urlopen(request, timeout=5) as response:
            return response.status, json.load(response)
    except OSError as error:
        return error.code, json.load(error)  # type: ignore[attr-defined]


WRONG = {
    "an unknown path": ("run.googleapis.com", f"/v2/projects/{P}/services", None, "has no method"),
    "a method of another API": ("redis.googleapis.com", f"/v2/projects/{P}/locations/{R}/services", None, "no method"),
    "a POST where there is a GET": (
        "sqladmin.googleapis.com",
        f"/v1/projects/{P}/instances",
        {"a": 1},
        "no method for POST",
    ),
    "an unknown parameter": (
        "run.googleapis.com",
        f"/v2/projects/{P}/locations/{R}/services?limit=5",
        None,
        "unknown query parameter limit",
    ),
    "a parameter of the wrong type": (
        "run.googleapis.com",
        f"/v2/projects/{P}/locations/{R}/services?pageSize=many",
        None,
        "pageSize is 'many', expected a number",
    ),
    "an aligner that does not exist": (
        "monitoring.googleapis.com",
        f"/v3/projects/{P}/timeSeries?filter=x&interval.endTime=2026-01-01T00:00:00Z"
        "&aggregation.perSeriesAligner=ALIGN_P99",
        None,
        "perSeriesAligner is 'ALIGN_P99', expected one of",
    ),
    "an unknown field in a body": (
        "logging.googleapis.com",
        "/v2/entries:list",
        {"project": P},
        "body.project is unknown",
    ),
    "text for a number in a body": (
        "logging.googleapis.com",
        "/v2/entries:list",
        {"pageSize": "50"},
        "body.pageSize is '50', expected integer",
    ),
    "returnPartialSuccess only where the document has it": (
        "sqladmin.googleapis.com",
        f"/v1/projects/{P}/instances?returnPartialSuccess=true",
        None,
        "unknown query parameter returnPartialSuccess",
    ),
}


@pytest.mark.parametrize("case", WRONG)
async def test_a_request_that_google_does_not_document_is_refused(case: str) -> None:
    host, target, body, words = WRONG[case]
    async with FakeGoogleCloud(reference()) as fake:
        status, answer = await asyncio.to_thread(ask, fake.url, host, target, body)
        assert status in (400, 404)
        assert words in answer["error"]["message"]
        assert len(fake.refused) == 1


PLANTED: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "a state of another API": (
        "vpcaccess.v1",
        "Connector",
        {"state": "HEALTHY"},
        "state is 'HEALTHY', expected one of",
    ),
    "a field that nobody has": ("vpcaccess.v1", "Connector", {"currentInstances": 2}, "currentInstances is unknown"),
    "text for a number": ("vpcaccess.v1", "Connector", {"minInstances": "2"}, "minInstances is '2', expected integer"),
    "a number for 64 bits": (
        "sqladmin.v1",
        "Settings",
        {"dataDiskSizeGb": 10},
        "dataDiskSizeGb is 10, expected string",
    ),
    "a duration without its unit": (
        "run.v2",
        "GoogleCloudRunV2RevisionTemplate",
        {"timeout": "600"},
        "timeout is '600', not google-duration",
    ),
    "a time in words": ("redis.v1", "Instance", {"createTime": "yesterday"}, "not google-datetime"),
    "a state of the metric instead of the API": (
        "sqladmin.v1",
        "DatabaseInstance",
        {"state": "RUNNING"},
        "state is 'RUNNING', expected one of",
    ),
}


@pytest.mark.parametrize("case", PLANTED)
def test_an_answer_that_google_does_not_document_is_found(case: str) -> None:
    api, schema, value, words = PLANTED[case]
    (fault,) = faults(api, {"$ref": schema}, value, "answer")
    assert words in fault


async def test_an_answer_that_google_does_not_document_is_never_sent() -> None:
    world = reference()
    world.connectors[0]["currentInstances"] = 10
    async with FakeGoogleCloud(world) as fake:
        read = reads.vpc_connectors(P, R)
        status, answer = await asyncio.to_thread(ask, fake.url, read.host, read.target)
        assert status == 500
        assert "currentInstances is unknown" in answer["error"]["message"]


def test_the_answer_of_every_handler_is_of_a_method_that_is_documented() -> None:
    known = {method.id for method in methods()}
    assert set(_HANDLERS) <= known
    assert set(PARTIAL) <= set(_HANDLERS) == set(PERMISSIONS)
    assert known == {name for listed in METHODS.values() for name in listed}


@pytest.mark.parametrize("name", PARTIAL)
def test_an_incomplete_answer_is_documented(name: str) -> None:
    method = next(method for method in methods() if method.id == name)
    assert not list(faults(method.api, {"$ref": method.response}, PARTIAL[name], "answer"))


def test_empty_fields_are_left_out_but_not_the_value_of_a_point() -> None:
    point = {"value": {"doubleValue": 0.0}, "interval": {"startTime": ""}}
    assert without_defaults({"reconciling": False, "labels": {}, "points": [point], "n": 0}) == {
        "points": [{"value": {"doubleValue": 0.0}}]
    }


def test_the_documents_are_pruned_and_name_their_source() -> None:
    for document in documents().values():
        text = json.dumps(document)
        assert "description" not in {key for schema in document["schemas"].values() for key in schema}
        assert "enumDescriptions" not in text
        assert "Apache License 2.0" in document["notice"]
        assert document["revision"].isdecimal()
        assert document["source"].startswith("google-api-python-client==")


def test_a_method_is_found_by_host_verb_and_path() -> None:
    found = find("secretmanager.googleapis.com", "GET", f"/v1/projects/{P}/secrets/s/versions/latest:access")
    assert found is not None
    assert found[0].id == "secretmanager.projects.secrets.versions.access"
    assert found[1]["versionsId"] == "latest"


def test_the_fake_listens_on_loopback_only() -> None:
    fake = FakeGoogleCloud(reference())
    try:
        assert fake._socket.getsockname()[0] == "127.0.0.1"
        assert fake._socket.family == socket.AF_INET
    finally:
        fake._socket.close()


def test_a_page_token_is_added_where_the_read_has_its_parameters() -> None:
    assert reads.run_services(P, R).page("7").target.endswith("?pageSize=100&pageToken=7")
    body = json.loads(reads.log_entries(P, "x").page("7").body)
    assert (body["pageToken"], body["filter"]) == ("7", "x")
    assert ApiRead("h", "/p").page("1").page("2").query == (("pageToken", "2"),)
