"""(b) What one scrape takes, with few and with many components, plain and packed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from pathlib import Path

import aiohttp

from tests.bench.exporters import SCRAPE, blackbox_exporter, http_component, staging_exporter
from tests.bench.processes import Running
from tests.bench.report import Row, median
from tests.bench.targets import Targets

_IDLE = 2.0  # seconds over which the CPU of an exporter that is not scraped is taken
_PLAIN = {**SCRAPE, "Accept-Encoding": "identity"}
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
    async with session.get(exporter.url + "/metrics", headers=headers) as response:
        response.raise_for_status()
        packed = await response.content.read()
    return time.perf_counter() - begin, int(response.headers.get("Content-Length", len(packed)))


async def _others_wait(
    exporter: Running, session: aiohttp.ClientSession, headers: Mapping[str, str], times: int = 10
) -> float:
    """The longest that a small request took while scrapes ran: how long a scrape holds everything else up."""
    waits = [0.0]

    async def ask() -> None:
        while True:
            begin = time.perf_counter()
            async with session.get(exporter.url + "/-/healthy") as response:
                await response.read()
            waits.append(time.perf_counter() - begin)

    task = asyncio.create_task(ask())
    for _ in range(times):
        async with session.get(exporter.url + "/metrics", headers=headers) as response:
            while await response.content.read(1 << 16):
                pass
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return max(waits)
