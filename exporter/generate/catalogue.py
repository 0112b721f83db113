"""Every alert about an environment but those on its error budgets: the verdict, the evidence, the exporter itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from exporter.core import names
from exporter.core.model import Priority, Reason, State
from exporter.core.snapshot import JourneyState
from exporter.generate.alerts import Alert, Role, series, value
from exporter.generate.promql import Selectors, quoted

EXPORTER_DOWN = "StagingExporterDown"
LOOP_HUNG = "StagingProbeLoopHung"
RESULTS_STALE = "StagingResultsStale"
ROOT_CAUSE = "StagingRootCause"
WATCHDOG = "StagingWatchdog"

_P0, _P1, _P2 = Priority
_HERE = "on (environment, component)"
_DAY = 86400
_SATURATION = 0.75  # of the connections; the check itself calls more than 80 % degraded, unless told otherwise
_LEFT = 0.1  # of the startup budget
_DESCRIPTION = "{{ $labels.component }}"


class Catalogue:
    """The alerts of one environment, by group."""

    def __init__(self, environment: str) -> None:
        self._environment = environment
        self._of = Selectors(environment)

    def _component(self, *conditions: str) -> str:
        """Components for which all conditions hold, with their layer.

        One series each, also while two exporters answer, as they do when a pod is replaced: `and` never finds
        duplicates where a join would.
        """
        info = f"max by (environment, component, layer) ({self._of(names.COMPONENT_INFO)})"
        return "\n".join([info, *conditions])

    def _state(self, state: State) -> str:
        return f"{self._of(names.COMPONENT_STATE, state=state)} == 1"

    def verdict(self) -> Iterator[Alert]:
        """Root causes, and the nets below them."""
        more_urgent: list[str] = []
        for priority in Priority:
            alert = self._root_cause(priority, more_urgent)
            more_urgent.append(alert.name)
            yield alert
        root = f"{self._of(names.ROOT_CAUSE)} == 1"
        yield Alert(
            "StagingDownUnexplained",
            _P1,
            Role.SYMPTOM,
            self._component(
                f"and {_HERE} ({self._state(State.DOWN)})",
                f"unless {_HERE} ({root})",
                f"unless {_HERE} {self._of(names.BLAMED)}",
            ),
            "Something in {{ $labels.environment }} is down and nothing is blamed for it.",
            f"{_DESCRIPTION} has been down for 15 minutes, is no root cause and suffers from none. Nobody else is "
            "paged for it.",
            hold=900,
        )
        yield Alert(
            "StagingJourneyBlocked",
            _P1,
            Role.SYMPTOM,
            f"max by (environment, journey) ({self._of(names.JOURNEY_STATE, state=JourneyState.BLOCKED)}) == 1\n"
            f"unless on (environment) ({root})",
            "A user journey in {{ $labels.environment }} is blocked and no root cause is named.",
            "Users cannot complete {{ $labels.journey }}, and nobody has been paged for a root cause.",
            layer="application",
            hold=180,
        )

    def _root_cause(self, priority: Priority, more_urgent: Sequence[str]) -> Alert:
        """Nobody is told of a lower urgency while an alert of a higher one still stands for the same component."""
        symptoms = series(names.BLAMED, "environment=%q,root_cause=%q", "component")
        journeys = series(names.JOURNEY_STATE, 'environment=%q,state="blocked"', "journey", " == 1")
        return Alert(
            f"{ROOT_CAUSE}{priority}",
            priority,
            Role.ROOT_CAUSE,
            self._component(
                f"and {_HERE} ({self._of(names.ROOT_CAUSE)} == 1)",
                f"and {_HERE} (min by (environment, component) ({self._of(names.EFFECTIVE_PRIORITY)})"
                f" == {priority.number})",
                *(f"unless {_HERE} {self._of('ALERTS', alertname=name, alertstate='firing')}" for name in more_urgent),
            ),
            "{{ $labels.component }} is the root cause of trouble in {{ $labels.environment }}.",
            f"{_DESCRIPTION}, layer {{{{ $labels.layer }}}}, is a root cause of priority {priority} by what it takes "
            f"down. Suffering from it: {symptoms}. Blocked journeys in the environment: {journeys}.",
            annotations={"affected": symptoms, "journeys": journeys},
        )

    def quality(self) -> Iterator[Alert]:
        """Where the verdict deserves a second look."""
        yield Alert(
            "StagingVerdictContradicted",
            _P2,
            Role.EVIDENCE,
            self._component(f"and {_HERE} ({self._of(names.CONTRADICTED)} == 1)"),
            "Something in {{ $labels.environment }} is called down although what needs it is up.",
            f"{_DESCRIPTION} is down as seen from the exporter, but a component that depends on it is up: the fault "
            "may lie on the path from here, or the other check may prove nothing.",
            hold=600,
        )
        yield Alert(
            "StagingRootCauseStale",
            _P2,
            Role.EVIDENCE,
            self._component(f"and {_HERE} ({self._of(names.ROOT_CAUSE_STALE)} == 1)"),
            "A root cause in {{ $labels.environment }} is remembered but no longer seen.",
            f"{_DESCRIPTION} was a root cause when the exporter could last see it. Its page stays until it is seen up.",
            hold=600,
        )
        yield Alert(
            "StagingFlapping",
            _P2,
            Role.EVIDENCE,
            self._component(f"and {_HERE} ({self._state(State.FLAPPING)})"),
            "Something in {{ $labels.environment }} keeps failing and recovering.",
            f"{_DESCRIPTION} has been flapping for ten minutes: look for a crash loop, or for one bad replica of "
            "several.",
            hold=600,
        )
        yield Alert(
            "StagingTestConflict",
            _P1,
            Role.EVIDENCE,
            self._component(f"and {_HERE} ({self._of(names.TEST_CONFLICT)} == 1)"),
            "A test suite passes in {{ $labels.environment }} although what it covers is down.",
            f"The report of {_DESCRIPTION} says passed while a component that it covers is down: it tests mocks, or "
            "another environment.",
            hold=180,
        )
        yield Alert(
            "StagingTestEvidenceMissing",
            _P2,
            Role.EVIDENCE,
            self._component(
                f"and {_HERE} {self._of(names.COMPONENT_INFO, kind='e2e')}",
                f"and {_HERE} ({self._state(State.UNKNOWN)})",
            ),
            "A test suite proves nothing about {{ $labels.environment }}.",
            f"The report of {_DESCRIPTION} is missing, too old, empty, or all of its tests were skipped.",
            hold=900,
        )
        yield Alert(
            "StagingDomainDrift",
            _P2,
            Role.EVIDENCE,
            self._component(f"and {_HERE} ({self._of(names.DOMAIN_DRIFT)} == 1)"),
            "A host name of {{ $labels.environment }} does not answer, its sibling does.",
            f"The name that {_DESCRIPTION} checks is dead, and its variant with a dash or a dot is alive: names in "
            "DNS, the load balancer and the configuration of clients have drifted apart.",
            hold=600,
        )

    def risks(self) -> Iterator[Alert]:
        """What will break soon."""
        ends, budget = self._of(names.STARTUP_END), self._of(names.STARTUP_BUDGET)
        yield Alert(
            "StagingStartupBudgetNearlySpent",
            _P1,
            Role.RISK,
            self._component(f"and {_HERE} ({ends} - time() < {_HERE} {_LEFT} * {budget})"),
            "A start in {{ $labels.environment }} takes nearly as long as it may.",
            f"{_DESCRIPTION} has spent nine tenths of its startup budget; at its end it counts as down.",
            hold=30,
        )
        for name, priority, days, hold in (
            ("StagingCertificateExpiresSoon", _P2, 14, 3600.0),
            ("StagingCertificateExpiresImminently", _P1, 3, 900.0),
        ):
            yield Alert(
                name,
                priority,
                Role.RISK,
                self._component(f"and {_HERE} ({self._of(names.TLS_NOT_AFTER)} - time() < {days * _DAY})"),
                f"A certificate in {{{{ $labels.environment }}}} expires within {days} days.",
                f"The certificate that {_DESCRIPTION} shows expires in "
                f"{value(names.TLS_NOT_AFTER, 'humanizeDuration', ' - time()')}.",
                hold=hold,
            )
        used, usable = self._of(names.CONNECTIONS), self._of(names.MAX_CONNECTIONS)
        yield Alert(
            "StagingConnectionsNearlySaturated",
            _P2,
            Role.RISK,
            self._component(f"and {_HERE} ({used} > {_HERE} {_SATURATION} * {usable})"),
            "A server in {{ $labels.environment }} runs out of connections.",
            f"{value(names.CONNECTIONS, 'humanize')} of the {value(names.MAX_CONNECTIONS, 'humanize')} connections "
            f"that {_DESCRIPTION} has are in use.",
            hold=600,
        )

    def blindness(self) -> Iterator[Alert]:
        """What is not known, and the exporter's own health."""
        last, limited = self._of(names.LAST_RUN), self._limited()
        stale = f"time() - {last} > {_HERE} 3 * {self._of(names.INTERVAL)}"
        hung = (
            f"time() - max by (environment) ({last}) "
            f"> on (environment) 3 * max by (environment) ({self._of(names.INTERVAL)})"
        )
        yield Alert(
            "StagingNotProbed",
            _P2,
            Role.META,
            self._component(f"and {_HERE} {self._of(names.COMPONENT_INFO, kind='!latent')}", f"unless {_HERE} {last}"),
            "A component of {{ $labels.environment }} is configured and has never been probed.",
            f"{_DESCRIPTION} has a check, and no run of it has ended since the exporter began.",
            hold=600,
        )
        yield Alert(
            "StagingComponentUnknown",
            _P2,
            Role.META,
            self._component(
                f"and {_HERE} {self._of(names.COMPONENT_INFO, kind='!e2e')}",
                f"and {_HERE} {last}",
                f"and {_HERE} ({self._state(State.UNKNOWN)})",
                f"unless {_HERE} ({stale})",
                f"unless {_HERE} ({limited})",
                f"unless on (environment) ({self._of(names.ONLINE)} == 0)",
            ),
            "Nothing is known about a component of {{ $labels.environment }}.",
            f"The check of {_DESCRIPTION} comes to no conclusion: the check itself is at fault, or our name servers "
            "are.",
            hold=600,
        )
        yield Alert(
            RESULTS_STALE,
            _P2,
            Role.META,
            self._component(f"and {_HERE} ({stale})", f"unless on (environment) ({hung})"),
            "Results of {{ $labels.environment }} are old.",
            f"{_DESCRIPTION} has not been probed for more than three of its intervals.",
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
        yield Alert(
            "StagingProberRateLimited",
            _P2,
            Role.META,
            self._component(f"and {_HERE} ({limited})"),
            "The prober is being blocked in {{ $labels.environment }}.",
            f"The host of {_DESCRIPTION} answers 429: nothing is known of what is behind it. Lower "
            "limits.requests_per_minute, or allow the prober's address.",
            hold=60,
        )
        yield from self._exporter()

    def _limited(self) -> str:
        failures = self._of(names.PROBE_FAILURES, reason=Reason.RATE_LIMITED)
        return f"sum by (environment, component) (increase({failures}[5m])) > 0"

    def _exporter(self) -> Iterator[Alert]:
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
        replacement = quoted(self._environment.replace("$", "$$"))
        yield Alert(
            WATCHDOG,
            None,
            Role.META,
            f'label_replace(vector(1), "environment", {replacement}, "", "")',
            "Alerting for {{ $labels.environment }} works.",
            "This alert always fires, towards a dead man's switch that speaks up when it no longer hears it.",
            layer="platform",
            keep=0,
        )
