"""`run`: the exporter itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from staging_exporter.app import App
from staging_exporter.commands.common import CONFIG_FILE, Listen, give_up, load, run_loop
from staging_exporter.logs import set_up
from staging_exporter.net.address import HostPort
from staging_exporter.storage.reports import ReportStore
from staging_exporter.storage.state import StateFile


@click.command()
@CONFIG_FILE
@click.option(
    "--web.listen-address",
    "listen",
    type=Listen(),
    default=":9877",
    show_default=True,
    help="Address to serve metrics, status page and API on.",
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
def run(config_file: Path, listen: HostPort, level: str, form: Any, storage: Path | None) -> None:
    """Run the exporter."""
    set_up(level, form)
    config = load(config_file)
    try:
        state = StateFile(storage) if storage else None
        reports = ReportStore(storage / "e2e") if storage else None
    except OSError as error:
        give_up(f"cannot store anything in {storage}: {error.strerror or error}")

    async def serve() -> None:
        await App(config_file, config, state=state, reports=reports).run(listen)

    try:
        run_loop(serve())
    except OSError as error:
        give_up(f"cannot listen on {listen}: {error.strerror or error}")
