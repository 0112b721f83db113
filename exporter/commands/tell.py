"""`maintenance`, `deploy` and `report`: what a running exporter is told."""

from __future__ import annotations

from pathlib import Path

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


@click.command()
@_TO
@_TOKEN
@click.option("--component", required=True, help="The component of kind e2e that the report is for.")
@click.argument("file", type=Path)
def report(url: str, token: str | None, component: str, file: Path) -> None:
    """Hand the report of a test suite, JUnit XML or pytest-json-report, to a running exporter."""
    tests = ask(lambda: Client(url, token).push_report(component, file))["tests"]
    counted = [f"{count} {outcome}" for outcome, count in tests.items() if count]
    click.echo(f"{component}: {', '.join(counted) or 'no tests'}.")
