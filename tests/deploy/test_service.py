"""The systemd unit, the image and the manifests agree with the code and with each other."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from staging_exporter.config import load_config

from tests.deploy import files
from tests.deploy.files import DEPLOY, PROJECT, README, ROOT, instruction
from tests.support.live import answers, fetch, wait_for
from tests.support.ports import free_port
from tests.support.suite import Staging, staging

KINDS = files.manifests()
POD: dict[str, Any] = KINDS["Deployment"]["spec"]["template"]["spec"]
CONTAINER: dict[str, Any] = POD["containers"][0]
MOUNTS = {mount["name"]: mount["mountPath"] for mount in CONTAINER["volumeMounts"]}
CONFIG, STORAGE = Path("/etc/staging-exporter/staging.yml"), Path("/var/lib/staging-exporter")
USER = 9877


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staging]:
    with staging(tmp_path_factory.mktemp("deploy"), up=True) as exporter:
        yield exporter


@pytest.mark.parametrize(
    "words",
    [files.unit_command()[1:], json.loads(instruction("CMD")), CONTAINER["args"]],
    ids=["systemd", "image", "kubernetes"],
)
def test_all_three_start_it_with_the_same_options(words: list[str]) -> None:
    arguments = files.parsed(words)
    assert (arguments["config_file"], arguments["storage"]) == ((CONFIG,), STORAGE)
    listen = map(str, arguments["listen"]) if not arguments["systemd"] else files.unit_sockets()
    assert [address.rpartition(":")[2] for address in listen if not address.startswith("/")] == ["9877"]


def test_they_start_the_program_that_is_installed() -> None:
    [program] = PROJECT["scripts"]
    assert Path(files.unit_command()[0]).name == program
    assert json.loads(instruction("ENTRYPOINT")) == [program]


def test_the_unit_keeps_its_state_where_systemd_lets_it_write() -> None:
    service = files.unit()["Service"]
    assert Path("/var/lib") / service["StateDirectory"] == STORAGE
    assert service["ExecReload"].endswith("kill -HUP $MAINPID")


def test_the_unit_also_listens_on_a_unix_socket_in_a_directory_of_its_own() -> None:
    [socket] = [address for address in files.unit_sockets() if address.startswith("/")]
    assert Path(socket).parent == Path("/run/staging-exporter")
    assert files.unit()["Unit"]["Requires"] == "staging-exporter.socket"


def test_the_ports_agree() -> None:
    [port], [service_port] = CONTAINER["ports"], KINDS["Service"]["spec"]["ports"]
    [endpoint] = KINDS["ServiceMonitor"]["spec"]["endpoints"]
    assert port["containerPort"] == service_port["port"] == int(instruction("EXPOSE")) == 9877
    assert port["name"] == service_port["targetPort"] == service_port["name"] == endpoint["port"]
    assert {CONTAINER[probe]["httpGet"]["port"] for probe in ("livenessProbe", "readinessProbe")} == {port["name"]}


def test_the_liveness_and_readiness_probes_get_an_answer(running: Staging) -> None:
    assert "healthy" in fetch(running.url + CONTAINER["livenessProbe"]["httpGet"]["path"])
    wait_for(lambda: answers(running.url + CONTAINER["readinessProbe"]["httpGet"]["path"]), "every check has run once")


def health(port: str) -> int:
    program, option, code = files.health_command()
    assert (program, option) == ("python3", "-c")
    command = [sys.executable, option, code.replace("9877", port)]
    return subprocess.run(command, stderr=subprocess.DEVNULL, timeout=30).returncode


def test_the_health_check_of_the_image_fails_without_an_exporter(running: Staging) -> None:
    assert health(running.url.rpartition(":")[2]) == 0
    assert health(str(free_port())) == 1


def test_the_user_of_the_image_can_write_the_volume() -> None:
    assert instruction("USER") == f"{USER}:{USER}"
    assert f"--owner={USER} --group={USER} --mode=0700 {STORAGE}" in instruction("RUN")
    assert instruction("VOLUME") == str(STORAGE)
    assert POD["securityContext"]["fsGroup"] == USER


def test_the_image_copies_exactly_the_files_sent_to_its_builder() -> None:
    copied = [
        name
        for word, rest in files.instructions()
        if word == "COPY" and "--from" not in rest
        for name in rest.split()[:-1]
    ]
    lines = (DEPLOY / "image" / "Dockerfile.dockerignore").read_text().splitlines()
    assert [line[1:] for line in lines if line.startswith("!")] == copied
    locks = {"requirements.lock", "requirements-build.lock", "requirements-dashboards.lock", "requirements-gcp.lock"}
    needed = {PROJECT["readme"], *PROJECT["license-files"], "pyproject.toml", "exporter", *locks}
    assert set(copied) == {Path(name).parts[0] for name in needed}
    assert all((ROOT / name).exists() for name in copied)


def test_the_extra_in_the_comment_of_the_image_exists_and_has_its_lock() -> None:
    named = re.findall(r"EXTRAS=(\w+)", (DEPLOY / "image" / "Dockerfile").read_text())
    assert named == ["gcp", "dashboards"]
    assert set(named) <= set(PROJECT["optional-dependencies"])
    assert all((ROOT / f"requirements-{name}.lock").exists() for name in named)


def test_the_image_installs_nothing_without_a_hash_but_this_project() -> None:
    runs = " && ".join(rest for word, rest in files.instructions() if word == "RUN")
    installs = [shlex.split(part) for part in runs.split("&&") if "pip" in part.split()]
    free = [words for words in installs if "--require-hashes" not in words]
    assert len(installs) == 3
    assert [words[-3:] for words in free] == [["--no-deps", "--no-build-isolation", "/src"]]


def test_the_manifests_run_this_version() -> None:
    assert CONTAINER["image"].rpartition(":")[2] == PROJECT["version"]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "ServiceMonitor"])
def test_kubernetes_knows_every_field(kind: str) -> None:
    kubernetes_validate.validate(KINDS[kind], kubernetes_validate.latest_version(), strict=True)


def test_service_and_monitor_select_the_deployment() -> None:
    labels = KINDS["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert KINDS["Deployment"]["spec"]["selector"]["matchLabels"] == labels == KINDS["Service"]["spec"]["selector"]
    assert KINDS["ServiceMonitor"]["spec"]["selector"]["matchLabels"] == KINDS["Service"]["metadata"]["labels"]


def test_every_volume_exists_and_is_mounted_where_it_is_read() -> None:
    assert {volume["name"] for volume in POD["volumes"]} == set(MOUNTS)
    sources = {volume["name"]: volume for volume in POD["volumes"]}
    assert sources["config"]["configMap"]["name"] == KINDS["ConfigMap"]["metadata"]["name"]
    assert (
        sources["storage"]["persistentVolumeClaim"]["claimName"] == KINDS["PersistentVolumeClaim"]["metadata"]["name"]
    )
    assert MOUNTS["config"] == str(CONFIG.parent)
    assert list(KINDS["ConfigMap"]["data"]) == [CONFIG.name]
    assert MOUNTS["storage"] == str(STORAGE)


def test_the_configuration_is_valid_and_reads_the_secrets_of_the_readme(tmp_path: Path) -> None:
    text = KINDS["ConfigMap"]["data"][CONFIG.name]
    file = tmp_path / CONFIG.name
    file.write_text(text)
    assert load_config(file).checks
    read = set(re.findall(r"\{file: ([^\s}]+)\}", text))
    [secret] = re.findall(r"create secret generic (\S+) (.*)", README)
    assert secret[0] == next(volume for volume in POD["volumes"] if volume["name"] == "secrets")["secret"]["secretName"]
    made = re.findall(r"--from-file=(\w+)", secret[1])
    assert read == {f"{MOUNTS['secrets']}/{name}" for name in made}


def test_the_monitor_and_the_example_prometheus_scrape_alike() -> None:
    [endpoint] = KINDS["ServiceMonitor"]["spec"]["endpoints"]
    beside = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    assert endpoint["interval"] == beside["global"]["scrape_interval"]
    assert endpoint["honorLabels"] is beside["scrape_configs"][0]["honor_labels"] is True


def test_the_readme_links_every_example() -> None:
    for name in ("systemd/staging-exporter.service", "image/Dockerfile", "kubernetes/staging-exporter.yml"):
        assert (DEPLOY / name).exists()
    unnamed = [folder.name for folder in DEPLOY.iterdir() if f"deploy/{folder.name}" not in README]
    assert unnamed == []


def test_the_image_that_runs_has_no_shell_and_both_bases_can_be_fixed_by_digest() -> None:
    """distroless has no /bin/sh: a RUN, or a command as text, in its stage could not work."""
    words = [word for word, _ in files.instructions()]
    last = len(words) - 1 - words[::-1].index("FROM")
    assert "RUN" not in words[last:]
    bases = [rest for word, rest in files.instructions() if word == "FROM"]
    assert bases == ["${BUILD}${BUILD_DIGEST} AS build", "${BASE}${BASE_DIGEST}"]
    arguments = dict(rest.split("=", 1) for word, rest in files.instructions() if word == "ARG")
    assert arguments["BASE"] == "gcr.io/distroless/python3-debian13:nonroot"
    assert (arguments["BASE_DIGEST"], arguments["BUILD_DIGEST"]) == ('""', '""'), "none that was not resolved"
    assert "imagetools inspect" in (DEPLOY / "image" / "Dockerfile").read_text()
