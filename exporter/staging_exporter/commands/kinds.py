"""`kinds`: the documentation of the kinds of checks."""

from __future__ import annotations

import re

import click

from staging_exporter import probes
from staging_exporter.commands.common import Command, give_up

_END_OF_SENTENCE = re.compile(r"(?<=[.?]) ")


@click.command(cls=Command)
@click.argument("kind", required=False)
def kinds(kind: str | None) -> None:
    """List the kinds of checks, or print the documentation of one."""
    if kind is None:
        width = max(map(len, probes.kinds())) + 2
        for name in probes.kinds():
            summary = " ".join(probes.documentation(name).split("\n\n")[1].split())
            click.echo(f"{name:<{width}}{_END_OF_SENTENCE.split(summary)[0]}")
        return
    try:
        click.echo(probes.documentation(kind), nl=False)
    except KeyError:
        give_up(f"there is no kind {kind!r}; there are {', '.join(probes.kinds())}")
