"""Alerts on the monitoring itself: what is not known, and whether exporter, Prometheus and Alertmanager work."""

from __future__ import annotations

from collections.abc import Iterator

from staging_exporter.core import names
from staging_exporter.core.model import Priority, Reason, State
from staging_exporter.generate.alerts import Alert, Role
from staging_exporter.generate.promql import HERE, Selectors, quoted

EXPORTER_DOWN = "StagingExporterDown"
LOOP_HUNG = "StagingProbeLoopHung"
RESULTS_STALE = "StagingResultsStale"
WATCHDOG = "StagingWatchdog"

_P0, _P1, _P2 = Priority
_COMPONENT = "{{ $labels.component }}"
# Names of Prometheus and Alertmanager, which say of themselves how they do.
_RULE_FAILURES = 'prometheus_rule_evaluation_failures_total{rule_group=~".*;staging-.*"}'
_SEND_ERRORS = "prometheus_notifications_errors_total"
_DROPPED = "prometheus_notifications_dropped_total"
_ALERTMANAGERS = "prometheus_notifications_alertmanagers_discovered"
_UNDELIVERED = "alertmanager_notifications_failed_total"


class Monitoring:
    """The alerts on what watches one environment, by group."""

    def __init__(self, environment: str) -> None:
        self._environment = environment
        self._of = Selectors(environment)

    def unknown(self) -> Iterator[Alert]:
        """What is not known of a component."""
        last, limited = self._of(names.LAST_RUN), self._limited()
        yield Alert(
            "StagingNotProbed",
            _P2,
            Role.META,
            self._of.components(
                f"and {HERE} {self._of(names.COMPONENT_INFO, kind='!latent')}", f"unless {HERE} {last}"
            ),
            "A component of {{ $labels.environment }} is configured and has never been probed.",
            f"{_COMPONENT} has a check, and no run of it has ended since the exporter began.",
            hold=600,
        )
        yield Alert(
            "StagingComponentUnknown",
            _P2,
            Role.META,
            self._of.components(
                f"and {HERE} {self._of(names.COMPONENT_INFO, kind='!e2e')}",
                f"and {HERE} {last}",
                f"and {HERE} ({self._of.state(State.UNKNOWN)})",
                f"unless {HERE} ({self._stale()})",
                f"unless {HERE} ({limited})",
                f"unless on (environment) ({self._of(names.ONLINE)} == 0)",
            ),
            "Nothing is known about a component of {{ $labels.environment }}.",
            f"The check of {_COMPONENT} comes to no conclusion: the check itself is at fault, or our name servers are.",
            hold=600,
        )
        yield Alert(
            "StagingProberRateLimited",
            _P2,
            Role.META,
            self._of.components(f"and {HERE} ({limited})"),
            "The prober is being blocked in {{ $labels.environment }}.",
            f"The host of {_COMPONENT} answers 429: nothing is known of what is behind it. Lower "
            "limits.requests_per_minute, or allow the prober's address.",
            hold=60,
        )

    def exporter(self) -> Iterator[Alert]:
        """Whether the exporter is there, probes, and runs on what it was given."""
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
            "Results of {{ $labels.environment }} are old.",
            f"{_COMPONENT} has not been probed for more than three of its intervals.",
            hold=600,
        )
        yield Alert(
            LOOP_HUNG,
            _P1,
            Role.META,
            hung,
            "The exporter of {{ $labels.environment }} answers, and probes nothing.",
            "No check has begun for three of the longest intervals: what the exporter says is old.",
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
            "All of its vantage checks fail: nothing is called down, and nothing is known.",
            layer="platform",
            hold=180,
        )
        yield Alert(
            "StagingConfigReloadFailed",
            _P2,
            Role.META,
            f"min by (environment) ({self._of(names.RELOAD_OK)}) == 0",
            "The exporter of {{ $labels.environment }} runs on an old configuration.",
            "The last reload failed: `staging-exporter validate` says why.",
            layer="platform",
            hold=600,
        )
        yield Alert(
            EXPORTER_DOWN,
            _P0,
            Role.META,
            f"absent({self._of(names.BUILD_INFO)})",
            "Monitoring of {{ $labels.environment }} is blind: its exporter is down.",
            "Prometheus gets nothing from the exporter. What fires may be over, what is silent may be broken.",
            layer="platform",
            hold=60,
            keep=0,
        )

    def delivery(self) -> Iterator[Alert]:
        """Whether Prometheus and Alertmanager carry pages, as far as Prometheus scrapes itself and Alertmanager."""
        yield from self._evaluation()
        yield from self._transport()

    def _evaluation(self) -> Iterator[Alert]:
        yield Alert(
            WATCHDOG,
            None,
            Role.META,
            self._named("vector(1)"),
            "Alerting for {{ $labels.environment }} works.",
            "This alert always fires, towards a dead man's switch that speaks up when it no longer hears it.",
            layer="platform",
            keep=0,
        )
        yield Alert(
            "StagingRulesFailing",
            _P1,
            Role.META,
            self._named(f"sum(increase({_RULE_FAILURES}[5m])) > 0"),
            "Prometheus cannot evaluate rules of {{ $labels.environment }}.",
            "Evaluations of the rules of this product have failed for ten minutes: their alerts do not fire.",
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
            "Prometheus cannot hand alerts of {{ $labels.environment }} to an Alertmanager.",
            "An Alertmanager has refused alerts for ten minutes, or there is none. Where it is the only one, this is "
            "told by the dead man's switch alone.",
            layer="platform",
            hold=600,
        )
        yield Alert(
            "StagingPagesNotDelivered",
            _P1,
            Role.META,
            self._named(f"sum(increase({_UNDELIVERED}[10m])) > 0"),
            "Alertmanager cannot deliver pages of {{ $labels.environment }}.",
            "Notifications have failed for a quarter of an hour: a receiver refuses them, or cannot be reached.",
            layer="platform",
            hold=900,
        )

    def _named(self, expression: str) -> str:
        """What Prometheus says of itself, with the label by which alerts of this environment are routed."""
        replacement = quoted(self._environment.replace("$", "$$"))
        return f'label_replace({expression}, "environment", {replacement}, "", "")'

    def _limited(self) -> str:
        failures = self._of(names.PROBE_FAILURES, reason=Reason.RATE_LIMITED)
        return f"sum by (environment, component) (increase({failures}[5m])) > 0"

    def _stale(self) -> str:
        return f"time() - {self._of.largest(names.LAST_RUN)} > {HERE} 3 * {self._of.largest(names.INTERVAL)}"
