"""The types of the API's documents: what `/api/v1/status`, `components/NAME`, `incidents` and `suggestions` return.

Durations are seconds, times are Unix seconds, those of incidents RFC 3339. States, reasons, layers and priorities are
the strings of `core.model`. mypy reports a misspelt key wherever these types are used.
"""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict  # which pydantic can check on Python 3.11


class RootCauseDocument(TypedDict):
    """One root cause. `priority` is the effective one; `since` is when its state was published, None before.

    `began` is when its first failing run started, None when that is not known. `certainty` is how it was found:
    `observed`, `inferred` (from its dependents), or `likely` (by the time or the number of failures alone: its
    `suspects` are the alternatives). `inferred` is true for a component that is not seen by a check of its own, `stale`
    while its component cannot be seen. `suspects` are components that may be involved, `coincides_with` root causes
    that began together with it without a dependency between them, `contradicted_by` dependents that are up, `through`
    components between it and its symptoms whose checks do not notice it, `not_recovered_from` root causes that are over
    and from which it had time to recover. `remarks` are phrases about these, by subject. `affected` are its symptoms,
    `journeys` those that it blocks.
    """

    component: str
    layer: str
    priority: str
    state: str
    reason: str
    detail: str
    since: float | None
    began: float | None
    certainty: str
    inferred: bool
    stale: bool
    suspects: list[str]
    coincides_with: list[str]
    contradicted_by: list[str]
    through: list[str]
    not_recovered_from: list[str]
    remarks: dict[str, str]
    affected: list[str]
    journeys: list[str]


class DeployDocument(TypedDict):
    """The last deploy of a component: when (Unix seconds) and which revision, which may be empty."""

    at: float
    revision: str


class RecentRuns(TypedDict):
    """The last 30 runs as columns, oldest first: `durations` in seconds."""

    outcomes: list[str]
    durations: list[float]


class RunDocument(TypedDict):
    """One run of a check: `started` in Unix seconds, `duration` and `phases` in seconds."""

    started: float
    duration: float
    outcome: str
    reason: str
    detail: str
    phases: dict[str, float]


class ComponentDocument(TypedDict):
    """One component: its configuration, its state, and what is concluded about it.

    `since` is when the state was published and `last_probe` when the last run started, in Unix seconds, None before.
    `kind` is `latent` without a check. `priority` is the configured one. `interval` is in seconds. In `depends_on` a
    list is a group of which any one is enough. `root_causes` are those of a symptom, `explained_by` the dependencies
    that explain the failure, `through` those that are up between it and its root causes and do not notice, and
    `recovering_from` root causes that recovered a moment ago; `recovers_until` is when the time to recover ends.
    `subsided` is true when the last runs passed while the state lasts. `certainty` is how a root cause was found, None
    for others; `inferred` is true when only dependents show the state; `not_recovered_from` are root causes that are
    over and from which it had time to recover. `began` is when the first failing run started. `failure_ratio` is the
    share of the last scheduled runs that failed, None while it is not up; `unnoticed` the number of incidents that the
    check did not notice. `contradicted_by` are dependents that are up although this component is down, `conflicts`
    components that are down although this suite covers them and passes. `startup_ends` is when the startup budget is
    spent, in Unix seconds, None unless it is starting. `phases` are those of the last run, in seconds; `facts` depend
    on the kind.
    """

    state: str
    reason: str
    detail: str
    since: float | None
    last_probe: float | None
    kind: str
    layer: str
    priority: str
    depends_on: list[str | list[str]]
    optional_depends_on: list[str]
    covers: list[str]
    interval: float
    root_causes: list[str]
    explained_by: list[str]
    through: list[str]
    recovering_from: list[str]
    recovers_until: float | None
    not_recovered_from: list[str]
    subsided: bool
    inferred: bool
    certainty: str | None
    began: float | None
    failure_ratio: float | None
    unnoticed: int
    suspects: list[str]
    contradicted: bool
    contradicted_by: list[str]
    conflicts: list[str]
    links: dict[str, str]
    labels: dict[str, str]
    startup_ends: float | None
    deployed: DeployDocument | None
    phases: dict[str, float]
    facts: dict[str, Any]
    recent: RecentRuns
    explanation: str


