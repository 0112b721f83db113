"""The command line: one group, and every command that there is."""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from typing import Any

import click

from staging_exporter.commands.describe import kinds, schema, validate
from staging_exporter.commands.generate import generate
from staging_exporter.commands.judge import check, explain_
from staging_exporter.commands.serve import demo, run
from staging_exporter.commands.tell import deploy, maintenance, report


class _Main(click.Group):
    """Exit code 1 says that there is a root cause: nothing else that happens to us may end with it."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        _open_what_is_closed()
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except KeyboardInterrupt:
            ctx.exit(130)
        except asyncio.CancelledError:
            ctx.exit(143)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still to be written goes there
            ctx.exit(141)
        except Exception:
            traceback.print_exc()
            ctx.exit(70)  # EX_SOFTWARE of sysexits.h


def _open_what_is_closed() -> None:
    """Where a caller closed stdin, stdout or stderr, the next socket would get its number, which uvloop aborts on."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))


@click.group(cls=_Main, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="staging-exporter", message="staging-exporter, version %(version)s")
def main() -> None:
    """Names the root cause when a staging environment breaks, as Prometheus metrics."""


for command in (run, check, explain_, maintenance, deploy, report, generate, validate, kinds, schema, demo):
    main.add_command(command)
