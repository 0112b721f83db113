"""The README's reference: every command and option, every route, every metric."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from staging_exporter.app import App
from staging_exporter.cli import main
from staging_exporter.config import load_config
from staging_exporter.core import names
from staging_exporter.core.names import Metric
from staging_exporter.web.server import make_app

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
METRICS = [metric for metric in vars(names).values() if isinstance(metric, Metric)]
COMMANDS = sorted(name for name, command in main.commands.items() if not command.hidden)


def section(title: str) -> str:
    """The text below a heading, up to the next one."""
    return README.split(f"\n### {title}\n")[1].split("\n### ")[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_in_the_reference(name: str) -> None:
    said = set(re.findall(r"[\w.-]+", section("Commands")))
    command = main.commands[name]
    parts = [command, *(command.commands.values() if isinstance(command, click.Group) else ())]
    options = {option for part in parts for p in part.params if isinstance(p, click.Option) for option in p.opts}
    assert {name, *options} - said == set()


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_is_in_the_reference(metric: Metric) -> None:
    said = re.findall(r"`(staging_\w+\*?)", section("Metrics"))
    assert any(re.fullmatch(name.replace("*", r"\w+"), metric.name) for name in said)


async def test_every_route_is_in_the_reference() -> None:
    file = REPOSITORY / "deploy" / "netra-staging.yml"
    routes = make_app(App(file, load_config(file))).router.resources()
    said = set(re.findall(r"`(?:POST |PUT )?(/[^`?]*)", section("Routes")))
    served = {re.sub(r"\{name\}", "NAME", resource.canonical) for resource in routes}
    assert served - said == {"/static/NAME"}  # what the page itself needs
