"""`run`: the exporter itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from staging_exporter.app import App
from staging_exporter.commands.common import Command, Listen, Period, config_files, give_up, load, run_loop
from staging_exporter.config import ConfigError
from staging_exporter.config.web_file import load_web_config
from staging_exporter.logs import set_up
from staging_exporter.net.address import HostPort
from staging_exporter.net.systemd import NoSockets, sockets
from staging_exporter.storage.directory import StorageDirectory, StorageRefused
from staging_exporter.web.connections import raise_descriptor_limit
from staging_exporter.web.security import WebSecurity
from staging_exporter.web.site import site


@click.command(cls=Command)
@config_files()
@click.option(
    "--config.auto-reload",
    "auto_reload",
    is_flag=True,
    help="Load the configuration again when the content of its files changes.",
)
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
    "--web.systemd-socket",
    "systemd",
    is_flag=True,
    help="Listen on the sockets that systemd opened, instead of --web.listen-address.",
)
@click.option(
    "--web.external-url",
    "external",
    default="",
    metavar="URL",
    help="URL under which people reach it, for links; with a path behind a proxy that serves it below one.",
)
@click.option(
    "--web.route-prefix",
    "prefix",
    metavar="PATH",
    help="Prefix of all routes; by default the path of --web.external-url. / where the proxy removes it.",
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
@click.option(
    "--storage.retention",
    "retention",
    type=Period(),
    default="30d",
    show_default=True,
    metavar="DURATION",
    help="How long changes of state and incidents are kept with --storage.path; without it a day.",
)
def run(
    config: tuple[Path, ...],
    auto_reload: bool,
    listen: tuple[HostPort, ...],
    systemd: bool,
    external: str,
    prefix: str | None,
    level: str,
    form: Any,
    storage: Path | None,
    retention: float,
    web_config: Path | None,
) -> None:
    """Run the exporter."""
    raise_descriptor_limit()
    set_up(level, form)
    loaded = load(config)
    security = _security(web_config)
    try:
        where = site(external, prefix)
        addresses = sockets() if systemd else listen
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--web.external-url") from None
    except NoSockets as error:
        give_up(str(error))
    try:
        directory = StorageDirectory(storage) if storage else None
        app = App(config, loaded, storage=directory, security=security, site=where, retention=retention)
    except OSError as error:
        give_up(f"cannot store anything in {storage}: {error.strerror or error}")
    except StorageRefused as error:
        give_up(str(error))

    async def serve() -> None:
        await app.run(addresses, auto_reload=auto_reload)

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
