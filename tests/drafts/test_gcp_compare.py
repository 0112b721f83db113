"""`validate --against gcp`: the differences between a file and the cloud."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml
from staging_exporter.config import load_config
from staging_exporter.demo.googlecloud.additions import add_cluster, add_machines
from staging_exporter.demo.googlecloud.reference import (
    AUTH,
    BACKEND,
    FRONTEND,
    add_connector,
    add_service,
    reference,
)
from staging_exporter.demo.googlecloud.server import FakeGoogleCloud
from staging_exporter.demo.googlecloud.world import World
from staging_exporter.drafts.gcp.compare import differences

from tests.support.drafted import REPOSITORY, Change, drafted, inventory, inventory_of
from tests.support.live import staging_exporter


async def compared(file: Path, change: Change = lambda _: None) -> list[str]:
    config = load_config(file)
    return list(differences(await inventory(change), config.topology.components, config.checks))


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    path = tmp_path / "staging.yml"
    path.write_text(await drafted())
    return path


async def test_a_draft_does_not_differ(file: Path) -> None:
    assert await compared(file) == []


def revision(world: World, name: str) -> dict[str, Any]:
    return next(one for one in world.revisions if one["service"] == name)


def a_new_service(world: World) -> None:
    add_service(world, "netra-jobs-staging")


def moved_connector(world: World) -> None:
    add_connector(world, "second-connector")
    revision(world, BACKEND)["vpcAccess"]["connector"] = f"{world.at}/connectors/second-connector"


def no_database(world: World) -> None:
    revision(world, AUTH)["volumes"].clear()
    variables = revision(world, AUTH)["containers"][0]["env"]
    variables[:] = [one for one in variables if one["name"] != "POSTGRES_HOST"]


def another_database(world: World) -> None:
    world.sql[0]["name"] = "another"
    world.sql[0]["connectionName"] = "netra-staging:us-central1:another"


def a_new_host(world: World) -> None:
    world.compute["urlMaps"][0]["hostRules"][0]["hosts"].append("new.staging.netrasystems.ai")


def one_domain_less(world: World) -> None:
    world.compute["sslCertificates"][0]["managed"]["domains"].remove("api.staging.netrasystems.ai")


def short_startup(world: World) -> None:
    revision(world, BACKEND)["containers"][0]["startupProbe"]["failureThreshold"] = 8


def no_service(world: World) -> None:
    world.services[:] = [one for one in world.services if not one["name"].endswith(FRONTEND)]


SQL = "netra-staging:us-central1:staging-shared-postgres"
CHANGES: dict[str, tuple[Change, list[str]]] = {
    "a service that nobody probes": (
        a_new_service,
        ["service netra-jobs-staging is deployed, and no component probes it"],
    ),
    "another connector": (
        moved_connector,
        [
            f"components.{BACKEND}: revision {BACKEND}-00042-kem uses the VPC connector second-connector, "
            "the file has staging-connector",
        ],
    ),
    "an edge that is gone": (
        no_database,
        [
            f"components.{AUTH}.depends_on: sql-staging-shared-postgres: revision {AUTH}-00042-kem does not use "
            "Cloud SQL instance staging-shared-postgres",
        ],
    ),
    "a database that is gone": (
        another_database,
        ["components.sql-staging-shared-postgres-state.check: there is no Cloud SQL instance staging-shared-postgres"],
    ),
    "a host that nobody probes": (
        a_new_host,
        [
            f"host new.staging.netrasystems.ai leads to {FRONTEND}, and no component probes it",
            "host new.staging.netrasystems.ai: no certificate of the load balancer has this name",
        ],
    ),
    "a domain without certificate": (
        one_domain_less,
        ["host api.staging.netrasystems.ai: no certificate of the load balancer has this name"],
    ),
    "a startup budget that the platform does not give": (
        short_startup,
        [
            f"components.{BACKEND}.startup.budget: it is 10m, the startup probe allows 4m: "
            "Cloud Run ends the container before",
        ],
    ),
    "a service that is gone": (
        no_service,
        [f"components.{FRONTEND}-revision.check: there is no Cloud Run service {FRONTEND}"],
    ),
}


@pytest.mark.parametrize(("change", "expected"), CHANGES.values(), ids=CHANGES)
async def test_a_difference_is_said_once(change: Change, expected: list[str], file: Path) -> None:
    found = await compared(file, change)
    assert [text for text in found if text in expected] == expected
    assert len(found) == len(set(found))


async def test_an_edge_that_the_file_lacks(file: Path) -> None:
    document = yaml.safe_load(file.read_text())
    document["components"][BACKEND]["depends_on"].remove("sql-staging-shared-postgres")
    file.write_text(yaml.safe_dump(document))
    text = f"components.{BACKEND}: revision {BACKEND}-00042-kem mounts {SQL}, and no edge leads there"
    assert await compared(file) == [text]


async def test_what_could_not_be_read_is_not_missed(file: Path) -> None:
    config = load_config(file)
    async with FakeGoogleCloud(reference()) as fake:
        fake.troubles["sqladmin.googleapis.com"] = "forbidden"
        found = list(differences(await inventory_of(fake), config.topology.components, config.checks))
    assert not [text for text in found if "there is no" in text]


async def test_the_hand_written_configuration_is_compared_by_its_addresses() -> None:
    config = load_config(REPOSITORY / "deploy" / "netra-staging.yml")
    found = list(differences(await inventory(), config.topology.components, config.checks))
    assert found == [
        f"components.{name}: revision {service}-00042-kem uses the VPC connector staging-connector, "
        "which no component checks"
        for service, name in ((BACKEND, "backend"), (AUTH, "auth"))
    ] + ["host staging.netrasystems.ai leads to netra-frontend-staging, and no component probes it"]


async def test_the_command_prints_differences_as_warnings(file: Path) -> None:
    world = reference()
    a_new_service(world)
    async with FakeGoogleCloud(world) as fake:
        text = file.read_text().replace("google: {", f'google: {{endpoint: "{fake.url}", ')
        file.write_text(text)
        done = await asyncio.to_thread(staging_exporter, "validate", "--against", "gcp", str(file))
    assert done.returncode == 0
    expected = f"warning: {file}: service netra-jobs-staging is deployed, and no component probes it"
    assert expected in done.stderr.splitlines()


async def test_a_configuration_without_a_project_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.yml"
    file.write_text(
        "environment: t\ncomponents: {a: {layer: service, priority: P2, check: {kind: exec, command: [x]}}}"
    )
    done = await asyncio.to_thread(staging_exporter, "validate", "--against", "gcp", str(file))
    assert (done.returncode, done.stderr) == (2, "--against gcp needs google.project in the configuration\n")


def machines_and_a_cluster(world: World) -> None:
    add_machines(world, "shop", ("shop.staging.netrasystems.ai",))
    add_cluster(world, "sessions")
    variables = next(one for one in world.revisions if one["service"] == BACKEND)["containers"][0]["env"]
    variables.append({"name": "SESSIONS_HOST", "value": "10.107.2.3"})


async def test_virtual_machines_and_clusters_are_drawn_and_compared(tmp_path: Path) -> None:
    path = tmp_path / "staging.yml"
    path.write_text(await drafted(machines_and_a_cluster))
    config = load_config(path)
    components = config.topology.components
    assert ("machines-shop",) in components["edge-shop-staging-netrasystems-ai"].depends_on
    assert "redis-sessions" in components[BACKEND].optional_depends_on
    assert components["redis-sessions"].depends_on == (("redis-sessions-state",), ("vpc-staging-connector",))
    text = "host shop.staging.netrasystems.ai: no certificate of the load balancer has this name"
    assert await compared(path, machines_and_a_cluster) == [text]
    assert sorted(await compared(path)) == [
        "components.machines-shop.check: there is no backend service shop",
        "components.redis-sessions-state.check: there is no Redis cluster sessions",
    ]


async def test_a_cache_in_another_region_is_drawn_without_one(tmp_path: Path) -> None:
    path = tmp_path / "staging.yml"

    def elsewhere(world: World) -> None:
        world.redis[0]["name"] = world.redis[0]["name"].replace(world.region, "europe-west1")

    path.write_text(await drafted(elsewhere))
    assert load_config(path).warnings == ()
