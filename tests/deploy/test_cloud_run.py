"""The description of the exporter on Cloud Run, against Google's own document of that API and against the code."""

from __future__ import annotations

import copy
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from staging_exporter.demo.googlecloud.discovery import faults

from tests.deploy import files
from tests.deploy.files import DEPLOY
from tests.support.live import EXPORTER as LIVE
from tests.support.live import answers, process, wait_for
from tests.support.ports import free_port

FOLDER = DEPLOY / "cloud-run"
SERVICE: dict[str, Any] = yaml.safe_load((FOLDER / "service.yaml").read_text())
COLLECTION: dict[str, Any] = yaml.safe_load((FOLDER / "collection.yaml").read_text())
TEMPLATE = SERVICE["spec"]["template"]
ANNOTATIONS = {**SERVICE["metadata"]["annotations"], **TEMPLATE["metadata"]["annotations"]}
EXPORTER, COLLECTOR = TEMPLATE["spec"]["containers"]


def wrong(service: dict[str, Any]) -> list[str]:
    return list(faults("run.v1", {"$ref": "Service"}, service, "service"))


def test_the_service_has_only_fields_that_the_api_knows() -> None:
    assert wrong(SERVICE) == []


PLANTED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "an unknown field": lambda container: container.update(portz=[]),
    "a number as text": lambda container: container["ports"][0].update(containerPort="9877"),
    "a text as list": lambda container: container.update(args="run"),
}


@pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED)
def test_a_planted_fault_is_seen(plant: Callable[[dict[str, Any]], Any]) -> None:
    service = copy.deepcopy(SERVICE)
    plant(service["spec"]["template"]["spec"]["containers"][0])
    assert len(wrong(service)) == 1


def test_there_is_one_instance_whose_cpu_is_always_allocated_and_no_storage() -> None:
    assert (ANNOTATIONS["autoscaling.knative.dev/minScale"], ANNOTATIONS["autoscaling.knative.dev/maxScale"]) == (
        "1",
        "1",
    )
    assert ANNOTATIONS["run.googleapis.com/cpu-throttling"] == "false"
    assert all(isinstance(value, str) for value in ANNOTATIONS.values())
    assert files.parsed(EXPORTER["args"])["storage"] is None


def test_the_sidecar_scrapes_the_port_that_the_exporter_listens_on() -> None:
    arguments = files.parsed(EXPORTER["args"])
    [port] = EXPORTER["ports"]
    [endpoint] = COLLECTION["spec"]["endpoints"]
    assert [address.port for address in arguments["listen"]] == [port["containerPort"]] == [endpoint["port"]]
    assert "ports" not in COLLECTOR  # one container gets the requests
    assert COLLECTION["spec"]["targetLabels"] == {"metadata": []}


def test_secrets_are_mounted_where_the_programs_read_them() -> None:
    volumes = {one["name"]: one["secret"] for one in TEMPLATE["spec"]["volumes"]}
    places = {
        f"{mount['mountPath']}/{volumes[mount['name']]['items'][0]['path']}"
        for container in (EXPORTER, COLLECTOR)
        for mount in container["volumeMounts"]
    }
    assert places == {"/etc/staging-exporter/staging.yml", "/etc/rungmp/config.yaml"}
    assert files.parsed(EXPORTER["args"])["config_file"] == (Path("/etc/staging-exporter/staging.yml"),)


def test_started_with_these_arguments_the_exporter_answers_what_is_asked(tmp_path: Path) -> None:
    file, port = tmp_path / "staging.yml", free_port()
    check = "{kind: exec, command: ['true']}"
    file.write_text(f"environment: t\ncomponents: {{a: {{layer: service, priority: P2, check: {check}}}}}")
    replaced = {"/etc/staging-exporter/staging.yml": str(file), ":9877": f"127.0.0.1:{port}"}
    paths = [EXPORTER[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe")]
    paths += [endpoint["path"] for endpoint in COLLECTION["spec"]["endpoints"]]
    assert not [path for path in paths if path.endswith("z")]
    with process([*LIVE, *(replaced.get(word, word) for word in EXPORTER["args"])], tmp_path / "log"):
        for path in paths:
            wait_for(lambda path=path: answers(f"http://127.0.0.1:{port}{path}"), path)


def test_the_script_makes_the_account_and_grants_what_the_page_says(tmp_path: Path) -> None:
    log = tmp_path / "log"
    (tmp_path / "gcloud").write_text(f'#!/bin/sh\necho "$@" >> {log}\n')
    (tmp_path / "gcloud").chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PROJECT": "p", "REGION": "r"}
    subprocess.run([FOLDER / "iam.sh", "private"], env=env, check=True)
    commands = log.read_text().splitlines()
    account = TEMPLATE["spec"]["serviceAccountName"].replace("PROJECT", "p")
    assert all(f"serviceAccount:{account}" in line for line in commands[2:])
    assert commands[1] == f"iam roles create stagingExporter --project p --file {FOLDER}/../gcp/role.yaml"
    assert [line.split("--role ")[1].split()[0] for line in commands[2:]] == [
        "projects/p/roles/stagingExporter",
        "roles/monitoring.metricWriter",
        "roles/cloudsql.client",
        "roles/secretmanager.secretAccessor",
        "roles/secretmanager.secretAccessor",
        "roles/run.invoker",
    ]
    assert subprocess.run([FOLDER / "iam.sh"], env={"PATH": env["PATH"]}, capture_output=True, check=False).returncode
