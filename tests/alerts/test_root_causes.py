"""Root causes over time: changing priorities, an exporter that is down, error budgets used up by an outage."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.alerts.derive import notation
from tests.alerts.promtool import GROUPS, run_tests

STEP = 5.0
P0, P1 = "StagingRootCauseP0", "StagingRootCauseP1"
RANK = 'staging_component_effective_priority{environment="netra-staging",component="db"}'
ALWAYS = (
    'staging_component_info{environment="netra-staging",component="db",layer="service"}',
    'staging_exporter_build_info{environment="netra-staging"}',
)
ROOT = 'staging_component_root_cause{environment="netra-staging",component="db"}'
# From that second on: the effective priority, None without a root cause, "gone" without an exporter.
Phases = Mapping[int, int | str | None]

STORIES: dict[str, tuple[Phases, dict[int, set[str]]]] = {
    "it is more urgent for half a minute: both alerts fire once": (
        {60: 1, 90: 0, 120: 1},
        {85: {P1}, 95: {P0, P1}, 200: {P0, P1}, 380: {P0, P1}, 405: {P0, P1}, 425: {P1}, 460: {P1}, 900: {P1}},
    ),
    "it becomes more urgent: the less urgent alert ends": (
        {60: 1, 90: 0},
        {85: {P1}, 95: {P0, P1}, 400: {P0}, 900: {P0}},
    ),
    "it becomes less urgent: that alert fires when the first has ended": (
        {60: 0, 120: 1},
        {115: {P0}, 125: {P0}, 410: {P0}, 425: {P1}, 900: {P1}},
    ),
    "the exporter is down for 20 minutes, and the outage has ended by then": (
        {60: 0, 120: "gone", 1320: None},
        {115: {P0}, 500: {P0}, 1315: {P0}, 1600: {P0}, 1640: set()},
    ),
    "the exporter is down for 20 minutes, and the outage goes on": (
        {60: 1, 120: "gone", 1320: 1},
        {115: {P1}, 500: {P1}, 1315: {P1}, 1320: {P1}, 2000: {P1}},
    ),
    "the exporter is down, and no alert was firing": ({120: "gone"}, {115: set(), 500: set()}),
}


def _series(phases: Phases, last: int) -> list[dict[str, Any]]:
    times = [n * STEP for n in range(int(last // STEP) + 2)]
    now = [next((phases[at] for at in sorted(phases, reverse=True) if at <= time), None) for time in times]
    values: dict[str, list[float | None]] = {
        **{name: [None if one == "gone" else 1.0 for one in now] for name in ALWAYS},
        ROOT: [None if one == "gone" else float(one is not None) for one in now],
        RANK: [float(one) if isinstance(one, int) else None for one in now],
    }
    return [{"series": name, "values": notation(of)} for name, of in values.items() if any(v is not None for v in of)]


def _check(at: int, firing: set[str]) -> dict[str, Any]:
    samples = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(firing)]
    return {
        "expr": 'max by (alertname) (ALERTS{alertstate="firing"})',
        "eval_time": f"{at}s",
        "exp_samples": samples,
    }


@pytest.mark.parametrize("story", STORIES)
def test_a_root_cause_over_time(story: str, tmp_path: Path) -> None:
    phases, expected = STORIES[story]
    checks = [_check(at, firing) for at, firing in expected.items()]
    test = {"interval": "5s", "input_series": _series(phases, max(expected)), "promql_expr_test": checks}
    assert run_tests(tmp_path, [test], STEP, GROUPS[:1]) == ""


def test_of_hundreds_of_affected_components_twenty_are_listed(tmp_path: Path) -> None:
    affected = [f'staging_component_affected_by_info{{environment="netra-staging",component="c-{n}",root_cause="db"}}'
              for n in range(100, 300)]  # fmt: skip
    series = [*_series({0: 0}, 60), *({"series": name, "values": "1x20"} for name in affected)]
    annotations = GROUPS[0]["rules"][0]["annotations"]
    rule = {**GROUPS[0]["rules"][0], "annotations": {"affected": annotations["affected"]}}
    labels = {**rule["labels"], "environment": "netra-staging", "component": "db", "layer": "service"}
    named = ", ".join(f"c-{n}" for n in range(100, 120))
    expected = {"exp_labels": labels, "exp_annotations": {"affected": f"{named} and others, 200 in all"}}
    check = {"eval_time": "30s", "alertname": P0, "exp_alerts": [expected]}
    test = {"interval": "5s", "input_series": series, "alert_rule_test": [check]}
    assert run_tests(tmp_path, [test], STEP, [{"name": "one", "rules": [rule]}]) == ""


INFO = 'staging_component_root_cause_info{environment="netra-staging",component="db",reason="closed",detail="hung up"}'
SINCE = 'staging_component_state_since_timestamp_seconds{environment="netra-staging",component="db"}'
BEGINS = "db, layer service, is a root cause with effective priority P0. Evidence: "
ENDS = " Affected components: none. Blocked journeys in the environment: none."


def _found(certainty: str) -> str:
    labels = f'environment="netra-staging",component="db",certainty="{certainty}"'
    return f"staging_component_root_cause_certainty{{{labels}}}"


def _related(relation: str, name: str) -> str:
    labels = f'environment="netra-staging",component="db",relation="{relation}",related="{name}"'
    return f"staging_component_root_cause_related_info{{{labels}}}"


DESCRIPTIONS: dict[str, tuple[dict[str, str], str, str]] = {
    "an observed root cause": (
        {INFO: "1x20", SINCE: "1763800000x20", _found("observed"): "1x20", _found("likely"): "0x20"},
        "observed",
        f"{BEGINS}closed, hung up. Since: 2025-11-22 08:26:40 +0000 UTC.{ENDS}",
    ),
    "a suspect of an observed root cause": (
        {INFO: "1x20", _found("observed"): "1x20", _related("suspect", "vpc"): "1x20"},
        "observed",
        f"{BEGINS}closed, hung up. Suspects: vpc.{ENDS}",
    ),
    "a likely root cause names the alternatives": (
        {
            INFO.replace("hung up", ""): "1x20",
            _found("observed"): "0x20",
            _found("likely"): "1x20",
            _related("suspect", "vpc"): "1x20",
            _related("suspect", "lb"): "1x20",
            _related("not_recovered_from", "cache"): "1x20",
            _related("coincides_with", "mail"): "1x20",
            _related("contradicted_by", "report"): "1x20",
            _related("through", "edge"): "1x20",
        },
        "likely",
        f"{BEGINS}closed. It is likely, not certain. Alternatives: lb, vpc. It has not recovered since cache came "
        "back. It began to fail at the same time as mail, to which no dependency is configured. Up although they "
        "depend on it: report. The problem is the network path from the exporter, the dependency is wrong, or the "
        f"check is shallow. Not noticed by the checks of: edge.{ENDS}",
    ),
    "without evidence": ({}, "unknown", f"{BEGINS}unknown.{ENDS}"),
}


@pytest.mark.parametrize("case", DESCRIPTIONS)
def test_a_description_has_the_evidence_and_the_certainty(case: str, tmp_path: Path) -> None:
    more, certainty, description = DESCRIPTIONS[case]
    series = [*_series({0: 0}, 60), *({"series": name, "values": values} for name, values in more.items())]
    annotations = GROUPS[0]["rules"][0]["annotations"]
    rule = {**GROUPS[0]["rules"][0], "annotations": {name: annotations[name] for name in ("certainty", "description")}}
    labels = {**rule["labels"], "environment": "netra-staging", "component": "db", "layer": "service"}
    expected = {"exp_labels": labels, "exp_annotations": {"certainty": certainty, "description": description}}
    check = {"eval_time": "30s", "alertname": P0, "exp_alerts": [expected]}
    test = {"interval": "5s", "input_series": series, "alert_rule_test": [check]}
    assert run_tests(tmp_path, [test], STEP, [{"name": "one", "rules": [rule]}]) == ""


AFFECTED = 'staging_component_affected_by_info{{environment="netra-staging",component="{}",root_cause="db"}}'
STEP_INFO = 'staging_journey_blocked_step_info{environment="netra-staging",journey="login",step="sign-in"}'
OWNER = 'staging_component_links_info{environment="netra-staging",component="db",owner="db-team"}'
BUILD = 'staging_exporter_build_info{environment="netra-staging"}'


@pytest.mark.parametrize(("answers_until", "found"), [(300, True), (1200, False)])
def test_an_alert_that_fires_while_no_exporter_answers_says_what_was_known(
    answers_until: int, found: bool, tmp_path: Path
) -> None:
    """The evidence changed before that; what has ended while an exporter answers is not remembered."""
    steps = f"x{300 // 5}"
    info = {INFO.replace("hung up", "before"): "1x40 stale", INFO: "_x40 1x18 stale"}
    rest = [_found("observed"), AFFECTED.format("web"), AFFECTED.format("api"), STEP_INFO, OWNER]
    given = {**info, **dict.fromkeys(rest, f"1{steps} stale"), BUILD: f"1x{answers_until // 5} stale"}
    series = [line for line in _series({0: 0, answers_until: "gone"}, 1200) if line["series"] != BUILD]
    series += [{"series": name, "values": values} for name, values in given.items()]
    wanted = ("affected", "certainty", "evidence", "journeys", "owner")
    said = ("api, web", "observed", "closed, hung up", "login at sign-in", "db-team")
    nothing = ("none", "unknown", "unknown", "none", "")
    rule = GROUPS[0]["rules"][0]
    one = {**rule, "annotations": {name: rule["annotations"][name] for name in wanted}}
    labels = {**rule["labels"], "environment": "netra-staging", "component": "db", "layer": "service"}
    expected = {"exp_labels": labels, "exp_annotations": dict(zip(wanted, said if found else nothing, strict=True))}
    check = {"eval_time": "900s" if found else "400s", "alertname": P0, "exp_alerts": [expected]}
    test = {"interval": "5s", "input_series": series, "alert_rule_test": [check]}
    assert run_tests(tmp_path, [test], STEP, [{"name": "one", "rules": [one]}]) == ""
