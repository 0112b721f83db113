"""The command line: one group with every command."""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from importlib import import_module
from typing import Any

import click

_COMMANDS = (
    *("run", "check", "explain", "maintenance", "deploy", "report", "incidents"),
    *("generate", "init", "validate", "diff", "suggest", "compare", "kinds", "schema", "completion", "demo"),
)


class _Main(click.Group):
    """Imports a command only when it is asked for, and keeps exit code 1 for a root cause: nothing else may end so."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of a first visit."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, in the module of that name."""
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"staging_exporter.commands.{cmd_name}"), cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        _open_closed_streams()
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except KeyboardInterrupt:
            ctx.exit(130)
        except asyncio.CancelledError:
            ctx.exit(143)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # buffered output is written there
            ctx.exit(141)
        except Exception:
            traceback.print_exc()
            ctx.exit(70)  # EX_SOFTWARE of sysexits.h


def _open_closed_streams() -> None:
    """Open stdin, stdout and stderr where the caller closed them: uvloop aborts when a socket gets their number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))


@click.group(cls=_Main, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="staging-exporter", message="staging-exporter, version %(version)s")
def main() -> None:
    """Find the root cause when a staging environment breaks.

    A Prometheus exporter that probes an environment and diagnoses its dependency graph.
    """
