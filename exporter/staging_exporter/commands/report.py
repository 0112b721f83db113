"""`report`: a test report pushed to a running exporter."""

from __future__ import annotations

from pathlib import Path

import click

from staging_exporter.client import Client
from staging_exporter.commands.common import TO, TOKEN, call_exporter


@click.command()
@TO
@TOKEN
@click.option("--component", required=True, metavar="NAME", help="The component whose check reads the report.")
@click.argument("file", type=Path)
def report(url: str, token: str | None, component: str, file: Path) -> None:
    """Push the report of a test suite.

    FILE is JUnit XML or pytest-json-report. The exporter needs api.token in its
    configuration and must run with --storage.path.
    """
    tests = call_exporter(lambda: Client(url, token).push_report(component, file))["tests"]
    counted = [f"{count} {outcome}" for outcome, count in tests.items() if count]
    click.echo(f"{component}: {', '.join(counted) or 'no tests'}.")
