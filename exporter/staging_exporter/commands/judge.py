"""`check` and `explain`: the verdict, once."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from staging_exporter.client import Client
from staging_exporter.commands.common import Period, ask, colours, columns, give_up, load, run_loop, split
from staging_exporter.commands.progress import Progress
from staging_exporter.core.model import Priority
from staging_exporter.engine.run_once import settle, unprobed
from staging_exporter.views.document import document
from staging_exporter.views.gate import Gate, named
from staging_exporter.views.github import summary, workflow_commands
from staging_exporter.views.junit import junit
from staging_exporter.views.questions import Document
from staging_exporter.views.report import text

_SETTLES = 60.0  # seconds that a running exporter is given to close its rounds
_CONFIG_FILE = click.option(
    "--config.file", "config_file", type=Path, metavar="FILE", help="Probe what this configuration describes."
)
_FROM = click.option("--from", "url", metavar="URL", help="Ask the exporter that runs there.")


@click.command()
@_CONFIG_FILE
@_FROM
@click.option("--wait", type=Period(), default="0s", help="Wait this long, such as 10m, while it may become well.")
@click.option("--fail-on", type=click.Choice([*Priority]), default="P2", show_default=True)
@click.option("--journey", "journeys", multiple=True, metavar="A,B", help="Only what these journeys need counts.")
@click.option("--require", "components", multiple=True, metavar="A,B", help="Only what these components need counts.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "junit", "github"]), default="text", show_default=True
)
def check(
    config_file: Path | None,
    url: str | None,
    wait: float,
    fail_on: str,
    journeys: tuple[str, ...],
    components: tuple[str, ...],
    form: str,
) -> None:
    """Print the verdict on the environment, once.

    Probes everything and confirms what fails, or asks a running exporter.

    \b
    Exit 0: all is well.
         1: a root cause of effective priority --fail-on or more urgent.
         2: usage or configuration.
         3: a component of such priority cannot be told,
            or is required here, and broken in a maintenance.

    With --wait it ends as soon as all is well, or a root cause is down that has no startup budget left.
    """
    look = _probing(config_file, wait) if config_file and not url else _asking(config_file, url, wait)
    gate = _gate(look(None), Priority(fail_on), wait, journeys, components)
    live = sys.stderr.isatty() and (wait > 0 or form == "text")
    painted = live and colours(sys.stderr)
    progress = Progress(gate, wait, live=live, colour=painted, say=lambda line: click.echo(line, nl=False, err=True))

    def enough(seen: Document) -> bool:
        if live or wait:
            progress(seen)
        return not wait or gate.decided(seen)

    try:
        seen = look(enough)
    finally:
        progress.end()
    _print(seen, gate, form)
    sys.exit(gate.exit_code(seen))


def _gate(
    first: Document, fail_on: Priority, wait: float, journeys: tuple[str, ...], components: tuple[str, ...]
) -> Gate:
    gate = Gate(fail_on, since=first["generated_at"] if wait else None)
    if not journeys and not components:
        return gate
    try:
        return gate.requiring(first, named(first, split(journeys), split(components)))
    except ValueError as error:
        give_up(str(error))


Look = Callable[[Callable[[Document], bool] | None], dict[str, Any]]


def _probing(config_file: Path, wait: float) -> Look:
    """Looks at what a configuration describes; with None only at what is configured."""
    config = load(config_file)

    def look(enough: Callable[[Document], bool] | None) -> dict[str, Any]:
        if enough is None:
            return document(unprobed(config))
        return document(run_loop(settle(config, lambda snapshot: enough(document(snapshot)), wait or None)))

    return look


def _asking(config_file: Path | None, url: str | None, wait: float) -> Look:
    """Looks at what a running exporter publishes; with None at once."""
    if url is None or config_file is not None:
        give_up("give either --config.file or --from")
    client = ask(lambda: Client(url))

    def look(enough: Callable[[Document], bool] | None) -> dict[str, Any]:
        if enough is None:
            return ask(lambda: client.watch(lambda _: True, wait))
        return ask(lambda: client.watch(lambda seen: enough(seen) and not seen["pending"], wait or _SETTLES))

    return look


def _print(seen: Document, gate: Gate, form: str) -> None:
    if form == "json":
        click.echo(json.dumps(seen, indent=2, ensure_ascii=False))
    elif form == "junit":
        click.echo(junit(seen, gate), nl=False)
    else:
        if form == "github":
            click.echo(workflow_commands(seen, gate), nl=False)
            _summarize(summary(seen, gate))
        painted = form == "text" and colours(sys.stdout)
        click.echo(text(seen, colour=painted, width=columns(sys.stdout)), nl=False)
        click.echo(f"check {gate.sentence(seen)}")


def _summarize(markdown: str) -> None:
    """Append to the step summary, where GitHub Actions runs us."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(markdown)
    except OSError as error:
        click.echo(f"no step summary: {path}: {error.strerror or error}", err=True)


@click.command(name="explain")
@click.argument("component")
@_CONFIG_FILE
@_FROM
def explain_(component: str, config_file: Path | None, url: str | None) -> None:
    """Say why a component is as it is, and who is to blame."""
    look = _probing(config_file, 0.0) if config_file and not url else _asking(config_file, url, 0.0)
    seen = look(None)
    try:
        named(seen, [], [component])
    except ValueError as error:
        give_up(str(error))
    if url is None:
        seen = look(lambda _: True)
    said, width = seen["components"][component]["explanation"], columns(sys.stdout)
    click.echo(said if width is None else textwrap.fill(said, width, break_long_words=False, break_on_hyphens=False))
