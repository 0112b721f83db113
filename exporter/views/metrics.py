"""Snapshot -> metric families, made afresh for each scrape so that what was removed is gone at once."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from itertools import accumulate

from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import (
    Metric as Family,
)
from prometheus_client.registry import Collector

from exporter.core import names
from exporter.core.model import Layer, Outcome, State
from exporter.core.names import Metric
from exporter.core.snapshot import ComponentStatus, Histogram, JourneyState, Snapshot

_UP = {State.UP: 1.0, State.DEGRADED: 1.0, State.DOWN: 0.0, State.FLAPPING: 0.0, State.STARTING: 0.0}
_UP_BY_OUTCOME = {Outcome.PASS: 1.0, Outcome.DEGRADED: 1.0, Outcome.FAIL: 0.0}
_TEST_OUTCOMES = ("passed", "failed", "error", "skipped", "environment_skipped", "harness_error")


@dataclass(frozen=True, slots=True)
class ReloadStatus:
    """Whether the last reload succeeded, and when the configuration was last loaded (Unix seconds)."""

    successful: bool
    loaded_at: float


class SnapshotCollector(Collector):
    """A prometheus_client collector over one snapshot per scrape."""

    def __init__(self, source: Callable[[], tuple[Snapshot, ReloadStatus]]) -> None:
        self._source = source

    def collect(self) -> Iterator[Family]:
        """All families of the contract."""
        snapshot, reload_status = self._source()
        env = snapshot.environment
        everything = snapshot.components.items()
        checked = [(name, status) for name, status in everything if not status.component.latent]
        yield from _about_components(env, everything)
        yield from _about_verdict(env, snapshot)
        yield from _about_probes(env, checked)
        yield from _about_tests(env, checked)
        yield from _about_journeys(env, snapshot)
        yield _histogram(names.LAG, [([env], snapshot.lag)])
        yield from _about_exporter(env, snapshot, reload_status)


Components = Iterable[tuple[str, ComponentStatus]]
Rows = Iterable[tuple[list[str], float]]


def _gauge(metric: Metric, rows: Rows) -> Family:
    family = GaugeMetricFamily(metric.name, metric.help, labels=[names.ENVIRONMENT, *metric.labels])
    for labels, value in rows:
        family.add_metric(labels, value)
    return family


def _counter(metric: Metric, rows: Rows) -> Family:
    family = CounterMetricFamily(metric.name, metric.help, labels=[names.ENVIRONMENT, *metric.labels])
    for labels, value in rows:
        family.add_metric(labels, value)
    return family


def _histogram(metric: Metric, rows: Iterable[tuple[list[str], Histogram]]) -> Family:
    family = HistogramMetricFamily(metric.name, metric.help, labels=[names.ENVIRONMENT, *metric.labels])
    for labels, histogram in rows:
        bounds = [*(str(bound) for bound in histogram.bounds), "+Inf"]
        buckets = list(zip(bounds, map(float, accumulate(histogram.counts)), strict=True))
        family.add_metric(labels, buckets, histogram.total)
    return family


def _about_components(env: str, components: Components) -> Iterator[Family]:
    yield _gauge(
        names.COMPONENT_INFO,
        (([env, n, s.component.kind, s.component.layer, s.component.priority], 1) for n, s in components),
    )
    yield _gauge(names.COMPONENT_UP, (([env, n], up) for n, s in components if (up := _is_up(s)) is not None))
    yield _gauge(
        names.COMPONENT_STATE,
        (([env, n, state], float(s.state == state)) for n, s in components for state in State),
    )
    yield _gauge(
        names.DEPENDENCY,
        (
            ([env, n, target, optional], 1)
            for n, s in components
            for targets, optional in (
                (dict.fromkeys(t for group in s.component.depends_on for t in group), "false"),
                (s.component.optional_depends_on, "true"),
            )
            for target in targets
        ),
    )


def _is_up(status: ComponentStatus) -> float | None:
    if status.state == State.MAINTENANCE and status.last_outcome is not None:
        return _UP_BY_OUTCOME.get(status.last_outcome)
    return _UP.get(status.state)


def _about_verdict(env: str, snapshot: Snapshot) -> Iterator[Family]:
    components = snapshot.components.items()
    roots = snapshot.root_causes
    yield _gauge(names.ROOT_CAUSE, (([env, n], float(s.root)) for n, s in components))
    yield _gauge(names.BLAMED, (([env, n, root], 1) for n, s in components for root in s.root_causes))
    yield _gauge(names.EFFECTIVE_PRIORITY, (([env, root.component], root.priority.number) for root in roots))
    yield _gauge(names.CONTRADICTED, (([env, n], float(bool(s.contradicted_by))) for n, s in components))
    yield _gauge(names.ROOT_CAUSE_STALE, (([env, n], float(s.stale)) for n, s in components))
    yield _gauge(names.PENDING, [([env], float(snapshot.pending))])
    yield _gauge(names.LAYER_ROOTS, (([env, layer], sum(root.layer == layer for root in roots)) for layer in Layer))


def _about_probes(env: str, checked: Components) -> Iterator[Family]:
    stats = [(name, status.stats) for name, status in checked if status.stats]
    yield _histogram(names.PROBE_DURATION, (([env, name], s.durations) for name, s in stats))
    yield _gauge(names.PROBE_PHASE, (([env, n, phase], took) for n, s in checked for phase, took in s.phases.items()))
    yield _counter(names.PROBES, (([env, name], s.runs) for name, s in stats))
    yield _counter(
        names.PROBE_FAILURES,
        (([env, name, reason], count) for name, s in stats for reason, count in s.failures.items()),
    )
    yield _gauge(names.LAST_RUN, (([env, n], s.last_probe) for n, s in checked if s.last_probe is not None))
    yield _gauge(names.INTERVAL, (([env, n], s.component.interval) for n, s in checked))
    yield _gauge(
        names.TLS_NOT_AFTER,
        (([env, n], s.facts["tls_not_after"]) for n, s in checked if "tls_not_after" in s.facts),
    )


def _about_tests(env: str, checked: Components) -> Iterator[Family]:
    suites = [(name, status) for name, status in checked if status.component.kind == "e2e"]
    counted = [(name, status.facts["tests"]) for name, status in suites if "tests" in status.facts]
    yield _gauge(
        names.TESTS, (([env, n, outcome], tests.get(outcome, 0)) for n, tests in counted for outcome in _TEST_OUTCOMES)
    )
    yield _gauge(
        names.TEST_RUN, (([env, n], s.facts["run_timestamp"]) for n, s in suites if s.facts.get("run_timestamp"))
    )
    yield _gauge(names.TEST_CONFLICT, (([env, n], float(bool(s.conflicts))) for n, s in suites))


def _about_journeys(env: str, snapshot: Snapshot) -> Iterator[Family]:
    journeys = snapshot.journeys.items()
    yield _gauge(
        names.JOURNEY_STATE,
        (([env, n, state], float(journey.state == state)) for n, journey in journeys for state in JourneyState),
    )
    yield _gauge(
        names.STEP_STATE,
        (
            ([env, n, step.name, state], float(step.state == state))
            for n, journey in journeys
            for step in journey.steps
            for state in State
        ),
    )


def _about_exporter(env: str, snapshot: Snapshot, reload_status: ReloadStatus) -> Iterator[Family]:
    yield _gauge(names.BUILD_INFO, [([env, version("staging-exporter"), platform.python_version()], 1)])
    yield _gauge(names.RELOAD_OK, [([env], float(reload_status.successful))])
    yield _gauge(names.RELOAD_TIME, [([env], reload_status.loaded_at)])
    yield _gauge(names.ONLINE, [([env], float(snapshot.online))])
