"""`demo`: the demo environment in a process of its own, the exporter probing it, and a guide on the terminal."""

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

import click

from staging_exporter.app import App
from staging_exporter.commands.common import Command, Listen, colours, columns, give_up, run_loop
from staging_exporter.config import load_config
from staging_exporter.core.snapshot import Snapshot
from staging_exporter.logs import set_up
from staging_exporter.net.address import HostPort
from staging_exporter.views.document import document
from staging_exporter.views.report import Paint, text

_START = 60.0  # seconds until the environment must have started; PostgreSQL creates a cluster first
_STOP = 10.0


@click.command(cls=Command)
@click.option(
    "--fault", "faults", multiple=True, metavar="ID", help="Start with this fault injected, such as F03; repeatable."
)
@click.option(
    "--scale",
    type=float,
    metavar="FACTOR",
    help="Multiply intervals, timeouts and faults; 0.2 is five times as fast.",
)
@click.option("--google-cloud", is_flag=True, help="Also probe the resources of a fake Google Cloud.")
@click.option(
    "--web.listen-address",
    "listen",
    type=Listen(),
    default="127.0.0.1:9877",
    show_default=True,
    help="Address to serve metrics, status page and API on.",
)
def demo(faults: tuple[str, ...], scale: float | None, google_cloud: bool, listen: HostPort) -> None:
    """Start a demo environment on this machine and probe it.

    Inject faults, and see the root cause named.
    """
    set_up("warn", "logfmt")
    arguments = [word for fault in faults for word in ("--fault", fault)]
    arguments += [] if scale is None else ["--scale", str(scale)]
    arguments += ["--google-cloud"] if google_cloud else []
    try:
        colour, width = colours(sys.stdout), columns(sys.stdout)
        run_loop(demonstrate(arguments, listen, click.echo, colour=colour, width=width))
    except (DemoFailed, OSError) as error:
        give_up(str(error))


class DemoFailed(Exception):
    """The demo environment did not start."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A running demo environment: its configuration file, the URL of its control API, notes for the user."""

    config: Path
    control: str
    notes: tuple[str, ...]


@asynccontextmanager
async def environment(arguments: Sequence[str]) -> AsyncIterator[Environment]:
    """Start `python -m staging_exporter.demo`; it ends with this process, even a killed one. Raises DemoFailed."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "staging_exporter.demo", "--until-stdin-closes", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is handled here: the environment stops after the exporter
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
    arguments: Sequence[str],
    listen: HostPort,
    write: Callable[[str], None],
    *,
    colour: bool,
    width: int | None,
) -> None:
    """Run environment and exporter until a signal; `write` prints a line. Raises DemoFailed, OSError."""
    write("Starting a staging environment on this machine ...")
    async with environment(arguments) as demo:
        for note in demo.notes:
            write(f"  note: {note}")
        paint = Paint(colour)

        def announce(snapshot: Snapshot) -> None:
            write(paint(f"\n--- {datetime.now():%H:%M:%S} ---", "dim"))
            write(text(document(snapshot), colour=colour, width=width))

        app = App(demo.config, load_config(demo.config), announce)
        listen = await _free(listen, write)
        # A terminal that is closed sends SIGHUP: the demo must not continue without one.
        await app.run(listen, on_start=lambda url: write(_guide(demo, url, paint)), stop_on_hangup=True)


async def _free(listen: HostPort, write: Callable[[str], None]) -> HostPort:
    try:
        server = await asyncio.start_server(lambda _reader, _writer: None, listen.host, listen.port)
    except OSError:
        write(f"  note: {listen} is in use, the exporter listens on another port")
        return HostPort(listen.host, 0)
    server.close()
    await server.wait_closed()
    return listen


def _guide(demo: Environment, url: str, paint: Paint) -> str:
    program = sys.argv[0] if Path(sys.argv[0]).name == "staging-exporter" else "staging-exporter"
    lines = [
        "",
        paint("The exporter is running:", "bold"),
        f"  {url}/                 status page",
        f"  {url}/metrics          metrics for Prometheus",
        f"  {url}/api/v1/status    status as JSON",
        "",
        paint("Inject a fault, and the root cause is printed here:", "bold"),
        f"  curl -X PUT {demo.control}/faults/F03      the backend crash-loops",
        f"  curl -X PUT {demo.control}/faults/F01      the database hangs up",
        f"  curl -X PUT {demo.control}/faults/F25      the VPC connector fails",
        f"  curl -X DELETE {demo.control}/faults       clear all faults",
        f"  curl {demo.control}/faults                 list all faults",
        "",
        paint("Start maintenance or mark a deploy, with the token of this demo:", "bold"),
        f"  export STAGING_EXPORTER_TOKEN=$(cat {demo.config.with_name('exporter-token')})",
        f"  {program} maintenance --to {url} --component redis --duration 10m",
        f"  {program} deploy --to {url} --component backend --revision r2",
        "",
        f"Configuration: {demo.config}",
        "Press Ctrl-C to stop.",
    ]
    return "\n".join(lines)
