"""Observations of one component -> its state in time.

The rules:

- Each run is a pass, degraded or a failure, or it was inconclusive. The first pass sets `up` at once; before `fall`
  non-passes the first state stays `unknown`, with the reason that was seen.
- `fall` non-passes in a row leave `up`: to `down` only if all of them failed, else to `degraded`.
- `rise` passes in a row return to `up`. From `down`, `rise` runs without a failure reach at least `degraded`.
- `unknown` is immediate and resets nothing; what was known before shows again with a run that agrees with it. A run
  that is inconclusive because our event loop stalled is retried at once, up to three times in a row.
- Silence for three intervals is `unknown`, never "still up".
- `flapping`: at least 5 failures and 6 changes among the last 12 runs, until at most 1 of the last 12 failed.
- `unstable`: `degraded` instead of `up` when more than `failure_ratio` of the last scheduled runs failed, until at most
  half of that share did; `failure_window` has the rules. `flapping` wins.
- `starting`: instead of `down`, while the server reports that it is starting (or its uptime decreased), or for `cold`
  with silence or refusal. The failure count goes on and the budget runs from the first failure since it was last up;
  spent, it is `down`, and once down it is not granted again before `up` or a deploy. Deploys before it is `up` extend
  it to at most three budgets after the first of them; one that comes later than three more grants it anew.

`Health` is the whole memory, `observe` the one step function; time comes in with the observation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from staging_exporter.core.evidence import Recent
from staging_exporter.core.facts import Fact
from staging_exporter.core.failure_window import EMPTY, FailureWindow
from staging_exporter.core.model import Component, FailureRatio, Observation, Outcome, Reason, Startup, State
from staging_exporter.core.startup import grant

_FLAPPING = 12  # runs that flapping looks at
SILENT = 3  # intervals without a result
_STALLED_RETRIES = 3  # runs in a row that are retried because our event loop stalled
_COLD = frozenset({Reason.TIMEOUT, Reason.REFUSED})


_NO_RUNS = Recent()


@dataclass(frozen=True, slots=True)
class Health:
    """The state of one component and what led to it.

    `base` is the debounced state, which `unknown`, `flapping`, `unstable` and `starting` may hide. `failing_since` is
    when the first run began that did not pass since it was last up; `known_at` is when the last run ended,
    `bad_reason` and `bad_detail` are those of the last run that did not pass, `stalled_runs` the last runs in a
    row that are inconclusive because our event loop stalled, `granted_until` is the last end of the startup budget that
    deploys since it was last up may grant.
    """

    state: State = State.UNKNOWN
    reason: Reason = Reason.NO_EVIDENCE
    detail: str = "not probed yet"
    since: float | None = None
    base: State = State.UNKNOWN
    passes: int = 0
    fails: int = 0
    non_passes: int = 0
    non_fails: int = 0
    failing_since: float | None = None
    first_failure: float | None = None
    recent: Recent = _NO_RUNS
    window: FailureWindow = EMPTY
    unstable: bool = False
    flapping: bool = False
    spent: bool = False
    granted_until: float | None = None
    bad_reason: Reason = Reason.NO_EVIDENCE
    bad_detail: str = ""
    uptime: float | None = None
    restarted: bool = False
    last: Outcome | None = None
    known_at: float | None = None
    stalled_runs: int = 0

    @property
    def confirming(self) -> bool:
        """True while the last run disagrees with the state and more runs are wanted before it changes."""
        if self.last == Outcome.UNKNOWN:
            return 0 < self.stalled_runs <= _STALLED_RETRIES
        if self.flapping or self.last is None:
            return False
        if self.state == State.STARTING and self.fails:
            return False
        if self.base in (State.UP, State.UNKNOWN):
            return self.non_passes > 0
        return self.non_fails > 0 if self.base == State.DOWN else self.passes > 0 or self.fails > 0


def observe(health: Health, component: Component, seen: Observation) -> Health:
    """The health after one more run."""
    stalled_runs = health.stalled_runs + 1 if seen.stalled else 0
    if seen.outcome == Outcome.UNKNOWN:
        known = replace(health, last=seen.outcome, known_at=seen.ended, stalled_runs=stalled_runs)
        return _publish(known, State.UNKNOWN, seen)
    counted = _remember_uptime(_count(health, component, seen, stalled_runs), seen)
    flapping, spent = _flapping(counted), counted.spent and counted.base != State.UP
    same = (flapping, spent) == (counted.flapping, counted.spent)
    stepped = counted if same else replace(counted, flapping=flapping, spent=spent)
    state = _visible(stepped, component, seen)
    weighed = _weigh(stepped, state, component, seen)
    if weighed.unstable and state == State.UP:
        return _publish_unstable(weighed, component.failure_ratio, seen)
    return _publish(weighed, state, seen)


def expire(health: Health, component: Component, now: float) -> Health:
    """`unknown` when nothing was heard for three intervals, else the health as it is."""
    if health.known_at is None or health.state == State.UNKNOWN:
        return health
    silent = now - health.known_at
    if silent <= SILENT * component.interval:
        return health
    detail = f"no result for {silent:.0f} s, expected one every {component.interval:g} s"
    return replace(
        health, state=State.UNKNOWN, reason=Reason.NO_EVIDENCE, detail=detail, since=now, last=Outcome.UNKNOWN
    )


def forget_failures(health: Health, reason: Reason, detail: str) -> Health:
    """Not known again before the next run; `fall` new failures are needed to call it down."""
    base = health.base if health.base in (State.UP, State.UNKNOWN) else State.UNKNOWN
    return replace(
        health,
        state=State.UNKNOWN,
        reason=reason,
        detail=detail,
        base=base,
        fails=0,
        non_passes=0,
        failing_since=None,
        first_failure=None,
        last=Outcome.UNKNOWN,
        recent=Recent(),
        window=EMPTY,
        unstable=False,
        flapping=False,
    )


def begin_window(health: Health) -> Health:
    """The share of failures counts from now on, as after a maintenance."""
    return replace(health, window=EMPTY) if health.window.runs else health


def deployed(health: Health, startup: Startup | None, at: float) -> Health:
    """After a deploy at `at`."""
    return replace(health, **grant(startup, at, spent=health.spent, until=health.granted_until)._asdict())


def startup_ends(health: Health, component: Component) -> float | None:
    """When the startup budget is spent; None unless it is starting."""
    if health.state != State.STARTING or component.startup is None or health.first_failure is None:
        return None
    return health.first_failure + component.startup.budget


def _count(health: Health, component: Component, seen: Observation, stalled_runs: int) -> Health:
    passed, failed = seen.outcome == Outcome.PASS, seen.outcome == Outcome.FAIL
    counted = replace(
        health,
        last=seen.outcome,
        known_at=seen.ended,
        stalled_runs=stalled_runs,
        bad_reason=health.bad_reason if passed else seen.reason,
        bad_detail=health.bad_detail if passed else seen.detail,
        passes=health.passes + 1 if passed else 0,
        fails=health.fails + 1 if failed else 0,
        non_passes=0 if passed else health.non_passes + 1,
        non_fails=0 if failed else health.non_fails + 1,
        recent=health.recent.add(seen),
        failing_since=health.failing_since if health.failing_since is not None or passed else seen.started,
        first_failure=health.first_failure if health.first_failure is not None or not failed else seen.started,
    )
    base = _next_base(counted, component)
    failing = counted.failing_since is not None or counted.first_failure is not None
    if passed and base == State.UP and failing:
        since = counted.failing_since if counted.unstable else None
        return replace(counted, base=base, failing_since=since, first_failure=None, granted_until=None)
    return counted if base == counted.base else replace(counted, base=base)


def _next_base(health: Health, component: Component) -> State:
    if health.base == State.UNKNOWN and health.passes:
        return State.UP
    if health.base in (State.UP, State.UNKNOWN):
        if health.non_passes < component.fall:
            return health.base
        return State.DOWN if health.fails >= component.fall else State.DEGRADED
    if health.passes >= component.rise:
        return State.UP
    if health.base == State.DOWN:
        return State.DEGRADED if health.non_fails >= component.rise else State.DOWN
    return State.DOWN if health.fails >= component.fall else State.DEGRADED


def _remember_uptime(health: Health, seen: Observation) -> Health:
    """An uptime that decreased means that the server was restarted, until it is up again."""
    uptime = seen.facts.get(Fact.UPTIME)
    if isinstance(uptime, bool) or not isinstance(uptime, int | float):
        uptime = health.uptime
    backwards = uptime is not None and health.uptime is not None and uptime < health.uptime
    up_again = health.passes > 0 and health.base == State.UP
    restarted = (health.restarted or backwards) and not up_again
    if (uptime, restarted) == (health.uptime, health.restarted):
        return health
    return replace(health, uptime=uptime, restarted=restarted)


def _flapping(health: Health) -> bool:
    failed = [run.outcome == Outcome.FAIL for run in health.recent.runs[-_FLAPPING:]]
    if health.flapping:
        return sum(failed) > 1
    changes = sum(a != b for a, b in pairwise(failed))
    return sum(failed) >= 5 and changes >= 6


def _visible(health: Health, component: Component, seen: Observation) -> State:
    if health.flapping:
        return State.FLAPPING
    if _starting(health, component, seen):
        return State.STARTING
    if health.state == State.UNKNOWN and not _agrees(health.base, seen.outcome):
        return State.UNKNOWN  # one run that disagrees, after blindness, does not bring back what was known before
    return health.base


def _weigh(health: Health, state: State, component: Component, seen: Observation) -> Health:
    """With the share of failures after this run; only what is `up` otherwise can be unstable."""
    if state == State.UNKNOWN:
        return health
    if state != State.UP:
        return replace(health, window=EMPTY, unstable=False) if health.window.runs else health
    failed, limit, window = seen.outcome == Outcome.FAIL, component.failure_ratio, health.window
    if seen.scheduled:
        window = window.add(failed=failed, of=limit.of)
    if health.unstable and seen.outcome == Outcome.PASS and not window.exceeds(limit.above / 2):
        return replace(health, window=EMPTY, unstable=False, failing_since=None)
    if not health.unstable and failed and window.exceeds(limit.above):
        return replace(health, window=window, unstable=True, failing_since=health.recent.since)
    return replace(health, window=window) if seen.scheduled else health


def _starting(health: Health, component: Component, seen: Observation) -> bool:
    if component.startup is None or health.spent or health.first_failure is None:
        return False
    waited = seen.ended - health.first_failure
    if waited >= component.startup.budget:
        return False
    if seen.outcome != Outcome.FAIL:
        return health.state == State.STARTING and health.base in (State.DOWN, State.UNKNOWN)
    if seen.reason == Reason.STARTING or health.restarted:
        return True
    leaving = health.base not in (State.UP, State.UNKNOWN) or health.state == State.STARTING
    return leaving and seen.reason in _COLD and seen.started - health.first_failure < component.startup.cold


def _publish(health: Health, state: State, seen: Observation) -> Health:
    changed = state != health.state
    agrees = _agrees(state, seen.outcome)
    if not changed and (not agrees or (seen.reason, seen.detail) == (health.reason, health.detail)):
        return health
    return replace(
        health,
        state=state,
        reason=seen.reason if agrees else health.bad_reason,
        detail=seen.detail if agrees else health.bad_detail,
        since=seen.ended if changed or health.since is None else health.since,
        spent=health.spent or state == State.DOWN,
    )


def _publish_unstable(health: Health, limit: FailureRatio, seen: Observation) -> Health:
    last = f"{health.bad_reason}, {health.bad_detail}" if health.bad_detail else str(health.bad_reason)
    return replace(
        health,
        state=State.DEGRADED,
        reason=Reason.UNSTABLE,
        detail=f"{health.window.described(limit)}; the last failure: {last}",
        since=health.since if health.state == State.DEGRADED else seen.ended,
    )


def _agrees(state: State, outcome: Outcome) -> bool:
    if state == State.UP:
        return outcome == Outcome.PASS
    if state == State.DEGRADED:
        return outcome in (Outcome.DEGRADED, Outcome.FAIL)
    if state == State.UNKNOWN:
        return outcome != Outcome.PASS
    return outcome == Outcome.FAIL
