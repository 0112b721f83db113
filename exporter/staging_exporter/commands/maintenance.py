"""`maintenance`: a maintenance window on a running exporter, from now on."""

from __future__ import annotations

import click

from staging_exporter.client import Client, Credentials
from staging_exporter.commands.common import COMPONENTS, TO, Command, call_exporter, split
from staging_exporter.commands.common import credentials as with_credentials
from staging_exporter.core.durations import format_duration


@click.command(cls=Command)
@TO
@with_credentials
@COMPONENTS
@click.option(
    "--duration", required=True, metavar="DURATION", help="Length of the window from now, such as 2h; 0s ends it."
)
def maintenance(url: str, credentials: Credentials, components: tuple[str, ...], duration: str) -> None:
    """Suppress alerts for components during maintenance.

    The components are still probed and shown, but are never a root cause. A
    new window replaces the previous one of the same component.
    """
    names = split(components)
    window = call_exporter(lambda: Client(url, credentials).maintain(names, duration))
    ended = window["duration"] == format_duration(0)
    outcome = "maintenance ended" if ended else f"in maintenance for {duration}"
    click.echo(f"{', '.join(names)}: {outcome}.")
