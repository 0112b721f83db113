"""`check` against the demo: one exit code per answer, and the verdict in words."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.live import EXPORTER, Demo, demo


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with demo(tmp_path_factory.mktemp("check"), "--scale", "0.4") as environment:
        environment.wait_healthy()
        yield environment


def check(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*EXPORTER, "check", "--config.file", str(config), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_exit_0_when_everything_passes(running: Demo) -> None:
    done = check(running.config)
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("netra-demo is up: ")
    assert "golden-path: up" in done.stdout


def test_exit_1_with_a_fault_and_its_root_cause(running: Demo) -> None:
    running.inject("F27")
    try:
        done = check(running.config)
        assert done.returncode == 1
        assert done.stdout.startswith("netra-demo is down: clickhouse is the root cause\n")
        assert check(running.config, "--fail-on", "P1").returncode == 0
        document = json.loads(check(running.config, "--format", "json").stdout)
        assert [root["component"] for root in document["root_causes"]] == ["clickhouse"]
    finally:
        running.clear_faults()
    running.wait_healthy()


def test_exit_2_with_a_bad_file(running: Demo, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yml"
    bad.write_text(running.config.read_text().replace("components:", "componentz:"))
    done = check(bad)
    assert done.returncode == 2
    assert "did you mean `components`?" in done.stderr


def test_exit_3_when_a_component_is_undetermined(running: Demo) -> None:
    running.inject("F12")
    try:
        done = check(running.config)
        assert done.returncode == 3, done.stdout
        assert "postgres is unknown (probe_error)" in done.stdout
    finally:
        running.clear_faults()
    running.wait_healthy()
