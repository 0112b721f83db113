"""(c) How far the reported latency is from the truth, which the target measures itself."""

from __future__ import annotations

import asyncio
import re
import time
from collections import defaultdict
from pathlib import Path

import aiohttp

from tests.bench.exporters import ask_blackbox, blackbox_exporter, http_component, scrape, staging_exporter
from tests.bench.pace import paced
from tests.bench.processes import Running
from tests.bench.report import Row, spread
from tests.bench.targets import Targets, slow_target

RATE = 100  # probes a second
DELAY = 0.05  # seconds until the target answers
_LOOKS = 0.5  # seconds between two looks at what ours reports
_OURS = re.compile(
    r'^staging_probe_(?:duration_seconds_(count|sum)|phase_duration_seconds)'
    r'\{component="c-(\d+)",environment="bench"(?:,phase="processing")?\} (\S+)', re.MULTILINE,
)  # fmt: skip
_BLACKBOX = re.compile(r'^probe_(?:duration_seconds|http_duration_seconds\{phase="processing"\}) (\S+)', re.MULTILINE)
_Errors = tuple[list[float], list[float]]  # of the whole probe, of its phase `processing`; milliseconds
_Times = dict[str, list[tuple[float, float]]]


async def accuracy(directory: Path, targets: Targets, session: aiohttp.ClientSession, probes: int) -> list[Row]:
    """Reported minus true, in milliseconds."""
    ours = await _ours(directory, session, probes)
    theirs = await _blackbox(directory, targets, session, probes)
    section = f"Reported minus true latency, {DELAY * 1000:.0f} ms, {RATE} probes a second"
    section += f" ({len(ours[0]):,} and {len(theirs[0]):,} probes)"
    return [
        *spread(section, "whole probe", "ms", ours[0], theirs[0]),
        *spread(section, "phase processing", "ms", ours[1], theirs[1]),
    ]


async def _ours(directory: Path, session: aiohttp.ClientSession, probes: int) -> _Errors:
    with slow_target(directory, DELAY) as target:
        await target.until("/times", session)
        components = {f"c-{number}": http_component(f"{target.url}/{number}") for number in range(RATE)}
        with staging_exporter(directory, components, "1s") as exporter:
            await exporter.until("/-/ready", session)
            looks = []
            end = time.monotonic() + probes / RATE
            while time.monotonic() < end:
                looks.append(await scrape(session, exporter))
                await asyncio.sleep(_LOOKS)
        return _match(looks, await _truth(session, target))


def _match(looks: list[str], truth: _Times) -> _Errors:
    """A component that ran once between two looks: the sum grew by its duration, and it was the count-th request."""
    whole, processing = [], []
    before: dict[str, dict[str, float]] = {}
    for look in looks:
        now: dict[str, dict[str, float]] = defaultdict(dict)
        for which, number, value in _OURS.findall(look):
            now[number][which or "processing"] = float(value)
        for number, seen in now.items():
            if number in before and seen["count"] == before[number]["count"] + 1:
                true_whole, true_processing = truth[f"/{number}"][int(seen["count"]) - 1]
                whole.append((seen["sum"] - before[number]["sum"] - true_whole) * 1000)
                processing.append((seen["processing"] - true_processing) * 1000)
        before = now
    return whole, processing


async def _blackbox(directory: Path, targets: Targets, session: aiohttp.ClientSession, probes: int) -> _Errors:
    reported: dict[str, tuple[float, float]] = {}
    with slow_target(directory, DELAY) as target, blackbox_exporter(directory, targets.ca_file) as exporter:
        await target.until("/times", session)
        await exporter.until("/-/healthy", session)

        async def ask(number: int) -> None:
            whole, processing = map(
                float, _BLACKBOX.findall(await ask_blackbox(session, exporter, f"{target.url}/{number}"))
            )
            reported[f"/{number}"] = whole, processing

        await paced(ask, RATE, probes)
        truth = await _truth(session, target)
    pairs = [(reported[path], truth[path][0]) for path in reported]
    return [(seen[0] - true[0]) * 1000 for seen, true in pairs], [(seen[1] - true[1]) * 1000 for seen, true in pairs]


async def _truth(session: aiohttp.ClientSession, target: Running) -> _Times:
    async with session.get(target.url + "/times") as response:
        times: _Times = await response.json()
        return times
