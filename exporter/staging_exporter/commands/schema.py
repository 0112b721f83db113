"""`schema`: the JSON Schema of the configuration."""

from __future__ import annotations

import json

import click

from staging_exporter.commands.common import Command
from staging_exporter.config import json_schema


@click.command(cls=Command)
def schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    click.echo(json.dumps(json_schema(), indent=2))
