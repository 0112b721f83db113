"""Both exporters on the same targets, asked in turns, and what their answers have in common."""

from __future__ import annotations

import asyncio
import re
import shutil
import statistics
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import yaml

from tests.bench.processes import running
from tests.compare import cases
from tests.compare.cases import Case
from tests.support.ports import free_port

TIMEOUT = "1s"
NEAR = 0.003  # seconds by which medians may differ,
SHARE = 0.2  # or as a share of theirs
# What must be equal where both have it; a metric that one of them alone has is a difference for the first two.
COMPARED = (
    cases.SUCCESS, cases.EXPIRY, cases.STATUS, cases.REDIRECTS, cases.SSL, cases.HTTP_VERSION, cases.LENGTH,
    cases.REGEX, cases.ADDRESS, "probe_ip_protocol", "probe_http_last_modified_timestamp_seconds",
    "probe_dns_answer_rrs", "probe_dns_authority_rrs", "probe_dns_additional_rrs", "probe_dns_query_succeeded",
    "probe_grpc_status_code", "probe_grpc_ssl", 'probe_grpc_healthcheck_response{serving_status="SERVING"}',
)  # fmt: skip
_ALWAYS = (cases.SUCCESS, cases.EXPIRY)

Metrics = dict[str, float]


@dataclass(frozen=True)
class Result:
    """What both said, the medians of their durations in seconds, and by metric what differs."""

    case: Case
    ours: Metrics
    theirs: Metrics
    medians: tuple[float, float]
    differences: dict[str, str]

    @property
    def defects(self) -> list[str]:
        """Differences that nobody meant, and meant ones that are not there. Faster than theirs is no difference."""
        found = [f"{metric}: {text}" for metric, text in self.differences.items() if metric not in self.case.differs]
        gone = set(self.case.differs) - set(self.differences) - {cases.DURATION}
        return found + [f"{metric} no longer differs" for metric in sorted(gone)]


class Sides:
    """Both, running."""

    def __init__(self, session: aiohttp.ClientSession, ours: str, theirs: str) -> None:
        self._session, self._ours, self._theirs = session, ours, theirs

    async def compare(self, case: Case, runs: int, *, timed: bool = True) -> Result:
        """Ask both `runs` times, in turns."""
        answers: tuple[list[Metrics], list[Metrics]] = ([], [])
        for _ in range(runs):
            answers[0].append(await self._ask(self._ours, {"component": case.name}))
            answers[1].append(await self._ask(self._theirs, {"module": case.name, "target": case.target}))
        (ours, theirs), medians = (a[-1] for a in answers), tuple(_median(a) for a in answers)
        differences = dict(_differences(ours, theirs)) | (_slower(*medians) if timed else {})
        return Result(case, ours, theirs, (medians[0], medians[1]), differences)

    async def _ask(self, url: str, query: dict[str, str]) -> Metrics:
        async with self._session.get(f"{url}/probe", params=query) as response:
            text = await response.text()
            assert response.status == 200, f"{query}: {response.status} {text}"
        return {name: float(value) for name, value in re.findall(r"^([^#\s]\S*) (\S+)$", text, re.MULTILINE)}


@asynccontextmanager
async def both(found: Sequence[Case], directory: Path) -> AsyncIterator[Sides]:
    """Both exporters with a check and a module for each case; ours has run each once."""
    config, modules = directory / "ours.yml", directory / "theirs.yml"
    components = {case.name: {"layer": "service", "priority": "P2", "check": case.ours} for case in found}
    defaults = {"interval": "1d", "timeout": TIMEOUT}
    config.write_text(yaml.safe_dump({"environment": "compare", "defaults": defaults, "components": components}))
    modules.write_text(yaml.safe_dump({"modules": {case.name: _module(case) for case in found}}))
    binary = shutil.which("prometheus-blackbox-exporter")
    assert binary, "blackbox_exporter is not installed; tests/install-system-packages installs it"
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    ours = [sys.executable, "-m", "staging_exporter", "run", f"--config.file={config}"]
    commands = [[*ours, f"--web.listen-address={addresses[0]}", "--log.level=error"]]
    commands += [[binary, f"--config.file={modules}", f"--web.listen-address={addresses[1]}", "--log.level=error"]]
    logs = (directory / "ours.log", directory / "theirs.log")
    urls = [f"http://{address}" for address in addresses]
    with running(commands[0], urls[0], logs[0]) as one, running(commands[1], urls[1], logs[1]) as other:
        async with aiohttp.ClientSession() as session:
            await asyncio.gather(one.until("/-/ready", session), other.until("/-/healthy", session))
            yield Sides(session, *urls)


def _module(case: Case) -> dict[str, object]:
    return {"timeout": TIMEOUT, **case.theirs}


def _median(answers: list[Metrics]) -> float:
    return statistics.median(answer[cases.DURATION] for answer in answers)


def _differences(ours: Metrics, theirs: Metrics) -> list[tuple[str, str]]:
    found = []
    for metric in COMPARED:
        one, other = ours.get(metric), theirs.get(metric)
        missing = (one is None) != (other is None)
        if (missing and metric in _ALWAYS) or (not missing and one != other):
            found.append((metric, f"{_shown(one)}, theirs {_shown(other)}"))
    return found


def _slower(ours: float, theirs: float) -> dict[str, str]:
    if ours - theirs <= max(NEAR, theirs * SHARE):
        return {}
    return {cases.DURATION: f"{ours * 1000:.1f} ms, theirs {theirs * 1000:.1f} ms"}


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.12g}"
