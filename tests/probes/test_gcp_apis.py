"""All kinds that read Google Cloud: trouble of an API is never a fault of the component, and reads are shared."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import ValidationError
from staging_exporter.config import ConfigError, load_config
from staging_exporter.core.model import Component, Layer, Observation, Outcome, Priority, Reason
from staging_exporter.demo.googlecloud.discovery import documents
from staging_exporter.demo.googlecloud.reference import add_connector, add_service, reference
from staging_exporter.demo.googlecloud.server import FakeGoogleCloud
from staging_exporter.engine.prober import Prober
from staging_exporter.evidence.google.backend_health import HEALTH_CHECKED
from staging_exporter.evidence.google.reader import GoogleReader
from staging_exporter.net.url import parse_url
from staging_exporter.probes import gcp_certificate, gcp_redis, gcp_run, gcp_sql, gcp_vpc, load

from tests.support.googlecloud import CHECKS, options, run

REASONS = {
    "unauthorized": Reason.CREDENTIALS,
    "forbidden": Reason.CREDENTIALS,
    "disabled": Reason.NO_EVIDENCE,
    "scopes": Reason.CREDENTIALS,
    "compute-quota": Reason.RATE_LIMITED,
    "throttled": Reason.RATE_LIMITED,
    "throttled-plainly": Reason.RATE_LIMITED,
    "absent": Reason.NO_EVIDENCE,
    "broken": Reason.NO_EVIDENCE,
    "silent": Reason.NO_EVIDENCE,
    "html": Reason.NO_EVIDENCE,
    "half": Reason.NO_EVIDENCE,
    "hangs-up": Reason.NO_EVIDENCE,
}


@pytest.mark.parametrize("kind", CHECKS)
async def test_the_reference_is_up(kind: str) -> None:
    async with FakeGoogleCloud(reference()) as fake:
        seen = await run(kind, fake)
        assert (seen.outcome, seen.detail) == (Outcome.PASS, "")
        assert not fake.refused


@pytest.mark.parametrize("trouble", REASONS)
@pytest.mark.parametrize("kind", CHECKS)
async def test_no_trouble_of_an_api_is_a_fault_of_the_component(kind: str, trouble: str) -> None:
    async with FakeGoogleCloud(reference()) as fake:
        fake.troubles["*"] = trouble
        seen = await run(kind, fake, timeout=0.5 if trouble == "silent" else 5.0)
    assert (seen.outcome, seen.reason) == (Outcome.UNKNOWN, REASONS[trouble]), seen.detail
    assert ".googleapis.com: " in seen.detail


@pytest.mark.parametrize("trouble", [*REASONS, "partial"])
@pytest.mark.parametrize("kind", CHECKS)
async def test_trouble_in_mid_flight_is_unknown_and_over_with_it(kind: str, trouble: str) -> None:
    async with FakeGoogleCloud(reference()) as fake:
        prober = Prober()
        assert (await run(kind, fake, prober, cache="1ms")).outcome == Outcome.PASS
        fake.troubles["*"] = trouble
        await asyncio.sleep(0.002)  # longer than answers are kept
        seen = await run(kind, fake, prober, cache="1ms", timeout=0.5 if trouble == "silent" else 5.0)
        assert seen.outcome == Outcome.UNKNOWN or (trouble, kind) == ("partial", "gcp_vpc"), seen.detail
        fake.troubles.clear()
        await asyncio.sleep(0.002)
        if not trouble.startswith(("throttled", "compute")):
            assert (await run(kind, fake, prober, cache="1ms")).outcome == Outcome.PASS


@pytest.mark.parametrize("kind", [kind for kind in CHECKS if kind != "gcp_vpc"])  # whose list has no such field
async def test_what_an_incomplete_list_lacks_is_not_absent(kind: str) -> None:
    async with FakeGoogleCloud(reference()) as fake:
        fake.troubles["*"] = "partial"
        seen = await run(kind, fake)
    assert (seen.outcome, seen.reason) == (Outcome.UNKNOWN, Reason.NO_EVIDENCE)
    assert "incomplete" in seen.detail


@pytest.mark.parametrize("kind", CHECKS)
async def test_what_a_complete_list_lacks_does_not_exist(kind: str) -> None:
    async with FakeGoogleCloud(reference()) as fake:
        missing = dict.fromkeys((key for key in CHECKS[kind] if key != "region"), "no-such-one")
        seen = await run(kind, fake, **missing)
    assert (seen.outcome, seen.reason) == (Outcome.FAIL, Reason.FAILED)
    assert seen.detail.startswith("there is no ")
    assert "no-such-one" in seen.detail


@pytest.mark.parametrize("kind", CHECKS)
def test_a_check_needs_a_project(kind: str) -> None:
    rest = {key: value for key, value in CHECKS[kind].items() if key != "region"}
    with pytest.raises(ValidationError, match=r"no project: write `project` here, or once as `google\.project`"):
        load(kind).model_validate({"kind": kind, **rest})


@pytest.mark.parametrize("kind", ["gcp_run", "gcp_vpc"])
def test_a_check_of_a_region_needs_one(kind: str) -> None:
    rest = {key: value for key, value in CHECKS[kind].items() if key != "region"}
    with pytest.raises(ValidationError, match=r"no region: write `region` here, or once as `google\.region`"):
        load(kind).model_validate({"kind": kind, "project": "p", **rest})


def large_world(fake: FakeGoogleCloud) -> list[dict[str, object]]:
    """The checks of sixty components, of every kind."""
    checks = [options(kind, fake) for kind in CHECKS]
    for number in range(30):
        add_service(fake.world, f"service-{number}")
        checks.append(options("gcp_run", fake, service=f"service-{number}"))
    for number in range(12):
        add_connector(fake.world, f"connector-{number}")
        checks.append(options("gcp_vpc", fake, connector=f"connector-{number}"))
    for number in range(12):
        fake.world.sql.append({**fake.world.sql[0], "name": f"sql-{number}"})
        checks.append(options("gcp_sql", fake, instance=f"sql-{number}"))
    return checks


def written(tmp_path: Path, section: str, check: str) -> Path:
    file = tmp_path / "staging.yml"
    component = f"{{layer: platform, priority: P0, check: {check}}}"
    file.write_text(f"environment: test\ngoogle: {section}\ncomponents:\n  run: {component}\n")
    return file


def test_the_section_google_has_the_defaults_of_its_kinds(tmp_path: Path) -> None:
    section = "{project: p, region: us-east1, cache: 2m, endpoint: 'https://googleapis.internal'}"
    check = load_config(written(tmp_path, section, "{kind: gcp_run, service: s, region: us-west1}")).checks["run"]
    assert isinstance(check, gcp_run.GcpRun)
    assert (check.project, check.region, check.cache) == ("p", "us-west1", 120.0)
    assert check.endpoint is not None
    assert check.endpoint.host == "googleapis.internal"


def test_the_section_google_is_for_its_kinds_alone(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, "{project: p}", "{kind: tcp, address: '127.0.0.1:1'}"))
    assert not hasattr(config.checks["run"], "project")


@pytest.mark.parametrize(
    ("section", "check", "words"),
    [
        ("{region: us-east1}", "{kind: gcp_run, service: s}", "no project: write `project` here"),
        ("{project: p}", "{kind: gcp_run, service: s}", "no region: write `region` here"),
        ("{project: p, zone: a}", "{kind: gcp_sql, instance: s}", "unknown key `zone`"),
        ("{project: p}", "{kind: gcp_sql, instance: s, region: us-east1}", "unknown key `region`"),
        ("{project: p, endpoint: 'ftp://x'}", "{kind: gcp_sql, instance: s}", "the URL begins with ftp://"),
    ],
)
def test_errors_of_the_configuration_are_plain(tmp_path: Path, section: str, check: str, words: str) -> None:
    with pytest.raises(ConfigError) as failed:
        load_config(written(tmp_path, section, check))
    assert words in str(failed.value)


class Fleet:
    """Sixty components on one prober, whose reads have a clock of the test."""

    def __init__(self, fake: FakeGoogleCloud) -> None:
        self.now = time.monotonic()
        self._prober = Prober()
        endpoint = parse_url(fake.url, ("http",))
        self._prober._cache.put(("google", str(endpoint)), GoogleReader(endpoint, clock=lambda: self.now))
        self._checks = [load(str(one["kind"])).model_validate(one) for one in large_world(fake)]
        assert len(self._checks) == 60

    async def poll(self, number: int, *, investigating: bool = False) -> Observation:
        check = self._checks[number]
        component = Component(f"c{number}", Layer.PLATFORM, Priority.P1, kind=check.kind, timeout=5.0)
        return await self._prober.attempt(component, check, investigating=investigating)

    async def poll_all(self, *, investigating: bool = False) -> Counter[Outcome]:
        runs = (self.poll(number, investigating=investigating) for number in range(60))
        return Counter(seen.outcome for seen in await asyncio.gather(*runs))


async def test_sixty_components_cost_few_reads_a_minute_and_little_of_the_loop() -> None:
    async with FakeGoogleCloud(reference()) as fake:
        fleet = Fleet(fake)
        assert await fleet.poll_all() == {Outcome.PASS: 60}
        took = []
        for _ in range(5):  # every ten seconds of a minute
            fleet.now += 10.0
            for number in range(60):
                begin = time.process_time()
                assert (await fleet.poll(number)).outcome == Outcome.PASS
                took.append(time.process_time() - begin)
        reads = sum(fake.asked.values())
        assert reads <= 30
        took.sort()
        median, most = took[150] * 1e3, took[-1] * 1e3
        print(f"{reads} reads a minute for 60 components; a poll takes {median:.2f} ms, at most {most:.1f} ms")
        assert took[int(len(took) * 0.99)] < 0.005


async def test_an_outage_in_which_all_are_asked_again_and_again_stays_within_the_limit() -> None:
    async with FakeGoogleCloud(reference()) as fake:
        fleet = Fleet(fake)
        fake.world.loops["netra-backend-staging"] = fake.world.now() - 100.0
        before = 0
        for minute in range(3):
            for _ in range(6):
                seen = await fleet.poll_all(investigating=True)
                assert seen[Outcome.UNKNOWN] == 0, seen
                fleet.now += 10.0
            reads = sum(fake.asked.values()) - before
            before += reads
            print(f"minute {minute}: {reads} reads for 60 components in an outage")
            assert reads <= 30


def enum(api: str, schema: str, field: str) -> set[str]:
    """The values that Google documents for a field."""
    return set(documents()[api]["schemas"][schema]["properties"][field]["enum"])


_CONDITION = ("run.v2", "GoogleCloudRunV2Condition")
ENUMS: dict[str, tuple[Mapping[str, object], set[str]]] = {
    "gcp_run": (gcp_run._STATES, enum(*_CONDITION, "state")),
    "gcp_sql": (gcp_sql.STATES, enum("sqladmin.v1", "DatabaseInstance", "state")),
    "activation policies": (gcp_sql.POLICIES, enum("sqladmin.v1", "Settings", "activationPolicy")),
    "gcp_vpc": (gcp_vpc.STATES, enum("vpcaccess.v1", "Connector", "state")),
    "gcp_redis": (gcp_redis.STATES, enum("redis.v1", "Instance", "state")),
    "clusters of gcp_redis": (gcp_redis.CLUSTER_STATES, enum("redis.v1", "Cluster", "state")),
    "health of endpoints": ({"HEALTHY": 1, "UNHEALTHY": 1}, enum("compute.v1", "HealthStatus", "healthState")),
    "gcp_certificate": (
        gcp_certificate.STATES,
        enum("compute.v1", "SslCertificateManagedSslCertificate", "status")
        | enum("certificatemanager.v1", "ManagedCertificate", "state"),
    ),
}


@pytest.mark.parametrize("table", ENUMS)
def test_the_tables_have_exactly_the_states_that_google_documents(table: str) -> None:
    ours, theirs = ENUMS[table]
    assert set(ours) == theirs


def test_reasons_that_name_a_fault_are_documented() -> None:
    assert enum("compute.v1", "NetworkEndpointGroup", "networkEndpointType") > HEALTH_CHECKED
    reasons = enum(*_CONDITION, "reason") | enum(*_CONDITION, "revisionReason")
    assert set(gcp_run.OWNERS) | gcp_run.STARTING <= reasons
    assert enum("sqladmin.v1", "Operation", "operationType") >= gcp_sql.RESTARTS
    domains = enum("certificatemanager.v1", "AuthorizationAttemptInfo", "failureReason")
    of_compute = {"FAILED_NOT_VISIBLE", "FAILED_CAA_CHECKING", "FAILED_CAA_FORBIDDEN", "FAILED_RATE_LIMITED"}
    assert set(gcp_certificate.DOMAINS) - of_compute <= domains
