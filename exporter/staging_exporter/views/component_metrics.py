"""Metric families about single components: what is configured, their state, the verdict on them, their tests."""

from __future__ import annotations

from collections.abc import Iterator

from staging_exporter.core import names
from staging_exporter.core.facts import Fact
from staging_exporter.core.model import Component, Outcome, State, Trait
from staging_exporter.core.snapshot import ComponentStatus
from staging_exporter.views.columns import Free, Group, Labelled, Row, Several, Single

_UP = {State.UP: 1.0, State.DEGRADED: 1.0, State.DOWN: 0.0, State.FLAPPING: 0.0, State.STARTING: 0.0}
_UP_BY_OUTCOME = {Outcome.PASS: 1.0, Outcome.DEGRADED: 1.0, Outcome.FAIL: 0.0}
_STATES = tuple(state.value for state in State)
_TEST_OUTCOMES = ("passed", "failed", "error", "skipped", "environment_skipped", "harness_error")


def unix_time(moment: float | None) -> float | None:
    """To the millisecond."""
    return None if moment is None else round(moment, 3)


def _info(component: Component) -> Iterator[Row]:
    yield (component.kind, component.layer, component.priority), 1


def _states(published: State) -> list[tuple[str, float]]:
    return [(state, state == published) for state in _STATES]


def _links(component: Component) -> Iterator[Row]:
    if component.links:
        yield tuple(component.links.get(name, "") for name in names.LINKS.labels[1:]), 1


def _edges(component: Component) -> Iterator[Row]:
    for target in component.hard:
        yield (target, "false"), 1
    for target in dict.fromkeys(component.optional_depends_on):
        yield (target, "true"), 1


def _named(others: tuple[str, ...]) -> list[tuple[str, float]]:
    return [(other, 1) for other in others]


def _is_up(status: ComponentStatus) -> float | None:
    if status.state == State.MAINTENANCE and status.last_outcome is not None:
        return _UP_BY_OUTCOME.get(status.last_outcome)
    return _UP.get(status.state)


def _component(status: ComponentStatus) -> Component:
    return status.component


def _startup_budget(status: ComponentStatus) -> float | None:
    startup = status.component.startup
    return startup.budget if startup else None


def _startup_end(status: ComponentStatus) -> float | None:
    return status.startup_ends if status.state == State.STARTING else None


def _explained_by(status: ComponentStatus) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*status.explained_by, *status.recovering_from)))


def _stale(status: ComponentStatus) -> float | None:
    return status.stale if status.root else None


def _tests(status: ComponentStatus) -> tuple[float, ...] | None:
    if Fact.TESTS not in status.facts:
        return None
    return tuple(status.facts[Fact.TESTS].get(outcome, 0) for outcome in _TEST_OUTCOMES)


def _by_outcome(tests: tuple[float, ...]) -> Iterator[tuple[str, float]]:
    return zip(_TEST_OUTCOMES, tests, strict=True)


ABOUT_COMPONENTS = (
    Group(
        (
            Several(names.COMPONENT_INFO, _component, _info),
            Several(names.LINKS, _component, _links),
            Free(names.LABELS, lambda status: status.component.labels or None),
            Single(names.STARTUP_BUDGET, _startup_budget),
            Several(names.DEPENDENCY, _component, _edges),
        ),
        configured=True,
    ),
    Group(
        (
            Single(names.COMPONENT_UP, _is_up),
            Labelled(names.COMPONENT_STATE, lambda status: status.state, _states),
            Single(names.STATE_SINCE, lambda status: unix_time(status.since)),
            Single(names.STARTUP_END, _startup_end),
            Single(names.ROOT_CAUSE, lambda status: status.root),
            Labelled(names.AFFECTED_BY, lambda status: status.root_causes, _named),
            Labelled(names.EXPLAINED_BY, _explained_by, _named),
            Single(names.CONTRADICTED, lambda status: bool(status.contradicted_by)),
            Single(names.ROOT_CAUSE_STALE, _stale),
        )
    ),
    Group(
        (
            Labelled(names.TESTS, _tests, _by_outcome),
            Single(names.TEST_RUN, lambda status: status.facts.get(Fact.RUN_TIMESTAMP) or None),
            Single(names.TEST_DURATION, lambda status: status.facts.get(Fact.RUN_DURATION)),
            Single(names.TEST_CONFLICT, lambda status: bool(status.conflicts)),
        ),
        lambda component: Trait.JUDGES_TESTS in component.traits,
    ),
)
