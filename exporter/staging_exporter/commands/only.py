"""`check --only`: the states of single components with the log of their last run, without a verdict."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import click

from staging_exporter.commands.common import chosen, colours, give_up, load, run_loop
from staging_exporter.config import Config
from staging_exporter.core.model import State
from staging_exporter.core.rules import IS_DOWN
from staging_exporter.core.words import joined
from staging_exporter.engine.run_once import unprobed
from staging_exporter.engine.run_only import Result, run_only
from staging_exporter.views.document import document
from staging_exporter.views.gate import FAILED, NO_VERDICT, PASSED, required_components
from staging_exporter.views.queries import UNDETERMINED
from staging_exporter.views.report import OF_STATE, Paint


def check_only(files: Sequence[Path], names: Sequence[str]) -> NoReturn:
    """Probe these components, print their states, and exit: 1 when one is down, 3 when one is not known, else 0."""
    config = load(chosen(tuple(files), required=True))
    _check_names(config, names)
    results, online = run_loop(run_only(config, list(dict.fromkeys(names))))
    paint = Paint(colours(sys.stdout))
    for name, result in results.items():
        click.echo("\n".join(_lines(name, result, paint)) + "\n")
    if not online:
        click.echo("The exporter is offline: all vantage checks are failing.")
    states = {result.health.state for result in results.values()}
    if online and states & IS_DOWN:
        sys.exit(FAILED)
    sys.exit(NO_VERDICT if not online or states & UNDETERMINED else PASSED)


def _check_names(config: Config, names: Sequence[str]) -> None:
    try:
        required_components(document(unprobed(config)), [], names)
    except ValueError as error:
        give_up(str(error))
    for name in names:
        if owner := config.observed.get(name):
            give_up(f"{name} is observed by a step of {owner}: use --only {owner}")
        if name not in config.checks:
            dependents = config.topology.components.values()
            users = [each.name for each in dependents if name in each.hard]
            hint = f"; it is inferred from {joined(users)}" if users else ""
            give_up(f"{name} has no check{hint}")


def _lines(name: str, result: Result, paint: Paint) -> Iterator[str]:
    health, seen = result.health, result.seen
    state = paint(health.state, *([OF_STATE[health.state]] if health.state in OF_STATE else []))
    because = "" if health.state == State.UP else f" ({health.reason}){f': {health.detail}' if health.detail else ''}"
    yield f"{name} is {state}{because}"
    runs = "1 run" if result.runs == 1 else f"{result.runs} runs"
    phases = ", ".join(f"{phase} {seconds:.3f} s" for phase, seconds in seen.phases.items())
    yield f"  {runs}; the last one took {seen.duration:.3f} s{f': {phases}' if phases else ''}"
    yield from (f"  {at:8.3f} s  {text}" for at, text in result.log)
