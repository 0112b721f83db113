"""What is remembered of a scrape never differs from what a first scrape gives, and is what prometheus_client writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric as LibraryFamily
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.registry import Collector
from staging_exporter.core.snapshot import Snapshot
from staging_exporter.views.columns import Lines
from staging_exporter.views.component_metrics import ABOUT_COMPONENTS
from staging_exporter.views.exporter_status import ExporterStatus, SendingStatus, StorageStatus
from staging_exporter.views.exposition import OPENMETRICS, TEXT
from staging_exporter.views.metrics import Metrics
from staging_exporter.views.probe_metrics import ABOUT_PROBES

from tests.core.test_statuses import ScheduledLife
from tests.views.fleet import HOSTILE, board

STATUS = ExporterStatus(True, 1.7e9, storage=StorageStatus(1.7e9), sending=SendingStatus())


def fresh() -> Lines:
    return Lines((*ABOUT_COMPONENTS, *ABOUT_PROBES))


def text(lines: Lines, snapshot: Snapshot) -> str:
    return "".join(lines.pieces(snapshot, TEXT))


@pytest.mark.parametrize("seed", range(8))
def test_after_every_step_of_a_life_the_lines_are_those_of_a_first_scrape(seed: int) -> None:
    life, remembered = ScheduledLife(seed), fresh()
    for _ in range(300):
        life.step()
        snapshot = life.board.snapshot(life.now)
        assert text(remembered, snapshot) == text(fresh(), snapshot)


def test_a_scrape_that_was_given_up_leaves_nothing_stale() -> None:
    seen, remembered = board(), fresh()
    text(remembered, seen.snapshot(26.0))
    seen.record(replace(seen._records["backend"].last, started=30.0))  # type: ignore[type-var]
    seen.record(replace(seen._records["cache"].last, started=31.0))  # type: ignore[type-var]
    snapshot = seen.snapshot(32.0)
    given_up = remembered.pieces(snapshot, TEXT)
    next(given_up)
    assert text(remembered, snapshot) == text(fresh(), snapshot)


def test_another_environment_or_order_begins_anew() -> None:
    remembered = fresh()
    for environment, components in (("one", 3), ("two", 3), ("two", 2), ("two", 3)):
        snapshot = board(environment).snapshot(26.0)
        some = dict(reversed([*snapshot.components.items()][:components]))
        snapshot = replace(snapshot, components=some)
        assert text(remembered, snapshot) == text(fresh(), snapshot)


def test_only_what_changed_is_written_again() -> None:
    seen, remembered = board(), fresh()
    text(remembered, seen.snapshot(26.0))
    at = list(seen.topology.components).index("model-a")
    before = [list(written) for written in remembered._written]
    seen.record(replace(seen._records["model-a"].last, started=30.0, duration=0.02))  # type: ignore[type-var]
    text(remembered, seen.snapshot(31.0))
    rewritten = {
        column.metric.name
        for column, old, new in zip(remembered._columns, before, remembered._written, strict=True)
        for index, line in enumerate(old)
        if new[index] is not line and index == at
    }
    assert rewritten == {
        "staging_probe_duration_seconds",
        "staging_probes_total",
        "staging_slo_runs_total",
        "staging_probe_runs_skipped_total",
        "staging_probe_last_run_timestamp_seconds",
    }


class _Families(Collector):
    def __init__(self, families: Iterable[LibraryFamily]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[LibraryFamily]:
        return self._families


@pytest.mark.parametrize(
    ("form", "parse", "generate"),
    [(TEXT, parse_text, generate_latest), (OPENMETRICS, parse_openmetrics, generate_openmetrics)],
    ids=["text", "openmetrics"],
)
@pytest.mark.parametrize("environment", ["staging", HOSTILE], ids=["plain", "hostile"])
def test_every_byte_is_as_the_library_writes_it(
    environment: str, form: str, parse: Callable[[str], Iterable[LibraryFamily]], generate: Callable[..., bytes]
) -> None:
    ours = "".join(Metrics().pieces(board(environment).snapshot(1.7638e9 + 26.123), STATUS, form))
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(parse(ours)))
    assert ours == generate(registry).decode()
