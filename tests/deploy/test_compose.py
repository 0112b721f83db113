"""The quick start with docker compose: by the schema of compose, promtool, amtool and ours; it was never started."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from staging_exporter.config import load_config

from tests.deploy.files import DEPLOY, instruction, parsed
from tests.support.live import staging_exporter

HOME = DEPLOY / "compose"
COMPOSE: dict[str, Any] = yaml.safe_load((HOME / "compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
CONFIG = HOME / "staging" / "staging.yml"


@pytest.mark.parametrize(
    "command",
    [
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", f"{HOME}/compose.yml"],
        ["promtool", "check", "config", f"{HOME}/prometheus/prometheus.yml"],
        ["amtool", "check-config", f"{HOME}/alertmanager/alertmanager.yml"],
    ],
    ids=["compose", "prometheus", "alertmanager"],
)
def test_the_files_are_valid(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("what", "folder"), [("rules", "prometheus"), ("alertmanager", "alertmanager")])
def test_what_is_generated_is_current(what: str, folder: str, tmp_path: Path) -> None:
    """Renewed by `make generate`."""
    assert staging_exporter("generate", what, "--config.file", CONFIG, "--output", tmp_path).returncode == 0
    for made in tmp_path.iterdir():
        assert (HOME / folder / made.name).read_text() == made.read_text(), "stale: make generate"


def test_the_exporter_starts_with_these_options_and_probes_the_other_services() -> None:
    arguments = parsed(SERVICES["staging-exporter"]["command"])
    assert (str(arguments["storage"]), arguments["auto_reload"]) == (instruction("VOLUME"), True)
    config = load_config(CONFIG)
    assert {host for check in config.checks.values() for host in check.hosts()} == set(SERVICES) - {"staging-exporter"}
    scraped = re.findall(r"([a-z-]+):\d+", (HOME / "prometheus" / "prometheus.yml").read_text())
    assert set(scraped) <= {*SERVICES, "localhost"}


def test_every_file_that_is_mounted_exists_and_ports_are_those_of_this_machine_alone() -> None:
    for service in SERVICES.values():
        sources = [volume.split(":")[0] for volume in service["volumes"]]
        assert [name for name in sources if name.startswith(".") and not (HOME / name).exists()] == []
        assert {name for name in sources if not name.startswith(".")} <= set(COMPOSE["volumes"])
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
