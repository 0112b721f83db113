"""Snapshot -> metric families, built for every scrape, so that series of removed components vanish at once."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import version

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from staging_exporter.core import names
from staging_exporter.core.facts import Fact
from staging_exporter.core.model import Certainty, Layer, Outcome, State, Trait
from staging_exporter.core.snapshot import ComponentStatus, JourneyState, RootCause, Snapshot
from staging_exporter.views.exporter_status import ExporterStatus
from staging_exporter.views.exposition import OPENMETRICS, Family, Histograms, Samples, label, label_set, render
from staging_exporter.views.probe_metrics import Components, about_probes, unix_time

_UP = {State.UP: 1.0, State.DEGRADED: 1.0, State.DOWN: 0.0, State.FLAPPING: 0.0, State.STARTING: 0.0}
_UP_BY_OUTCOME = {Outcome.PASS: 1.0, Outcome.DEGRADED: 1.0, Outcome.FAIL: 0.0}
_DETAIL = 200  # bytes of a detail in a label
_TEST_OUTCOMES = ("passed", "failed", "error", "skipped", "environment_skipped", "harness_error")


class Metrics:
    """The body of `/metrics`: the snapshot, and the process metrics of prometheus_client."""

    def __init__(self) -> None:
        self._process = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._process)
        GCCollector(registry=self._process)

    def pieces(self, snapshot: Snapshot, exporter: ExporterStatus, form: str) -> Iterator[str]:
        """All metrics in the format of that content type, in pieces."""
        yield from render(families(snapshot, exporter), form)
        # Last, because the library ends OpenMetrics with its `# EOF`.
        yield (openmetrics.generate_latest if form == OPENMETRICS else generate_latest)(self._process).decode()


def families(snapshot: Snapshot, exporter: ExporterStatus) -> Iterator[Family]:
    """All families, in the order of `/metrics`."""
    env = label(names.ENVIRONMENT, snapshot.environment)
    components = [(f"{env},{label(names.COMPONENT, n)}", status) for n, status in snapshot.components.items()]
    checked = [(at, status) for at, status in components if not status.component.latent]
    yield from _about_components(components)
    yield from _about_verdict(env, snapshot, components)
    yield from about_probes(checked)
    yield from _about_tests(checked)
    yield from _about_journeys(env, snapshot)
    yield Histograms(names.LAG, [(env, snapshot.lag)])
    yield Samples(names.CONCURRENCY, [(env, snapshot.concurrency)])
    yield from _about_exporter(env, snapshot, exporter)


@cache
def _states(states: type[State] | type[JourneyState]) -> tuple[tuple[str, str], ...]:
    """Every state with its label."""
    return tuple((state, label("state", state)) for state in states)


def _about_components(components: Components) -> Iterator[Family]:
    yield Samples(
        names.COMPONENT_INFO,
        (
            (label_set(at, names.COMPONENT_INFO, s.component.kind, s.component.layer, s.component.priority), 1)
            for at, s in components
        ),
    )
    yield Samples(names.COMPONENT_UP, ((at, up) for at, s in components if (up := _is_up(s)) is not None))
    yield Samples(
        names.COMPONENT_STATE,
        ((f"{at},{text}", s.state == state) for at, s in components for state, text in _states(State)),
    )
    yield Samples(names.STATE_SINCE, ((at, unix_time(s.since)) for at, s in components if s.since is not None))
    yield Samples(
        names.LINKS, ((label_set(at, names.LINKS, *_links(s)), 1) for at, s in components if s.component.links)
    )
    budgets = [(at, s.component.startup.budget) for at, s in components if s.component.startup]
    yield Samples(names.STARTUP_BUDGET, budgets)
    starting = [(at, s.startup_ends) for at, s in components if s.state == State.STARTING]
    yield Samples(names.STARTUP_END, ((at, ends) for at, ends in starting if ends is not None))
    yield Samples(names.DEPENDENCY, ((text, 1) for at, s in components for text in _edges(at, s)))


def _edges(at: str, status: ComponentStatus) -> Iterator[str]:
    component = status.component
    for target in dict.fromkeys(target for group in component.depends_on for target in group):
        yield label_set(at, names.DEPENDENCY, target, "false")
    for target in dict.fromkeys(component.optional_depends_on):
        yield label_set(at, names.DEPENDENCY, target, "true")


def _links(status: ComponentStatus) -> Iterator[str]:
    return (status.component.links.get(name, "") for name in names.LINKS.labels[1:])


def _is_up(status: ComponentStatus) -> float | None:
    if status.state == State.MAINTENANCE and status.last_outcome is not None:
        return _UP_BY_OUTCOME.get(status.last_outcome)
    return _UP.get(status.state)


def _about_verdict(env: str, snapshot: Snapshot, components: Components) -> Iterator[Family]:
    roots = snapshot.root_causes
    yield Samples(names.ROOT_CAUSE, ((at, s.root) for at, s in components))
    yield Samples(
        names.AFFECTED_BY,
        ((label_set(at, names.AFFECTED_BY, root), 1) for at, s in components for root in s.root_causes),
    )
    yield Samples(
        names.EXPLAINED_BY,
        (
            (label_set(at, names.EXPLAINED_BY, other), 1)
            for at, s in components
            for other in dict.fromkeys((*s.explained_by, *s.recovering_from))
        ),
    )
    yield Samples(
        names.EFFECTIVE_PRIORITY,
        ((label_set(env, names.EFFECTIVE_PRIORITY, root.component), root.priority.number) for root in roots),
    )
    yield from _about_root_causes([(f"{env},{label(names.COMPONENT, root.component)}", root) for root in roots])
    yield Samples(names.CONTRADICTED, ((at, bool(s.contradicted_by)) for at, s in components))
    yield Samples(names.ROOT_CAUSE_STALE, ((at, s.stale) for at, s in components if s.root))
    yield Samples(names.PENDING, [(env, snapshot.pending)])
    yield Samples(
        names.LAYER_ROOTS,
        ((label_set(env, names.LAYER_ROOTS, layer), sum(root.layer == layer for root in roots)) for layer in Layer),
    )


def _about_root_causes(roots: Sequence[tuple[str, RootCause]]) -> Iterator[Family]:
    yield Samples(
        names.ROOT_CAUSE_INFO,
        ((label_set(at, names.ROOT_CAUSE_INFO, root.reason, _cut(root.announced)), 1) for at, root in roots),
    )
    yield Samples(
        names.CERTAINTY,
        ((label_set(at, names.CERTAINTY, one), root.certainty == one) for at, root in roots for one in Certainty),
    )
    yield Samples(
        names.RELATED,
        (
            (label_set(at, names.RELATED, relation, name), 1)
            for at, root in roots
            for relation, related in root.relations.items()
            for name in related
        ),
    )


def _cut(detail: str) -> str:
    """The detail as a label of bounded size."""
    return detail.encode()[:_DETAIL].decode(errors="ignore")


def _about_tests(checked: Components) -> Iterator[Family]:
    suites = [(at, status) for at, status in checked if Trait.JUDGES_TESTS in status.component.traits]
    counted = [(at, status.facts[Fact.TESTS]) for at, status in suites if Fact.TESTS in status.facts]
    yield Samples(
        names.TESTS,
        (
            (label_set(at, names.TESTS, outcome), tests.get(outcome, 0))
            for at, tests in counted
            for outcome in _TEST_OUTCOMES
        ),
    )
    yield Samples(
        names.TEST_RUN, ((at, s.facts[Fact.RUN_TIMESTAMP]) for at, s in suites if s.facts.get(Fact.RUN_TIMESTAMP))
    )
    yield Samples(
        names.TEST_DURATION, ((at, s.facts[Fact.RUN_DURATION]) for at, s in suites if Fact.RUN_DURATION in s.facts)
    )
    yield Samples(names.TEST_CONFLICT, ((at, bool(s.conflicts)) for at, s in suites))


def _about_journeys(env: str, snapshot: Snapshot) -> Iterator[Family]:
    journeys = [(f"{env},{label(names.JOURNEY, name)}", journey) for name, journey in snapshot.journeys.items()]
    yield Samples(
        names.JOURNEY_STATE,
        ((f"{at},{text}", j.state == state) for at, j in journeys for state, text in _states(JourneyState)),
    )
    yield Samples(
        names.STEP_STATE,
        (
            (f"{at},{label('step', step.name)},{text}", step.state == state)
            for at, journey in journeys
            for step in journey.steps
            for state, text in _states(State)
        ),
    )


def _about_exporter(env: str, snapshot: Snapshot, exporter: ExporterStatus) -> Iterator[Family]:
    yield Samples(
        names.BUILD_INFO,
        [(label_set(env, names.BUILD_INFO, version("staging-exporter"), platform.python_version()), 1)],
    )
    yield Samples(names.RELOAD_OK, [(env, exporter.reload_successful)])
    yield Samples(names.RELOAD_TIME, [(env, exporter.loaded_at)])
    yield Samples(names.LOG_LINES_DROPPED, [(env, exporter.log_lines_dropped)])
    yield Samples(names.LOGINS_FAILED, [(env, exporter.logins_failed)])
    yield Samples(names.CLIENTS, [(env, exporter.connections)])
    if storage := exporter.storage:
        last = storage.last_success
        yield Samples(names.STORAGE_LAST_SUCCESS, [] if last is None else [(env, last)])
        yield Samples(names.STORAGE_ERRORS, [(env, storage.errors)])
    yield Samples(names.ONLINE, [(env, snapshot.online)])
