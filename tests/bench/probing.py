"""(a) CPU per probe: ours scraped every 5 s, blackbox asked at the same rate, in alternation."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from tests.bench.exporters import (
    TOLERATED,
    ask_blackbox,
    blackbox_exporter,
    http_component,
    probes_done,
    scrape,
    staging_exporter,
)
from tests.bench.pace import paced
from tests.bench.processes import BenchError, Running
from tests.bench.report import Row, median
from tests.bench.targets import Targets

RATE = 100  # probes a second, of as many components
_WARM = 3.0  # seconds
_SCRAPES = 5.0  # seconds between two


async def probing(
    directory: Path, targets: Targets, session: aiohttp.ClientSession, probes: int, pairs: int
) -> list[Row]:
    """CPU milliseconds per probe, over at least so many, in so many pairs: first ours, then blackbox's."""
    rows = []
    for name, url in (("HTTP", targets.http), ("HTTPS", targets.https)):
        ours, theirs = [], []
        for _ in range(pairs):
            ours.append(await _ours(directory, targets, url, session, probes) * 1000)
            theirs.append(await _blackbox(directory, targets, url, session, probes) * 1000)
        section = f"CPU per probe, {RATE} a second, {name}, new connection each, body checked"
        section += f"; median of {pairs} pairs of {probes:,} probes"
        ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
        rows += [
            Row(section, "per probe", "ms", median(ours), median(theirs)),
            Row(section, "ours to blackbox's", "ratio", median(ratios), 1.0),
        ]
    return rows


async def _ours(directory: Path, targets: Targets, url: str, session: aiohttp.ClientSession, probes: int) -> float:
    ca_file = targets.ca_file if url == targets.https else None
    components = {f"component-{number}": http_component(f"{url}/{number}", ca_file) for number in range(RATE)}
    with staging_exporter(directory, components, "1s") as exporter:
        await exporter.until("/-/ready", session)
        async with _scraped(exporter, session):
            await asyncio.sleep(_WARM)
            before, cpu = probes_done(await scrape(session, exporter)), exporter.cpu()
            end = time.monotonic() + 2 * probes / RATE
            await asyncio.sleep(probes / RATE)
            while (done := probes_done(await scrape(session, exporter)) - before) < probes and time.monotonic() < end:
                await asyncio.sleep(0.5)
            return (exporter.cpu() - cpu) / done


@asynccontextmanager
async def _scraped(exporter: Running, session: aiohttp.ClientSession) -> AsyncIterator[None]:
    async def again() -> None:
        while True:
            await scrape(session, exporter)
            await asyncio.sleep(_SCRAPES)

    task = asyncio.create_task(again())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _blackbox(directory: Path, targets: Targets, url: str, session: aiohttp.ClientSession, probes: int) -> float:
    with blackbox_exporter(directory, targets.ca_file) as exporter:
        await exporter.until("/-/healthy", session)

        failed = []

        async def ask(number: int) -> None:
            try:
                await ask_blackbox(session, exporter, f"{url}/{number % RATE}")
            except BenchError as error:
                failed.append(error)
                if len(failed) > probes * TOLERATED:
                    raise

        await paced(ask, RATE, int(_WARM * RATE))
        cpu = exporter.cpu()
        await paced(ask, RATE, probes)
        return (exporter.cpu() - cpu) / probes
