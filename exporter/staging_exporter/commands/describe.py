"""`validate`, `kinds` and `schema`: what a configuration may say, and what is wrong with one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click

from staging_exporter.commands.common import CONFIG_FILE, give_up, load
from staging_exporter.config import json_schema
from staging_exporter.probes import kinds as all_kinds
from staging_exporter.probes import page

_END_OF_SENTENCE = re.compile(r"(?<=[.?]) ")


@click.command()
@CONFIG_FILE
def validate(config_file: Path) -> None:
    """Say everything that is wrong with a configuration.

    Exit 2 when anything is.
    """
    config = load(config_file)
    for warning in config.warnings:
        click.echo(f"warning: {warning}", err=True)
    latent = len(config.topology.components) - len(config.checks)
    click.echo(f"{config_file} is valid: {len(config.checks)} checks, {latent} latent.")


@click.command()
@click.argument("kind", required=False)
def kinds(kind: str | None) -> None:
    """List the kinds of checks, or print the page of one."""
    if kind is None:
        for name in all_kinds():
            text = " ".join(page(name).split("\n\n")[1].split())
            click.echo(f"{name:<12}{_END_OF_SENTENCE.split(text)[0]}")
        return
    try:
        click.echo(page(kind), nl=False)
    except KeyError:
        give_up(f"there is no kind {kind!r}; there are {', '.join(all_kinds())}")


@click.command()
def schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    click.echo(json.dumps(json_schema(), indent=2))
