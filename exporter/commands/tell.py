"""`maintenance` and `deploy`: what a running exporter is told."""

from __future__ import annotations

import click

from exporter.client import Client
from exporter.commands.common import ask

_TO = click.option("--to", "url", required=True, help="The exporter, such as http://127.0.0.1:9877.")
_TOKEN = click.option(
    "--token", envvar="STAGING_EXPORTER_TOKEN", show_envvar=True, help="Its api.token, if it has one."
)
_COMPONENTS = click.option("--component", "components", multiple=True, required=True, help="Repeatable.")


@click.command()
@_TO
@_TOKEN
@_COMPONENTS
@click.option("--duration", required=True, help="How long, such as 30m or 2h.")
def maintenance(url: str, token: str | None, components: tuple[str, ...], duration: str) -> None:
    """Tell a running exporter that components are in maintenance from now on: they are probed, but page nobody."""
    ask(lambda: Client(url, token).maintain(list(components), duration))
    click.echo(f"{', '.join(components)}: in maintenance for {duration}.")


@click.command()
@_TO
@_TOKEN
@_COMPONENTS
@click.option("--revision", default="", help="What was deployed.")
def deploy(url: str, token: str | None, components: tuple[str, ...], revision: str) -> None:
    """Tell a running exporter that components were deployed just now: their startup budget begins."""
    ask(lambda: Client(url, token).deploy(list(components), revision))
    click.echo(f"{', '.join(components)}: deployed {revision}".rstrip() + ".")
