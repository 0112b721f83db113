"""`compare`: where two environments differ, such as staging and production."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from pydantic import TypeAdapter, ValidationError

from staging_exporter.client import Credentials
from staging_exporter.commands.common import Command, colours, give_up, split, write_step_summary
from staging_exporter.commands.common import credentials as with_credentials
from staging_exporter.commands.status_source import status_source
from staging_exporter.core.redaction import without_controls
from staging_exporter.core.words import joined
from staging_exporter.views.document_types import StatusDocument
from staging_exporter.views.github import escaped, table, workflow_command
from staging_exporter.views.parity import ASPECTS, FACTOR, ParityDocument, parity_document
from staging_exporter.views.report import Paint

_MOST = 50  # annotations: GitHub shows fewer


@click.command(cls=Command)
@click.argument("a")
@click.argument("b")
@click.option(
    "--ignore",
    multiple=True,
    metavar="A,B",
    help="Aspects, components, or COMPONENT:ASPECT, that may differ; repeatable.",
)
@click.option(
    "--latency-factor",
    "factor",
    type=click.FloatRange(min=1.1),
    default=FACTOR,
    show_default=True,
    help="Report latencies that differ by this factor, and by 100 ms.",
)
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "github"]), default="text", show_default=True,
    help="Output format.",
)  # fmt: skip
@with_credentials
def compare(a: str, b: str, ignore: tuple[str, ...], factor: float, form: str, credentials: Credentials) -> None:
    """Compare two environments, component by component.

    A and B are each the address of a running exporter (http://, https:// or
    unix:/PATH), a file of `check --format json` (*.json), or a configuration,
    whose components are then probed. Credentials are shown to both exporters.

    \b
    Compared are: components that are missing in one, states, versions (facts
    whose name says so, and the revision of the last deploy), HTTP status,
    redirects, TLS version, issuer of the certificate, and latency.

    \b
    Exit codes:
      0  no difference
      1  they differ
      2  wrong usage or configuration, or an exporter does not answer
    """
    sides = [_status(side, credentials) for side in (a, b)]
    try:
        found = parity_document(*sides, factor=factor, ignored=split(ignore))
    except ValueError as error:
        give_up(f"--ignore: {error}")
    if found["a"] == found["b"]:
        found |= {"a": a, "b": b}
    if form == "json":
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    elif form == "github":
        click.echo(_workflow_commands(found), nl=False)
        write_step_summary(_summary(found))
    else:
        click.echo(_text(found, Paint(colours(sys.stdout))), nl=False)
    sys.exit(bool(found["differences"]))


def _status(side: str, credentials: Credentials) -> StatusDocument:
    """The status of one side; exits 2 when it cannot be had."""
    if side.startswith(("http://", "https://", "unix:/")):
        return status_source((), side, credentials=credentials).until(lambda _: True, 0.0)
    path = Path(side)
    if path.suffix != ".json":
        return status_source((path,), None).until(lambda _: True, 0.0)
    try:
        document = without_controls(json.loads(path.read_bytes()))
        return TypeAdapter(StatusDocument).validate_python(document)
    except OSError as error:
        give_up(f"cannot read {side}: {error.strerror or error}")
    except (ValidationError, ValueError, RecursionError):
        give_up(f"{side} is not a file of `check --format json`, or of another version")


def _sentence(found: ParityDocument) -> str:
    count, both = len(found["differences"]), found["components"]
    names, components = joined([found["a"], found["b"]]), "component" if both == 1 else "components"
    if not count:
        return f"{names} do not differ in {joined(ASPECTS, 'or')}: {both} {components}"
    places = "one place" if count == 1 else f"{count} places"
    return f"{names} differ in {places}; {both} {components} {'is' if both == 1 else 'are'} in both"


def _text(found: ParityDocument, paint: Paint) -> str:
    rows = [("component", "aspect", found["a"], found["b"])] if found["differences"] else []
    rows += [(each["component"], each["aspect"], each["a"], each["b"]) for each in found["differences"]]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    body = [paint(lines[0], "dim"), *lines[1:], ""] if lines else []
    styles = ("yellow", "bold") if lines else ("green",)
    return "".join(f"{line}\n" for line in [*body, paint(_sentence(found), *styles)])


def _workflow_commands(found: ParityDocument) -> str:
    lines = [
        workflow_command(
            "warning",
            f"{each['component']} differs in {each['aspect']}",
            f"{found['a']}: {each['a']}\n{found['b']}: {each['b']}",
        )
        for each in found["differences"][:_MOST]
    ]
    return "".join(f"{line}\n" for line in [*lines, _sentence(found)])


def _summary(found: ParityDocument) -> str:
    rows = [tuple(map(escaped, (e["component"], e["aspect"], e["a"], e["b"]))) for e in found["differences"][:_MOST]]
    lines = table(("Component", "Aspect", escaped(found["a"]), escaped(found["b"])), rows)
    return "\n".join([f"## {'⚠️' if rows else '✅'} {escaped(_sentence(found))}", "", *lines]) + "\n"
