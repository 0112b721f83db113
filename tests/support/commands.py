"""Every command of the command line, imported."""

from __future__ import annotations

import click
from staging_exporter.cli import main


def subcommands(group: click.Group) -> dict[str, click.Command]:
    """The commands of a group by name."""
    context = click.Context(group)
    found = ((name, group.get_command(context, name)) for name in group.list_commands(context))
    return {name: command for name, command in found if command is not None}


COMMANDS = subcommands(main)
