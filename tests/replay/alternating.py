"""Backends that answer every second request with 503, and so does the edge before each: pairs of real servers, live.

`python -m tests.replay.alternating [PAIRS] [SECONDS]`: no edge may be published as a root cause, at no time.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path

from aiohttp import web
from staging_exporter.app import App
from staging_exporter.config import load_config
from staging_exporter.net.address import HostPort

_HEALTHY = 4.0  # seconds before the fault


class Backends:
    """Every second request to a backend fails, and every second one to its edge."""

    def __init__(self) -> None:
        self.broken = False
        self._requests: dict[str, int] = {}

    async def answer(self, request: web.Request) -> web.Response:
        """The answer of a backend, or of an edge."""
        name = request.path
        self._requests[name] = self._requests.get(name, 0) + 1
        return web.Response(status=503 if self.broken and self._requests[name] % 2 else 200)


def configuration(url: str, pairs: int) -> str:
    """Pairs of a backend and the edge that needs it, probed every second."""
    components: dict[str, object] = {}
    for number in range(pairs):
        common = {"layer": "service", "priority": "P1"}
        for kind, needs in (("backend", []), ("edge", [f"backend-{number}"])):
            check = {"kind": "http", "url": f"{url}/{kind}/{number}"}
            components[f"{kind}-{number}"] = {**common, "depends_on": needs, "check": check}
    timing = {"interval": "1s", "timeout": "1s", "retry_interval": "200ms"}
    return json.dumps({"environment": "alternating", "defaults": timing, "components": components})


async def watch(pairs: int, seconds: float) -> tuple[set[str], set[str]]:
    """Run the exporter on the pairs for so long after the fault; the backends and the edges that were root causes."""
    backends = Backends()
    server = web.Application()
    server.add_routes([web.get("/{kind}/{name}", backends.answer)])
    runner = web.AppRunner(server, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    roots: set[str] = set()
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "staging.yml"
        file.write_text(configuration(f"http://127.0.0.1:{runner.addresses[0][1]}", pairs), encoding="utf-8")
        app = App(file, load_config(file), lambda _: None)
        await app.start(HostPort("127.0.0.1", 0))
        loop = asyncio.get_running_loop()
        ends = loop.time() + _HEALTHY + seconds
        while (now := loop.time()) < ends:
            backends.broken = now > ends - seconds
            roots.update(root.component for root in app.snapshot().root_causes)
            await asyncio.sleep(0.25)
        await app.stop()
    await runner.cleanup()
    edges = {name for name in roots if name.startswith("edge")}
    return roots - edges, edges


def main() -> int:
    """Print how many backends were named, and which edges; 1 when an edge was."""
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 60.0
    backends, edges = asyncio.run(watch(pairs, seconds))
    print(
        f"{pairs} pairs for {seconds:g} s: {len(backends)} backends were root causes, edges: {sorted(edges) or 'none'}"
    )
    return 1 if edges else 0


if __name__ == "__main__":
    sys.exit(main())
