"""Snapshot -> metric families: series of removed components vanish with the first snapshot that lacks them."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from itertools import product

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from staging_exporter.core import names
from staging_exporter.core.model import Certainty, Layer, State
from staging_exporter.core.names import Metric
from staging_exporter.core.snapshot import JourneyState, RootCause, Snapshot
from staging_exporter.views.columns import Lines
from staging_exporter.views.component_metrics import ABOUT_COMPONENTS
from staging_exporter.views.exporter_status import ExporterStatus
from staging_exporter.views.exposition import OPENMETRICS, Family, Histograms, Samples, label_set, render
from staging_exporter.views.probe_metrics import ABOUT_PROBES

_DETAIL = 200  # bytes of a detail in a label


class Metrics:
    """The body of `/metrics`: the snapshot, and the process metrics of prometheus_client. One scrape at a time."""

    def __init__(self) -> None:
        self._process = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._process)
        GCCollector(registry=self._process)
        self._lines = Lines((*ABOUT_COMPONENTS, *ABOUT_PROBES))

    def pieces(self, snapshot: Snapshot, exporter: ExporterStatus, form: str) -> Iterator[str]:
        """All metrics in the format of that content type, in pieces, some of them empty.

        What is about components is remembered from the last snapshot, and written again where it changed.
        """
        yield from self._lines.pieces(snapshot, form)
        yield from render(_about_the_whole(snapshot, exporter), form)
        # Last, because the library ends OpenMetrics with its `# EOF`.
        yield (openmetrics.generate_latest if form == OPENMETRICS else generate_latest)(self._process).decode()


def _about_the_whole(snapshot: Snapshot, exporter: ExporterStatus) -> Iterator[Family]:
    """The families that are not about single components."""
    env = snapshot.environment
    yield from _about_root_causes(env, snapshot.root_causes)
    yield from _about_journeys(env, snapshot)
    yield Histograms(names.LAG, [(_at(env), snapshot.lag)])
    yield _one(env, names.PENDING, snapshot.pending)
    yield _one(env, names.CONCURRENCY, snapshot.concurrency)
    yield from _about_exporter(env, snapshot, exporter)


def _at(env: str, metric: Metric | None = None, *values: str) -> str:
    """The label set of a sample: the environment, and the labels of the metric with these values."""
    given = dict(zip(metric.labels, values, strict=True)) if metric else {}
    return label_set(**{names.ENVIRONMENT: env, **given})


def _one(env: str, metric: Metric, value: float) -> Samples:
    return Samples(metric, [(_at(env), value)])


def _about_root_causes(env: str, roots: tuple[RootCause, ...]) -> Iterator[Family]:
    rank = names.EFFECTIVE_PRIORITY
    yield Samples(rank, ((_at(env, rank, root.component), root.priority.number) for root in roots))
    info = names.ROOT_CAUSE_INFO
    yield Samples(info, ((_at(env, info, root.component, root.reason, _cut(root.announced)), 1) for root in roots))
    certainties = product(roots, Certainty)
    found = names.CERTAINTY
    yield Samples(found, ((_at(env, found, root.component, c), root.certainty == c) for root, c in certainties))
    related = (
        (root.component, relation, other)
        for root in roots
        for relation, others in root.relations.items()
        for other in others
    )
    yield Samples(names.RELATED, ((_at(env, names.RELATED, *values), 1) for values in related))
    owned = names.LAYER_ROOTS
    yield Samples(owned, ((_at(env, owned, layer), sum(root.layer == layer for root in roots)) for layer in Layer))


def _cut(detail: str) -> str:
    """The detail as a label of bounded size."""
    return detail.encode()[:_DETAIL].decode(errors="ignore")


def _about_journeys(env: str, snapshot: Snapshot) -> Iterator[Family]:
    of_journey, of_step = names.JOURNEY_STATE, names.STEP_STATE
    journeys = snapshot.journeys.items()
    yield Samples(
        of_journey,
        ((_at(env, of_journey, name, state), j.state == state) for name, j in journeys for state in JourneyState),
    )
    steps = ((name, step) for name, journey in journeys for step in journey.steps)
    yield Samples(
        of_step,
        ((_at(env, of_step, name, step.name, state), step.state == state) for name, step in steps for state in State),
    )
    blocked = ((name, journey.blocked_at) for name, journey in journeys if journey.blocked_at)
    yield Samples(names.BLOCKED_STEP, ((_at(env, names.BLOCKED_STEP, *at), 1) for at in blocked))


@cache
def _build() -> tuple[str, str]:
    return version("staging-exporter"), platform.python_version()


def _about_exporter(env: str, snapshot: Snapshot, exporter: ExporterStatus) -> Iterator[Family]:
    yield Samples(names.BUILD_INFO, [(_at(env, names.BUILD_INFO, *_build()), 1)])
    yield _one(env, names.RELOAD_OK, exporter.reload_successful)
    yield _one(env, names.RELOAD_TIME, exporter.loaded_at)
    yield _one(env, names.LOG_LINES_DROPPED, exporter.log_lines_dropped)
    yield _one(env, names.LOGINS_FAILED, exporter.logins_failed)
    yield _one(env, names.CLIENTS, exporter.connections)
    if storage := exporter.storage:
        last = storage.last_success
        yield Samples(names.STORAGE_LAST_SUCCESS, [] if last is None else [(_at(env), last)])
        yield _one(env, names.STORAGE_ERRORS, storage.errors)
    if sending := exporter.sending:
        yield _one(env, names.SEND_ERRORS, sending.errors)
    yield _one(env, names.ONLINE, snapshot.online)
