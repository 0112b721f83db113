"""`report`: test reports pushed to a running exporter."""

from __future__ import annotations

import secrets
from collections import Counter
from functools import partial
from pathlib import Path

import click

from staging_exporter.client import Client, Credentials
from staging_exporter.commands.common import TO, Command, call_exporter
from staging_exporter.commands.common import credentials as with_credentials


@click.command(cls=Command)
@TO
@with_credentials
@click.option("--component", required=True, metavar="NAME", help="The component whose check reads the report.")
@click.option(
    "--run", metavar="ID", help="The run that the reports belong to, where several jobs push those of one run."
)
@click.argument("files", type=Path, nargs=-1, required=True)
def report(url: str, credentials: Credentials, component: str, run: str | None, files: tuple[Path, ...]) -> None:
    """Push the reports of a test suite.

    FILES are JUnit XML, or JSON of pytest-json-report, Playwright or pytest-benchmark.
    Several files, and those with the same --run, are judged together. The exporter needs
    api.token in its configuration and must run with --storage.path.
    """
    if run is None and len(files) > 1:
        run = secrets.token_hex(8)
    client = Client(url, credentials)
    tests: Counter[str] = Counter()
    for file in files:
        tests.update(call_exporter(partial(client.push_report, component, file, run))["tests"])
    counted = [f"{count} {outcome}" for outcome, count in tests.items() if count]
    click.echo(f"{component}: {', '.join(counted) or 'no tests'}.")
