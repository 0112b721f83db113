"""A load balancer over three replicas of which one is broken: every third response is 502, live."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from aiohttp import web
from staging_exporter.app import App
from staging_exporter.config import load_config
from staging_exporter.core.model import Reason, State
from staging_exporter.net.address import HostPort


async def test_every_third_502_degrades_a_component_that_is_never_down(tmp_path: Path) -> None:
    asked = 0

    async def balanced(_request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response(status=502 if asked % 3 == 0 else 200)

    server = web.Application()
    server.add_routes([web.get("/", balanced)])
    runner = web.AppRunner(server, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    check = {"kind": "http", "url": f"http://127.0.0.1:{runner.addresses[0][1]}/"}
    timing = {"interval": "100ms", "timeout": "100ms", "retry_interval": "50ms"}
    components = {"edge": {"layer": "service", "priority": "P1", "check": check}}
    file = tmp_path / "staging.yml"
    file.write_text(json.dumps({"environment": "thirds", "defaults": timing, "components": components}))
    app = App(file, load_config(file), lambda _: None)
    await app.start(HostPort("127.0.0.1", 0))
    try:
        async with asyncio.timeout(30):
            while (edge := app.snapshot().components["edge"]).reason != Reason.UNSTABLE:
                assert edge.state != State.DOWN
                await asyncio.sleep(0.05)
            while not app.snapshot().root_causes:
                await asyncio.sleep(0.05)
        edge = app.snapshot().components["edge"]
        assert edge.state in (State.DEGRADED, State.FLAPPING)
        assert edge.stats is not None
        assert edge.stats.budget_failures >= 4
        assert edge.stats.budget_failures < edge.stats.budget_runs / 2
    finally:
        await app.stop()
        await runner.cleanup()
