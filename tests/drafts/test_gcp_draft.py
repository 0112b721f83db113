"""`init --from gcp` against the fake: what is drafted, from which field, and what could not be seen."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from staging_exporter.config import load_config
from staging_exporter.core.model import Reason
from staging_exporter.demo.googlecloud.methods import PERMISSIONS as OF_METHODS
from staging_exporter.demo.googlecloud.reference import AUTH, BACKEND, FRONTEND, reference
from staging_exporter.demo.googlecloud.server import FakeGoogleCloud
from staging_exporter.demo.googlecloud.troubles import ANSWERS
from staging_exporter.demo.googlecloud.world import World
from staging_exporter.drafts.gcp.graph import draft
from staging_exporter.drafts.gcp.role import PERMISSIONS, grant_command, role_file
from staging_exporter.drafts.gcp.text import render
from staging_exporter.drafts.parts import slug
from staging_exporter.drafts.text import flow
from staging_exporter.engine.prober import Prober

from tests.support.drafted import REPOSITORY, Change, drafted, inventory, inventory_of
from tests.support.live import staging_exporter

SQL = "netra-staging:us-central1:staging-shared-postgres"


def parsed(text: str) -> dict[str, Any]:
    components: dict[str, Any] = yaml.safe_load(text)["components"]
    return components


def edges(component: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    return component.get("depends_on", []), component.get("optional_depends_on", [])


async def test_the_draft_of_the_reference_environment_is_valid(tmp_path: Path) -> None:
    file = tmp_path / "staging.yml"
    file.write_text(await drafted())
    config = load_config(file)
    assert [str(warning) for warning in config.warnings if "owner" not in str(warning)] == []
    assert config.google.project == "netra-staging"
    kinds = {check.kind for check in config.checks.values()}
    assert kinds == {
        *("gcp_run", "gcp_sql", "gcp_vpc", "gcp_lb", "gcp_redis", "gcp_certificate"),
        *("http", "websocket", "tcp", "dns"),
    }


async def test_edges_name_the_field_that_they_came_from() -> None:
    text = await drafted()
    found = parsed(text)
    assert edges(found[BACKEND]) == (
        [f"{BACKEND}-revision", "sql-staging-shared-postgres", "vpc-staging-connector", "secret-manager"],
        [
            "redis-staging-shared-redis",
            "outside-clickhouse-netrasystems-ai",
            "outside-api-openai-com",
            AUTH,
        ],
    )
    assert edges(found[FRONTEND]) == ([f"{FRONTEND}-revision", [BACKEND, AUTH]], [])
    assert found[BACKEND]["startup"] == {"budget": "10m", "cold": "30s"}
    for line in (
        f"      - sql-staging-shared-postgres  # volumes: cloudSqlInstance {SQL}",
        "      - vpc-staging-connector  # vpcAccess.connector",
        "      - redis-staging-shared-redis  # env REDIS_HOST, a hint: confirm",
        "      - nat-staging-nat  # vpcAccess.egress ALL_TRAFFIC, routers: nats",
        f"      - {AUTH}  # backendServices, networkEndpointGroups: cloudRun.service",
    ):
        assert line in text.splitlines()


async def test_every_edge_has_a_comment() -> None:
    lines = [line for line in (await drafted()).splitlines() if line.startswith("      - ")]
    assert len(lines) > 30
    assert all("  # " in line for line in lines)


def service(world: World, name: str) -> dict[str, Any]:
    """The revision of a service that serves."""
    return next(one for one in world.revisions if one["service"] == name)


def env(world: World, name: str, **variables: str) -> None:
    found = service(world, name)["containers"][0]["env"]
    found += [{"name": key, "value": value} for key, value in variables.items()]


def without_nat(world: World) -> None:
    world.compute["routers"].clear()


def unmounted(world: World) -> None:
    service(world, AUTH)["volumes"].clear()


def a_circle(world: World) -> None:
    env(
        world,
        BACKEND,
        FRONTEND_URL="https://app.staging.netrasystems.ai",
        SELF_URL="https://api.staging.netrasystems.ai",
    )


def secret_address(world: World) -> None:
    found = service(world, BACKEND)["containers"][0]["env"]
    found.append({"name": "DATABASE_URL", "valueSource": {"secretKeyRef": {"secret": "database-url"}}})


def bare_host(world: World) -> None:
    env(world, BACKEND, QUEUE_HOST="rabbit.internal")


def no_certificate(world: World) -> None:
    world.compute["sslCertificates"][0]["managed"]["domains"] = ["*.staging.netrasystems.ai"]


def no_connector(world: World) -> None:
    world.connectors.clear()


def another_project(world: World) -> None:
    service(world, AUTH)["volumes"][0]["cloudSqlInstance"]["instances"] = ["other:us-central1:db"]


def other_paths(world: World) -> None:
    url_map = world.compute["urlMaps"][0]
    backends = {one["name"]: one["selfLink"] for one in world.compute["backendServices"]}
    rule = {"paths": ["/login", "/login/*"], "service": backends[f"{AUTH}-backend"]}
    next(one for one in url_map["pathMatchers"] if one["name"] == BACKEND)["pathRules"] = [rule]


def wildcard(world: World) -> None:
    world.compute["urlMaps"][0]["hostRules"][0]["hosts"].append("*.preview.netrasystems.ai")


NOTES: dict[str, tuple[Change, str]] = {
    "paths of a host that lead to another service": (
        other_paths,
        f"URL map netra-staging-lb, {BACKEND}: /login, /login/* lead to {AUTH}: add a check of one",
    ),
    "a host with a wildcard": (
        wildcard,
        "URL map netra-staging-lb: *.preview.netrasystems.ai is a wildcard: name the hosts that matter",
    ),
    "all traffic through a VPC without NAT": (
        without_nat,
        f"{BACKEND}: vpcAccess.egress is ALL_TRAFFIC, and no Cloud NAT was found",
    ),
    "a socket that is not mounted": (
        unmounted,
        f"{AUTH}: /cloudsql/netra-staging:us-central1:staging-shared-postgres is in a variable, and is not mounted",
    ),
    "an address in a secret": (
        secret_address,
        f"{BACKEND}: DATABASE_URL comes from a secret, which is not read: what does it name?",
    ),
    "a host that nobody knows": (
        bare_host,
        f"{BACKEND}: QUEUE_HOST looks like a host (rabbit.internal) that is not in this project",
    ),
    "a host without certificate": (
        no_certificate,
        "staging.netrasystems.ai: no certificate of the load balancer has this name",
    ),
    "a connector that is gone": (no_connector, f"{BACKEND}: its VPC connector staging-connector was not found"),
    "a database of another project": (
        another_project,
        f"{AUTH}: other:us-central1:db is mounted, and is not in this project",
    ),
}


@pytest.mark.parametrize(("change", "note"), NOTES.values(), ids=NOTES)
async def test_what_to_look_at(change: Change, note: str) -> None:
    assert f"# - {note}" in (await drafted(change)).splitlines()


async def test_services_that_name_each_other_make_no_circle(tmp_path: Path) -> None:
    file = tmp_path / "staging.yml"
    file.write_text(await drafted(a_circle))
    load_config(file)


async def test_a_password_in_a_plain_variable_is_not_written() -> None:
    def change(world: World) -> None:
        env(world, BACKEND, QUEUE_URL="rediss://user:geheim@queue.example.com:6380/0?token=geheim")

    text = await drafted(change)
    assert "geheim" not in text
    assert 'check: {kind: tcp, address: "queue.example.com:6380"}' in text


async def test_the_revision_that_serves_counts_not_the_newest_intent() -> None:
    def change(world: World) -> None:
        world.service(BACKEND)["template"]["vpcAccess"] = {"connector": "projects/p/locations/r/connectors/next"}

    assert "next" not in await drafted(change)


async def test_an_internal_service_is_not_asked_directly() -> None:
    def change(world: World) -> None:
        world.service(BACKEND)["ingress"] = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"

    found = parsed(await drafted(change))
    assert "check" not in found[BACKEND]
    assert f"websocket-{BACKEND}" not in found
    assert edges(found["websocket-api-staging-netrasystems-ai"])[0] == ["edge-api-staging-netrasystems-ai", BACKEND]


async def test_iap_needs_an_identity_token() -> None:
    def change(world: World) -> None:
        for backend in world.compute["backendServices"]:
            backend["iap"] = {"enabled": True, "oauth2ClientId": "client"}

    check = parsed(await drafted(change))["edge-api-staging-netrasystems-ai"]["check"]
    assert check["auth"] == {"google_id_token": {"audience": "client"}}


async def test_a_domain_mapping_leads_to_its_service() -> None:
    def change(world: World) -> None:
        mapping = {"metadata": {"name": "old.example.com"}, "spec": {"routeName": AUTH}}
        world.domain_mappings.append(mapping)

    assert edges(parsed(await drafted(change))["edge-old-example-com"])[0] == ["dns-old-example-com", AUTH]


async def test_a_certificate_map_has_the_certificates() -> None:
    def change(world: World) -> None:
        name = f"projects/{world.project}/locations/global/certificateMaps/m"
        world.compute["targetHttpsProxies"][0]["certificateMap"] = f"//certificatemanager.googleapis.com/{name}"
        world.map_entries.append(
            {"name": f"{name}/certificateMapEntries/e", "certificates": [world.certificates[0]["name"]]}
        )
        world.certificates[0]["managed"]["domains"] = ["*.staging.netrasystems.ai"]

    found = parsed(await drafted(change))
    assert "certificate-netra-previews" in edges(found["edge-api-staging-netrasystems-ai"])[0]
    assert "certificate-netra-previews" not in edges(found["edge-staging-netrasystems-ai"])[0]  # one label more or less


async def test_a_replica_needs_its_primary() -> None:
    def change(world: World) -> None:
        world.sql.append(
            {**world.sql[0], "name": "replica", "masterInstanceName": "netra-staging:staging-shared-postgres"}
        )

    assert edges(parsed(await drafted(change))["sql-replica-state"])[0] == ["sql-staging-shared-postgres-state"]


async def test_direct_vpc_egress_is_a_subnetwork_of_its_own() -> None:
    def change(world: World) -> None:
        interface = {"network": "staging-vpc", "subnetwork": "run-subnet"}
        service(world, BACKEND)["vpcAccess"] = {"networkInterfaces": [interface], "egress": "ALL_TRAFFIC"}

    found = parsed(await drafted(change))
    assert "subnet-run-subnet" in edges(found[BACKEND])[0]
    assert "check" not in found["subnet-run-subnet"]


STARTUP: dict[str, tuple[dict[str, Any] | None, str]] = {
    "without a probe": (None, "4m"),
    "with the defaults": ({"tcpSocket": {"port": 8000}}, "30s"),
    "with a delay": ({"initialDelaySeconds": 60, "periodSeconds": 20, "failureThreshold": 9}, "4m"),
}


@pytest.mark.parametrize(("probe", "budget"), STARTUP.values(), ids=STARTUP)
async def test_the_startup_budget_is_what_the_probe_allows(probe: dict[str, Any] | None, budget: str) -> None:
    def change(world: World) -> None:
        container = service(world, BACKEND)["containers"][0]
        container["startupProbe"] = probe or {}

    assert parsed(await drafted(change))[BACKEND]["startup"]["budget"] == budget


# Permissions


async def test_nothing_else_than_the_role_is_needed() -> None:
    async with FakeGoogleCloud(reference()) as fake:
        complete = render(draft(await inventory_of(fake)))
        asked = {OF_METHODS[method] for method in fake.asked if method in OF_METHODS}
        fake.removed = set(OF_METHODS.values()) - set(PERMISSIONS)
        found = await inventory_of(fake)
    assert not found.denied
    assert asked - set(PERMISSIONS) == {"run.domainmappings.list"}  # no role of Google's has it
    assert [text for text in found.unseen if "domainmappings" not in text] == []
    assert parsed(render(draft(found))) == parsed(complete)


@pytest.mark.parametrize("permission", sorted(set(PERMISSIONS) & set(OF_METHODS.values())))
async def test_without_a_permission_the_rest_is_drafted(permission: str, tmp_path: Path) -> None:
    async with FakeGoogleCloud(reference()) as fake:
        fake.removed = {permission}
        found = await inventory_of(fake)
    text = render(draft(found))
    assert f"# {grant_command('netra-staging')}" in text.splitlines()
    assert ("# Could not be seen" in text) == bool(found.unseen)
    file = tmp_path / "staging.yml"
    file.write_text(text)
    if permission != "run.services.list":
        load_config(file)


def test_the_committed_role_is_that_of_the_command() -> None:
    assert (REPOSITORY / "deploy" / "gcp" / "role.yaml").read_text() == role_file()
    assert yaml.safe_load(role_file())["includedPermissions"] == list(PERMISSIONS)


# The command


async def test_the_command_writes_a_file_once(tmp_path: Path) -> None:
    output = tmp_path / "staging.yml"
    async with FakeGoogleCloud(reference()) as fake:
        args = ("init", "--from", "gcp", "netra-staging", "--google.endpoint", fake.url)
        done = await staging_exporter_beside(*args, "--output", str(output))
        again = await staging_exporter_beside(*args, "--output", str(output))
        shown = await staging_exporter_beside(*args)
    assert (done.returncode, done.stdout) == (0, "")
    assert (again.returncode, again.stderr) == (2, f"{output}: File exists\n")
    assert shown.stdout == output.read_text()


async def test_without_the_extra_the_command_says_so() -> None:
    code = "import sys; sys.modules['google'] = None; from staging_exporter.cli import main; main()"
    command = [sys.executable, "-c", code, "init", "--from", "gcp", "netra-staging"]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "tokens of Google Cloud need the extra gcp: pip install 'staging-exporter[gcp]'\n"


async def test_a_project_that_cannot_be_read_ends_with_the_command_that_helps() -> None:
    async with FakeGoogleCloud(reference()) as fake:
        fake.troubles["*"] = "forbidden"
        done = await staging_exporter_beside("init", "--from", "gcp", "netra-staging", "--google.endpoint", fake.url)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"to grant what is needed: {grant_command('netra-staging')}" in done.stderr.splitlines()
    assert "cannot read project netra-staging: " in done.stderr


async def staging_exporter_beside(*args: str) -> Any:
    """The command in a thread, while the fake of this loop answers."""
    return await asyncio.to_thread(staging_exporter, *args)


# Words


FLOWS = {
    "plain": ({"kind": "http", "count": 3, "yes": True}, '{kind: http, count: 3, "yes": true}'),
    "a word that YAML would read": ({"name": "no"}, '{name: "no"}'),
    "an address": ("10.0.0.1:5432", '"10.0.0.1:5432"'),
    "a duration": ("10m", "10m"),
    "a list": ([["a.b", "c"]], "[[a.b, c]]"),
}


@pytest.mark.parametrize(("value", "text"), FLOWS.values(), ids=FLOWS)
def test_values_as_text(value: Any, text: str) -> None:
    assert flow(value) == text
    assert yaml.safe_load(text) == value


def test_a_long_name_is_cut_and_stays_unique() -> None:
    one, other = slug("a" * 80), slug("a" * 81)
    assert (len(one), len(other), one == other) == (63, 63, False)


async def test_an_inventory_takes_few_reads() -> None:
    async with FakeGoogleCloud(reference()) as fake:
        await inventory_of(fake)
        assert sum(fake.asked.values()) <= 20


async def test_the_inventory_of_nothing() -> None:
    def change(world: World) -> None:
        world.services.clear()
        world.compute.clear()
        world.sql.clear()
        world.redis.clear()

    assert (await inventory(change)).services == []


async def test_what_is_drafted_of_the_cloud_is_up_there(tmp_path: Path) -> None:
    file = tmp_path / "staging.yml"
    async with FakeGoogleCloud(reference()) as fake:
        fake.removed = set(OF_METHODS.values()) - set(PERMISSIONS)
        text = render(draft(await inventory_of(fake)))
        file.write_text(text.replace("google: {", f'google: {{endpoint: "{fake.url}", '))
        config, prober = load_config(file), Prober()
        asked = {name: check for name, check in config.checks.items() if check.kind.startswith("gcp_")}
        seen = [await prober.attempt(config.topology.components[name], check) for name, check in asked.items()]
    assert len(seen) == 8
    assert {one.component: (one.reason, one.detail) for one in seen if one.reason != Reason.OK} == {}


@pytest.mark.parametrize("trouble", [*ANSWERS, "half", "html", "hangs-up", "partial"])
async def test_an_api_in_trouble_leaves_the_rest_of_the_draft(trouble: str, tmp_path: Path) -> None:
    async with FakeGoogleCloud(reference()) as fake:
        fake.troubles["sqladmin.googleapis.com"] = trouble
        found = await inventory_of(fake)
    assert [text.partition(":")[0] for text in found.unseen if "sqladmin" in text]
    text = render(draft(found))
    assert "sql-staging-shared-postgres" in edges(parsed(text)[BACKEND])[0]  # the service says that it is there
    assert parsed(text)["sql-staging-shared-postgres"]["check"]["kind"] == "gcp_sql"
    file = tmp_path / "staging.yml"
    file.write_text(text)
    load_config(file)
