"""An incident in the order in which it happened, and the states at each change of its verdict. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from typing import Any

from staging_exporter.core.history import VERDICT, Change, Sort, Subject
from staging_exporter.core.incidents import ACKNOWLEDGED, Incident, Note, acknowledgement, incident_id
from staging_exporter.core.model import Certainty, Priority, State
from staging_exporter.core.words import joined, span, verb

BEFORE = 3600.0  # seconds before the first failure in which a deploy belongs to it
AFTER = 120.0  # seconds after the end in which what was affected recovers
LEAD = 60.0  # seconds before the first failure in which others that failed earlier belong to it
_TOGETHER = 2.0  # seconds between two changes to one state that share a sentence


class EventSort(StrEnum):
    """What an event of a story is."""

    DEPLOY = "deploy"
    FAILURE = "first failure"
    STATE = "state"
    SUSPECTS = "suspects"
    VERDICT = "verdict"
    RECOVERY = "recovery"
    JOURNEY = "journey"
    ALERT = "alert"
    NOTE = "note"
    ACKNOWLEDGED = "acknowledged"
    END = "end"


@dataclass(frozen=True, slots=True)
class AlertPlan:
    """The alert for root causes of one priority: its name, its configured receivers.

    `sent_to` are the Alertmanagers to which the exporter itself sends it; what they do with it is not known here.
    """

    name: str
    receivers: tuple[str, ...] = ()
    sent_to: tuple[str, ...] = ()

    def __str__(self) -> str:
        sent = f"; sent by the exporter to {joined(self.sent_to)}" if self.sent_to else ""
        return f"{self.name}{sent}; configured receivers: {joined(self.receivers) if self.receivers else 'none'}"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened at `at` (Unix seconds), in a sentence without its end; `detail` is what a probe saw."""

    at: float
    sort: EventSort
    text: str
    components: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """What was published from `at` on: the state of the environment, of each component and journey, the root causes.

    `roots` and `symptoms` are as in a `Change` of the verdict; `seen` has reason and detail of components that were not
    up, `blocked_at` the step at which a journey was blocked.
    """

    at: float
    state: str
    roots: tuple[Mapping[str, Any], ...]
    symptoms: Mapping[str, Sequence[Sequence[str]]]
    states: Mapping[str, str]
    journeys: Mapping[str, str]
    seen: Mapping[str, Mapping[str, Any]]
    blocked_at: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that is known of one incident; times in Unix seconds, newest last."""

    incident: Incident
    first_failure: float
    events: tuple[Event, ...]
    steps: tuple[Step, ...]
    affected: tuple[str, ...]
    journeys: tuple[str, ...]
    notes: tuple[Note, ...] = ()
    alerts: Mapping[str, AlertPlan] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Its name."""
        return incident_id(self.incident)

    @property
    def acknowledged(self) -> Note | None:
        """Who acknowledged it first."""
        return acknowledgement(self.notes)


def first_failure(incident: Incident) -> float:
    """When the first failing run of its root causes began."""
    return min([incident.began, *(root.began for root in incident.roots if root.began is not None)])


def most_urgent(incident: Incident) -> str:
    """The most urgent priority of its root causes."""
    return min((root.priority for root in incident.roots), default=str(Priority.P2))


def story(
    incident: Incident,
    changes: Sequence[Change],
    states: Mapping[str, str],
    alerts: Mapping[str, AlertPlan],
    notes: Iterable[Note] = (),
    journeys: Mapping[str, str] | None = None,
) -> Story:
    """The story of the incident.

    `changes` are those from `BEFORE` its first failure until `AFTER` its end, `states` those of the components
    `LEAD` before it and `journeys` those of the journeys, `alerts` by priority.
    """
    begin = first_failure(incident)
    during = [*_until_recovered((change for change in changes if change.at >= begin - LEAD), incident.ended)]
    steps = tuple(step for step in _steps(during, states, journeys or {}) if step.at >= begin)
    notes = tuple(notes)
    events = [
        *_deploys(changes, begin, incident.ended),
        *_failures(incident),
        *_states(during, states, begin),
        *_verdicts(incident, steps),
        *_around(steps),
        *_journeys(change for change in during if change.at >= begin),
        *_alerts(incident, alerts),
        *(_note(note) for note in notes),
        *_end(incident),
    ]
    order = list(EventSort)
    return Story(
        incident,
        begin,
        tuple(sorted(events, key=lambda event: (event.at, order.index(event.sort)))),
        steps,
        tuple(sorted({name for step in steps for name in step.symptoms})),
        tuple(sorted({name for step in steps for root in step.roots for name in root["journeys"]})),
        notes,
        {root.priority: alerts[root.priority] for root in incident.roots if root.priority in alerts},
    )


def _deploys(changes: Iterable[Change], begin: float, ended: float | None) -> Iterator[Event]:
    deploys = [change for change in changes if change.subject.sort == Sort.DEPLOY]
    for (at, revision), group in groupby(deploys, lambda change: (change.at, change.value.get("revision", ""))):
        if ended is not None and at > ended:
            continue
        names = tuple(change.subject.name for change in group)
        when = f", {span(begin - at)} before the first failure" if at <= begin else ""
        named = f" as {revision}" if revision else ""
        yield Event(at, EventSort.DEPLOY, f"{joined(names)} deployed{named}{when}", names)


