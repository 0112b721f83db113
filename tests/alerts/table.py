"""Each alert and the series that make it fire, as functions of time; test cases are derived from each row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite

from staging_exporter.core import names
from staging_exporter.core.model import State
from staging_exporter.core.names import Metric

ENVIRONMENT = "netra-staging"
DAY = 86400.0
Wave = Callable[[float, float], float | None]  # (time, when the condition began) -> value, None for no sample
Series = tuple[Metric, tuple[tuple[str, str], ...]]


def _always(value: float | None) -> Wave:
    return lambda _now, _began: value


def _when(good: float | None, bad: float | None) -> Wave:
    return lambda now, began: bad if now >= began else good


@dataclass(frozen=True)
class Row:
    """The series in `waves` are good until the condition begins, and bad from then on. With those of `almost` or of one
    of `nor` in their place the alert never fires.

    `delay` is the number of bad seconds until the condition holds, `lingers` the number of seconds that it holds after
    its series end. The series in `always` never end. `labels` are those of the alert beside environment, severity,
    priority and role.
    """

    alert: str
    waves: Mapping[Series, Wave]
    almost: Mapping[Series, Wave] = field(default_factory=dict)
    nor: tuple[Mapping[Series, Wave], ...] = ()
    always: tuple[Series, ...] = ()
    priority: str = ""
    labels: Mapping[str, str] = field(default_factory=lambda: {"component": "backend", "layer": "application"})
    delay: float = 0.0
    lingers: float = 0.0
    step: float = 15.0
    lead: int = 10  # good steps at the beginning
    environment: str = ENVIRONMENT


def of(metric: Metric, **labels: str) -> Series:
    """A series; of `backend` without another component."""
    given = labels if "journey" in labels or not metric.labels else {"component": "backend"} | labels
    return metric, tuple(sorted(given.items()))


INFO = of(names.COMPONENT_INFO, kind="http", layer="application", priority="P0")
SUITE = of(names.TEST_CONFLICT)  # only components that judge a test suite have it
STEP = of(names.COMPONENT_INFO, kind="step", layer="application", priority="P0")  # a step of a flow
ROOT = of(names.ROOT_CAUSE)
OTHER_ROOT = of(names.ROOT_CAUSE, component="clickhouse")
LAST, INTERVAL = of(names.LAST_RUN), of(names.INTERVAL)
OTHER_LAST = of(names.LAST_RUN, component="clickhouse")
JOURNEY = of(names.JOURNEY_STATE, journey="golden-path", state="blocked")
_RUNS, _FAILED = of(names.BUDGET_RUNS), of(names.BUDGET_FAILURES)
HERE = {INFO: _always(1)}
_PLATFORM = {"layer": "platform"}
# Metrics of Prometheus and Alertmanager about themselves.
_DISCOVERED = (Metric("prometheus_notifications_alertmanagers_discovered", names.GAUGE, ""), ())
_ERRORS = (Metric("prometheus_notifications_errors_total", names.COUNTER, ""), (("alertmanager", "http://am:9093"),))
_DROPPED = (Metric("prometheus_notifications_dropped_total", names.COUNTER, ""), ())
_UNDELIVERED = (Metric("alertmanager_notifications_failed_total", names.COUNTER, ""), (("integration", "slack"),))


def _state(state: State) -> Series:
    return of(names.COMPONENT_STATE, state=state)


def _root(priority: int) -> Row:
    rank = of(names.EFFECTIVE_PRIORITY)
    return Row(
        f"StagingRootCauseP{priority}",
        HERE | {ROOT: _when(0, 1), rank: _when(None, priority)},
        # A root cause of another priority.
        almost={ROOT: _when(0, 1), rank: _when(None, (priority + 1) % 3)},
        always=(of(names.BUILD_INFO, version="1"),),  # without an exporter the alert never ends
    )


def _flag(alert: str, series: Series) -> Row:
    return Row(alert, HERE | {series: _when(0, 1)}, almost={series: _always(0)})


def _failures(group: str) -> Series:
    metric = Metric("prometheus_rule_evaluation_failures_total", names.COUNTER, "")
    return metric, (("rule_group", f"/etc/prometheus/staging.rules.yml;{group}"),)


def _counting(now: float, began: float) -> float:
    return max(0.0, now - began + 15) // 15


def _runs(interval: int) -> Wave:
    return lambda now, _began: now // interval


def _failures_of(interval: int) -> Wave:
    """Every run fails from then on."""
    return lambda now, began: max(0.0, now - began + interval) // interval


def _once(now: float, began: float) -> float:
    """A single failure."""
    return 1.0 if now >= began else 0.0


def _certificate(alert: str, days: float) -> Row:
    left = of(names.TLS_CHAIN_NOT_AFTER)
    return Row(
        alert,
        HERE | {left: lambda now, began: began + days * DAY - 1 if now >= began else now + 90 * DAY},
        almost={left: lambda now, _began: now + days * DAY},
    )


def _credential() -> Row:
    """Of two tokens that end equally soon, one is never renewed, and the other every hour."""
    left = of(names.CREDENTIAL_NOT_AFTER)
    return Row(
        "StagingCredentialExpiresSoon",
        HERE | {left: lambda _now, began: (began if isfinite(began) else 90 * DAY) + 7 * DAY - 1},
        almost={left: lambda now, began: began + 7 * DAY + now},
        nor=({left: lambda now, _began: now // 3600 * 3600 + 2 * 3600},),
    )


ROWS = (
    *(_root(priority) for priority in (0, 1, 2)),
    Row(
        "StagingDownUnexplained",
        HERE | {_state(State.DOWN): _when(0, 1), ROOT: _always(0)},
        almost={of(names.AFFECTED_BY, root_cause="postgres"): _when(None, 1)},
        nor=({of(names.EXPLAINED_BY, dependency="postgres"): _when(None, 1)},),  # in maintenance, or starting
    ),
    Row(
        "StagingJourneyBlocked",
        {JOURNEY: _when(0, 1), OTHER_ROOT: _always(0)},
        almost={OTHER_ROOT: _when(0, 1)},
        nor=({of(names.EXPLAINED_BY, dependency="postgres"): _when(None, 1)},),
        labels={"journey": "golden-path", "layer": "application"},
    ),
    _flag("StagingVerdictContradicted", of(names.CONTRADICTED)),
    _flag("StagingRootCauseStale", of(names.ROOT_CAUSE_STALE)),
    _flag("StagingFlapping", _state(State.FLAPPING)),
    _flag("StagingTestConflict", of(names.TEST_CONFLICT)),
    Row(
        "StagingTestEvidenceMissing",
        HERE | {SUITE: _always(0), _state(State.UNKNOWN): _when(0, 1)},
        almost={_state(State.UNKNOWN): _always(0)},
        nor=({SUITE: _always(None)},),
    ),
    _flag("StagingDomainDrift", of(names.DOMAIN_DRIFT)),
    Row(
        "StagingStartupBudgetNearlySpent",
        HERE
        | {
            of(names.STARTUP_BUDGET): _always(600),
            of(names.STARTUP_END): lambda now, began: began + 59 if now >= began else now + 60,
        },
        almost={of(names.STARTUP_END): lambda now, _began: now + 60},
    ),
    _certificate("StagingCertificateExpiresSoon", 14),
    _certificate("StagingCertificateExpiresImminently", 3),
    _credential(),
    Row(
        "StagingConnectionsNearlySaturated",
        HERE | {of(names.CONNECTIONS): _when(10, 76), of(names.MAX_CONNECTIONS): _always(100)},
        almost={of(names.CONNECTIONS): _when(10, 75)},
    ),
    Row(
        "StagingConnectorNearlySaturated",
        HERE | {of(names.CLOUD_UTILIZATION): _when(0.3, 0.61)},
        almost={of(names.CLOUD_UTILIZATION): _when(0.3, 0.6)},
        nor=({of(names.CLOUD_UTILIZATION): _always(None)},),  # it has room for more instances
    ),
    Row("StagingNotProbed", HERE | {LAST: lambda now, began: now if now < began else None}, almost={LAST: _always(0)}),
    Row(
        "StagingComponentUnknown",
        HERE
        | {LAST: lambda now, _began: now, INTERVAL: _always(20)}
        | {_state(State.UNKNOWN): _when(0, 1), of(names.ONLINE): _always(1)},
        almost={of(names.ONLINE): _when(1, 0)},
        nor=(
            {LAST: lambda now, began: min(now, began)},
            {SUITE: _always(0)},
            {STEP: _always(1)},
        ),  # covered by other alerts
    ),
    Row(
        "StagingResultsStale",
        HERE
        | {LAST: lambda now, began: min(now, began), INTERVAL: _always(20)}
        | {OTHER_LAST: lambda now, _began: now},
        almost={LAST: lambda now, _began: now - 60},
        nor=({OTHER_LAST: lambda now, began: min(now, began)},),  # nothing is probed at all: covered by another alert
        delay=75,  # 60 s are not yet more than three intervals
    ),
    Row(
        "StagingProbeLoopHung",
        {LAST: lambda now, began: min(now, began), INTERVAL: _always(20)},
        almost={LAST: lambda now, _began: now - 60},
        labels=_PLATFORM,
        delay=75,
    ),
    Row(
        "StagingProberRateLimited",
        HERE | {of(names.PROBE_FAILURES, reason="rate_limited"): _counting},
        almost={of(names.PROBE_FAILURES, reason="rate_limited"): _always(7)},  # long ago
    ),
    Row(
        "StagingExporterOffline",
        {of(names.ONLINE): _when(1, 0)},
        almost={of(names.ONLINE): _always(1)},
        labels=_PLATFORM,
    ),
    Row(
        "StagingConfigReloadFailed",
        {of(names.RELOAD_OK): _when(1, 0)},
        almost={of(names.RELOAD_OK): _always(1)},
        labels=_PLATFORM,
    ),
    Row(
        "StagingStorageFailing",
        {of(names.STORAGE_ERRORS): _counting},
        almost={of(names.STORAGE_ERRORS): _always(7)},  # long ago
        labels=_PLATFORM,
        lingers=270,
    ),
    Row(
        "StagingRulesFailing",
        {_failures("staging-verdict"): _counting},
        almost={_failures("staging-verdict"): _once},
        nor=({_failures("staging-verdict"): _always(0), _failures("other-rules"): _counting},),
        labels=_PLATFORM,
        lingers=270,
    ),
    Row(
        "StagingAlertsNotSent",
        {_ERRORS: _counting, _DROPPED: _always(0), _DISCOVERED: _always(2)},
        almost={_ERRORS: _once},
        nor=({_ERRORS: _always(7)},),
        labels=_PLATFORM,
        lingers=270,
    ),
    Row(
        "StagingAlertsNotSent",
        {_ERRORS: _always(0), _DROPPED: _always(0), _DISCOVERED: _when(1, 0)},
        almost={_DISCOVERED: lambda now, began: 0 if began <= now < began + 240 else 1},
        labels=_PLATFORM,
        delay=300,
        lingers=285,
    ),
    Row(
        "StagingPagesNotDelivered",
        {_UNDELIVERED: _counting},
        almost={_UNDELIVERED: _once},
        labels=_PLATFORM,
        lingers=570,
    ),
    Row(
        "StagingErrorBudgetBurn",
        HERE | {_RUNS: _runs(15), _FAILED: _failures_of(15)},
        almost={_state(State.MAINTENANCE): _when(0, 1)},
        nor=({_RUNS: lambda now, began: now // 15 if now > began - 3000 else None},),  # younger than its window
        priority="P1",
        lead=260,
        delay=34 * 15,  # 35 of 240 runs, more than 14.4 % of an hour
    ),
    Row(
        "StagingErrorBudgetBurn",
        HERE | {_RUNS: _runs(60), _FAILED: _failures_of(60)},
        almost={_state(State.MAINTENANCE): _when(0, 1)},
        nor=({_RUNS: lambda now, began: now // 60 if now > began - 70_000 else None},),
        priority="P2",
        step=60.0,
        lead=1500,
        delay=45 * 60,  # more than 3 % of a day, which begins to count within five minutes
    ),
)
