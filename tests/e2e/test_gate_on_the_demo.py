"""F31 and `check --wait`: a slow start is waited for, one that takes longer than its budget is not."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.live import EXPORTER, Demo, demo, fetch


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with demo(tmp_path_factory.mktemp("gate"), "--scale", "0.4") as environment:
        environment.wait_healthy()
        yield environment


def changed(running: Demo, directory: Path, budget: str = "24s") -> Path:
    """The configuration of the demo with that startup budget, and timeouts that leave a busy machine the interval."""
    text, file = running.config.read_text(), directory / "demo.yml"
    for old, new in (("budget: 24s", f"budget: {budget}"), ("timeout: 1s200ms", "timeout: 2s")):
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)
    return file


def command(config: Path) -> list[str]:
    return [*EXPORTER, "check", "--config.file", str(config), "--wait", "2m", "--journey", "golden-path"]


def check(config: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(config), capture_output=True, text=True, timeout=150)


def start_slowly(running: Demo, seconds: float) -> None:
    """F31, with another duration."""
    setting = json.dumps({"mode": "starting", "seconds": seconds}).encode()
    fetch(f"{running.control}/switches/backend", "PUT", data=setting)


def test_exit_0_when_the_service_starts_within_its_budget(running: Demo, tmp_path: Path) -> None:
    start_slowly(running, 1000)
    gated = command(changed(running, tmp_path))
    with subprocess.Popen(gated, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as gate:
        assert gate.stderr is not None
        assert any("starting: backend" in line for line in gate.stderr)  # however long the gate takes to ask
        fetch(f"{running.control}/switches/backend", "DELETE")
        stdout, stderr = gate.communicate(timeout=150)
    assert (gate.returncode, stdout.splitlines()[-1]) == (0, "check passed"), stdout
    assert stderr.splitlines()[-1].endswith("all 18 are up")


def test_exit_1_with_the_root_cause_when_the_budget_is_spent(running: Demo, tmp_path: Path) -> None:
    start_slowly(running, 1000)  # longer than the gate takes on any machine
    done = check(changed(running, tmp_path, budget="5s"))
    fetch(f"{running.control}/switches/backend", "DELETE")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "check failed: backend is a root cause"), done.stdout
    assert "Startup in progress" in done.stdout
    assert "starting: backend" in done.stderr
