"""`check`: the verdict once, as an exit code and in the format of a terminal, JSON, JUnit or GitHub Actions."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from staging_exporter.client import Credentials
from staging_exporter.commands.common import (
    Command,
    Period,
    colours,
    columns,
    config_files,
    give_up,
    split,
    write_step_summary,
)
from staging_exporter.commands.common import credentials as with_credentials
from staging_exporter.commands.only import check_only
from staging_exporter.commands.progress import Progress
from staging_exporter.commands.status_source import FROM_OPTION, status_source
from staging_exporter.core.failure_window import LEAST
from staging_exporter.core.model import Priority
from staging_exporter.views.document_types import StatusDocument
from staging_exporter.views.gate import Gate, required_components
from staging_exporter.views.github import summary, workflow_commands
from staging_exporter.views.junit import junit
from staging_exporter.views.report import text


@click.command(cls=Command)
@config_files(required=False)
@FROM_OPTION
@with_credentials
@click.option("--wait", type=Period(), default="0s", help="Wait up to this long for recovery, such as 10m.")
@click.option(
    "--fail-on",
    type=click.Choice([*Priority]),
    default="P2",
    show_default=True,
    help="Lowest effective priority of a root cause for which this command fails.",
)
@click.option(
    "--journey", "journeys", multiple=True, metavar="A,B", help="Judge only the components that these journeys need."
)
@click.option(
    "--require", "components", multiple=True, metavar="A,B", help="Judge only these components and their dependencies."
)
@click.option(
    "--only", "only", multiple=True, metavar="A,B", help="Probe just these components and print their states and logs."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "junit", "github"]),
    default="text",
    show_default=True,
    help="Output format.",
)
def check(
    config: tuple[Path, ...],
    url: str | None,
    credentials: Credentials,
    wait: float,
    fail_on: str,
    journeys: tuple[str, ...],
    components: tuple[str, ...],
    only: tuple[str, ...],
    form: str,
) -> None:
    """Print the verdict on the environment and exit.

    Probes every component and confirms failures, or asks a running exporter.

    \b
    Exit codes:
      0  passed
      1  failed: a root cause of effective priority --fail-on or more urgent
      2  wrong usage or configuration, or the exporter does not answer
      3  undetermined: a component of that priority or more urgent is unknown
         or starting, or is required and did not pass during its maintenance

    With --wait it exits as soon as the verdict is 0, or when a root cause is
    down and has no startup budget left.

    With --only no root cause is named: 1 when one of these is down, 3 when the
    state of one is unknown or starting, else 0.
    """
    if only:
        if url or wait or journeys or components or form != "text":
            raise click.UsageError("--only goes with no other option but the configuration")
        check_only(config, split(only))
    source = status_source(config, url, wait, credentials)
    gate = _gate(source.first(), Priority(fail_on), wait, journeys, components)
    live = sys.stderr.isatty() and (wait > 0 or form == "text")
    progress = Progress(
        gate,
        wait,
        live=live,
        colour=live and colours(sys.stderr),
        write=lambda line: click.echo(line, nl=False, err=True),
    )

    def done(status: StatusDocument) -> bool:
        if live or wait:
            progress(status)
        return not wait or gate.decided(status)

    try:
        status = source.until(done, wait)
    finally:
        progress.end()
    _print(status, gate, form, one_shot=url is None)
    sys.exit(gate.exit_code(status))


def _gate(
    first: StatusDocument, fail_on: Priority, wait: float, journeys: tuple[str, ...], components: tuple[str, ...]
) -> Gate:
    gate = Gate(fail_on, since=first["generated_at"] if wait else None)
    if not journeys and not components:
        return gate
    try:
        return gate.requiring(first, required_components(first, split(journeys), split(components)))
    except ValueError as error:
        give_up(str(error))


def _print(status: StatusDocument, gate: Gate, form: str, *, one_shot: bool) -> None:
    if form == "json":
        click.echo(json.dumps(status, indent=2, ensure_ascii=False))
    elif form == "junit":
        click.echo(junit(status, gate), nl=False)
    else:
        if form == "github":
            click.echo(workflow_commands(status, gate), nl=False)
            write_step_summary(summary(status, gate))
        painted = form == "text" and colours(sys.stdout)
        click.echo(text(status, colour=painted, width=columns(sys.stdout)), nl=False)
        if one_shot:
            click.echo(f"failure_ratio: not judged, since it needs {LEAST} scheduled probes of a running exporter")
        click.echo(f"check {gate.sentence(status)}")
