"""(d) How soon it is ready, and what it holds and uses when little happens."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp

from tests.bench.exporters import ask_blackbox, blackbox_exporter, http_component, scrape, staging_exporter
from tests.bench.pace import paced
from tests.bench.processes import Running
from tests.bench.report import Row, median
from tests.bench.targets import Targets

COMPONENTS = 25
_INTERVAL = 10  # seconds between two probes of a component
_STARTS = 5
_SCRAPES = 5.0  # seconds between two


async def footprint(directory: Path, targets: Targets, session: aiohttp.ClientSession, seconds: float) -> list[Row]:
    """Start time over a few starts; memory and CPU over so many seconds of a quiet life."""
    urls = [f"{(targets.http, targets.https)[number % 2]}/{number}" for number in range(COMPONENTS)]
    components = {f"component-{n}": http_component(url, targets.ca_file if "https" in url else None)
                  for n, url in enumerate(urls)}  # fmt: skip
    section = f"{COMPONENTS} components, HTTP and HTTPS in turn"
    answering, ready = [], []
    for _ in range(_STARTS):
        with staging_exporter(directory, components, f"{_INTERVAL}s") as ours:
            answering.append(await ours.until("/-/healthy", session))
            ready.append(await ours.until("/-/ready", session))
    theirs = []
    for _ in range(_STARTS):
        with blackbox_exporter(directory, targets.ca_file) as blackbox:
            theirs.append(await blackbox.until("/-/healthy", session))
    rows = [
        Row(section, "start to the first answer, p50", "s", median(answering), median(theirs)),
        Row(section, "start to /-/ready (every check ran once, spread over 2 s), p50", "s", median(ready)),
    ]
    return [*rows, *await _quiet(directory, targets, session, seconds, components, urls)]


async def _quiet(
    directory: Path,
    targets: Targets,
    session: aiohttp.ClientSession,
    seconds: float,
    components: dict[str, Any],
    urls: list[str],
) -> list[Row]:
    section = f"A quiet life: {COMPONENTS} components every {_INTERVAL} s, after {seconds:.0f} s"
    with (
        staging_exporter(directory, components, f"{_INTERVAL}s") as ours,
        blackbox_exporter(directory, targets.ca_file) as blackbox,
    ):
        await ours.until("/-/ready", session)
        await blackbox.until("/-/healthy", session)
        cpu = ours.cpu(), blackbox.cpu()

        async def ask(number: int) -> None:
            await ask_blackbox(session, blackbox, urls[number % COMPONENTS])

        async with asyncio.TaskGroup() as group:
            rate = COMPONENTS / _INTERVAL
            group.create_task(paced(ask, rate, int(seconds * rate)))
            group.create_task(_scrape_for(session, ours, seconds))
        used = (ours.cpu() - cpu[0]) / seconds * 100, (blackbox.cpu() - cpu[1]) / seconds * 100
        memory = ours.memory(), blackbox.memory()
    return [
        Row(section, "resident memory (RSS)", "MiB", memory[0][0], memory[1][0]),
        Row(section, "unique memory (USS)", "MiB", memory[0][1], memory[1][1]),
        Row(section, "CPU, scraped every 5 s", "%", *used),
    ]


async def _scrape_for(session: aiohttp.ClientSession, exporter: Running, seconds: float) -> None:
    for _ in range(int(seconds / _SCRAPES)):
        await scrape(session, exporter)
        await asyncio.sleep(_SCRAPES)
