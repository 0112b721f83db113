"""Changes of states and verdicts, as they are kept: what differs between two snapshots, as rows. Pure.

`past` has the states of each subject over time, `story` an incident in the order in which it happened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from staging_exporter.core.model import State
from staging_exporter.core.snapshot import ComponentStatus, RootCause, Snapshot

_DETAIL = 160  # characters of a detail that are kept with a change of state; a root cause keeps all


class Sort(StrEnum):
    """What a change is about."""

    COMPONENT = "component"
    JOURNEY = "journey"
    VERDICT = "verdict"
    DEPLOY = "deploy"
    EXPORTER = "exporter"  # `stopped` and `started`: nothing is known of the time in between


class Subject(NamedTuple):
    """What has a state: a component, a journey, or with an empty name the verdict."""

    sort: Sort
    name: str


NONE = "none"  # the state of what is not configured any more
STOPPED, STARTED = "stopped", "started"
EXPORTER = Subject(Sort.EXPORTER, "")
VERDICT = Subject(Sort.VERDICT, "")


@dataclass(frozen=True, slots=True)
class Change:
    """From `at` (Unix seconds) on the subject is in this state; `value` has JSON values that depend on its sort.

    Of a component `reason` and `detail`, of a journey `blocked_at`, of a deploy `revision`; of the verdict `settled`,
    `online`, `roots` (the root causes) and `symptoms` (by component its root causes, and what explains it).
    """

    at: float
    subject: Subject
    state: str
    value: Mapping[str, Any] = field(default_factory=dict)


class Observer:
    """Compares each snapshot with the one before."""

    def __init__(self) -> None:
        self._known: dict[Subject, object] = {}
        self._reasons: dict[str, set[str]] = {}  # those that each current root cause has had

    def changes(self, snapshot: Snapshot) -> list[Change]:
        """What is new in this snapshot, components first."""
        found = [*self._gone(snapshot), *self._of_components(snapshot), *self._of_journeys(snapshot)]
        return [*found, *self._of_verdict(snapshot)]

    def _gone(self, snapshot: Snapshot) -> Iterator[Change]:
        """What is not configured any more."""
        present = {Sort.COMPONENT: snapshot.components.keys(), Sort.JOURNEY: snapshot.journeys.keys()}
        for subject in [s for s in self._known if s.sort in present and s.name not in present[s.sort]]:
            del self._known[subject]
            yield Change(snapshot.generated_at, subject, NONE)

    def _is_new(self, subject: Subject, key: object) -> bool:
        if self._known.get(subject) == key:
            return False
        self._known[subject] = key
        return True

    def _of_components(self, snapshot: Snapshot) -> Iterator[Change]:
        now = snapshot.generated_at
        for name, status in snapshot.components.items():
            subject = Subject(Sort.COMPONENT, name)
            first = subject not in self._known
            if self._is_new(subject, status.state):
                at = now if first or status.since is None else min(status.since, now)
                yield Change(at, subject, str(status.state), _seen(status))

    def _of_journeys(self, snapshot: Snapshot) -> Iterator[Change]:
        for name, status in snapshot.journeys.items():
            subject = Subject(Sort.JOURNEY, name)
            if self._is_new(subject, (status.state, status.blocked_at)):
                yield Change(snapshot.generated_at, subject, str(status.state), {"blocked_at": status.blocked_at})

    def _of_verdict(self, snapshot: Snapshot) -> Iterator[Change]:
        roots, symptoms = snapshot.root_causes, _symptoms(snapshot)
        fresh = self._new_reasons(roots)
        key = (snapshot.state, snapshot.online, tuple(map(_aspects, roots)), symptoms)
        if self._is_new(VERDICT, key) or fresh:
            value = {"settled": snapshot.settled, "online": snapshot.online, "roots": [_root(root) for root in roots]}
            yield Change(snapshot.generated_at, VERDICT, str(snapshot.state), {**value, "symptoms": symptoms})

    def _new_reasons(self, roots: tuple[RootCause, ...]) -> bool:
        """Whether a root cause has a reason that it has not had; two that alternate are not a change each time."""
        known = {root.component: self._reasons.get(root.component, set()) for root in roots}
        fresh = any(str(root.reason) not in known[root.component] for root in roots)
        self._reasons = {root.component: known[root.component] | {str(root.reason)} for root in roots}
        return fresh


def _seen(status: ComponentStatus) -> dict[str, Any]:
    if status.state == State.UP:
        return {}
    return {"reason": str(status.reason), "detail": status.detail[:_DETAIL]}


def _symptoms(snapshot: Snapshot) -> dict[str, list[list[str]]]:
    return {
        name: [[*status.root_causes], [*status.explained_by]]
        for name, status in snapshot.components.items()
        if status.root_causes and not status.root
    }


def _aspects(root: RootCause) -> tuple[object, ...]:
    """What makes a new verdict; reason and detail may change with every probe."""
    return (root.component, root.state, root.priority, root.certainty, root.stale, root.suspects, root.journeys)


def _root(root: RootCause) -> dict[str, Any]:
    texts = {key: str(getattr(root, key)) for key in ("layer", "priority", "state", "reason", "certainty")}
    return {
        "component": root.component,
        **texts,
        "detail": root.detail,
        "since": root.since,
        "began": root.began,
        "inferred": root.inferred,
        "stale": root.stale,
        "suspects": list(root.suspects),
        "journeys": list(root.journeys),
    }
