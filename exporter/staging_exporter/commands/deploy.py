"""`deploy`: a deploy marker on a running exporter."""

from __future__ import annotations

import click

from staging_exporter.client import Client
from staging_exporter.commands.common import COMPONENTS, TO, TOKEN, Command, call_exporter, split


@click.command(cls=Command)
@TO
@TOKEN
@COMPONENTS
@click.option("--revision", default="", metavar="TEXT", help="The revision that was deployed.")
def deploy(url: str, token: str | None, components: tuple[str, ...], revision: str) -> None:
    """Mark components as just deployed.

    This restarts their startup budget.
    """
    names = split(components)
    call_exporter(lambda: Client(url, token).deploy(names, revision))
    click.echo(f"{', '.join(names)}: deployed {revision}".rstrip() + ".")
