"""`maintenance`, `deploy` and `report`: what a running exporter is told."""

from __future__ import annotations

from pathlib import Path

import click

from staging_exporter.client import Client
from staging_exporter.commands.common import ask, split
from staging_exporter.core.durations import format_duration

_TO = click.option("--to", "url", required=True, metavar="URL", help="The exporter, such as http://127.0.0.1:9877.")
_TOKEN = click.option(
    "--token", envvar="STAGING_EXPORTER_TOKEN", show_envvar=True, help="Its api.token, if it has one."
)
_COMPONENTS = click.option(
    "--component", "components", multiple=True, required=True, metavar="A,B", help="Which components."
)


@click.command()
@_TO
@_TOKEN
@_COMPONENTS
@click.option("--duration", required=True, metavar="DURATION", help="How long from now, such as 2h; 0s ends it.")
def maintenance(url: str, token: str | None, components: tuple[str, ...], duration: str) -> None:
    """Announce maintenance: components that page nobody.

    They are probed and shown, but are no root cause. What is announced anew replaces what was announced before.
    """
    names = split(components)
    kept = ask(lambda: Client(url, token).maintain(names, duration))
    over = kept["duration"] == format_duration(0)
    said = "the announced maintenance is over" if over else f"in maintenance for {duration}"
    click.echo(f"{', '.join(names)}: {said}.")


@click.command()
@_TO
@_TOKEN
@_COMPONENTS
@click.option("--revision", default="", metavar="TEXT", help="What was deployed.")
def deploy(url: str, token: str | None, components: tuple[str, ...], revision: str) -> None:
    """Announce a deploy: startup budgets begin anew."""
    names = split(components)
    ask(lambda: Client(url, token).deploy(names, revision))
    click.echo(f"{', '.join(names)}: deployed {revision}".rstrip() + ".")


@click.command()
@_TO
@_TOKEN
@click.option("--component", required=True, metavar="NAME", help="The component of kind e2e that the report is for.")
@click.argument("file", type=Path)
def report(url: str, token: str | None, component: str, file: Path) -> None:
    """Hand in the report of a test suite.

    FILE is JUnit XML or pytest-json-report. The exporter needs api.token and --storage.path for it.
    """
    tests = ask(lambda: Client(url, token).push_report(component, file))["tests"]
    counted = [f"{count} {outcome}" for outcome, count in tests.items() if count]
    click.echo(f"{component}: {', '.join(counted) or 'no tests'}.")
