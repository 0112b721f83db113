"""`deploy`: a deploy marker on a running exporter."""

from __future__ import annotations

import click

from staging_exporter.client import Client, Credentials
from staging_exporter.commands.common import COMPONENTS, TO, Command, call_exporter, split
from staging_exporter.commands.common import credentials as with_credentials


@click.command(cls=Command)
@TO
@with_credentials
@COMPONENTS
@click.option("--revision", default="", metavar="TEXT", help="The revision that was deployed.")
def deploy(url: str, credentials: Credentials, components: tuple[str, ...], revision: str) -> None:
    """Mark components as just deployed.

    This restarts their startup budget.
    """
    names = split(components)
    call_exporter(lambda: Client(url, credentials).deploy(names, revision))
    click.echo(f"{', '.join(names)}: deployed {revision}".rstrip() + ".")
