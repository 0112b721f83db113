"""Rules 8 and 9: what a root cause costs. Journeys, effective priorities, the state of the whole; pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf

from staging_exporter.core.model import Journey, Layer, Outcome, Priority, State
from staging_exporter.core.rules import FAILS, IS_DOWN, Condition
from staging_exporter.core.snapshot import ComponentStatus, JourneyState, JourneyStatus, RootCause, StepStatus

_UNDETERMINED = frozenset({State.UNKNOWN, State.STARTING, State.MAINTENANCE})


def waits_for_start(name: str, components: Mapping[str, ComponentStatus]) -> bool:
    """True for a failing component without a root cause that something explains which is starting."""
    status = components[name]
    if status.state not in FAILS or status.root or status.root_causes:
        return False
    return any(
        components[other].state == State.STARTING or waits_for_start(other, components) for other in status.explained_by
    )


def journey_status(journey: Journey, components: Mapping[str, ComponentStatus]) -> JourneyStatus:
    """Rule 9 for one journey."""
    steps = tuple(StepStatus(step, name, components[name].state) for step, name in journey.steps)
    blocked_at = next((step.name for step in steps if step.state in IS_DOWN), None)
    states = {step.state for step in steps}
    if blocked_at is not None:
        state = JourneyState.BLOCKED
    elif states & _UNDETERMINED:
        state = JourneyState.UNKNOWN
    else:
        state = JourneyState.DEGRADED if State.DEGRADED in states else JourneyState.UP
    bad = IS_DOWN if blocked_at is not None else FAILS
    roots = {root for step in steps if step.state in bad for root in _roots_of(components[step.component])}
    return JourneyStatus(journey.name, journey.priority, state, steps, blocked_at, tuple(sorted(roots)))


def _roots_of(status: ComponentStatus) -> tuple[str, ...]:
    return (status.component.name,) if status.root else status.root_causes


def root_causes(
    components: Mapping[str, ComponentStatus],
    journeys: Iterable[JourneyStatus],
    last_seen: Mapping[str, Condition],
    at_least: Mapping[str, Priority] | None = None,
) -> tuple[RootCause, ...]:
    """Rule 8 for every root, the most urgent first, then the oldest; `last_seen` is how the stale ones were.

    `components` may be some only: the roots, their symptoms, what is at risk, and the steps of the journeys.
    `at_least` are the priorities that root causes had before: as long as one lasts, its priority does not fall.
    """
    symptoms: dict[str, list[str]] = {}
    at_risk: dict[str, list[ComponentStatus]] = {}
    for name, status in components.items():
        for root in status.root_causes:
            symptoms.setdefault(root, []).append(name)
        for root in status.at_risk_from:
            at_risk.setdefault(root, []).append(status)
    blocked = [journey for journey in journeys if journey.state == JourneyState.BLOCKED]
    found = [
        _root_cause(
            status,
            [components[s] for s in symptoms.get(name, ())],
            blocked,
            last_seen.get(name),
            _will_fail(status, at_risk.get(name, ())),
            at_least.get(name) if at_least else None,
        )
        for name, status in components.items()
        if status.root
    ]
    return tuple(sorted(found, key=lambda root: (root.priority, root.since or 0.0, root.component)))


def _will_fail(root: ComponentStatus, at_risk: Iterable[ComponentStatus]) -> list[Priority]:
    """The priorities of what needs a root cause and fails already, or was not probed since it began.

    Of what needs a degraded one, only those count that fail.
    """
    if root.state == State.DEGRADED:
        return [s.component.priority for s in at_risk if s.last_outcome == Outcome.FAIL]
    began = root.began if root.began is not None else inf
    return [s.component.priority for s in at_risk if s.last_outcome != Outcome.PASS or (s.last_probe or 0.0) < began]


def _root_cause(
    status: ComponentStatus,
    symptoms: list[ComponentStatus],
    blocked: list[JourneyStatus],
    last_seen: Condition | None,
    will_fail: list[Priority],
    before: Priority | None,
) -> RootCause:
    component = status.component
    seen = last_seen if last_seen and status.state == State.UNKNOWN else status
    journeys = [journey for journey in blocked if component.name in journey.root_causes]
    down = [*will_fail, *(symptom.component.priority for symptom in symptoms if symptom.state in IS_DOWN)]
    priority = min([component.priority, *down, *(journey.priority for journey in journeys)])
    if seen.state == State.DEGRADED and not journeys and not down:
        priority = max(priority, Priority.P1)
    if before is not None:
        priority = min(priority, before)
    return RootCause(
        component=component.name,
        layer=component.layer,
        priority=priority,
        state=seen.state,
        reason=seen.reason,
        detail=seen.detail,
        since=seen.since,
        inferred=status.inferred or component.latent,
        stale=status.stale,
        certainty=status.certainty,
        not_recovered_from=status.not_recovered_from,
        contradicted_by=status.contradicted_by,
        through=tuple(sorted({name for symptom in symptoms for name in symptom.through})),
        began=status.began,
        suspects=status.suspects,
        affected=tuple(sorted(symptom.component.name for symptom in symptoms)),
        journeys=tuple(sorted(journey.name for journey in journeys)),
    )


def overall(roots: Iterable[RootCause], components: Mapping[str, ComponentStatus]) -> State:
    """The state of the environment: the worst of its components and root causes.

    What waits for a start counts as starting. What is unknown decides only when it matters: a component of P0 or P1
    outside the layer `test`, or all of them.
    """
    if any(root.state in IS_DOWN for root in roots):
        return State.DOWN
    checked = [status for status in components.values() if not status.component.latent]
    states = {status.state for status in checked if not waits_for_start(status.component.name, components)}
    if states & FAILS or any(root.state in FAILS for root in roots):
        return State.DEGRADED
    if State.STARTING in states:
        return State.STARTING
    unknown = [status.component for status in checked if status.state == State.UNKNOWN]
    matters = any(each.priority <= Priority.P1 and each.layer != Layer.TEST for each in unknown)
    return State.UNKNOWN if matters or states == {State.UNKNOWN} else State.UP
