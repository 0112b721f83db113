"""What is published at one moment: everything that a user sees is a function of a Snapshot.

All of it is frozen and made at once, so that metrics, page, report and API can never disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from staging_exporter.core.model import Certainty, Component, Layer, Outcome, Priority, Reason, State

LAG_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)


class JourneyState(StrEnum):
    """What is published about a journey."""

    UP = "up"
    DEGRADED = "degraded"
    UNKNOWN = "unknown"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts per bucket (the last one without a bound), and the sum of what was observed, in seconds."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the past, without its facts: `started` Unix seconds, `duration` and `phases` seconds."""

    started: float
    duration: float
    outcome: Outcome
    reason: Reason
    detail: str
    phases: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ProbeStats:
    """What the runs of one component amount to since the exporter began.

    `durations` are those of passed and degraded runs, `last_failure_duration` that of the last failed one, seconds.
    `skipped` scheduled runs did not happen. `last` are the last 30 runs, `last_failures` the last 10 that were no pass;
    both oldest first, kept over a reload. `expiries` are facts of the certificate and the credential that were seen
    last; `tls_info` are the values of `staging_probe_tls_info`, empty without TLS. `budget_runs` and `budget_failures`
    are those that count for its error budget.
    """

    runs: int
    failures: Mapping[Reason, int]
    durations: Histogram
    last: tuple[Run, ...] = ()
    last_failures: tuple[Run, ...] = ()
    last_failure_duration: float | None = None
    skipped: int = 0
    expiries: Mapping[str, float] = field(default_factory=dict)
    tls_info: tuple[str, ...] = ()
    budget_runs: int = 0
    budget_failures: int = 0


@dataclass(frozen=True, slots=True)
class Deploy:
    """The last deploy of a component: when (Unix seconds), and which revision."""

    at: float
    revision: str


@dataclass(frozen=True, slots=True)
class ComponentStatus:
    """One component: its configuration, its state, what is concluded about it.

    `since` is when the state was published, `last_probe` when the last run began; both None before.
    `root_causes` are those that affect a symptom, `recovering_from` those that are over already.
    `startup_ends` is when the budget is spent, while it is starting. `failed_since` is when the first run failed since
    it was last up, also over spells in which nothing was known of it.
    `through` are dependencies that are up between a symptom and what explains it: their checks are shallow.
    `recovers_until` is when the time ends that it has to recover, after a root cause or a maintenance; it has
    `subsided` when its last runs passed while its state lasts. `not_recovered_from` are root causes that are over, from
    which a root had time to recover. It is `inferred` when nobody can see it, only its dependents. `began` is the onset
    of the trouble: when the first run of it began. `at_risk_from` are root causes that take down what it needs, while
    its own last run failed, or none has begun since. `failure_ratio` is the share of its last scheduled runs that
    failed, `unnoticed` the number of incidents that its check did not notice.
    A root is `stale` when it is no longer seen, only remembered. `last_outcome` is that of the last run, whatever the
    state hides.
    """

    component: Component
    state: State
    reason: Reason
    detail: str
    since: float | None
    last_probe: float | None
    last_outcome: Outcome | None = None
    root: bool = False
    stale: bool = False
    root_causes: tuple[str, ...] = ()
    explained_by: tuple[str, ...] = ()
    through: tuple[str, ...] = ()
    recovering_from: tuple[str, ...] = ()
    recovers_until: float | None = None
    subsided: bool = False
    not_recovered_from: tuple[str, ...] = ()
    suspects: tuple[str, ...] = ()
    contradicted_by: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    phases: Mapping[str, float] = field(default_factory=dict)
    stats: ProbeStats | None = None
    deployed: Deploy | None = None
    startup_ends: float | None = None
    failed_since: float | None = None
    inferred: bool = False
    certainty: Certainty = Certainty.OBSERVED
    began: float | None = None
    at_risk_from: tuple[str, ...] = ()
    failure_ratio: float | None = None
    unnoticed: int = 0


@dataclass(frozen=True, slots=True)
class RootCause:
    """A published root cause; `priority` is the effective one, `affected` are its symptoms.

    `coincides_with` are other root causes that began together with it, to which no edge is configured;
    `contradicted_by` are dependents that are up; `through` are components between it and its symptoms whose checks did
    not notice; `not_recovered_from` are root causes that are gone, from which it had time to recover. `announced` is
    the detail when its reason was published.
    """

    component: str
    layer: Layer
    priority: Priority
    state: State
    reason: Reason
    detail: str
    since: float | None
    inferred: bool = False
    stale: bool = False
    certainty: Certainty = Certainty.OBSERVED
    not_recovered_from: tuple[str, ...] = ()
    coincides_with: tuple[str, ...] = ()
    contradicted_by: tuple[str, ...] = ()
    through: tuple[str, ...] = ()
    began: float | None = None
    suspects: tuple[str, ...] = ()
    affected: tuple[str, ...] = ()
    journeys: tuple[str, ...] = ()
    announced: str = ""

    @property
    def relations(self) -> Mapping[str, tuple[str, ...]]:
        """The components that make it less certain or are to be looked at with it, by what they are to it."""
        return {
            "suspect": self.suspects,
            "coincides_with": self.coincides_with,
            "contradicted_by": self.contradicted_by,
            "through": self.through,
            "not_recovered_from": self.not_recovered_from,
        }


@dataclass(frozen=True, slots=True)
class StepStatus:
    """One step of a journey and the state of its component."""

    name: str
    component: str
    state: State


@dataclass(frozen=True, slots=True)
class JourneyStatus:
    """A journey: whether users can complete it, at which step it breaks, and by which root causes."""

    name: str
    priority: Priority
    state: JourneyState
    steps: tuple[StepStatus, ...]
    blocked_at: str | None = None
    root_causes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole environment at `generated_at`; `pending` while a round is open, `settled` when none was cut short.

    `concurrency` is how many probes are running.
    """

    environment: str
    generated_at: float
    state: State
    pending: bool
    settled: bool
    online: bool
    ready: bool
    components: Mapping[str, ComponentStatus]
    root_causes: tuple[RootCause, ...]
    journeys: Mapping[str, JourneyStatus]
    lag: Histogram
    concurrency: int = 0
