"""`init`: the draft of a configuration."""

from __future__ import annotations

from pathlib import Path

import click

from staging_exporter.commands.common import Command, give_up
from staging_exporter.commands.google import inventory_of
from staging_exporter.drafts.gcp.graph import draft
from staging_exporter.drafts.gcp.text import render
from staging_exporter.net.url import Url, parse_url


def _endpoint(_context: click.Context, _option: click.Parameter, value: str | None) -> Url | None:
    try:
        return parse_url(value, ("http", "https")) if value else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command(cls=Command)
@click.option("--from", "source", type=click.Choice(["gcp"]), required=True, help="What to read.")
@click.argument("name", metavar="PROJECT")
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
def init(source: str, name: str, regions: tuple[str, ...], output: Path | None, endpoint: Url | None) -> None:
    """Draft a configuration from what is deployed.

    Reads a project of Google Cloud; no secret is read, and nothing is changed. Never overwrites a file.
    """
    assert source == "gcp", "the only choice"
    text = render(draft(inventory_of(name, regions, endpoint)))
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        give_up(f"{output}: {error.strerror}")
    click.echo(f"{output} is written; look at its comments, then: staging-exporter validate {output}", err=True)
