"""The queries of the dashboards: valid for Prometheus 2.42 and 3.x, and only of metrics that exist."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import promql_parser
import pytest
from staging_exporter.core import names
from staging_exporter.core.names import HISTOGRAM, Metric
from staging_exporter.generate import slo

from tests.generate.boards import Query, made, other_queries, queries, selectors

BOARDS = made()
QUERIES = [*queries(BOARDS), *other_queries(BOARDS)]
OURS = {metric.name for metric in vars(names).values() if isinstance(metric, Metric) and metric.kind != HISTOGRAM} | {
    f"{metric.name}_bucket"
    for metric in vars(names).values()
    if isinstance(metric, Metric) and metric.kind == HISTOGRAM
}
# Metrics of prometheus_client and Prometheus about a process and its scrapes.
OTHERS = {"ALERTS", "up", "scrape_duration_seconds", "process_resident_memory_bytes", "process_cpu_seconds_total",
          "process_open_fds"}  # fmt: skip

# Series that the generated rules record.
RECORDED = {
    slo.RUNS_EVERY_5M,
    slo.FAILURES_EVERY_5M,
    slo.BUDGET,
    *(slo.errors_ratio(window) for window in ("5m", "1h", "6h", "3d")),
}


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.place)
def test_prometheus_3_can_parse_a_query(query: Query) -> None:
    assert promql_parser.parse(query.filled())


def test_prometheus_2_42_can_parse_them(tmp_path: Path) -> None:
    rules = [{"record": f"test:query{number}", "expr": query.filled()} for number, query in enumerate(QUERIES)]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}), encoding="utf-8")
    done = subprocess.run(["promtool", "check", "rules", "--lint=none", file], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{len(QUERIES)} rules found" in done.stdout


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.place)
def test_a_query_uses_only_existing_metrics(query: Query) -> None:
    found = selectors(query.filled())
    assert found
    assert {selector.metric for selector in found} <= OURS | OTHERS | RECORDED


def test_a_bad_query_is_an_error() -> None:
    with pytest.raises(ValueError):
        selectors("sum(rate(x[5m])")
