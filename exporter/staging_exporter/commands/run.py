"""`run`: the exporter itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from staging_exporter.app import App
from staging_exporter.commands.common import Command, Listen, config_files, give_up, load, run_loop
from staging_exporter.config import ConfigError
from staging_exporter.config.web_file import load_web_config
from staging_exporter.logs import set_up
from staging_exporter.net.address import HostPort
from staging_exporter.storage.directory import StorageDirectory, StorageRefused
from staging_exporter.web.connections import raise_descriptor_limit
from staging_exporter.web.security import WebSecurity


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
    "--web.config.file",
    "web_config",
    type=Path,
    metavar="FILE",
    help="Web configuration file of exporter-toolkit: TLS, users, headers, rate limit.",
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
def run(
    config: tuple[Path, ...],
    listen: tuple[HostPort, ...],
    level: str,
    form: Any,
    storage: Path | None,
    web_config: Path | None,
) -> None:
    """Run the exporter."""
    raise_descriptor_limit()
    set_up(level, form)
    loaded = load(config)
    security = _security(web_config)
    try:
        app = App(config, loaded, storage=StorageDirectory(storage) if storage else None, security=security)
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


def _security(file: Path | None) -> WebSecurity:
    """What the file says; exits 2 when it cannot be used."""
    try:
        return WebSecurity((lambda: load_web_config(file)) if file else None)
    except ConfigError as error:
        give_up(str(error))
    except (OSError, ValueError) as error:  # ssl.SSLError is one
        give_up(f"{file}: {getattr(error, 'strerror', None) or error}")
