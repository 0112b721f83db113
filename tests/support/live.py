"""Real processes for end-to-end tests: the demo with its exporter, and a Prometheus that scrapes it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil

from tests.support.ports import free_port

T = TypeVar("T")
EXPORTER = [sys.executable, "-m", "staging_exporter"]


def staging_exporter(*arguments: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A command as a user runs it, to its end."""
    command = [*EXPORTER, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, **(env or {})})


def wait_for(look: Callable[[], T | None], what: str, timeout: float = 60.0) -> T:
    """The first true value of `look`, asked every 50 ms; fails with `what` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if value := look():
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within {timeout:g} s: {what}")


def gone(pid: int) -> bool:
    """True once the process is dead, or a zombie of the process that adopted it; False after five seconds."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.01)
    return False


def fetch(url: str, method: str = "GET", headers: dict[str, str] | None = None, data: bytes | None = None) -> str:
    request = urllib.request.Request(url, method=method, headers=headers or {}, data=data)
    with urllib.request.urlopen(request, timeout=10) as response:
        return str(response.read().decode())


@contextmanager
def process(command: list[str], log: Path, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A child whose output goes to `log`; ended with SIGTERM, then killed."""
    with log.open("wb") as out:
        child = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, **options)
        try:
            yield child
        finally:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


@dataclass(frozen=True)
class Demo:
    """A running `staging-exporter demo`."""

    url: str
    control: str
    config: Path

    def inject(self, fault: str) -> None:
        fetch(f"{self.control}/faults/{fault}", "PUT")

    def clear_faults(self) -> None:
        fetch(f"{self.control}/faults", "DELETE")

    def status(self) -> dict[str, Any]:
        return dict(json.loads(fetch(f"{self.url}/api/v1/status")))

    def roots(self) -> list[str]:
        return [root["component"] for root in self.status()["root_causes"]]

    def wait_healthy(self) -> None:
        wait_for(lambda: self.status()["state"] == "up" and not self.status()["pending"], "the demo is healthy")


@contextmanager
def demo(directory: Path, *arguments: str, exporter: list[str] = EXPORTER, **options: Any) -> Iterator[Demo]:
    """`staging-exporter demo`, ready for faults."""
    log = directory / "demo.log"
    command = [*exporter, "demo", "--web.listen-address", "127.0.0.1:0", *arguments]
    with process(command, log, **options) as child:

        def ready() -> Demo | None:
            guide = log.read_text()
            assert child.poll() is None, guide
            url = re.search(r"(http://\S+)/ +status page", guide)
            control = re.search(r"curl (http://\S+)/faults ", guide)
            config = re.search(r"Configuration: (\S+)\n", guide)
            return Demo(url[1], control[1], Path(config[1])) if url and control and config else None

        yield wait_for(ready, "the guide of the demo", 180.0)


@contextmanager
def prometheus(directory: Path, target: str, interval: str = "1s", rules: Path | None = None) -> Iterator[str]:
    """A Prometheus that scrapes `target` (host:port) and evaluates the `rules`; yields its URL."""
    binary = shutil.which("prometheus")
    assert binary, "prometheus is not installed; tests/install-system-packages installs it"
    file = directory / "prometheus.yml"
    file.write_text(
        f"global: {{scrape_interval: {interval}, evaluation_interval: {interval}}}\n"
        f"scrape_configs: [{{job_name: staging, static_configs: [{{targets: ['{target}']}}]}}]\n"
        f"rule_files: {json.dumps([str(rules)] if rules else [])}\n"
    )
    url = f"http://127.0.0.1:{free_port()}"
    command = [binary, f"--config.file={file}", f"--storage.tsdb.path={directory / 'tsdb'}"]
    command += [f"--web.listen-address={url.removeprefix('http://')}", "--log.level=warn"]
    with process(command, directory / "prometheus.log"):
        wait_for(lambda: answers(f"{url}/-/ready"), "Prometheus is ready")
        yield url


def query(prometheus_url: str, promql: str) -> dict[str, float]:
    """An instant query: value by component."""
    answer = json.loads(fetch(f"{prometheus_url}/api/v1/query?{urllib.parse.urlencode({'query': promql})}"))
    return {row["metric"].get("component", ""): float(row["value"][1]) for row in answer["data"]["result"]}


def answers(url: str) -> bool:
    """True when it answers with 2xx."""
    try:
        fetch(url)
    except OSError:
        return False
    return True
