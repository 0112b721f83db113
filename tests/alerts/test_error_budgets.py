"""Error budgets over time: an outage, a restart, a second exporter, a quiet component, a maintenance."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.alerts.promtool import GROUPS, run_tests

OF = 'environment="netra-staging",component="backend"'
INFO = f'staging_component_info{{{OF},layer="service"}}'
RUNS, FAILURES = f"staging_slo_runs_total{{{OF}}}", f"staging_slo_failures_total{{{OF}}}"
ERRORS = "environment_component:staging_slo_errors:ratio_rate"
LABELS = (
    '{__name__="ALERTS",alertname="StagingErrorBudgetBurn",alertstate="firing",environment="netra-staging",'
    'component="backend",layer="service",severity="warning",priority="P1",role="slo"}'
)
SLO_GROUPS = [group for group in GROUPS if group["name"].startswith("staging-slo")]


def _alert(minute: int, *, fires: bool) -> dict[str, Any]:
    return {
        "expr": 'ALERTS{alertname="StagingErrorBudgetBurn",priority="P1",alertstate="firing"}',
        "eval_time": f"{minute}m",
        "exp_samples": [{"labels": LABELS, "value": 1}] if fires else [],
    }


def _errors(window: str, minute: int, percent: float | None) -> dict[str, Any]:
    """The recorded ratio at that minute, in whole percent; None where there is none."""
    return {
        "expr": f"round({ERRORS}{window} * 100)",
        "eval_time": f"{minute}m",
        "exp_samples": [] if percent is None else [{"labels": f"{{{OF}}}", "value": percent}],
    }


def _flaws(
    directory: Path,
    series: list[dict[str, str]],
    checks: list[dict[str, Any]],
    groups: list[dict[str, Any]] = SLO_GROUPS,
) -> str:
    test = {"interval": "1m", "input_series": series, "promql_expr_test": checks}
    return run_tests(directory, [test], 60.0, groups)


def _series(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"series": name, "values": notation} for name, notation in values.items()]


def _at(instance: str, series: str) -> str:
    """The series as that exporter has it."""
    return series.replace("{", f'{{instance="{instance}",')


# Six runs a minute. What is scraped each minute, and the expected ratios in percent: (window, minute) -> percent.
RATIOS: dict[str, tuple[dict[str, str], dict[tuple[str, int], float | None]]] = {
    "no failures are zero": (
        {RUNS: "0+6x200", FAILURES: "0x200"},
        {("5m", 100): 0, ("1h", 100): 0, ("6h", 100): 0, ("3d", 100): 0},
    ),
    "every sixth run fails": (
        {RUNS: "0+6x400", FAILURES: "0+1x400"},
        {("5m", 390): 17, ("30m", 390): 17, ("1h", 390): 17, ("2h", 390): 17, ("6h", 390): 17, ("1d", 390): 17},
    ),
    "without a run there is no ratio, as in a maintenance": (
        {RUNS: "0+6x100 600x200", FAILURES: "0x89 0+6x10 60x200"},
        {("5m", 101): 100, ("5m", 120): None, ("1h", 120): 25, ("1h", 170): None, ("2h", 170): 19},
    ),
    "an exporter that restarts begins at zero": (
        {RUNS: "0+6x100 0+6x100", FAILURES: "0x49 0+3x50 0x100"},
        {("5m", 100): 50, ("5m", 101): 50, ("5m", 110): 0, ("1h", 130): 25, ("1h", 170): 0},
    ),
    "many failures of long ago and a restart are no new failures": (
        {RUNS: "60000+6x100 0+6x100", FAILURES: "30000x100 0x100"},
        {("5m", 100): 0, ("5m", 102): 0, ("1h", 104): 0, ("6h", 104): 0},
    ),
    "a new pod continues where the old one ends": (
        {
            _at("a", RUNS): "0+6x100 stale",
            _at("a", FAILURES): "0+3x100 stale",
            _at("b", RUNS): "_x100 0+6x100",
            _at("b", FAILURES): "_x100 0+3x100",
        },
        {("5m", 100): 50, ("5m", 103): 50, ("1h", 110): 50, ("6h", 190): 50},
    ),
    "two exporters are one: their runs are added": (
        {
            _at("a", RUNS): "0+6x200",
            _at("a", FAILURES): "0+3x200",
            _at("b", RUNS): "0+6x200",
            _at("b", FAILURES): "0x200",
        },
        {("5m", 190): 25, ("1h", 190): 25, ("2h", 190): 25, ("1d", 190): 25},
    ),
    "a second exporter that counts nothing changes nothing": (
        {
            _at("a", RUNS): "0+6x200",
            _at("a", FAILURES): "0+3x200",
            _at("b", RUNS): "0x200",
            _at("b", FAILURES): "0x200",
        },
        {("5m", 190): 50, ("1h", 190): 50, ("2h", 190): 50},
    ),
}


@pytest.mark.parametrize("case", RATIOS)
def test_the_ratio_of_failed_runs(case: str, tmp_path: Path) -> None:
    values, expected = RATIOS[case]
    checks = [_errors(window, minute, percent) for (window, minute), percent in expected.items()]
    assert _flaws(tmp_path, _series({INFO: "1x400", **values}), checks) == ""


# A run every five minutes, and when the urgent alert fires, by minute.
QUIET: dict[str, tuple[dict[str, str], dict[int, bool]]] = {
    "it fires without a pause, and ends five minutes after the first pass": (
        {RUNS: "0x3 " + " ".join(f"{n}x4" for n in range(1, 60)), FAILURES: "0x123 1x4 2x4 3x4 4x4 5x4 6x150"},
        {125: False, **dict.fromkeys(range(141, 154), True), 175: False, 180: False, 200: False},
    ),
    "two failures fire no alert": (
        {RUNS: "0x3 " + " ".join(f"{n}x4" for n in range(1, 60)), FAILURES: "0x123 1x4 2x170"},
        dict.fromkeys(range(124, 200, 3), False),
    ),
    "a maintenance silences it": (
        {
            RUNS: "0x3 " + " ".join(f"{n}x4" for n in range(1, 60)),
            FAILURES: "0x123 1x4 2x4 3x4 4x4 5x4 6x150",
            f'staging_component_state{{{OF},state="maintenance"}}': "0x144 1x100",
        },
        {141: True, 144: True, 151: False, 160: False},
    ),
}


@pytest.mark.parametrize("case", QUIET)
def test_a_component_that_is_probed_every_five_minutes(case: str, tmp_path: Path) -> None:
    values, expected = QUIET[case]
    checks = [_alert(minute, fires=fires) for minute, fires in expected.items()]
    assert _flaws(tmp_path, _series({INFO: "1x400", **values}), checks, _with_objective("0.02")) == ""


def _with_objective(budget: str) -> list[dict[str, Any]]:
    """The rules with another budget, since 99 % cannot be judged by so few runs."""
    return [
        {**group, "rules": [{**rule, "expr": rule["expr"].replace("vector(0.01)", f"vector({budget})")}
                            for rule in group["rules"]]}
        for group in SLO_GROUPS
    ]  # fmt: skip


# The metric that covers the outage, and whether the burn rate alert fires all the same.
OUTAGES = {
    "backend was paged as the root cause": (
        'staging_component_root_cause{environment="netra-staging",component="backend"}',
        False,
    ),
    "backend was a symptom of a root cause that was paged": (
        'staging_component_affected_by_info{environment="netra-staging",component="backend",root_cause="vpc"}',
        False,
    ),
    "another component was paged": (
        'staging_component_root_cause{environment="netra-staging",component="vpc"}',
        True,
    ),
}


@pytest.mark.parametrize("outage", OUTAGES)
def test_an_outage_that_was_paged_fires_no_burn_rate_alert(outage: str, tmp_path: Path) -> None:
    marked, fires = OUTAGES[outage]
    half_an_hour = {
        INFO: "1x900",
        RUNS: "0+6x849",
        FAILURES: "0x420 6+6x29 180x399",
        marked: "0x420 1x29 0x400",
    }
    if "affected_by" in marked:
        half_an_hour[marked] = "_x420 1x29 stale"
    series = [{"series": name, "values": values} for name, values in half_an_hour.items()]
    checks = [_alert(minute, fires=fires) for minute in (448, 452, 456)]
    checks.append(_alert(700, fires=False))
    assert _flaws(tmp_path, series, checks) == ""
