"""Components that steps of a flow observe: those that steps name, and those that journeys ask for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from staging_exporter.config import Config, ConfigError, load_config
from staging_exporter.core.model import LATENT
from staging_exporter.probes import documentation

STEPS = [
    {"name": "page", "http": {"url": "http://h/"}},
    {"name": "login", "http": {"url": "http://h/login"}, "component": "auth-login"},
]
COMPONENTS: dict[str, Any] = {
    "auth": {"layer": "service", "priority": "P0", "check": {"kind": "tcp", "address": "h:1"}},
    "auth-login": {"layer": "service", "priority": "P1", "depends_on": ["auth"]},
    "user": {
        "layer": "application",
        "priority": "P0",
        "interval": "30s",
        "timeout": "20s",
        "depends_on": ["auth"],
        "check": {"kind": "flow", "steps": STEPS},
    },
}
JOURNEYS = {"path": {"priority": "P0", "steps": {"first": "user.page", "second": "user.login"}}}


def loaded(tmp_path: Path, changes: dict[str, Any] | None = None, journeys: Any = JOURNEYS) -> Config:
    file = tmp_path / "config.yml"
    tree = {"environment": "test", "components": COMPONENTS | (changes or {}), "journeys": journeys}
    file.write_text(yaml.safe_dump(tree, sort_keys=False))
    return load_config(file)


def test_a_step_is_the_check_of_the_component_that_it_names(tmp_path: Path) -> None:
    config = loaded(tmp_path)
    component = config.topology.components["auth-login"]
    assert (component.kind, component.interval, component.timeout) == ("step", 30.0, 20.0)
    assert (component.depends_on, component.priority) == ((("auth",),), "P1")
    assert config.observed == {"auth-login": "user", "user.page": "user"}


def test_a_step_that_a_journey_asks_for_is_a_component_like_the_flow(tmp_path: Path) -> None:
    page = loaded(tmp_path).topology.components["user.page"]
    assert (page.kind, page.layer, page.priority, page.depends_on) == ("step", "application", "P0", (("auth",),))


def test_the_flow_depends_on_its_steps(tmp_path: Path) -> None:
    assert loaded(tmp_path).topology.components["user"].depends_on == (("auth",), ("auth-login",), ("user.page",))


def test_a_journey_shows_the_components_of_the_steps(tmp_path: Path) -> None:
    steps = loaded(tmp_path).topology.journeys["path"].steps
    assert steps == (("first", "user.page"), ("second", "auth-login"))


def test_without_a_journey_only_the_named_steps_are_components(tmp_path: Path) -> None:
    config = loaded(tmp_path, journeys={})
    assert set(config.topology.components) == set(COMPONENTS)
    assert config.topology.components["auth"].kind != LATENT


COSTLY = {"kind": "flow", "steps": STEPS, "max_runs_per_hour": 100}
TYPO = {**STEPS[0], "http": {"url": "http://h/", "headers": {"X-Id": "{{uid}}"}}}
CHANGES: dict[str, tuple[dict[str, Any], Any, str]] = {
    "unknown component": (
        {"user": {**COMPONENTS["user"], "check": {"kind": "flow", "steps": [{**STEPS[0], "component": "auth-logn"}]}}},
        {},
        "components.user.check.steps[0].component: there is no component `auth-logn`, did you mean `auth-login`?",
    ),
    "component with a check": (
        {"user": {**COMPONENTS["user"], "check": {"kind": "flow", "steps": [{**STEPS[0], "component": "auth"}]}}},
        {},
        "`auth` has a check of its own; name a component without one that depends on it",
    ),
    "component of two flows": (
        {"other": COMPONENTS["user"]},
        {},
        "a step of `user` is the check of `auth-login` already",
    ),
    "unknown step": (
        {},
        {"path": {"priority": "P0", "steps": {"first": "user.pag"}}},
        "journeys.path.steps.first: there is no component `user.pag`, did you mean `user.page`?",
    ),
    "too many runs": (
        {"user": {**COMPONENTS["user"], "check": COSTLY}},
        {},
        "components.user.check.max_runs_per_hour: 100 runs an hour are fewer than the 120 of the interval",
    ),
    "cycle": (
        {"auth-login": {**COMPONENTS["auth-login"], "depends_on": ["user"]}},
        {},
        "circular dependency",
    ),
    "typo in a placeholder": (
        {"user": {**COMPONENTS["user"], "check": {"kind": "flow", "steps": [TYPO]}}},
        {},
        "components.user.check.steps[0].http.headers.X-Id: nothing captures {{uid}}, did you mean {{uuid}}?",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_cannot_be_is_an_error_at_its_line(name: str, tmp_path: Path) -> None:
    changes, journeys, text = CHANGES[name]
    with pytest.raises(ConfigError) as error:
        loaded(tmp_path, changes, journeys)
    assert text in str(error.value)


OBSERVED = (
    dict.fromkeys(("user-chat.login", "user-chat.ask", "user-chat.saved"), "user-chat"),
    dict.fromkeys(("auth-login", "chat-answer", "user.tidy-up"), "user"),
)


def test_the_files_of_the_documentation_load(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", documentation("flow"), re.DOTALL)
    files = [block for block in blocks if block.startswith("environment:")]
    assert blocks[0] in files
    for text, observed in zip(files, OBSERVED, strict=True):
        file = tmp_path / "config.yml"
        file.write_text(text)
        assert load_config(file).observed == observed
