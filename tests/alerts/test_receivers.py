"""The generated receivers: what each kind is told, as Alertmanager reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.alerts.test_alertmanager import run
from tests.alerts.test_generated import config, generate

TOLD = """receivers:
    P0:
    - {kind: pagerduty, routing_key: {file: /etc/s/pagerduty}}
    - {kind: slack, url: {file: /etc/s/slack}}
    - {kind: opsgenie, key: {file: /etc/s/opsgenie}, api_url: "https://api.eu.opsgenie.com/"}
    - {kind: webhook, url: "https://hook.example.com/", bearer: {file: /etc/s/bearer}}
    - {kind: email, to: a@example.com, from: b@example.com, server: "smtp.example.com:587"}
    - {kind: email, to: a@example.com, from: b@example.com, server: "smtp.example.com:465"}
    - {kind: email, to: a@example.com, from: b@example.com, server: "relay.example.com:25", starttls: false}
    watchdog: [{kind: webhook, url: "https://deadman.example.com/"}]
"""


@pytest.fixture
def tree(tmp_path: Path) -> dict[str, Any]:
    done = generate("alertmanager", "--config.file", config(tmp_path, alerting=TOLD), "--output", tmp_path)
    assert done.exit_code == 0, done.output
    checked = run("amtool", "check-config", tmp_path / "alertmanager.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    made: dict[str, Any] = yaml.safe_load((tmp_path / "alertmanager.yml").read_text())
    return made


def test_mail_asks_for_starttls_where_the_server_has_it(tree: dict[str, Any]) -> None:
    told = {one["smarthost"]: one.get("require_tls", True) for one in tree["receivers"][0]["email_configs"]}
    assert told == {"smtp.example.com:587": True, "smtp.example.com:465": False, "relay.example.com:25": False}


def test_everybody_is_told_of_the_end_but_the_dead_mans_switch(tree: dict[str, Any]) -> None:
    told = {
        receiver["name"]: {one["send_resolved"] for key, ways in receiver.items() if key != "name" for one in ways}
        for receiver in tree["receivers"]
    }
    assert told == {"P0": {True}, "P1": {True}, "P2": {True}, "watchdog": {False}}


def test_the_watchdog_is_heard_every_minute(tree: dict[str, Any]) -> None:
    """What is delivered at a tick, a moment later, is repeated at the second tick from then."""
    route = tree["route"]["routes"][0]
    assert (route["receiver"], route["group_interval"], route["repeat_interval"]) == ("watchdog", "30s", "30s")


def test_pagerduty_gets_the_text_and_not_every_label_of_every_alert_beside_it(tree: dict[str, Any]) -> None:
    details = tree["receivers"][0]["pagerduty_configs"][0]["details"]
    assert details == {"text": '{{ template "staging.text" . }}', "firing": "", "resolved": ""}


def _repeats(directory: Path, alerting: str) -> dict[str, set[str]]:
    done = generate("alertmanager", "--config.file", config(directory, alerting=alerting), "--output", directory)
    assert done.exit_code == 0, done.output
    routes = yaml.safe_load((directory / "alertmanager.yml").read_text())["route"]["routes"]
    return {name: {r["repeat_interval"] for r in routes if r["receiver"] == name} for name in ("P0", "P1", "P2")}


def test_a_night_is_longer_than_what_passes_for_told_already(tmp_path: Path) -> None:
    """The end of what ends while it is muted is never told, and what comes again within the interval is not either."""
    assert _repeats(tmp_path, TOLD) == {"P0": {"1h"}, "P1": {"4h"}, "P2": {"1d"}}
    hours = f'{TOLD}  working_hours: {{from: "08:00", to: "19:00"}}\n'
    assert _repeats(tmp_path, hours) == {"P0": {"1h"}, "P1": {"4h"}, "P2": {"12h"}}


@pytest.mark.parametrize(("priority", "expected"), [("P0", "P1"), ("P1", "P3"), ("P2", "P5"), ("", "P5")])
def test_the_priority_of_opsgenie(priority: str, expected: str, tree: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    file.write_text(json.dumps({"status": "firing", "alerts": [], "commonLabels": {"priority": priority}}))
    text = tree["receivers"][0]["opsgenie_configs"][0]["priority"]
    asked = ("--template.glob", tmp_path / "staging.tmpl", "--template.text", text, "--template.data", file)
    assert run("amtool", "template", "render", *asked).stdout == expected
