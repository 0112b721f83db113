"""The nouns of the product: what is configured, what a run saw, what a snapshot contains.

Owned here, imported by everything, importing nothing of ours. All times are Unix seconds, all durations seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

LATENT = "latent"  # the `kind` of a component without a check
STEP = "step"  # the `kind` of a component that a step of another one's check observes


class State(StrEnum):
    """What is published about a component; `staging_component_state` shows all seven."""

    UP = "up"
    DEGRADED = "degraded"
    FLAPPING = "flapping"
    STARTING = "starting"
    DOWN = "down"
    UNKNOWN = "unknown"
    MAINTENANCE = "maintenance"


class Reason(StrEnum):
    """Why a run, or a component, is as it is: a closed set, safe as a label value."""

    OK = "ok"
    DNS = "dns"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    CLOSED = "closed"
    TLS_EXPIRED = "tls_expired"
    TLS_NAME = "tls_name"
    TLS_UNTRUSTED = "tls_untrusted"
    TLS = "tls"
    SERVER_ERROR = "server_error"
    DENIED = "denied"
    STATUS = "status"
    CONTENT = "content"
    IDENTITY = "identity"
    PROTOCOL = "protocol"
    SATURATED = "saturated"
    SLOW = "slow"
    UNSTABLE = "unstable"
    STARTING = "starting"
    FAILED = "failed"
    NO_EVIDENCE = "no_evidence"
    RATE_LIMITED = "rate_limited"
    RESOLVER = "resolver"
    OFFLINE = "offline"
    CREDENTIALS = "credentials"
    PROBE_ERROR = "probe_error"
    INFERRED = "inferred"
    DISABLED = "disabled"


# Runs that ended so say nothing about their target: the component is `unknown`, never `down`.
INCONCLUSIVE = frozenset(
    {
        Reason.NO_EVIDENCE,
        Reason.RATE_LIMITED,
        Reason.RESOLVER,
        Reason.OFFLINE,
        Reason.CREDENTIALS,
        Reason.PROBE_ERROR,
    }
)


class Outcome(StrEnum):
    """What one run amounts to."""

    PASS = "pass"
    DEGRADED = "degraded"
    FAIL = "fail"
    UNKNOWN = "unknown"


class Layer(StrEnum):
    """Who owns a component."""

    INFRASTRUCTURE = "infrastructure"
    PLATFORM = "platform"
    SERVICE = "service"
    APPLICATION = "application"
    TEST = "test"


class Certainty(StrEnum):
    """How a root cause was found: by its own runs, by those of its dependents, or by the moment or by numbers alone."""

    OBSERVED = "observed"
    INFERRED = "inferred"
    LIKELY = "likely"


class Priority(StrEnum):
    """Who is woken; `min()` of several is the most urgent."""

    P0 = "P0"
    P1 = "P1"
    P2 = "P2"

    @property
    def number(self) -> int:
        """0, 1 or 2, as `staging_component_effective_priority` shows it."""
        return int(self.value[1])


class Trait(StrEnum):
    """What a kind of check declares about itself, so that metrics and alerts need not know kinds by name."""

    COMPARES_NAMES = "compares names"  # fact `siblings`: other forms of the name that work where it does not
    HAS_STEPS = "has steps"  # its phases are its steps, one after another
    DESCRIBES_CLOUD = "describes cloud"  # facts `instances`, `max_instances`, `utilization`, `startup_budget`
    JUDGES_TESTS = "judges tests"  # facts `tests`, `run_timestamp`, `run_duration`: the outcome of a test suite


class ProbeFailed(Exception):
    """A run ended with a verdict on its target that is not a pass.

    `detail` says what was seen beside what was expected. A reason in `INCONCLUSIVE` makes the run `unknown`.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class ProbeDegraded(ProbeFailed):
    """The right service answered, but too slowly or with a warning sign."""


@dataclass(frozen=True, slots=True)
class Startup:
    """How long a component may take to start: `budget` in all, `cold` of it in silence."""

    budget: float
    cold: float = 0.0


@dataclass(frozen=True, slots=True)
class FailureRatio:
    """Unstable is a component of whose last `of` scheduled runs more than the share `above` failed."""

    above: float = 0.2
    of: int = 30


# Seconds; few, since each is a series of every component.
BUCKETS = (0.05, 0.25, 1.0, 5.0)


@dataclass(frozen=True, slots=True)
class Component:
    """One node of the graph, as configured; its check, if any, stays with the runner.

    `depends_on` is a conjunction of any-of groups: `(("postgres",), ("llm-a", "llm-b"))` is postgres and one of two.
    `traits` are those of the kind, `buckets` the bounds of the histogram of its durations, in seconds.
    """

    name: str
    layer: Layer
    priority: Priority
    kind: str = LATENT
    depends_on: tuple[tuple[str, ...], ...] = ()
    optional_depends_on: tuple[str, ...] = ()
    interval: float = 10.0
    timeout: float = 5.0
    fall: int = 3
    rise: int = 2
    retry_interval: float = 1.0
    failure_ratio: FailureRatio = FailureRatio()
    startup: Startup | None = None
    intrinsic: frozenset[Reason] = frozenset()
    covers: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    traits: frozenset[Trait] = frozenset()
    buckets: tuple[float, ...] = BUCKETS
    enabled: bool = True

    @property
    def latent(self) -> bool:
        """True when there is no check: judged only by those that depend on it."""
        return self.kind == LATENT

    @property
    def hard(self) -> tuple[str, ...]:
        """What it depends on in `depends_on`, each once."""
        return tuple(dict.fromkeys(name for group in self.depends_on for name in group))

    @property
    def needs(self) -> tuple[str, ...]:
        """What it depends on, hard or optional, each once."""
        return tuple(dict.fromkeys([*self.hard, *self.optional_depends_on]))

    def counts_like(self, other: Component) -> bool:
        """True when runs are made and counted alike for both, whatever place they have in the graph."""
        return self._counted == other._counted

    @property
    def _counted(self) -> tuple[object, ...]:
        timing = (self.interval, self.timeout, self.fall, self.rise, self.retry_interval)
        return self.kind, timing, self.failure_ratio, self.startup


@dataclass(frozen=True, slots=True)
class Journey:
    """A path that a user takes; `steps` are (step, component) pairs in order."""

    name: str
    priority: Priority
    steps: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Topology:
    """What is configured of an environment, as the core sees it; order is that of the file."""

    environment: str
    components: Mapping[str, Component]
    journeys: Mapping[str, Journey] = field(default_factory=dict)
    recovery: float = 60.0


@dataclass(frozen=True, slots=True)
class Observation:
    """One completed run of one check.

    `started` is when it began, `duration` how long it took; `lag` is how late it began after it was due, `skipped` how
    many scheduled runs before it did not happen.
    It is `scheduled` when it was due by the schedule, unlike a retry or a run that a round asked for.
    `stalled` is true when our own event loop stalled: an inconclusive run because of that is worth another try.
    `phases` are seconds by phase, `facts` JSON values that the kind exposes (`status`, `tls_not_after` ...).
    `also` are the results for components that single steps of the run observe.
    """

    component: str
    started: float
    duration: float
    outcome: Outcome
    reason: Reason
    detail: str = ""
    lag: float = 0.0
    skipped: int = 0
    scheduled: bool = False
    stalled: bool = False
    phases: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    also: tuple[Observation, ...] = ()

    @property
    def ended(self) -> float:
        """When the run was over."""
        return self.started + self.duration
