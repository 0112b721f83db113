"""The two exporters: how they are configured alike, started and asked."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

from tests.bench.processes import BenchError, Running, running
from tests.support.ports import free_port

# What a Prometheus server sends.
SCRAPE = {
    "Accept": "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "Accept-Encoding": "gzip",
}
_PER_FILE = 2000  # components: a file has at most 1 MiB
TOLERATED = 0.02  # share of probes that a busy machine may make too slow
_TOTALS = re.compile(r"^staging_probe(s|_failures)_total\{[^}]*\} (\S+)", re.MULTILINE)


def http_component(url: str, ca_file: Path | None = None) -> dict[str, Any]:
    """A component whose check wants the body, and the certificate where there is one."""
    check: dict[str, Any] = {"kind": "http", "url": url, "expect": {"json": {"status": "ok"}}}
    if ca_file:
        check["tls"] = {"ca_file": str(ca_file)}
    return {"layer": "service", "priority": "P1", "check": check}


@contextmanager
def staging_exporter(directory: Path, components: dict[str, Any], interval: str) -> Iterator[Running]:
    """Ours, as a user runs it."""
    port, names = free_port(), list(components)
    with tempfile.TemporaryDirectory(prefix="staging-", dir=directory) as files:
        for begin in range(0, len(names), _PER_FILE):
            config: dict[str, Any] = {
                "components": {name: components[name] for name in names[begin : begin + _PER_FILE]}
            }
            if not begin:
                config |= {"environment": "bench", "defaults": {"interval": interval, "timeout": "900ms"}}
            Path(files, f"{begin:05}.yml").write_text(json.dumps(config))  # JSON is YAML
        command = [sys.executable, "-m", "staging_exporter", "run", "--config.file", files]
        command += ["--web.listen-address", f"127.0.0.1:{port}"]
        with running(command, f"http://127.0.0.1:{port}", directory / "staging.log") as exporter:
            yield exporter


@contextmanager
def blackbox_exporter(directory: Path, ca_file: Path) -> Iterator[Running]:
    """Debian's blackbox_exporter; its module `answer` wants the same as `http_component`. Raises BenchError."""
    program = shutil.which("prometheus-blackbox-exporter") or shutil.which("blackbox_exporter")
    if not program:
        raise BenchError("blackbox_exporter is not installed (Debian: prometheus-blackbox-exporter)")
    http = {
        "preferred_ip_protocol": "ip4",
        "fail_if_body_not_matches_regexp": ['"status": *"ok"'],
        "tls_config": {"ca_file": str(ca_file)},
    }
    file, port = directory / "blackbox.yml", free_port()
    file.write_text(json.dumps({"modules": {"answer": {"prober": "http", "timeout": "900ms", "http": http}}}))
    command = [program, f"--config.file={file}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    with running(command, f"http://127.0.0.1:{port}", directory / "blackbox.log") as exporter:
        yield exporter


async def scrape(session: aiohttp.ClientSession, exporter: Running) -> str:
    """`/metrics`, as Prometheus asks for it."""
    async with session.get(exporter.url + "/metrics", headers=SCRAPE) as response:
        response.raise_for_status()
        return await response.text()


async def ask_blackbox(session: aiohttp.ClientSession, exporter: Running, target: str) -> str:
    """One probe of `target` by blackbox_exporter, as Prometheus asks for it. Raises BenchError when it fails."""
    url = f"{exporter.url}/probe?module=answer&target={quote(target, safe='')}"
    async with session.get(url, headers=SCRAPE) as response:
        text = await response.text()
    if "\nprobe_success 1" not in text:
        raise BenchError(f"blackbox_exporter's probe of {target} failed")
    return text


def probes_done(text: str) -> int:
    """How many probes ours has done by its own count. Raises BenchError when many failed."""
    totals = {"s": 0.0, "_failures": 0.0}
    for which, value in _TOTALS.findall(text):
        totals[which] += float(value)
    if totals["_failures"] > totals["s"] * TOLERATED:
        raise BenchError(f"{totals['_failures']:.0f} of {totals['s']:.0f} probes failed")
    return int(totals["s"])
