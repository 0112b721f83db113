"""The committed Alertmanager configuration: by amtool, by amlint, and which alert reaches which receiver."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from staging_exporter.core.durations import parse_duration

from tests.alerts.promtool import ALERTS, DEPLOY, RULES
from tests.paging.scaled import EVALUATION, RESEND_DELAY

CONFIG = DEPLOY / "alertmanager" / "alertmanager.yml"
TREE: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
EVERY_LABEL = {"environment", "alertname", "severity", "priority", "role"}


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60, check=False)


def test_amtool_finds_nothing() -> None:
    done = run("amtool", "check-config", CONFIG)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 templates" in done.stdout


def test_amlint_finds_nothing() -> None:
    command = (Path(sys.executable).parent / "amlint", "check", "--strict", "--format", "json")
    done = run(*command, "--rules", RULES, CONFIG)
    assert done.returncode == 0, done.stdout + done.stderr
    # Of level info: Prometheus always sets an end time; two meta alerts are matched by name.
    known = {"global-resolve-timeout-missing", "inhibit-same-match"}
    assert {finding["code"] for finding in _findings(json.loads(done.stdout))} <= known


def _findings(report: Any) -> list[dict[str, Any]]:
    if isinstance(report, dict):
        return [report] if "code" in report else [f for value in report.values() for f in _findings(value)]
    return [f for item in report for f in _findings(item)] if isinstance(report, list) else []


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: f"{rule['alert']}-{rule['labels']['priority']}")
def test_every_alert_reaches_the_receiver_of_its_priority(rule: dict[str, Any]) -> None:
    labels = {"environment": "netra-staging", "alertname": rule["alert"], "component": "x", **rule["labels"]}
    expected = "watchdog" if rule["alert"] == "StagingWatchdog" else rule["labels"]["priority"]
    given = [f"{key}={value}" for key, value in labels.items()]
    done = run(
        "amtool", "config", "routes", "test", f"--config.file={CONFIG}", f"--verify.receivers={expected}", *given
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_alert_that_no_route_matches_reaches_p1() -> None:
    labels = ("environment=another", "alertname=X")
    done = run("amtool", "config", "routes", "test", f"--config.file={CONFIG}", "--verify.receivers=P1", *labels)
    assert done.returncode == 0, done.stdout + done.stderr


def _routes() -> list[dict[str, Any]]:
    return list(TREE["route"]["routes"])


def test_root_causes_are_one_group_and_other_alerts_are_grouped_by_name() -> None:
    by = {tuple(m for m in r["matchers"] if "environment" not in m): r.get("group_by") for r in _routes()}
    for priority in ("P0", "P1", "P2"):
        assert by[f'priority="{priority}"', 'role="root_cause"'] == ["environment"]
        assert by[(f'priority="{priority}"',)] == ["environment", "alertname"]


def test_only_p1_and_p2_wait_for_working_hours() -> None:
    waiting = {r["receiver"] for r in _routes() if "active_time_intervals" in r}
    assert waiting == {"P1", "P2"}
    assert TREE["time_intervals"][0]["time_intervals"][0]["location"] == "Europe/Berlin"


def test_a_p0_page_waits_five_seconds() -> None:
    assert {r["group_wait"] for r in _routes() if r["receiver"] == "P0"} == {"5s"}


def test_a_root_cause_that_joins_updates_a_p0_page_within_75_seconds() -> None:
    assert {r["group_interval"] for r in _routes() if r["receiver"] == "P0"} == {"75s"}


def test_every_group_sees_all_its_resolved_alerts_before_it_is_notified_again() -> None:
    """Else Alertmanager repeats a notification whenever Prometheus sends another resolved alert of the group again."""
    resent_after = RESEND_DELAY + EVALUATION
    joint = [r for r in _routes() if r["receiver"] != "watchdog"]
    assert all(parse_duration(r["group_interval"]) > resent_after for r in joint)


@pytest.mark.parametrize("number", range(3))
def test_inhibition_compares_labels_that_both_sides_have(number: int) -> None:
    rule = TREE["inhibit_rules"][number]
    assert rule["equal"]
    assert set(rule["equal"]) <= EVERY_LABEL
    text = " ".join(rule["target_matchers"])
    assert "StagingWatchdog" not in text
    assert "StagingExporterDown" not in text
    assert "root_cause" not in text, "an alert that resolves while muted would suppress the next page"


def test_there_are_three_inhibitions() -> None:
    assert len(TREE["inhibit_rules"]) == 3


def test_the_file_contains_no_secret() -> None:
    receivers = [options for receiver in TREE["receivers"] for key, all_ in receiver.items() if key != "name"
                 for options in all_]  # fmt: skip
    assert receivers
    assert not {key for options in receivers for key in options if key in ("routing_key", "api_url", "auth_password")}
