"""The command line: one group with every command."""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from typing import Any

import click

from staging_exporter.commands.check import check
from staging_exporter.commands.demo import demo
from staging_exporter.commands.deploy import deploy
from staging_exporter.commands.explain import explain
from staging_exporter.commands.generate import generate
from staging_exporter.commands.kinds import kinds
from staging_exporter.commands.maintenance import maintenance
from staging_exporter.commands.report import report
from staging_exporter.commands.run import run
from staging_exporter.commands.schema import schema
from staging_exporter.commands.suggest import suggest
from staging_exporter.commands.validate import validate


class _Main(click.Group):
    """Keeps exit code 1 for a root cause: no other failure of ours may end with it."""

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


for command in (run, check, explain, maintenance, deploy, report, generate, validate, suggest, kinds, schema, demo):
    main.add_command(command)
