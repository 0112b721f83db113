"""`run` and `demo`: the exporter itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from staging_exporter.app import App
from staging_exporter.commands.common import CONFIG_FILE, Listen, colours, columns, give_up, load, run_loop
from staging_exporter.commands.demonstration import DemoFailed, demonstrate
from staging_exporter.logs import set_up
from staging_exporter.net.address import HostPort
from staging_exporter.storage.reports import Spool
from staging_exporter.storage.state import Storage


@click.command()
@CONFIG_FILE
@click.option("--web.listen-address", "listen", type=Listen(), default=":9877", show_default=True)
@click.option(
    "--log.level", "level", type=click.Choice(["debug", "info", "warn", "error"]), default="info", show_default=True
)
@click.option("--log.format", "form", type=click.Choice(["logfmt", "json"]), default="logfmt", show_default=True)
@click.option(
    "--storage.path", "storage", type=Path, metavar="DIR", help="Keep here what must not be lost over a restart."
)
def run(config_file: Path, listen: HostPort, level: str, form: Any, storage: Path | None) -> None:
    """Run the exporter."""
    set_up(level, form)
    config = load(config_file)
    try:
        kept = Storage(storage) if storage else None
        spool = Spool(storage / "e2e") if storage else None
    except OSError as error:
        give_up(f"cannot store anything in {storage}: {error.strerror or error}")

    async def serve() -> None:
        await App(config_file, config, storage=kept, spool=spool).run(listen)

    try:
        run_loop(serve())
    except OSError as error:
        give_up(f"cannot listen on {listen}: {error.strerror or error}")


@click.command()
@click.option(
    "--fault", "faults", multiple=True, metavar="ID", help="A fault that is on from the start, such as F03; repeatable."
)
@click.option(
    "--scale", type=float, metavar="FACTOR", help="On intervals, timeouts and faults; 0.2 is five times as fast."
)
@click.option("--web.listen-address", "listen", type=Listen(), default="127.0.0.1:9877", show_default=True)
def demo(faults: tuple[str, ...], scale: float | None, listen: HostPort) -> None:
    """Start a small staging environment here, and probe it.

    Break it, and see who is blamed.
    """
    set_up("warn", "logfmt")
    arguments = [word for fault in faults for word in ("--fault", fault)]
    arguments += [] if scale is None else ["--scale", str(scale)]
    try:
        run_loop(demonstrate(arguments, listen, click.echo, colour=colours(sys.stdout), width=columns(sys.stdout)))
    except (DemoFailed, OSError) as error:
        give_up(str(error))
