"""`generate`: what other programs need, written from the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from exporter.commands.common import CONFIG_FILE, give_up, load
from exporter.config import Config

_OUTPUT = click.option("--output", required=True, type=Path, help="The directory to write to; made when missing.")
_NO_DASHBOARDS = "dashboards need the extra `dashboards`: pip install 'staging-exporter[dashboards]'"


@click.group()
def generate() -> None:
    """Write what other programs need, from the configuration."""


@generate.command()
@CONFIG_FILE
@_OUTPUT
def dashboards(config_file: Path, output: Path) -> None:
    """Write the Grafana dashboards, one JSON file each."""
    files = dashboard_files(load(config_file))
    if files is None:
        give_up(_NO_DASHBOARDS)
    write(output, files)


def dashboard_files(config: Config) -> dict[str, str] | None:
    """The dashboards by file name; None without the extra that builds them."""
    try:
        from exporter.generate.dashboards import dashboards
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("exporter"):
            raise
        return None
    return dashboards(config.topology, config.slo)


def write(output: Path, files: Mapping[str, str]) -> None:
    """Write the files and say so; exit 2 when that is not possible."""
    try:
        for name, text in files.items():
            path = output / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            click.echo(f"wrote {path}")
    except OSError as error:
        give_up(f"cannot write {error.filename}: {error.strerror}")
