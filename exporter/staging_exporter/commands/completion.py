"""`completion`: what a shell runs to complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from staging_exporter.commands.common import Command

_PROGRAM = "staging-exporter"
_VARIABLE = "_STAGING_EXPORTER_COMPLETE"


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    \b
      bash: source <(staging-exporter completion bash)            in ~/.bashrc
      zsh:  source <(staging-exporter completion zsh)             in ~/.zshrc
      fish: staging-exporter completion fish | source             in config.fish
    """
    made = get_completion_class(shell)
    assert made is not None, "one of the choices"
    script = made(click.get_current_context().find_root().command, {}, _PROGRAM, _VARIABLE)
    click.echo(script.source_template % script.source_vars())
