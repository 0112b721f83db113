"""`init`: the draft of a configuration."""

from __future__ import annotations

import os
from pathlib import Path

import click

from staging_exporter.commands.common import Command, give_up
from staging_exporter.commands.google import inventory_of
from staging_exporter.commands.prometheus import answers_of
from staging_exporter.drafts.files.drafting import UNTRANSLATED
from staging_exporter.drafts.files.formats import FORMATS, draft_files
from staging_exporter.drafts.files.reading import DraftError
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
@click.option(
    "--from", "source", type=click.Choice(["gcp", *FORMATS]), help="What to read; without it, a file to begin with."
)
@click.argument("names", metavar="[PROJECT|FILE|URL]...", nargs=-1)
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
    source: str | None, names: tuple[str, ...], regions: tuple[str, ...], output: Path | None, endpoint: Url | None
) -> None:
    """Draft a configuration to begin with.

    Without `--from` it is a commented example. `--from gcp PROJECT` reads a project of Google Cloud; no secret is
    read, and nothing is changed. Other sources are files, several of a format make one draft; `--from prometheus` also
    takes the URL of a Prometheus. What could not be translated is listed at the end and on stderr. Never overwrites a
    file.
    """
    if output is not None and os.path.lexists(output):
        give_up(f"{output}: File exists")
    _write(_text(source, names, regions, endpoint), output)


def _text(source: str | None, names: tuple[str, ...], regions: tuple[str, ...], endpoint: Url | None) -> str:
    if source != "gcp" and (regions or endpoint):
        raise click.UsageError("--region and --google.endpoint go with --from gcp")
    if source is None:
        if names:
            raise click.UsageError("without --from nothing is read: leave the rest out, or add --from")
        return starter()
    if not names:
        raise click.UsageError(f"--from {source} needs a {'PROJECT' if source == 'gcp' else 'FILE'}")
    if source != "gcp":
        return _from_files(source, names)
    if len(names) > 1:
        raise click.UsageError("--from gcp takes one PROJECT")
    return render(draft(inventory_of(names[0], regions, endpoint)))


def _from_files(source: str, names: tuple[str, ...]) -> str:
    """The draft from files of one format; what could not be translated is printed to stderr."""
    urls = [name for name in names if source == "prometheus" and name.startswith(("http://", "https://"))]
    try:
        text, left_out = draft_files(source, [Path(n) for n in names if n not in urls], list(map(answers_of, urls)))
    except DraftError as error:
        give_up(f"{', '.join(names)}: {error}" if "nothing" in str(error) else str(error))
    if left_out:
        click.echo("\n".join([f"{UNTRANSLATED}:", *(f"- {each}" for each in left_out)]), err=True)
    return text


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
