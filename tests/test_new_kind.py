"""A new kind is one file with its documentation: a kind in another folder works like those of the package."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.live import fetch, process, wait_for
from tests.support.ports import free_port

KIND = """
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar, Literal

from staging_exporter.core.blackbox import BlackboxNames, Gauge, number
from staging_exporter.core.model import ProbeFailed, Reason, Trait
from staging_exporter.net.context import ProbeContext
from staging_exporter.options.check import Check
from staging_exporter.options.model import Listed


class Coin(Check):
    phase_names: ClassVar[tuple[str, ...]] = ("toss",)
    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.COMPARES_NAMES})
    blackbox: ClassVar[BlackboxNames] = BlackboxNames(
        "probe_coin_duration_seconds",
        {"toss": "throw"},
        (Gauge("probe_coin_sides", "How many sides the coin has.", number("sides")),),
    )
    covers_option: ClassVar[str | None] = "witnesses"
    startup_option: ClassVar[str | None] = "in_the_air"

    kind: Literal["coin"]
    sides: int = 2
    witnesses: Listed[str] = ()
    in_the_air: dict[str, int] | None = None

    def report_reader(self) -> Callable[[Path], SimpleNamespace] | None:
        return lambda file: SimpleNamespace(counts={"passed": file.stat().st_size}, failing=[], total=1)

    async def run(self, context: ProbeContext) -> None:
        with context.phase("toss"):
            context.facts["sides"] = self.sides
            context.facts["in_the_air"] = (self.in_the_air or {}).get("seconds", 0)
        context.facts["siblings"] = {"dice": "up"}
        if self.sides != 2:
            raise ProbeFailed(Reason.CONTENT, f"{self.sides} sides, expected 2")
"""
PAGE = """# coin

Does a coin have two sides? It is thrown to find out.

```yaml
check: {kind: coin, sides: 2}
```
"""
CONFIG = """
environment: test
components:
  fair: {layer: service, priority: P1, startup: {budget: 10s, when: {seconds: 4}}, check: {kind: coin}}
  odd: {layer: service, priority: P1, check: {kind: coin, sides: 3, witnesses: [fair]}}
api: {token: {env: COIN_TOKEN}}
"""
TOKEN = "heads-or-tails"
MAIN = """
import sys
import staging_exporter.probes
from staging_exporter.cli import main

staging_exporter.probes.__path__.append(sys.argv.pop(1))
main()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a kind, its documentation, and a configuration that uses it."""
    made = tmp_path_factory.mktemp("kinds")
    (made / "coin.py").write_text(KIND)
    (made / "coin.md").write_text(PAGE)
    (made / "config.yml").write_text(CONFIG)
    return made


def command(folder: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-c", MAIN, str(folder), *arguments]


def output(folder: Path, *arguments: str) -> str:
    done = subprocess.run(command(folder, *arguments), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_list_of_kinds_has_it(folder: Path) -> None:
    assert re.search(r"^coin +Does a coin have two sides\?$", output(folder, "kinds"), re.MULTILINE)


def test_its_documentation_is_printed(folder: Path) -> None:
    assert output(folder, "kinds", "coin") == PAGE


def test_a_configuration_with_it_is_valid(folder: Path) -> None:
    assert "2 checks" in output(folder, "validate", "--config.file", str(folder / "config.yml"))


def test_the_schema_has_it(folder: Path) -> None:
    mapping = json.loads(output(folder, "schema"))["$defs"]["Check"]["discriminator"]["mapping"]
    assert mapping["coin"] == "#/$defs/Coin"


@pytest.fixture(scope="module")
def exporter(folder: Path) -> Iterator[str]:
    """The URL of an exporter that runs checks of the kind."""
    address = f"127.0.0.1:{free_port()}"
    options = ("--config.file", str(folder / "config.yml"), "--storage.path", str(folder))
    arguments = command(folder, "run", *options, "--web.listen-address", address)
    with process(arguments, folder / "exporter.log", env=os.environ | {"COIN_TOKEN": TOKEN}):
        url = f"http://{address}"
        wait_for(lambda: "ok" in states(url).values(), "the first run has passed")
        yield url


def states(url: str) -> dict[str, str]:
    """The reason of each component."""
    try:
        components = json.loads(fetch(f"{url}/api/v1/status"))["components"]
    except OSError:
        return {}
    return {name: seen["reason"] for name, seen in components.items()}


def test_its_runs_decide_the_state(exporter: str) -> None:
    assert wait_for(lambda: (seen := states(exporter)) == {"fair": "ok", "odd": "content"} and seen, "both have run")


def component(url: str, name: str) -> dict[str, Any]:
    return dict(json.loads(fetch(f"{url}/api/v1/components/{name}")))


def test_its_option_for_what_it_covers_becomes_an_edge(exporter: str) -> None:
    assert component(exporter, "odd")["covers"] == ["fair"]


def test_it_gets_the_startup_condition_of_the_component(exporter: str) -> None:
    seen = lambda name: component(exporter, name)["facts"].get("in_the_air")  # noqa: E731
    wait_for(lambda: (seen("fair"), seen("odd")) == (4, 0), "both have run with their conditions")


def test_it_takes_pushed_reports(exporter: str) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = fetch(f"{exporter}/api/v1/e2e/fair", "PUT", headers, b"heads")
    assert json.loads(answer) == {"component": "fair", "tests": {"passed": 5}, "failing": []}


@pytest.mark.parametrize(
    "line",
    [
        "probe_success 1",
        "probe_coin_sides 2",
        'probe_coin_duration_seconds{phase="throw"}',
    ],
)
def test_probe_answers_with_its_names(exporter: str, line: str) -> None:
    assert f"\n{line}" in fetch(f"{exporter}/probe?component=fair")


@pytest.mark.parametrize(
    "line",
    [
        'staging_component_info{component="fair",environment="test",kind="coin",layer="service",priority="P1"} 1',
        'staging_probe_phase_duration_seconds{component="fair",environment="test",phase="toss"}',
        'staging_probe_domain_drift{component="fair",environment="test"} 1',
    ],
)
def test_the_metrics_of_its_components(exporter: str, line: str) -> None:
    assert f"\n{line}" in fetch(f"{exporter}/metrics")
