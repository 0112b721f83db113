"""`explain`: why one component is in its state."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import click

from staging_exporter.client import Credentials
from staging_exporter.commands.common import CONFIG_OPTION, Command, colours, columns, give_up
from staging_exporter.commands.common import credentials as with_credentials
from staging_exporter.commands.status_source import FROM_OPTION, status_source
from staging_exporter.core.model import State
from staging_exporter.views.background import background
from staging_exporter.views.gate import required_components
from staging_exporter.views.report import explained


@click.command(cls=Command)
@click.argument("component")
@CONFIG_OPTION
@FROM_OPTION
@with_credentials
def explain(component: str, config_file: tuple[Path, ...], url: str | None, credentials: Credentials) -> None:
    """Explain the state of a component and name its root cause.

    Of one that is up: since when, what it depends on, and its last failure.
    """
    source = status_source(config_file, url, credentials=credentials, takes_files=False)
    status = source.first()
    try:
        required_components(status, [], [component])
    except ValueError as error:
        give_up(str(error))
    if url is None:
        status = source.until(lambda _: True, 0.0)
    explanation, width = explained(status, component, colour=colours(sys.stdout)), columns(sys.stdout)
    if status["components"][component]["state"] == State.UP:
        explanation += f" {background(status, component, source.failures(component))}"
    if width is not None:
        explanation = textwrap.fill(explanation, width, break_long_words=False, break_on_hyphens=False)
    click.echo(explanation)
