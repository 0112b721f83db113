"""`run`: the exporter itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from staging_exporter.app import App
from staging_exporter.commands.common import Command, Listen, config_files, give_up, load, run_loop
from staging_exporter.logs import set_up
from staging_exporter.net.address import HostPort
from staging_exporter.storage.directory import StorageDirectory, StorageRefused
from staging_exporter.web.connections import raise_descriptor_limit


@click.command(cls=Command)
@config_files()
@click.option(
    "--web.listen-address",
    "listen",
    type=Listen(),
    multiple=True,
    default=[":9877"],
    show_default=True,
    help="Address to serve metrics, status page and API on; repeatable.",
)
@click.option(
    "--log.level",
    "level",
    type=click.Choice(["debug", "info", "warn", "error"]),
    default="info",
    show_default=True,
    help="Log only messages of this severity or above.",
)
@click.option(
    "--log.format",
    "form",
    type=click.Choice(["logfmt", "json"]),
    default="logfmt",
    show_default=True,
    help="Format of log lines.",
)
@click.option(
    "--storage.path",
    "storage",
    type=Path,
    metavar="DIR",
    help="Directory for state that must survive a restart. Without it, state is kept in memory only.",
)
def run(config: tuple[Path, ...], listen: tuple[HostPort, ...], level: str, form: Any, storage: Path | None) -> None:
    """Run the exporter."""
    raise_descriptor_limit()
    set_up(level, form)
    loaded = load(config)
    try:
        app = App(config, loaded, storage=StorageDirectory(storage) if storage else None)
    except OSError as error:
        give_up(f"cannot store anything in {storage}: {error.strerror or error}")
    except StorageRefused as error:
        give_up(str(error))

    async def serve() -> None:
        await app.run(listen)

    try:
        run_loop(serve())
    except OSError as error:
        give_up(f"cannot listen on {' and '.join(map(str, listen))}: {error.strerror or error}")
