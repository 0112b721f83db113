"""`diff`: what a reload would change, before it does."""

from __future__ import annotations

from pathlib import Path

import click

from staging_exporter.commands.common import Command, load
from staging_exporter.config.difference import differences, restarted
from staging_exporter.core.words import joined, verb


@click.command(cls=Command)
@click.argument("a", type=Path)
@click.argument("b", type=Path)
def diff(a: Path, b: Path) -> None:
    """Print what replacing configuration A by B would change.

    A and B are files or directories. Exits 0 when nothing changes, 1 when
    something does.
    """
    old, new = load((a,)), load((b,))
    found = differences(old, new)
    for line in found:
        click.echo(line)
    if names := restarted(old, new):
        click.echo(f"{joined(names)} {verb(names, 'begins', 'begin')} without a state; all others keep theirs")
    click.get_current_context().exit(1 if found else 0)
