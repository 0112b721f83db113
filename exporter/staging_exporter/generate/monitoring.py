"""Alerts on the monitoring itself: unknown states, and whether exporter, Prometheus and Alertmanager work."""

from __future__ import annotations

from collections.abc import Iterator

from staging_exporter.core import names
from staging_exporter.core.model import STEP, Priority, Reason, State
from staging_exporter.generate.alerts import Alert, Role
from staging_exporter.generate.promql import HERE, Selectors, quoted

EXPORTER_DOWN = "StagingExporterDown"
LOOP_HUNG = "StagingProbeLoopHung"
RESULTS_STALE = "StagingResultsStale"
WATCHDOG = "StagingWatchdog"

_P0, _P1, _P2 = Priority
_COMPONENT = "{{ $labels.component }}"
# Metrics of Prometheus and Alertmanager about themselves.
_RULE_FAILURES = 'prometheus_rule_evaluation_failures_total{rule_group=~".*;staging-.*"}'
_SEND_ERRORS = "prometheus_notifications_errors_total"
_DROPPED = "prometheus_notifications_dropped_total"
_ALERTMANAGERS = "prometheus_notifications_alertmanagers_discovered"
_UNDELIVERED = "alertmanager_notifications_failed_total"


class Monitoring:
    """The alerts on the monitoring of one environment, by group."""

    def __init__(self, environment: str) -> None:
        self._of = Selectors(environment)

    def unknown(self) -> Iterator[Alert]:
        """Components whose state is not known."""
        yield self._not_probed()
        yield self._component_unknown()
        yield Alert(
            "StagingProberRateLimited",
            _P2,
            Role.META,
            self._of.components(f"and {HERE} ({self._limited()})"),
            "The exporter is rate limited in {{ $labels.environment }}.",
            f"The host of {_COMPONENT} answers 429, so that the state behind it is unknown. Lower "
            "limits.requests_per_minute, or allow the exporter's address.",
            hold=60,
        )

    def _not_probed(self) -> Alert:
        return Alert(
            "StagingNotProbed",
            _P2,
            Role.META,
            self._of.components(
                f"and {HERE} {self._of(names.COMPONENT_INFO, kind='!latent')}",
                f"unless {HERE} {self._of(names.LAST_RUN)}",
            ),
            "A component of {{ $labels.environment }} is configured but has never been probed.",
            f"No run of the check of {_COMPONENT} has finished since the exporter started.",
            hold=600,
        )

    def _component_unknown(self) -> Alert:
        """Unless another alert covers it: a test suite, old results, the rate limit, an exporter that is offline.

        A step that was not reached has the alert of what failed before it.
        """
        return Alert(
            "StagingComponentUnknown",
            _P2,
            Role.META,
            self._of.components(
                f"and {HERE} {self._of(names.LAST_RUN)}",
                f"and {HERE} ({self._of.state(State.UNKNOWN)})",
                f"unless {HERE} {self._of(names.TEST_CONFLICT)}",
                f"unless {HERE} {self._of(names.COMPONENT_INFO, kind=STEP)}",
                f"unless {HERE} ({self._stale()})",
                f"unless {HERE} ({self._limited()})",
                f"unless on (environment) ({self._of(names.ONLINE)} == 0)",
            ),
            "The state of a component of {{ $labels.environment }} is unknown.",
            f"The check of {_COMPONENT} gives no result: it is misconfigured, or the exporter's name servers fail.",
            hold=600,
        )

    def exporter(self) -> Iterator[Alert]:
        """Whether the exporter is up, probes, and uses the current configuration."""
        yield from self._cadence()
        yield from self._exporter_itself()

    def _cadence(self) -> Iterator[Alert]:
        last = self._of(names.LAST_RUN)
        hung = (
            f"time() - max by (environment) ({last}) "
            f"> on (environment) 3 * max by (environment) ({self._of(names.INTERVAL)})"
        )
        yield Alert(
            RESULTS_STALE,
            _P2,
            Role.META,
            self._of.components(f"and {HERE} ({self._stale()})", f"unless on (environment) ({hung})"),
            "Results of {{ $labels.environment }} are out of date.",
            f"{_COMPONENT} has not been probed for more than three of its intervals.",
            hold=600,
        )
        yield Alert(
            LOOP_HUNG,
            _P1,
            Role.META,
            hung,
            "The exporter of {{ $labels.environment }} is up but not probing.",
            "No check has started for three of the longest intervals: all results are out of date.",
            layer="platform",
            hold=180,
        )

    def _exporter_itself(self) -> Iterator[Alert]:
        yield Alert(
            "StagingExporterOffline",
            _P1,
            Role.META,
            f"min by (environment) ({self._of(names.ONLINE)}) == 0",
            "The exporter of {{ $labels.environment }} is offline.",
            "All of its vantage checks fail: it detects no failures until its network works again.",
            layer="platform",
            hold=180,
        )
        yield Alert(
            "StagingConfigReloadFailed",
            _P2,
            Role.META,
            f"min by (environment) ({self._of(names.RELOAD_OK)}) == 0",
            "The exporter of {{ $labels.environment }} uses an outdated configuration.",
            "The last reload failed; `staging-exporter validate` lists the errors.",
            layer="platform",
            hold=600,
        )
        yield Alert(
            "StagingStorageFailing",
            _P2,
            Role.META,
            f"max by (environment) (increase({self._of(names.STORAGE_ERRORS)}[5m])) > 0",
            "The exporter of {{ $labels.environment }} cannot store its state.",
            "Maintenance windows and deploys are refused, and a restart forgets what happens now.",
            layer="platform",
            hold=300,
        )
        yield Alert(
            EXPORTER_DOWN,
            _P0,
            Role.META,
            f"absent({self._of(names.BUILD_INFO)})",
            "The exporter of {{ $labels.environment }} is down: the environment is not monitored.",
            "Prometheus receives no metrics from it. Firing alerts may be stale; new failures will not alert.",
            layer="platform",
            hold=60,
            keep=0,
        )

    def delivery(self) -> Iterator[Alert]:
        """Whether Prometheus and Alertmanager deliver alerts, as far as Prometheus scrapes itself and Alertmanager."""
        yield from self._evaluation()
        yield from self._transport()

    def _evaluation(self) -> Iterator[Alert]:
        yield Alert(
            WATCHDOG,
            None,
            Role.META,
            self._named("vector(1)"),
            "Alerting for {{ $labels.environment }} works.",
            "This alert always fires. A dead man's switch receives it, and raises the alarm when it stops.",
            layer="platform",
            keep=0,
        )
        yield Alert(
            "StagingRulesFailing",
            _P1,
            Role.META,
            self._named(f"sum(increase({_RULE_FAILURES}[5m])) > 0"),
            "Prometheus cannot evaluate rules of {{ $labels.environment }}.",
            "Evaluations of the generated rules have failed for ten minutes: their alerts cannot fire.",
            layer="platform",
            hold=600,
        )

    def _transport(self) -> Iterator[Alert]:
        errors = f"sum(increase({_SEND_ERRORS}[5m])) + sum(increase({_DROPPED}[5m])) > 0"
        yield Alert(
            "StagingAlertsNotSent",
            _P1,
            Role.META,
            self._named(f"({errors}) or max(max_over_time({_ALERTMANAGERS}[5m])) < 1"),
            "Prometheus cannot send alerts of {{ $labels.environment }} to an Alertmanager.",
            "For ten minutes an Alertmanager has refused alerts, or there is none. If it is the only one, only the "
            "dead man's switch can report this.",
            layer="platform",
            hold=600,
        )
        yield Alert(
            "StagingPagesNotDelivered",
            _P1,
            Role.META,
            self._named(f"sum(increase({_UNDELIVERED}[10m])) > 0"),
            "Alertmanager cannot deliver notifications of {{ $labels.environment }}.",
            "Notifications have failed for 15 minutes: a receiver refuses them, or cannot be reached.",
            layer="platform",
            hold=900,
        )

    def _named(self, expression: str) -> str:
        """A metric of Prometheus about itself, with the label by which alerts of this environment are routed."""
        replacement = quoted(self._of.environment.replace("$", "$$"))
        return f'label_replace({expression}, "environment", {replacement}, "", "")'

    def _limited(self) -> str:
        failures = self._of(names.PROBE_FAILURES, reason=Reason.RATE_LIMITED)
        return f"sum by (environment, component) (increase({failures}[5m])) > 0"

    def _stale(self) -> str:
        return f"time() - {self._of.largest(names.LAST_RUN)} > {HERE} 3 * {self._of.largest(names.INTERVAL)}"
