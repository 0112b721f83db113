"""The `demo` command: the demo environment in a process of its own, the exporter on it, and a guide on the terminal."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from staging_exporter.app import App
from staging_exporter.config import load_config
from staging_exporter.core.snapshot import Snapshot
from staging_exporter.net.address import HostPort
from staging_exporter.views.document import document
from staging_exporter.views.report import Paint, text

_START = 60.0  # seconds that the environment may take to start; the first start of PostgreSQL makes a cluster
_STOP = 10.0


class DemoFailed(Exception):
    """The demo environment did not start; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A running demo environment: its configuration file, its control address, what is to be said about it."""

    config: Path
    control: str
    notes: tuple[str, ...]


@asynccontextmanager
async def environment(arguments: Sequence[str]) -> AsyncIterator[Environment]:
    """Start `python -m staging_exporter.demo`; it ends with us, even when we are killed. Raises DemoFailed."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "staging_exporter.demo", "--until-stdin-closes", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is ours to handle: the environment ends after the exporter
    )
    assert child.stdin
    assert child.stdout
    try:
        line = b""
        with contextlib.suppress(TimeoutError):
            line = await asyncio.wait_for(child.stdout.readline(), _START)
        if not line:
            raise DemoFailed("the demo environment did not start")
        ready = json.loads(line)
        yield Environment(Path(ready["config"]), ready["control"], tuple(ready["notes"]))
    finally:
        child.stdin.close()
        try:
            await asyncio.wait_for(child.wait(), _STOP)
        except TimeoutError:
            child.kill()


async def demonstrate(
    arguments: Sequence[str], listen: HostPort, say: Callable[[str], None], *, colour: bool, width: int | None
) -> None:
    """Run environment and exporter until a signal; `say` prints. Raises DemoFailed, OSError."""
    say("Starting a staging environment on this machine ...")
    async with environment(arguments) as demo:
        for note in demo.notes:
            say(f"  note: {note}")
        paint = Paint(colour)

        def announce(snapshot: Snapshot) -> None:
            say(paint(f"\n--- {datetime.now():%H:%M:%S} ---", "dim"))
            say(text(document(snapshot), colour=colour, width=width))

        app = App(demo.config, load_config(demo.config), announce)
        listen = await _free(listen, say)
        await app.run(listen, on_start=lambda url: say(_guide(demo, url, paint)))


async def _free(listen: HostPort, say: Callable[[str], None]) -> HostPort:
    try:
        server = await asyncio.start_server(lambda _reader, _writer: None, listen.host, listen.port)
    except OSError:
        say(f"  note: {listen} is taken, the exporter listens on another port")
        return HostPort(listen.host, 0)
    server.close()
    await server.wait_closed()
    return listen


def _guide(demo: Environment, url: str, paint: Paint) -> str:
    lines = [
        "",
        paint("The exporter probes it. Look:", "bold"),
        f"  {url}/                 the page",
        f"  {url}/metrics          for Prometheus",
        f"  {url}/api/v1/status    the verdict as JSON",
        "",
        paint("Break it, and read here who is to blame:", "bold"),
        f"  curl -X PUT {demo.control}/faults/F03      the backend crash-loops",
        f"  curl -X PUT {demo.control}/faults/F01      the database hangs up",
        f"  curl -X PUT {demo.control}/faults/F25      the VPC connector fails",
        f"  curl -X DELETE {demo.control}/faults       mend everything",
        f"  curl {demo.control}/                       all that can be broken",
        "",
        f"The configuration is {demo.config}",
        "Ctrl-C ends it all.",
    ]
    return "\n".join(lines)
