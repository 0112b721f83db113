"""An answer 200 means that what was announced is on the disk, whatever happens to the process right after it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.storage.incident_kills import kills as kills_during_incidents
from tests.storage.kills import kills
from tests.support.live import EXPORTER, fetch, wait_for
from tests.support.ports import free_port
from tests.support.suite import TOKEN

CONFIG = """
environment: test
api: {token: {env: SUITE_TOKEN}}
components: {other: {layer: service, priority: P1, check: {kind: exec, command: ["true"]}}}
"""
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}


def test_a_kill_after_an_acknowledgement_loses_nothing() -> None:
    lost, acknowledged = kills(4, int(time.time()))
    assert lost == []
    assert acknowledged


def test_kills_during_incidents_lose_and_double_none() -> None:
    flaws, truth = kills_during_incidents(3, int(time.time()))
    assert flaws == []
    assert truth.asked


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/maintenance", {"components": ["other"], "duration": "1h"}),
        ("/api/v1/deploys", {"components": ["other"], "revision": "marker-r1"}),
    ],
)
def test_the_disk_has_it_before_the_answer_is_written(tmp_path: Path, path: str, body: dict[str, object]) -> None:
    strace = shutil.which("strace")
    assert strace, "strace is not installed; tests/install-system-packages installs it"
    (tmp_path / "config.yml").write_text(CONFIG)
    url, trace = f"http://127.0.0.1:{free_port()}", tmp_path / "trace"
    command = [strace, "-D", "-f", "-y", "-s", "40", "-o", str(trace), "-e"]
    command += ["trace=fsync,fdatasync,write,writev,pwrite64,sendto,sendmsg", *EXPORTER, "run", "config.yml"]
    command += ["--storage.path", "storage", "--web.listen-address", url.removeprefix("http://")]
    log = (tmp_path / "log").open("wb")
    child = subprocess.Popen(command, cwd=tmp_path, stderr=log, env={**os.environ, "SUITE_TOKEN": TOKEN})
    try:
        wait_for(lambda: "msg=listening" in (tmp_path / "log").read_text(), "the exporter listens")
        begin = len(trace.read_text(errors="replace").splitlines())
        fetch(url + path, "POST", HEADERS, json.dumps(body).encode())
    finally:
        child.terminate()
        child.wait(20)
        log.close()
    end = re.compile(rf"^{child.pid} +\+\+\+ exited", re.MULTILINE)
    wait_for(lambda: end.search(trace.read_text(errors="replace")), "the whole trace")
    lines = trace.read_text(errors="replace").splitlines()[begin:]
    order = [step for line in lines for step, pattern in STEPS.items() if re.search(pattern, line)]
    assert {"written", "synced", "answered"} <= set(order), order
    before = order[: order.index("answered")]
    assert "written" in before, order
    assert before[-1] == "synced", order


# A call that another thread interrupts is two lines: only where it returned it is over.
STEPS = {
    "written": r"pwrite64\(\d+<[^>]*store\.db-wal>",
    "synced": r"(fsync|fdatasync)\(\d+<[^>]*store\.db-wal>.*\) += 0|<\.\.\. (fsync|fdatasync) resumed>.* = 0",
    "answered": r'"HTTP/1\.1 200 OK',
}