def _failures(incident: Incident) -> Iterator[Event]:
    for root in incident.roots:
        if root.began is not None:
            text = f"first failing probe of {root.component} ({root.reason})"
            yield Event(root.began, EventSort.FAILURE, text, (root.component,), root.detail)


def _until_recovered(changes: Iterable[Change], ended: float | None) -> Iterator[Change]:
    """The changes until the end, and after it those with which things become as they were."""
    states: dict[Subject, str] = {}
    for change in changes:
        recovers = change.state == State.UP and states.get(change.subject, State.UP) != State.UP
        if change.subject == VERDICT:
            recovers = not change.value["roots"]
        if ended is None or change.at <= ended or recovers:
            states[change.subject] = change.state
            yield change


def _states(changes: Iterable[Change], states: Mapping[str, str], begin: float) -> Iterator[Event]:
    """Components that change to one state at about the same time share a sentence.

    Those that became up before the first failure belong to what was before.
    """
    before, group = dict(states), list[Change]()
    for change in changes:
        name = change.subject.name
        if change.subject.sort != Sort.COMPONENT or before.get(name) == change.state:
            continue
        before[name] = change.state
        if change.at < begin and change.state == State.UP:
            continue
        if group and (change.state != group[0].state or change.at - group[0].at > _TOGETHER):
            yield _changed(group)
            group = []
        group.append(change)
    if group:
        yield _changed(group)


def _changed(group: Sequence[Change]) -> Event:
    first = group[0]
    names = tuple(dict.fromkeys(change.subject.name for change in group))
    reason = f" ({first.value['reason']})" if len(names) == 1 and first.value.get("reason") else ""
    detail = first.value.get("detail", "") if len(names) == 1 else ""
    return Event(first.at, EventSort.STATE, f"{joined(names)} {verb(names)} {first.state}{reason}", names, detail)


def _verdicts(incident: Incident, steps: Sequence[Step]) -> Iterator[Event]:
    """When each root cause began and ended, with its state and certainty as they were first published."""
    for cause in incident.roots:
        published = (root for step in steps for root in step.roots if root["component"] == cause.component)
        first = next(published, None)
        state = f"{first['state']}, " if first else ""
        certainty = f", {first['certainty']}" if first and first["certainty"] != Certainty.OBSERVED else ""
        text = f"{cause.component} is a root cause ({cause.priority}, {state}{cause.reason}{certainty})"
        yield Event(cause.since, EventSort.VERDICT, text, (cause.component,), cause.detail)
        if cause.until is not None:
            yield Event(
                cause.until, EventSort.RECOVERY, f"{cause.component} is no longer a root cause", (cause.component,)
            )


def _around(steps: Iterable[Step]) -> Iterator[Event]:
    """Suspects, and what is affected, when they are new."""
    suspects: dict[str, Sequence[str]] = {}
    affected: frozenset[str] = frozenset()
    for step in steps:
        for root in step.roots:
            name = root["component"]
            if root["suspects"] and root["suspects"] != suspects.get(name):
                text = f"{joined(root['suspects'])} may be involved in the failure of {name}"
                yield Event(step.at, EventSort.SUSPECTS, text, tuple(root["suspects"]))
            suspects[name] = root["suspects"]
        new = tuple(sorted(step.symptoms.keys() - affected))
        if new:
            by = joined(dict.fromkeys(name for symptom in new for name in step.symptoms[symptom][0]))
            yield Event(step.at, EventSort.VERDICT, f"{joined(new)} {verb(new)} affected by {by}", new)
        affected |= step.symptoms.keys()


def _journeys(changes: Iterable[Change]) -> Iterator[Event]:
    for change in changes:
        if change.subject.sort == Sort.JOURNEY:
            at = f" at {change.value['blocked_at']}" if change.value.get("blocked_at") else ""
            yield Event(change.at, EventSort.JOURNEY, f"journey {change.subject.name} is {change.state}{at}")


def _alerts(incident: Incident, alerts: Mapping[str, AlertPlan]) -> Iterator[Event]:
    for root in incident.roots:
        if plan := alerts.get(root.priority):
            yield Event(root.since, EventSort.ALERT, f"alert for {root.component}: {plan}", (root.component,))


def _note(note: Note) -> Event:
    if note.sort == ACKNOWLEDGED:
        return Event(note.at, EventSort.ACKNOWLEDGED, f"acknowledged by {note.by}", (), note.text)
    return Event(note.at, EventSort.NOTE, f"note by {note.by}", (), note.text)


def _end(incident: Incident) -> Iterator[Event]:
    if incident.ended is not None:
        yield Event(incident.ended, EventSort.END, f"incident over after {span(incident.ended - incident.began)}")


def _steps(changes: Iterable[Change], states: Mapping[str, str], before: Mapping[str, str]) -> Iterator[Step]:
    now, journeys, blocked = dict(states), dict(before), dict[str, str | None]()
    seen: dict[str, Mapping[str, Any]] = {}
    for change in changes:
        name, value = change.subject.name, change.value
        if change.subject.sort == Sort.COMPONENT:
            now[name], seen[name] = change.state, value
        elif change.subject.sort == Sort.JOURNEY:
            journeys[name], blocked[name] = change.state, value.get("blocked_at")
        elif change.subject.sort == Sort.VERDICT:
            yield Step(
                change.at,
                change.state,
                tuple(value["roots"]),
                value["symptoms"],
                dict(now),
                dict(journeys),
                dict(seen),
                dict(blocked),
            )