class ComponentDetailDocument(ComponentDocument):
    """One component with its name, its last 30 runs and the last 10 that did not pass, newest last."""

    component: str
    runs: list[RunDocument]
    failures: list[RunDocument]


class StepDocument(TypedDict):
    """One step of a journey, and the state of its component."""

    name: str
    component: str
    state: str


class JourneyDocument(TypedDict):
    """A journey: `blocked_at` is the first step whose component is down, None when there is none."""

    state: str
    priority: str
    blocked_at: str | None
    root_causes: list[str]
    steps: list[StepDocument]


class StatusDocument(TypedDict):
    """The whole environment at `generated_at`, in Unix seconds. `components` and `journeys` are by name.

    `pending` is true while a change is being confirmed, `settled` when no check was left out of the verdict, `online`
    unless all vantage checks fail. `verdict` is one sentence.
    """

    environment: str
    generated_at: float
    state: str
    pending: bool
    settled: bool
    online: bool
    root_causes: list[RootCauseDocument]
    components: dict[str, ComponentDocument]
    journeys: dict[str, JourneyDocument]
    verdict: str


class IncidentRootCauseDocument(TypedDict):
    """A root cause within an incident, from `since` until `until`, which is None while it lasts; times in RFC 3339.

    `began` is when its first failing run started. `contradicted_by` are dependents that were up, `through` components
    whose checks did not notice it.
    """

    component: str
    layer: str
    priority: str
    reason: str
    detail: str
    since: str
    until: str | None
    began: str | None
    contradicted_by: list[str]
    through: list[str]


class EventDocument(TypedDict):
    """One thing that happened in an incident: what it is, a sentence, and what a probe saw; `at` in RFC 3339."""

    at: str
    event: str
    text: str
    components: list[str]
    detail: str


class NoteDocument(TypedDict):
    """A note on an incident, or its acknowledgement (`sort`): `by` whom, and when, in RFC 3339."""

    at: str
    by: str
    sort: str
    text: str


class IncidentDocument(TypedDict):
    """An incident; times in RFC 3339. `ended` and `duration` (seconds) are None while it lasts.

    `root` is the component that was its first root cause, `priority` the most urgent of its root causes, `moved` are
    changes of their set, `timeline` is when each began and ended. `acknowledged` says who did so, and when.
    """

    id: str
    began: str
    ended: str | None
    duration: float | None
    root: str
    priority: str
    roots: list[IncidentRootCauseDocument]
    moved: list[str]
    timeline: list[EventDocument]
    acknowledged: NoteDocument | None


class AlertDocument(TypedDict):
    """The alert for the root causes of one priority, its configured receivers.

    `sent_to` are the Alertmanagers to which the exporter itself sends it.
    """

    priority: str
    alert: str
    receivers: list[str]
    sent_to: list[str]


class IncidentDetailDocument(IncidentDocument):
    """An incident with its story: here `timeline` has everything that happened.

    `first_failure` is when the first failing run began, `affected` are the symptoms, `journeys` those that were
    blocked.
    """

    first_failure: str
    affected: list[str]
    journeys: list[str]
    alerts: list[AlertDocument]
    notes: list[NoteDocument]


class SuggestedEdgeDocument(TypedDict):
    """An edge that is not configured: both failed and recovered together in the `incidents`, which began then.

    `in_order` is the number of incidents in which `depends_on` began to fail first.
    """

    component: str
    depends_on: str
    incidents: list[float]
    in_order: int


class DoubtfulEdgeDocument(TypedDict):
    """A configured edge: `component` was up while `depends_on` was down, in the `incidents`, which began then."""

    component: str
    depends_on: str
    incidents: list[float]


class ShallowCheckDocument(TypedDict):
    """A check that did not notice the `incidents`, which began then."""

    component: str
    incidents: list[float]


class SuggestionsDocument(TypedDict):
    """What the incidents so far say about the configuration, at `generated_at`."""

    environment: str
    generated_at: float
    edges: list[SuggestedEdgeDocument]
    doubtful: list[DoubtfulEdgeDocument]
    shallow: list[ShallowCheckDocument]
