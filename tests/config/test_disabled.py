"""`enabled: false`: shown, never probed, looked through, and never a root cause."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from staging_exporter.config import Config, load_config

from tests.support.live import staging_exporter
from tests.support.ports import free_port

PASSES = 'check: {kind: exec, command: ["true"]}'
TEXT = """
environment: test
slo: {{objective: 0.99}}
components:
  net: {{layer: infrastructure, priority: P0, {passes}}}
  db:
    layer: platform
    priority: P0
    enabled: false
    depends_on: [net]
    check: {{kind: tcp, address: "127.0.0.1:{port}"}}
  cache: {{layer: platform, priority: P1, enabled: false}}
  api: {{layer: service, priority: P0, depends_on: [db], {passes}}}
  web: {{layer: service, priority: P0, depends_on: [[db, api], cache], {passes}}}
  page: {{layer: service, priority: P0, optional_depends_on: [db], {passes}}}
  suite: {{layer: test, priority: P2, check: {{kind: e2e, covers: [db, api]}}}}
journeys:
  login: {{priority: P0, steps: {{store: db, open: web}}}}
  store: {{priority: P1, steps: {{store: db}}}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "c.yml"
    path.write_text(TEXT.format(port=free_port(), passes=PASSES))
    return path


@pytest.fixture
def config(file: Path) -> Config:
    return load_config(file)


def test_nothing_depends_on_it_and_its_dependents_depend_on_what_is_behind_it(config: Config) -> None:
    components = config.topology.components
    assert {name: each.depends_on for name, each in components.items() if name in ("api", "web")} == {
        "api": (("net",),),
        "web": (("api",),),
    }
    assert components["page"].optional_depends_on == ("net",)
    assert components["suite"].covers == ("api",)
    assert [name for name, each in components.items() if not each.enabled] == ["db", "cache"]


def test_it_has_no_check_no_objective_and_no_step_of_a_journey(config: Config) -> None:
    assert "db" not in config.checks
    assert set(config.slo) == {"net", "api", "web", "page", "suite"}
    assert {name: each.steps for name, each in config.topology.journeys.items()} == {"login": (("open", "web"),)}


def test_check_passes_although_what_is_disabled_would_fail(file: Path) -> None:
    done = staging_exporter("check", "--config.file", file, "--format", "json", "--journey", "login")
    document = json.loads(done.stdout)
    assert (done.returncode, document["state"], document["root_causes"]) == (0, "up", [])
    seen = document["components"]["db"]
    assert (seen["state"], seen["reason"], seen["detail"], seen["last_probe"]) == (
        "unknown",
        "disabled",
        "enabled: false in the configuration",
        None,
    )
    done = staging_exporter("explain", "db", "--config.file", file)
    assert "enabled: false in the configuration" in done.stdout
