"""Conventions that every generated rule follows."""

from __future__ import annotations

import re
from typing import Any

import pytest
from staging_exporter.core import names
from staging_exporter.core.durations import parse_duration
from staging_exporter.core.names import Metric
from staging_exporter.generate.alerts import FORBIDDEN, SEVERITY, Role, allowed
from staging_exporter.generate.environment import ROOT_CAUSE
from staging_exporter.generate.monitoring import EXPORTER_DOWN, WATCHDOG

from tests.alerts.promtool import ALERTS, DEPLOY, GROUPS, promtool

RECORDS = [rule for group in GROUPS for rule in group["rules"] if "record" in rule]
RULE = pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: f"{rule['alert']}-{rule['labels']['priority']}")
INTERVAL = 15.0  # of the probes of deploy/netra-staging.yml
PRIORITIES = {str(priority) if priority else "none": severity for priority, severity in SEVERITY.items()}
SETTLED_BEFORE = {f"{ROOT_CAUSE}P0", f"{ROOT_CAUSE}P1", f"{ROOT_CAUSE}P2", WATCHDOG, "StagingErrorBudgetBurn"}
CLOCKWORK = {"StagingStartupBudgetNearlySpent"}  # the remaining time can be shorter than any `for`
METRICS = {m.name for m in vars(names).values() if isinstance(m, Metric)} | {rule["record"] for rule in RECORDS}


@pytest.mark.parametrize("file", ["staging.rules.yml"])
def test_promtool_accepts_the_rules(file: str) -> None:
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", DEPLOY / "prometheus" / file)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_the_configuration_of_prometheus_is_valid() -> None:
    done = promtool("check", "config", DEPLOY / "prometheus" / "prometheus.yml")
    assert done.returncode == 0, done.stderr


@RULE
def test_the_name_has_the_prefix_and_is_camel_case(rule: dict[str, Any]) -> None:
    assert re.fullmatch(r"Staging([A-Z][a-z]+)+(P[012])?", rule["alert"])


@RULE
def test_the_labels_are_fixed_and_complete(rule: dict[str, Any]) -> None:
    labels = rule["labels"]
    assert labels["severity"] == PRIORITIES[labels["priority"]]
    assert labels["role"] in set(Role)
    assert "layer" in labels or "by (environment, component, layer)" in rule["expr"]
    assert not any("{{" in value for value in labels.values()), "what changes belongs into annotations"


@RULE
def test_the_identity_is_stable(rule: dict[str, Any]) -> None:
    """One series per component, journey or environment, whatever instance, pod or reason it comes from."""
    outermost = re.match(
        r"(max|min) by \(([^)]*)\)|time\(\) - max by \(([^)]*)\)|absent\(|label_replace\(", rule["expr"]
    )
    assert outermost, rule["expr"]
    kept = set((outermost[2] or outermost[3] or "").replace(",", " ").split())
    assert kept <= {"environment", "component", "layer", "journey"}


@RULE
def test_the_annotations_are_complete(rule: dict[str, Any]) -> None:
    annotations = rule["annotations"]
    assert annotations["summary"].endswith(".")
    assert annotations["description"].endswith(".")
    grouped_by_component = rule["labels"]["role"] == Role.ROOT_CAUSE
    assert grouped_by_component or "$labels.component" not in annotations["summary"], (
        "grouped alerts share their summary"
    )
    assert annotations["runbook_url"] == f"https://runbooks.example.com/staging-exporter/{rule['alert']}.md"
    assert {"dashboard_url", "status_url"} <= set(annotations)
    links = {"owner", "issue_url", "component_runbook_url", "component_dashboard_url"}
    assert links & set(annotations) == (links if grouped_by_component else set()), "each is a query at every evaluation"


@RULE
def test_every_alert_has_a_runbook_with_its_sections(rule: dict[str, Any]) -> None:
    page = (DEPLOY / "runbooks" / f"{rule['alert']}.md").read_text()
    parts = re.split(r"^## (.*)\n", page, flags=re.MULTILINE)
    assert parts[0] == f"# {rule['alert']}\n\n"
    by_reason = ["By reason"] if rule["labels"]["role"] == Role.ROOT_CAUSE else []
    assert parts[1::2] == ["Meaning", "Impact", "Diagnosis", "Mitigation", *by_reason]
    assert all(text.strip() for text in parts[2::2])


def test_there_is_no_runbook_without_its_alert() -> None:
    assert {page.stem for page in (DEPLOY / "runbooks").iterdir()} == {rule["alert"] for rule in ALERTS}


@RULE
def test_for_is_long_enough_and_outside_the_forbidden_band(rule: dict[str, Any]) -> None:
    hold = parse_duration(rule.get("for", 0))
    assert not FORBIDDEN[0] <= hold < FORBIDDEN[1]
    assert (hold >= 2 * INTERVAL) != (rule["alert"] in SETTLED_BEFORE | CLOCKWORK)


@RULE
def test_it_keeps_firing_over_a_restart_of_the_exporter(rule: dict[str, Any]) -> None:
    on_absence = rule["alert"] in (EXPORTER_DOWN, WATCHDOG)
    assert ("keep_firing_for" in rule) != on_absence


@RULE
def test_the_expression_compares_and_matches_explicitly(rule: dict[str, Any]) -> None:
    expression = rule["expr"]
    assert re.search(r"[=<>]=? |> 0|\band\b|\bunless\b|absent|vector", expression), "it compares"
    holds = rule["labels"]["role"] == Role.ROOT_CAUSE  # there, absence keeps an alert firing, and fires none
    assert "absent(" not in expression or holds or parse_duration(rule["for"]) >= 10
    for ranged in re.findall(r"\[(\w+)\]", expression):
        assert parse_duration(ranged) >= 4 * 15
    for operator in re.findall(r"\b(?:and|unless)\b\s*(\w+)", expression):
        assert operator in ("on", "burns"), "labels to match on are always explicit"


@pytest.mark.parametrize("rule", [*ALERTS, *RECORDS], ids=lambda rule: rule.get("alert") or rule["record"])
def test_only_existing_metrics_are_used(rule: dict[str, Any]) -> None:
    used = set(re.findall(r"\b((?:environment_component:)?staging_\w+(?::\w+)?)\{", rule["expr"]))
    assert used <= METRICS


@pytest.mark.parametrize("rule", RECORDS, ids=lambda rule: rule["record"])
def test_recording_rules_are_named_by_level_metric_and_operation(rule: dict[str, Any]) -> None:
    assert re.fullmatch(r"environment_component:staging_[a-z_]+:[a-z0-9_]+", rule["record"])


@pytest.mark.parametrize("rule", [*ALERTS, *RECORDS], ids=lambda rule: rule.get("alert") or rule["record"])
def test_every_selector_is_of_one_environment(rule: dict[str, Any]) -> None:
    asked = re.findall(r"(?:staging_\w+(?::\w+)?|ALERTS)(?!\w|:)(.{0,13})", rule["expr"])
    assert all(rest == "{environment=" for rest in asked)


@pytest.mark.parametrize(("wanted", "given"), [(60, 60), (239, 239), (240, 600), (599, 600), (600, 600), (900, 900)])
def test_a_for_in_the_forbidden_band_becomes_longer(wanted: float, given: float) -> None:
    assert allowed(wanted) == given
