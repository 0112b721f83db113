"""The reference in deploy/docs has every command, option, route, metric, state, reason and alert; links work."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

import click
import pytest
from staging_exporter.app import App
from staging_exporter.config import load_config
from staging_exporter.core import names
from staging_exporter.core.model import Reason, State
from staging_exporter.core.names import Metric
from staging_exporter.web.access import Access
from staging_exporter.web.security import WebSecurity
from staging_exporter.web.server import make_app

from tests.support.commands import COMMANDS

REPOSITORY = Path(__file__).parents[1]
DOCS = REPOSITORY / "deploy" / "docs"
PAGES = [*(REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")), *sorted(DOCS.glob("*.md"))]
METRICS = [metric for metric in vars(names).values() if isinstance(metric, Metric)]
NAMES = sorted(name for name, command in COMMANDS.items() if not command.hidden)


def page(name: str) -> str:
    """The text of a page of the reference."""
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


def section(name: str, title: str) -> str:
    """The text of a page below a heading, up to the next one; without a title, what comes before the first."""
    return f"\n## \n{page(name)}".split(f"\n## {title}\n")[1].split("\n## ")[0]


def anchors(text: str) -> set[str]:
    """The anchors of the headings of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", NAMES)
def test_every_command_and_option_is_in_the_reference(name: str) -> None:
    said = set(re.findall(r"[\w.-]+", section("commands", "")))
    command = COMMANDS[name]
    parts = [command, *(command.commands.values() if isinstance(command, click.Group) else ())]
    options = {option for part in parts for p in part.params if isinstance(p, click.Option) for option in p.opts}
    assert {name, *options} - said == set()


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_is_in_the_reference(metric: Metric) -> None:
    said = re.findall(r"`(staging_\w+\*?)", section("metrics", ""))
    assert any(re.fullmatch(name.replace("*", r"\w+"), metric.name) for name in said)


async def test_every_route_is_in_the_reference() -> None:
    file = REPOSITORY / "deploy" / "netra-staging.yml"
    routes = make_app(App(file, load_config(file)), cast(Access, None), WebSecurity()).router.resources()
    said = set(re.findall(r"`(?:POST |PUT )?(/[^`?]*)", section("api", "")))
    served = {re.sub(r"\{(\w+)\}", lambda name: name[1].upper(), resource.canonical) for resource in routes}
    assert served - said == {"/static/NAME"}  # what the page itself needs


@pytest.mark.parametrize(("title", "kind"), [("States", State), ("Reasons", Reason)])
def test_every_state_and_reason_is_in_the_reference(title: str, kind: type[State | Reason]) -> None:
    rows = [line.split("|")[1] for line in section("metrics", title).splitlines() if line.startswith("| `")]
    said = set(re.findall(r"`(\w+)`", " ".join(rows)))
    assert {str(each) for each in kind} - said == set()


def test_every_alert_is_in_the_reference() -> None:
    said = set(re.findall(r"^\| (`Staging.*?) \|", section("alerting", "The alerts"), re.MULTILINE))
    alerts = {path.stem for path in (REPOSITORY / "deploy" / "runbooks").glob("Staging*.md")}
    assert set(re.findall(r"`(\w+)`", " ".join(said))) == alerts


def test_the_readme_is_short() -> None:
    assert len((REPOSITORY / "README.md").read_text(encoding="utf-8").splitlines()) < 250


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_links_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        if ":" not in file:
            assert target.exists(), link
            assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), link
