"""(b) What one scrape takes, with few and with many components, plain and packed."""

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

_IDLE = 2.0  # seconds over which the CPU of an exporter that is not scraped is taken
_PLAIN = {**SCRAPE, "Accept-Encoding": "identity"}
_WHILE = 15  # scrapes by another process, while we ask for something small
_SCRAPER = """
import sys, urllib.request
url, encoding, times = sys.argv[1:]
for _ in range(int(times)):
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept-Encoding": encoding})) as response:
        response.read()
"""
_SIZES = {30: 200, 1000: 30}  # components -> scrapes


async def scraping(directory: Path, targets: Targets, session: aiohttp.ClientSession) -> list[Row]:
    """Wall time, CPU time, bytes; blackbox's own /metrics holds no results and is only a reference."""
    with blackbox_exporter(directory, targets.ca_file) as exporter:
        await exporter.until("/-/healthy", session)
        reference = {name: await _scrapes(exporter, session, headers, 200) for name, headers in _FORMS.items()}
    rows = []
    for count, times in _SIZES.items():
        components = {f"component-{n}": http_component(f"{targets.http}/{n}") for n in range(count)}
        with staging_exporter(directory, components, "1h") as exporter:
            await exporter.until("/-/ready", session, every=0.2)
            section = f"One scrape with {count:,} components (blackbox: its own metrics, without any result)"
            for name, headers in _FORMS.items():
                ours = await _scrapes(exporter, session, headers, times)
                rows += [Row(section, f"{what}, {name}", unit, ours[what, unit], reference[name][what, unit])
                         for what, unit in ours]  # fmt: skip
    return rows


_FORMS = {"gzip": SCRAPE, "plain": _PLAIN}


async def _scrapes(
    exporter: Running, session: aiohttp.ClientSession, headers: Mapping[str, str], times: int
) -> dict[tuple[str, str], float]:
    await _scrape(exporter, session, headers)
    idle = exporter.cpu()
    await asyncio.sleep(_IDLE)
    idle = (exporter.cpu() - idle) / _IDLE
    cpu, begin = exporter.cpu(), time.perf_counter()
    seen = [await _scrape(exporter, session, headers) for _ in range(times)]
    used = exporter.cpu() - cpu - idle * (time.perf_counter() - begin)
    held = await _others_wait(exporter, session, headers)
    return {
        ("wall time, p50", "ms"): median([took for took, _ in seen]) * 1000,
        ("wall time, max", "ms"): max(took for took, _ in seen) * 1000,
        ("CPU time", "ms"): used / times * 1000,
        ("other requests wait at most", "ms"): held * 1000,
        ("payload", "KiB"): seen[-1][1] / 1024,
    }


async def _scrape(exporter: Running, session: aiohttp.ClientSession, headers: Mapping[str, str]) -> tuple[float, int]:
    """Seconds to the last byte, and bytes on the wire."""
    begin = time.perf_counter()
    async with session.get(exporter.url + "/metrics", headers=headers, auto_decompress=False) as response:
        response.raise_for_status()
        body = await response.read()
    return time.perf_counter() - begin, len(body)


async def _others_wait(exporter: Running, session: aiohttp.ClientSession, headers: Mapping[str, str]) -> float:
    """The longest that a small request took while another process scraped: how long a scrape holds others up."""
    arguments = (exporter.url + "/metrics", headers["Accept-Encoding"], str(_WHILE))
    scraper = await asyncio.create_subprocess_exec(sys.executable, "-c", _SCRAPER, *arguments)
    longest = 0.0
    while scraper.returncode is None:
        begin = time.perf_counter()
        async with session.get(exporter.url + "/-/healthy") as response:
            await response.read()
        longest = max(longest, time.perf_counter() - begin)
        await asyncio.sleep(0.001)
    if scraper.returncode:
        raise BenchError(f"the scraper ended with {scraper.returncode}")
    return longest
