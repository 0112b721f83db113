"""The committed rules, run by promtool: when every alert fires and when it does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from staging_exporter.core.durations import parse_duration
from staging_exporter.generate.monitoring import EXPORTER_DOWN, WATCHDOG

from tests.alerts.derive import SORTS, Case, Rule, absence, cases, watchdog
from tests.alerts.promtool import ALERTS, GROUPS, run_tests
from tests.alerts.table import ROWS


def _rule(alert: str, priority: str) -> Rule:
    rule = next(a for a in ALERTS if a["alert"] == alert and priority in ("", a["labels"]["priority"]))
    return Rule(parse_duration(rule.get("for", 0)), rule["labels"])


def _all() -> Iterator[tuple[float, Case]]:
    for row in ROWS:
        for case in cases(row, _rule(row.alert, row.priority)):
            yield row.step, case
    for case in (*absence(EXPORTER_DOWN, _rule(EXPORTER_DOWN, "")), *watchdog(WATCHDOG, _rule(WATCHDOG, ""))):
        yield 15.0, case


CASES = list(_all())
GROUP_OF = {rule["alert"]: group["name"] for group in GROUPS for rule in group["rules"] if "alert" in rule}


@pytest.mark.parametrize("alert", sorted({rule["alert"] for rule in ALERTS}))
def test_every_alert_has_every_sort_of_case(alert: str) -> None:
    assert {sort for _, (name, sort, _) in CASES if name == alert} == set(SORTS)


def test_every_case_is_about_an_alert_that_exists() -> None:
    assert {name for _, (name, _, _) in CASES} == {rule["alert"] for rule in ALERTS}


def test_every_priority_of_every_alert_has_its_row() -> None:
    of_rows = {(row.alert, row.priority or _rule(row.alert, "").labels["priority"]) for row in ROWS}
    alerts = {(rule["alert"], rule["labels"]["priority"]) for rule in ALERTS}
    assert alerts - of_rows == {(EXPORTER_DOWN, "P0"), (WATCHDOG, "none")}


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize(("group", "step"), sorted({(GROUP_OF[name], step) for step, (name, _, _) in CASES}))
def test_alerts_fire_exactly_when_they_should(group: str, step: float, sort: str, tmp_path: Path) -> None:
    tests = [test for at, (alert, name, test) in CASES if (GROUP_OF[alert], at, name) == (group, step, sort)]
    assert tests
    # Only the needed groups, since promtool evaluates all groups at every step.
    groups = [g for g in GROUPS if g["name"] == group or (group == "staging-slo" and g["name"].startswith(group))]
    assert run_tests(tmp_path, tests, step, groups) == ""
