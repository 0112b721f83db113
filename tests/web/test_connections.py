"""Clients that open connections and say nothing, or little: probes and scrapes go on, whatever the limit of files."""

from __future__ import annotations

import contextlib
import json
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from staging_exporter.web.connections import limit_for

from tests.support.live import EXPORTER, fetch, process, wait_for
from tests.support.ports import free_port
from tests.support.suite import listening

CONFIG = """
environment: test
defaults: {{interval: 1s, timeout: 900ms}}
components:
  target: {{layer: service, priority: P1, check: {{kind: tcp, address: "127.0.0.1:{port}"}}}}
  program: {{layer: service, priority: P1, check: {{kind: exec, command: ["true"]}}}}
"""


@contextmanager
def exporter(directory: Path, descriptors: int) -> Iterator[tuple[int, Path]]:
    """One that may open so many files; yields its port and log."""
    with listening() as target:
        (directory / "config.yml").write_text(CONFIG.format(port=target))
        port, log = free_port(), directory / "log"
        command = ["prlimit", f"--nofile={descriptors}:{descriptors}", *EXPORTER, "run", str(directory / "config.yml")]
        with process([*command, "--web.listen-address", f"127.0.0.1:{port}"], log):
            wait_for(lambda: "verdict" in log.read_text(), "the first verdict")
            yield port, log


def scrape(port: int) -> float:
    """Seconds that a scrape took."""
    began = time.monotonic()
    assert "staging_component_up" in fetch(f"http://127.0.0.1:{port}/metrics")
    return time.monotonic() - began


@pytest.mark.parametrize(("descriptors", "connections"), [(64, 100), (1024, 1500)])
def test_probes_and_scrapes_survive_slow_clients(tmp_path: Path, descriptors: int, connections: int) -> None:
    with exporter(tmp_path, descriptors) as (port, log):
        attack = [sys.executable, "-m", "tests.web.slowloris", str(port), str(connections), "8"]
        took = []
        with subprocess.Popen(attack) as attacker:
            while attacker.poll() is None:
                took.append(scrape(port))
                time.sleep(0.2)
        assert len(took) > 5
        assert max(took) < 1.0, took
        states = json.loads(fetch(f"http://127.0.0.1:{port}/api/v1/status"))["components"]
        assert {name: one["state"] for name, one in states.items()} == {"target": "up", "program": "up"}
        metrics = fetch(f"http://127.0.0.1:{port}/metrics")
        assert not [line for line in metrics.splitlines() if line.startswith("staging_probe_failures_total{")
                    and not line.endswith(" 0.0")], log.read_text()  # fmt: skip
        assert log.read_text().count('level=error msg="connection limit reached, closing idle ones"') == 1
        assert "Traceback" not in log.read_text()


def test_a_connection_that_says_nothing_is_closed_and_counted(tmp_path: Path) -> None:
    with exporter(tmp_path, 256) as (port, _), socket.create_connection(("127.0.0.1", port)) as client:
        began = time.monotonic()
        assert "staging_exporter_connections" in fetch(f"http://127.0.0.1:{port}/metrics")
        client.settimeout(20.0)
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
        assert 8.0 < time.monotonic() - began < 15.0


@pytest.mark.parametrize(("descriptors", "limit"), [(64, 24), (1024, 504), (16, 8), (1_000_000, 1000)])
def test_half_of_the_descriptors_are_for_probes(descriptors: int, limit: int) -> None:
    assert limit_for(descriptors) == limit


def test_the_soft_limit_is_raised() -> None:
    code = "from staging_exporter.web.connections import *; raise_descriptor_limit(); print(Connections().limit)"
    command = ["prlimit", "--nofile=64:1024", EXPORTER[0], "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "504\n"
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 0


def test_a_hangup_during_the_start_does_not_end_it(tmp_path: Path) -> None:
    with exporter(tmp_path, 256) as (port, _):
        assert scrape(port) < 5
    log = (tmp_path / "second").open("wb")
    command = [*EXPORTER, "run", str(tmp_path / "config.yml"), "--web.listen-address", f"127.0.0.1:{free_port()}"]
    with log, subprocess.Popen(command, stderr=log) as child:
        try:
            status = Path(f"/proc/{child.pid}/status")
            wait_for(lambda: int(status.read_text().split("SigIgn:")[1].split()[0], 16) & 1, "SIGHUP is ignored", 10)
            while "msg=listening" not in (tmp_path / "second").read_text():
                child.send_signal(1)
                assert child.poll() is None
                time.sleep(0.01)
        finally:
            child.terminate()
