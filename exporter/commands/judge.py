"""`check` and `explain`: the verdict, once."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from exporter.client import Client
from exporter.commands.common import CONFIG_FILE, ask, give_up, load, must_exist, run_loop
from exporter.core.model import Priority, State
from exporter.core.snapshot import Snapshot
from exporter.once import settle
from exporter.views.document import document
from exporter.views.report import Paint, exit_code, text


@click.command()
@CONFIG_FILE
@click.option("--fail-on", type=click.Choice([*Priority]), default="P2", show_default=True)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def check(config_file: Path, fail_on: str, form: str) -> None:
    """Probe everything once, confirm, and print the verdict.

    Exit 1: a root cause of effective priority --fail-on or more urgent. 2: usage or configuration.
    3: a component of such priority cannot be told. 0: all is well.
    """
    config = load(config_file)
    terminal = sys.stderr.isatty() and form == "text"
    snapshot = run_loop(settle(config, _Progress(len(config.checks)) if terminal else lambda _: None))
    if terminal:
        click.echo("\r\x1b[K", nl=False, err=True)
    if form == "json":
        click.echo(json.dumps(document(snapshot), indent=2, ensure_ascii=False))
    else:
        click.echo(text(snapshot, colour=sys.stdout.isatty()), nl=False)
    sys.exit(exit_code(snapshot, Priority(fail_on)))


@click.command(name="explain")
@click.argument("component")
@click.option("--config.file", "config_file", type=Path, help="Probe what this configuration describes.")
@click.option("--from", "url", help="Ask the exporter that runs at this URL.")
def explain_(component: str, config_file: Path | None, url: str | None) -> None:
    """Say in words why a component is as it is, and who is to blame."""
    if (config_file is None) == (url is None):
        give_up("give either --config.file or --from")
    if url is not None:
        components = ask(lambda: Client(url).status())["components"]
    else:
        assert config_file
        config = load(config_file)
        must_exist(component, config.topology.components)
        components = document(run_loop(settle(config)))["components"]
    must_exist(component, components)
    click.echo(components[component]["explanation"])


class _Progress:
    """One line on the terminal, rewritten as results come."""

    def __init__(self, checks: int) -> None:
        self._checks = checks
        self._paint = Paint(colour=True)

    def __call__(self, snapshot: Snapshot) -> None:
        checked = [status for status in snapshot.components.values() if not status.component.latent]
        done = sum(status.last_probe is not None for status in checked)
        failing = [s.component.name for s in checked if s.state in (State.DOWN, State.FLAPPING, State.DEGRADED)]
        line = f"probed {done} of {self._checks}"
        line += f", failing: {', '.join(failing)}" if failing else ""
        line += ", confirming ..." if done == self._checks and snapshot.pending else ""
        width = max(20, (click.get_current_context().terminal_width or 100) - 1)
        click.echo(f"\r\x1b[K{self._paint(line[:width], 'dim')}", nl=False, err=True)
