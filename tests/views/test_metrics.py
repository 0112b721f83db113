"""`/metrics`: every family of the contract, in both formats, from a snapshot of a real board."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import version
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from staging_exporter.core import names
from staging_exporter.core.maintenance import MaintenanceWindow, Once
from staging_exporter.core.model import Component, Layer, Observation, Outcome, Priority, Reason, State
from staging_exporter.core.names import Metric
from staging_exporter.core.snapshot import JourneyState, Snapshot
from staging_exporter.views.exporter_status import ExporterStatus, SendingStatus, StorageStatus
from staging_exporter.views.exposition import OPENMETRICS, TEXT
from staging_exporter.views.metrics import Metrics

from tests.views.fleet import COMPONENTS, HOSTILE, PHASES, TESTS, board

STATUS = ExporterStatus(True, 1.7e9, storage=StorageStatus(1.7e9), sending=SendingStatus())
CONTRACT = [value for value in vars(names).values() if isinstance(value, Metric)]
Labels = dict[str, str]


def metrics(snapshot: Snapshot, form: str = TEXT) -> str:
    return "".join(Metrics().pieces(snapshot, STATUS, form))


@pytest.fixture(scope="module")
def samples() -> dict[str, list[tuple[Labels, float]]]:
    """What a scrape gives: sample name -> (labels but `environment`, value)."""
    found: dict[str, list[tuple[Labels, float]]] = {}
    for family in parse_text(metrics(board(HOSTILE).snapshot(26.0))):
        for sample in family.samples:
            labels = dict(sample.labels)
            if family.name.startswith("staging_"):
                assert labels.pop("environment") == HOSTILE
            found.setdefault(sample.name, []).append((labels, sample.value))
    return found


def _of(samples: dict[str, Any], name: str, **labels: str) -> list[float]:
    return [value for seen, value in samples[name] if labels.items() <= seen.items()]


@pytest.mark.parametrize("metric", CONTRACT, ids=lambda metric: metric.name)
def test_every_metric_of_the_contract_is_there_with_its_labels(metric: Metric, samples: dict[str, Any]) -> None:
    suffixes = ("_bucket", "_sum", "_count") if metric.kind == names.HISTOGRAM else ("",)
    for suffix in suffixes:
        bucket = {"le"} if suffix == "_bucket" else set()
        assert samples[metric.name + suffix], "no sample of it"
        for labels, _ in samples[metric.name + suffix]:
            free = {name for name in labels if name.startswith("label_")}
            assert bool(free) == (metric is names.LABELS)
            assert set(labels) - free == {*metric.labels, *bucket}


def test_nothing_but_the_contract_and_the_process_is_there(samples: dict[str, Any]) -> None:
    own = {metric.name for metric in CONTRACT}
    histograms = {m.name + end for m in CONTRACT for end in ("_bucket", "_sum", "_count") if m.kind == names.HISTOGRAM}
    others = set(samples) - own - histograms
    assert all(name.startswith(("process_", "python_gc_")) for name in others), others
    assert "process_cpu_seconds_total" in others


@pytest.mark.parametrize("component", [component.name for component in COMPONENTS])
def test_every_state_is_always_present_and_one_is_true(component: str, samples: dict[str, Any]) -> None:
    seen = {labels["state"]: value for labels, value in samples["staging_component_state"]
            if labels["component"] == component}  # fmt: skip
    assert set(seen) == set(State)
    assert sorted(seen.values()) == [0, 0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        ("staging_component_info", {"component": "vpc", "kind": "latent", "layer": "infrastructure"}, [1]),
        ("staging_component_up", {"component": "model-a"}, [1]),
        ("staging_component_state_since_timestamp_seconds", {"component": "model-a"}, [1.01]),
        ("staging_component_state_since_timestamp_seconds", {"component": "silent"}, []),
        ("staging_component_up", {"component": "database"}, [0]),
        ("staging_component_up", {"component": "vpc"}, [1]),
        ("staging_component_up", {"component": "silent"}, []),
        ("staging_component_root_cause", {"component": "database"}, [1]),
        ("staging_component_root_cause", {"component": "backend"}, [0]),
        ("staging_component_affected_by_info", {"component": "backend", "root_cause": "database"}, [1]),
        ("staging_component_explained_by_info", {"component": "backend", "dependency": "database"}, [1]),
        ("staging_component_explained_by_info", {"component": "database"}, []),
        ("staging_component_effective_priority", {"component": "database"}, [0]),
        ("staging_component_effective_priority", {"component": "backend"}, []),
        ("staging_component_contradicted", {"component": "database"}, [1]),
        ("staging_component_contradicted", {"component": "backend"}, [0]),
        ("staging_component_root_cause_stale", {"component": "database"}, [0]),
        ("staging_component_root_cause_stale", {"component": "backend"}, []),
        ("staging_component_root_cause_certainty", {"component": "database", "certainty": "observed"}, [1]),
        ("staging_component_root_cause_certainty", {"component": "database", "certainty": "likely"}, [0]),
        ("staging_component_root_cause_certainty", {"component": "backend"}, []),
        ("staging_component_root_cause_info", {"reason": "closed", "detail": "the peer hung up"}, [1]),
        ("staging_component_root_cause_related_info", {"relation": "contradicted_by", "related": "report"}, [1]),
        ("staging_component_root_cause_related_info", {"relation": "suspect"}, []),
        ("staging_component_check_shallow_total", {"component": "database"}, [0]),
        ("staging_component_check_shallow_total", {"component": "vpc"}, []),
        ("staging_component_failure_ratio", {"component": "model-a"}, [0]),
        ("staging_component_failure_ratio", {"component": "database"}, []),
        ("staging_layer_root_causes", {"layer": "infrastructure"}, [1]),
        ("staging_layer_root_causes", {"layer": "test"}, [0]),
        ("staging_diagnosis_pending", {}, [0]),
        ("staging_dependency_info", {"component": "backend", "depends_on": "model-b", "optional": "false"}, [1]),
        ("staging_dependency_info", {"component": "backend", "depends_on": "cache", "optional": "true"}, [1]),
        ("staging_probes_total", {"component": "backend"}, [3]),
        ("staging_probes_total", {"component": "silent"}, [0]),
        ("staging_slo_runs_total", {"component": "silent"}, [0]),
        ("staging_slo_failures_total", {"component": "silent"}, [0]),
        ("staging_probe_failures_total", {"component": "backend", "reason": "server_error"}, [3]),
        ("staging_probe_duration_seconds_bucket", {"component": "model-a", "le": "0.001"}, [0]),
        ("staging_probe_duration_seconds_bucket", {"component": "model-a", "le": "0.05"}, [3]),
        ("staging_probe_duration_seconds_bucket", {"component": "model-a", "le": "+Inf"}, [3]),
        ("staging_probe_duration_seconds_bucket", {"component": "model-b", "le": "5.0"}, [3]),
        ("staging_probe_duration_seconds_count", {"component": "model-a"}, [3]),
        ("staging_probe_duration_seconds_sum", {"component": "model-a"}, [pytest.approx(0.03)]),
        ("staging_probe_duration_seconds_count", {"component": "backend"}, [0]),
        ("staging_probe_last_failure_duration_seconds", {"component": "backend"}, [0.3]),
        ("staging_probe_last_failure_duration_seconds", {"component": "model-a"}, []),
        ("staging_probe_success", {"component": "model-a"}, [1]),
        ("staging_probe_success", {"component": "backend"}, [0]),
        ("staging_probe_success", {"component": "slow"}, [0]),
        ("staging_probe_success", {"component": "silent"}, []),
        ("staging_probe_timeout_seconds", {"component": "silent"}, [5]),
        ("staging_probe_runs_skipped_total", {"component": "model-a"}, [6]),
        ("staging_probe_runs_skipped_total", {"component": "backend"}, [0]),
        ("staging_probe_tls_chain_not_after_timestamp_seconds", {}, [1.9e9]),
        ("staging_probe_tls_info", {"version": "TLSv1.3", "subject": "backend.test", "serial": "1f"}, [1]),
        ("staging_probe_credential_not_after_timestamp_seconds", {"component": "backend"}, [1.8e9]),
        ("staging_probe_http_status_code", {"component": "backend"}, [503]),
        ("staging_probe_websocket_close_code", {"component": "backend"}, [1011]),
        ("staging_probe_ip_address_hash", {"component": "backend"}, [0x756B9B94]),
        ("staging_probe_last_run_timestamp_seconds", {"component": "backend"}, [3]),
        ("staging_probe_last_run_timestamp_seconds", {"component": "silent"}, []),
        ("staging_probe_interval_seconds", {"component": "silent"}, [10]),
        ("staging_probe_tls_not_after_timestamp_seconds", {}, [2e9]),
        ("staging_probe_schedule_lag_seconds_bucket", {"le": "0.001"}, [24]),
        ("staging_probe_schedule_lag_seconds_count", {}, [27]),
        ("staging_probe_concurrency", {}, [0]),
        ("staging_probe_domain_drift", {"component": "name"}, [1]),
        ("staging_probe_connections", {"component": "cache"}, [70]),
        ("staging_probe_connections_limit", {"component": "cache"}, [97]),
        ("staging_gcp_instances", {"component": "cache"}, [10]),
        ("staging_gcp_max_instances", {"component": "cache"}, [10]),
        ("staging_gcp_utilization_ratio", {"component": "cache"}, [0.9]),
        ("staging_gcp_startup_budget_seconds", {"component": "cache"}, [240]),
        ("staging_component_startup_budget_seconds", {}, [600]),
        ("staging_component_startup_budget_end_timestamp_seconds", {"component": "slow"}, [601]),
        (
            "staging_component_links_info",
            {"component": "backend", "owner": "backend-team", "runbook": "", "issue": ""},
            [1],
        ),
        ("staging_tests", {"component": "suite", "outcome": "passed"}, [TESTS["passed"]]),
        ("staging_test_run_timestamp_seconds", {"component": "suite"}, [24.5]),
        ("staging_test_run_duration_seconds", {"component": "suite"}, [0.27]),
        ("staging_test_conflict", {"component": "suite"}, [1]),
        ("staging_exporter_config_last_reload_successful", {}, [1]),
        ("staging_exporter_config_last_reload_success_timestamp_seconds", {}, [1.7e9]),
        ("staging_exporter_online", {}, [1]),
    ],
)
def test_the_value_of_a_sample(name: str, labels: Labels, expected: list[float], samples: dict[str, Any]) -> None:
    assert _of(samples, name, **labels) == expected


def test_phases_are_those_of_the_last_probe(samples: dict[str, Any]) -> None:
    of_backend = [(x["phase"], v) for x, v in samples["staging_probe_phase_duration_seconds"]
                  if x["component"] == "backend"]  # fmt: skip
    assert dict(of_backend) == PHASES


def test_journeys_show_every_state_of_themselves_and_of_their_steps(samples: dict[str, Any]) -> None:
    blocked = {state: float(state == JourneyState.BLOCKED) for state in JourneyState}
    assert {x["state"]: v for x, v in samples["staging_journey_state"]} == blocked
    assert [x["step"] for x, _ in samples["staging_journey_blocked_step_info"]] == ["sign-in"]
    steps = {(x["step"], x["state"]): v for x, v in samples["staging_journey_step_state"]}
    assert set(steps) == {(step, state) for step in ("open", "sign-in") for state in State}
    assert {key for key, value in steps.items() if value} == {("open", "up"), ("sign-in", "down")}


def test_the_build_info(samples: dict[str, Any]) -> None:
    ((labels, value),) = samples["staging_exporter_build_info"]
    assert labels == {"version": version("staging-exporter"), "python_version": platform.python_version()}
    assert value == 1


def test_a_root_cause_that_is_not_seen_any_more_is_stale_and_neither_up_nor_down() -> None:
    blind = board()
    blind.record(Observation("database", 26.0, 0.1, Outcome.UNKNOWN, Reason.RESOLVER, "no name server answered"))
    lines = metrics(blind.snapshot(27.0)).splitlines()
    at = '{component="database",environment="staging"'
    assert f"staging_component_root_cause{at}}} 1.0" in lines
    assert f"staging_component_root_cause_stale{at}}} 1.0" in lines
    assert f'staging_component_state{at},state="unknown"}} 1.0' in lines
    assert not [line for line in lines if line.startswith(f"staging_component_up{at}")]


def test_the_detail_of_a_root_cause_changes_with_its_reason_only() -> None:
    seen = board()

    def shown() -> str:
        lines = metrics(seen.snapshot(30.0)).splitlines()
        return next(line for line in lines if line.startswith("staging_component_root_cause_info"))

    before = shown()
    for turn in range(3):
        seen.record(Observation("database", 26.0 + turn, 0.1, Outcome.FAIL, Reason.CLOSED, f"hung up in turn {turn}"))
        assert shown() == before
    long = "no answer, " + "ü" * 200
    for turn in range(3):
        seen.record(Observation("database", 36.0 + turn, 0.1, Outcome.FAIL, Reason.TIMEOUT, long))
    detail = shown().split('detail="')[1].split('"')[0]
    assert 'reason="timeout"' in shown()
    assert long.startswith(detail)
    assert len(detail.encode()) in (199, 200)


@pytest.mark.parametrize(("name", "up"), [("database", 0.0), ("cache", 1.0), ("silent", None)])
def test_in_maintenance_the_last_probe_decides_whether_it_is_up(name: str, up: float | None) -> None:
    maintained = board()
    maintained.maintain(MaintenanceWindow((name,), Once(25.0, 60.0)), 25.5)
    shown = metrics(maintained.snapshot(26.0))
    line = f'staging_component_up{{component="{name}",environment="staging"}}'
    assert (f"{line} {up}\n" in shown) if up is not None else (line not in shown)


def test_both_formats_have_the_same_samples() -> None:
    snapshot = board(HOSTILE).snapshot(26.0)

    def ours(families: Any) -> dict[str, Any]:
        return {f.name: (f.type, f.documentation, f.samples) for f in families if f.name.startswith("staging_")}

    text, openmetrics = metrics(snapshot, TEXT), metrics(snapshot, OPENMETRICS)
    assert openmetrics.endswith("\n# EOF\n")
    assert ours(parse_text(text)) == ours(parse_openmetrics(openmetrics))


def test_series_of_removed_components_vanish() -> None:
    kept = tuple(component for component in COMPONENTS if component.name in ("vpc", "database"))
    text = metrics(board(components=kept).snapshot(26.0))
    assert 'component="database"' in text
    assert not any(f'"{gone}"' in text for gone in ("backend", "model-a", "suite", "login"))


def test_no_piece_is_large_however_many_components_there_are() -> None:
    many = tuple(Component(f"component-{n}", Layer.SERVICE, Priority.P1, "tcp") for n in range(1000))
    pieces = list(Metrics().pieces(board(components=many).snapshot(26.0), STATUS, TEXT))
    assert sum(piece.count("\n") for piece in pieces) > 20_000
    assert max(piece.count("\n") for piece in pieces) <= 500


@pytest.mark.parametrize("environment", ["staging", HOSTILE], ids=["plain", "hostile"])
def test_promtool_accepts_the_metrics(environment: str) -> None:
    text = metrics(board(environment).snapshot(26.0))
    done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
