"""(b) What answers cost and what is held, with few and with many components; blackbox's own /metrics as a reference."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from tests.bench.exporters import SCRAPE, blackbox_exporter, http_component, staging_exporter
from tests.bench.processes import BenchError, Running
from tests.bench.report import Row, median
from tests.bench.targets import Targets

_IDLE = 2.0  # seconds over which the CPU of an exporter that is not asked is taken
_PLAIN = {**SCRAPE, "Accept-Encoding": "identity"}
_WHILE = 15  # requests by another process, while we ask for something small
_ASKER = """
import sys, urllib.request
url, encoding, times = sys.argv[1:]
for _ in range(int(times)):
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept-Encoding": encoding})) as response:
        response.read()
"""
_SIZES = {100: 100, 1_000: 30, 10_000: 9}  # components -> requests
_START = 600.0  # seconds that ten thousand components may take to be ready
# What is asked for: path and headers, and the same of blackbox_exporter where it has it.
_ASKED = {
    "scrape, gzip": ("/metrics", SCRAPE),
    "scrape, plain": ("/metrics", _PLAIN),
    "status document": ("/api/v1/status", _PLAIN),
    "status page": ("/", _PLAIN),
}
_Seen = dict[tuple[str, str], float]


async def scraping(directory: Path, targets: Targets, session: aiohttp.ClientSession, most: int) -> list[Row]:
    """Wall time, CPU time, bytes, memory, for up to `most` components.

    Scrapes of both exporters alternate; those of blackbox_exporter hold no result of a probe.
    """
    rows, before = list[Row](), (0, 0.0)
    for count in (size for size in _SIZES if size <= most):
        components = {f"component-{n}": http_component(f"{targets.http}/{n}") for n in range(count)}
        with (
            staging_exporter(directory, components, "1h") as ours,
            blackbox_exporter(directory, targets.ca_file) as theirs,
        ):
            section = f"{count:,} components (blackbox: its own metrics, without any result)"
            ready = await ours.until("/-/ready", session, every=0.2, patience=_START)
            await theirs.until("/-/healthy", session)
            rows.append(Row(section, "start to /-/ready (every check ran once)", "s", ready))
            rows += await _answers(section, ours, theirs, session, _SIZES[count])
            memory = ours.memory()[0]
            rows.append(Row(section, "resident memory (RSS)", "MiB", memory, theirs.memory()[0]))
            if before[0]:
                each = (memory - before[1]) * 1024 / (count - before[0])
                rows.append(Row(section, f"memory per component beyond {before[0]:,}", "KiB", each))
            before = count, memory
    return rows


async def _answers(
    section: str, ours: Running, theirs: Running, session: aiohttp.ClientSession, times: int
) -> list[Row]:
    rows = list[Row]()
    for name, (path, headers) in _ASKED.items():
        first = await _ask(ours, session, path, headers)
        mine = await _answer(ours, session, path, headers, times)
        scraped = path == "/metrics"
        reference = await _answer(theirs, session, path, headers, times) if scraped else {}
        rows += [Row(section, f"{name}: {what}", unit, mine[what, unit], reference.get((what, unit)))
                 for what, unit in mine]  # fmt: skip
        if not scraped:
            rows.append(Row(section, f"{name}: the first one, wall time", "ms", first[0] * 1000))
    return rows


async def _answer(
    exporter: Running, session: aiohttp.ClientSession, path: str, headers: Mapping[str, str], times: int
) -> _Seen:
    idle = exporter.cpu()
    await asyncio.sleep(_IDLE)
    idle = (exporter.cpu() - idle) / _IDLE
    cpu, begin = exporter.cpu(), time.perf_counter()
    seen = [await _ask(exporter, session, path, headers) for _ in range(times)]
    used = exporter.cpu() - cpu - idle * (time.perf_counter() - begin)
    held = await _others_wait(exporter, session, path, headers)
    return {
        ("wall time, p50", "ms"): median([took for took, _ in seen]) * 1000,
        ("CPU time", "ms"): used / times * 1000,
        ("other requests wait at most", "ms"): held * 1000,
        ("payload", "KiB"): seen[-1][1] / 1024,
    }


async def _ask(
    exporter: Running, session: aiohttp.ClientSession, path: str, headers: Mapping[str, str]
) -> tuple[float, int]:
    """Seconds to the last byte, and bytes on the wire."""
    begin = time.perf_counter()
    async with session.get(exporter.url + path, headers=headers, auto_decompress=False) as response:
        response.raise_for_status()
        body = await response.read()
    return time.perf_counter() - begin, len(body)


async def _others_wait(
    exporter: Running, session: aiohttp.ClientSession, path: str, headers: Mapping[str, str]
) -> float:
    """The longest that a small request took while another process asked: how long an answer holds others up."""
    arguments = (exporter.url + path, headers["Accept-Encoding"], str(_WHILE))
    asker = await asyncio.create_subprocess_exec(sys.executable, "-c", _ASKER, *arguments)
    longest = 0.0
    while asker.returncode is None:
        begin = time.perf_counter()
        async with session.get(exporter.url + "/-/healthy") as response:
            await response.read()
        longest = max(longest, time.perf_counter() - begin)
        await asyncio.sleep(0.001)
    if asker.returncode:
        raise BenchError(f"the process that asked ended with {asker.returncode}")
    return longest
