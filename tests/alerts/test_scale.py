"""Five hundred components: a real Prometheus evaluates every group of rules in time."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from staging_exporter.core.board import Board
from staging_exporter.core.model import Component, Layer, Observation, Outcome, Priority, Reason, Topology
from staging_exporter.generate.options import AlertingOptions
from staging_exporter.generate.rules import rule_file
from staging_exporter.views.exporter_status import ExporterStatus
from staging_exporter.views.exposition import TEXT
from staging_exporter.views.metrics import Metrics

from tests.alerts.promtool import GROUPS
from tests.support.live import fetch, process, wait_for
from tests.support.ports import free_port

COUNT = 500
LIMIT = 0.25  # seconds that the evaluation of a group may take
_ENOUGH = 4  # evaluations at least, of which the fastest counts: other tests run on the same machine


def topology() -> Topology:
    """A database, and 499 components that depend on it."""
    first = Component("c0", Layer.SERVICE, Priority.P0, "tcp")
    others = [Component(f"c{n}", Layer.SERVICE, Priority.P1, "http", (("c0",),)) for n in range(1, COUNT)]
    return Topology("large", {component.name: component for component in (first, *others)})


def metrics() -> str:
    """A scrape while the database and half of the components are down."""
    board = Board(topology(), 0.0)
    for turn in range(1, 7):
        for n in range(COUNT):
            failed = n < COUNT / 2
            outcome, reason = (Outcome.FAIL, Reason.REFUSED) if failed else (Outcome.PASS, Reason.OK)
            board.record(Observation(f"c{n}", 10.0 * turn, 0.1, outcome, reason))
    board.tick(60.0)
    snapshot = board.snapshot(61.0)
    assert [root.component for root in snapshot.root_causes] == ["c0"]
    return "".join(Metrics().pieces(snapshot, ExporterStatus(reload_successful=True, loaded_at=0.0), TEXT))


@contextmanager
def served(text: str) -> Iterator[str]:
    """The address of an exporter with constant metrics."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", TEXT)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_arguments: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[str]:
    """A Prometheus with the rules, each group evaluated every second."""
    rules = yaml.safe_load(rule_file(topology(), {}, AlertingOptions()))
    for group in rules["groups"]:
        group["interval"] = "1s"
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules, width=10_000))
    address = f"127.0.0.1:{free_port()}"
    with served(metrics()) as target:
        jobs = [{"job_name": "staging", "static_configs": [{"targets": [target]}]}]
        tree = {"global": {"scrape_interval": "1s"}, "rule_files": ["rules.yml"], "scrape_configs": jobs}
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(tree))
        command = ["prometheus", f"--config.file={tmp_path / 'prometheus.yml'}", "--log.level=warn"]
        command += [f"--storage.tsdb.path={tmp_path / 'tsdb'}", f"--web.listen-address={address}"]
        with process(command, tmp_path / "prometheus.log"):
            yield f"http://{address}"


def test_every_group_is_evaluated_in_time(prometheus: str) -> None:
    took: dict[str, list[float]] = {group["name"]: [] for group in GROUPS}

    def in_time() -> bool:
        try:
            groups = json.loads(fetch(f"{prometheus}/api/v1/rules"))["data"]["groups"]
        except OSError:
            return False
        active = {rule["name"]: len(rule["alerts"]) for group in groups for rule in group["rules"] if "alerts" in rule}
        if active["StagingRootCauseP0"] and active["StagingProbeLoopHung"]:
            for group in groups:
                took[group["name"]].append(group["evaluationTime"])
        return all(len(set(times)) >= _ENOUGH and min(times) < LIMIT for times in took.values())

    wait_for(in_time, f"every group is evaluated {_ENOUGH} times, at least once within {LIMIT} s")
