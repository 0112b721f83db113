"""The command line: one group, and every command that there is."""

from __future__ import annotations

import click

from exporter.commands.describe import kinds, schema, validate
from exporter.commands.generate import generate
from exporter.commands.judge import check, explain_
from exporter.commands.serve import demo, run
from exporter.commands.tell import deploy, maintenance, report


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="staging-exporter", message="staging-exporter, version %(version)s")
def main() -> None:
    """Names the root cause when a staging environment breaks, as Prometheus metrics."""


for command in (run, check, explain_, maintenance, deploy, report, generate, validate, kinds, schema, demo):
    main.add_command(command)
