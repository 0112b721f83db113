"""`init`: the draft of a configuration."""

from __future__ import annotations

import os
from pathlib import Path

import click

from staging_exporter.commands.common import Command, give_up
from staging_exporter.commands.google import inventory_of
from staging_exporter.drafts.gcp.graph import draft
from staging_exporter.drafts.gcp.text import render
from staging_exporter.drafts.starter import starter
from staging_exporter.net.url import Url, parse_url


def _endpoint(_context: click.Context, _option: click.Parameter, value: str | None) -> Url | None:
    try:
        return parse_url(value, ("http", "https")) if value else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command(cls=Command)
@click.option("--from", "source", type=click.Choice(["gcp"]), help="What to read; without it, a file to begin with.")
@click.argument("name", metavar="[PROJECT]", required=False)
@click.option(
    "--region", "regions", multiple=True, help="A region of Cloud Run; repeatable. By default all that are used."
)
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Write to a new file, not to stdout.")
@click.option(
    "--google.endpoint",
    "endpoint",
    callback=_endpoint,
    metavar="URL",
    help="Instead of scheme and host of every Google API, such as that of an emulator.",
)
def init(
    source: str | None, name: str | None, regions: tuple[str, ...], output: Path | None, endpoint: Url | None
) -> None:
    """Draft a configuration to begin with.

    Without `--from` it is a commented example. `--from gcp PROJECT` reads a project of Google Cloud; no secret is
    read, and nothing is changed. Never overwrites a file.
    """
    if output is not None and os.path.lexists(output):
        give_up(f"{output}: File exists")
    _write(_text(source, name, regions, endpoint), output)


def _text(source: str | None, name: str | None, regions: tuple[str, ...], endpoint: Url | None) -> str:
    if source is None:
        if name or regions or endpoint:
            raise click.UsageError("without --from there is nothing to read: leave the rest out, or add --from gcp")
        return starter()
    if name is None:
        raise click.UsageError("--from gcp needs the PROJECT")
    return render(draft(inventory_of(name, regions, endpoint)))


def _write(text: str, output: Path | None) -> None:
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        give_up(f"{output}: {error.strerror}")
    click.echo(f"{output} is written; look at its comments, then: staging-exporter validate {output}", err=True)
