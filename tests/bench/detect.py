"""`python -m tests.bench.detect`: from injection to the published, settled root, on the demo at its own pace.

Interval 5 s, timeout 1.5 s, retry interval 1 s, three failures: the demo's own configuration, unscaled. Faults are
injected one at a time at random moments; the exporter runs in this process so that publication is seen at once.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import click
from staging_exporter.app import App
from staging_exporter.commands.demo import environment
from staging_exporter.config import load_config
from staging_exporter.core.model import State
from staging_exporter.core.snapshot import Snapshot
from staging_exporter.net.address import HostPort

_LOOK = 0.01  # seconds between two looks
_PATIENCE = 120.0
Switch = tuple[str, dict[str, Any]]

# fault -> (the switches that make it, the root that must be named)
ANSWERING: dict[str, tuple[list[Switch], str]] = {
    "backend answers 503": ([("backend", {"mode": "status", "status": 503})], "backend"),
    "auth answers 503": ([("auth", {"mode": "status", "status": 503})], "auth"),
    "WebSocket refuses with 503": ([("websocket", {"mode": "status", "status": 503})], "websocket-direct"),
    "WebSocket closes with 1011": ([("websocket", {"mode": "close", "code": 1011})], "websocket-direct"),
    "edge sends api to the frontend": ([("edge-routes", {"mode": "default-backend"})], "edge-api"),
    "Redis refuses": ([("redis-proxy", {"mode": "refuse"})], "redis"),
    "ClickHouse refuses": ([("clickhouse-proxy", {"mode": "refuse"})], "clickhouse"),
    "revision does not start": ([("revision", {"mode": "failed"})], "backend-revision"),
}
HANGING: dict[str, tuple[list[Switch], str]] = {
    "Postgres is silent": ([("postgres-proxy", {"mode": "timeout"})], "postgres"),
    "Redis is silent": ([("redis-proxy", {"mode": "timeout"})], "redis"),
    "ClickHouse is silent": ([("clickhouse-proxy", {"mode": "timeout"})], "clickhouse"),
    "VPC connector: both are silent": (
        [("postgres-proxy", {"mode": "timeout"}), ("redis-proxy", {"mode": "timeout"})],
        "vpc-connector",
    ),
}


@click.command()
@click.option("--injections", default=50, show_default=True, help="How many in all, half of each class.")
def main(injections: int) -> None:
    """Print both distributions; exit 1 when a wrong root was named."""
    sys.exit(asyncio.run(_main(injections)))


async def _main(injections: int) -> int:
    draw = random.Random(5)
    plan = [(HANGING if n % 2 else ANSWERING) for n in range(injections)]
    taken: dict[int, list[float]] = {id(ANSWERING): [], id(HANGING): []}
    wrong = 0
    async with environment([]) as demo, aiohttp.ClientSession() as session:
        app = App(demo.config, load_config(demo.config))
        await app.start(HostPort("127.0.0.1", 0))

        async def switch(name: str, setting: dict[str, Any] | None) -> None:
            method = "PUT" if setting else "DELETE"
            async with session.request(method, f"{demo.control}/switches/{name}", json=setting) as response:
                assert response.status < 300, await response.text()

        try:
            for faults in plan:
                title = draw.choice(sorted(faults))
                await _until(app, _well)
                await asyncio.sleep(draw.uniform(0, 5))
                switches, root = faults[title]
                seconds, named = await _inject(app, switches, switch)
                wrong += named != [root]
                taken[id(faults)].append(seconds)
                print(f"{title:<34} {seconds:6.2f} s  {', '.join(named)}", flush=True)
        finally:
            await app.stop()
    _print("faults that answer", taken[id(ANSWERING)])
    _print("faults that hang", taken[id(HANGING)])
    print(f"wrong roots: {wrong}")
    return 1 if wrong else 0


async def _inject(
    app: App, switches: list[Switch], switch: Callable[[str, dict[str, Any] | None], Awaitable[None]]
) -> tuple[float, list[str]]:
    begin = time.monotonic()
    for name, setting in switches:
        await switch(name, setting)
    snapshot = await _until(app, lambda s: bool(s.root_causes) and not s.pending)
    seconds = time.monotonic() - begin
    for name, _ in switches:
        await switch(name, None)
    return seconds, [root.component for root in snapshot.root_causes]


async def _until(app: App, condition: Callable[[Snapshot], bool]) -> Snapshot:
    deadline = time.monotonic() + _PATIENCE
    while not condition(snapshot := app.snapshot()):
        assert time.monotonic() < deadline, f"not within {_PATIENCE} s"
        await asyncio.sleep(_LOOK)
    return snapshot


def _well(snapshot: Snapshot) -> bool:
    states = (status.state for status in snapshot.components.values() if status.last_probe)
    return snapshot.ready and not snapshot.pending and all(state == State.UP for state in states)


def _print(title: str, seconds: list[float]) -> None:
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    print(
        f"{title:<20} n {len(ordered)}  min {ordered[0]:.2f}  median {statistics.median(ordered):.2f}  "
        f"p95 {p95:.2f}  worst {ordered[-1]:.2f} s"
    )


if __name__ == "__main__":
    main()
