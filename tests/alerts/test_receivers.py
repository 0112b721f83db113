"""The generated receivers of every kind, as Alertmanager reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from staging_exporter.config import load_config

from tests.alerts.test_alertmanager import run
from tests.alerts.test_generated import config, generate

RECEIVERS = """receivers:
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


TITLE, TEXT, LINK = (f'{{{{ template "staging.{name}" . }}}}' for name in ("title", "text", "link"))


@pytest.fixture
def tree(tmp_path: Path) -> dict[str, Any]:
    done = generate("alertmanager", "--config.file", config(tmp_path, alerting=RECEIVERS), "--output", tmp_path)
    assert done.exit_code == 0, done.output
    checked = run("amtool", "check-config", tmp_path / "alertmanager.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    made: dict[str, Any] = yaml.safe_load((tmp_path / "alertmanager.yml").read_text())
    return made


def test_mail_requires_starttls_unless_the_port_or_the_option_rules_it_out(tree: dict[str, Any]) -> None:
    tls = {one["smarthost"]: one.get("require_tls", True) for one in tree["receivers"][0]["email_configs"]}
    assert tls == {"smtp.example.com:587": True, "smtp.example.com:465": False, "relay.example.com:25": False}


def test_every_receiver_but_the_dead_mans_switch_gets_resolved_notifications(tree: dict[str, Any]) -> None:
    sent = {
        receiver["name"]: {one["send_resolved"] for key, ways in receiver.items() if key != "name" for one in ways}
        for receiver in tree["receivers"]
    }
    assert sent == {"P0": {True}, "P1": {True}, "P2": {True}, "watchdog": {False}}


def test_the_watchdog_is_sent_at_least_every_minute(tree: dict[str, Any]) -> None:
    """The repeat interval counts from the delivery, so that the next group interval repeats it, or the one after."""
    route = tree["route"]["routes"][0]
    assert (route["receiver"], route["group_interval"], route["repeat_interval"]) == ("watchdog", "30s", "30s")


def test_pagerduty_gets_the_text_without_the_labels_of_every_alert(tree: dict[str, Any]) -> None:
    details = tree["receivers"][0]["pagerduty_configs"][0]["details"]
    assert details == {"text": '{{ template "staging.text" . }}', "firing": "", "resolved": ""}


def _repeats(directory: Path, alerting: str) -> dict[str, set[str]]:
    done = generate("alertmanager", "--config.file", config(directory, alerting=alerting), "--output", directory)
    assert done.exit_code == 0, done.output
    routes = yaml.safe_load((directory / "alertmanager.yml").read_text())["route"]["routes"]
    return {name: {r["repeat_interval"] for r in routes if r["receiver"] == name} for name in ("P0", "P1", "P2")}


def test_with_working_hours_a_repeat_interval_is_shorter_than_a_night(tmp_path: Path) -> None:
    """Alertmanager sends no resolved notification while muted, and then no new page within the repeat interval."""
    assert _repeats(tmp_path, RECEIVERS) == {"P0": {"1h"}, "P1": {"4h"}, "P2": {"1d"}}
    hours = f'{RECEIVERS}  working_hours: {{from: "08:00", to: "19:00"}}\n'
    assert _repeats(tmp_path, hours) == {"P0": {"1h"}, "P1": {"4h"}, "P2": {"12h"}}


@pytest.mark.parametrize(("priority", "expected"), [("P0", "P1"), ("P1", "P3"), ("P2", "P5"), ("", "P5")])
def test_opsgenie_gets_its_own_priority(priority: str, expected: str, tree: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    file.write_text(json.dumps({"status": "firing", "alerts": [], "commonLabels": {"priority": priority}}))
    text = tree["receivers"][0]["opsgenie_configs"][0]["priority"]
    asked = ("--template.glob", tmp_path / "staging.tmpl", "--template.text", text, "--template.data", file)
    assert run("amtool", "template", "render", *asked).stdout == expected


NEWER = {
    "teams": ("0.28", "url: {file: /s}", "msteamsv2", {"webhook_url_file": "/s", "title": TITLE, "text": TEXT}),
    "discord": ("0.28", "url: {file: /s}", "discord", {"webhook_url_file": "/s", "title": TITLE, "message": TEXT}),
    "telegram": (
        "0.26",
        "token: {file: /s}, chat: -100",
        "telegram",
        {"bot_token_file": "/s", "chat_id": -100, "parse_mode": "", "message": f"{TITLE}\n{TEXT}"},
    ),
    "jira": (
        "0.28",
        'api_url: "https://j.com/rest/api/2/", project: OPS, username: u, token: {file: /s}, resolve_transition: Done',
        "jira",
        {
            **{"api_url": "https://j.com/rest/api/2/", "project": "OPS", "issue_type": "Bug", "summary": TITLE},
            **{"description": TEXT, "resolve_transition": "Done"},
            "http_config": {"basic_auth": {"username": "u", "password_file": "/s"}},
        },
    ),
    "incidentio": (
        "0.29",
        'url: "https://i.com/", token: {file: /s}',
        "incidentio",
        {"url": "https://i.com/", "alert_source_token_file": "/s"},
    ),
    "mattermost": (
        "0.30",
        "url: {file: /s}, channel: ops",
        "mattermost",
        {
            **{"webhook_url_file": "/s", "channel": "ops", "text": ""},
            "attachments": [{"fallback": TITLE, "title": TITLE, "title_link": LINK, "text": TEXT}],
        },
    ),
}


@pytest.mark.parametrize("kind", NEWER)
def test_a_receiver_of_a_later_alertmanager_needs_its_version(kind: str, tmp_path: Path) -> None:
    """Keys as in the code of those versions; the amtool of this machine does not know them."""
    since, options, integration, written = NEWER[kind]
    receivers = f"receivers: {{P0: [{{kind: {kind}, {options}}}]}}"
    done = generate("alertmanager", "--config.file", config(tmp_path, alerting=receivers), "--output", tmp_path)
    assert done.exit_code == 2
    assert (
        f'receiver {kind} needs Alertmanager {since} or later: say which one reads it, alertmanager_version: "{since}"'
        in (done.stderr)
    )
    asked = f'{receivers}\n  alertmanager_version: "{since}"'
    done = generate("alertmanager", "--config.file", config(tmp_path, alerting=asked), "--output", tmp_path)
    assert (done.exit_code, done.stderr) == (0, "")
    made = yaml.safe_load((tmp_path / "alertmanager.yml").read_text())
    assert made["receivers"][0] == {"name": "P0", f"{integration}_configs": [{"send_resolved": True, **written}]}


def test_opsgenie_is_marked_by_its_end(tmp_path: Path) -> None:
    found = [str(warning) for warning in load_config(config(tmp_path, alerting=RECEIVERS)).warnings]
    assert [text for text in found if "Opsgenie ends on 5 April 2027" in text and "alerting.receivers" in text]
