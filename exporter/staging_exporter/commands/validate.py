"""`validate`: every error of a configuration, and warnings."""

from __future__ import annotations

from pathlib import Path

import click

from staging_exporter.commands.common import CONFIG_FILE, load


@click.command()
@CONFIG_FILE
def validate(config_file: Path) -> None:
    """Report every error in a configuration.

    Exits 2 when there is one.
    """
    config = load(config_file)
    for warning in config.warnings:
        click.echo(f"warning: {warning}", err=True)
    latent = len(config.topology.components) - len(config.checks)
    click.echo(f"{config_file} is valid: {len(config.checks)} checks, {latent} latent.")
