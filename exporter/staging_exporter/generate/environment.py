"""Alerts on an environment, but those on its error budgets: the verdict, what to doubt in it, what breaks next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from staging_exporter.core import names
from staging_exporter.core.model import Priority, State
from staging_exporter.core.snapshot import JourneyState
from staging_exporter.generate.alerts import Alert, Role, series, value
from staging_exporter.generate.promql import HERE, Selectors

ROOT_CAUSE = "StagingRootCause"

_P0, _P1, _P2 = Priority
_DAY = 86400
_SATURATION = 0.75  # of the connections; the check itself calls more than 80 % degraded, unless told otherwise
_LEFT = 0.1  # of the startup budget
_COMPONENT = "{{ $labels.component }}"


class Environment:
    """The alerts on one environment, by group."""

    def __init__(self, environment: str) -> None:
        self._of = Selectors(environment)

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
            self._of.components(
                f"and {HERE} ({self._of.state(State.DOWN)})",
                f"unless {HERE} ({root})",
                f"unless {HERE} {self._of(names.AFFECTED_BY)}",
                f"unless {HERE} {self._of(names.EXPLAINED_BY)}",
            ),
            "Something in {{ $labels.environment }} is down and nothing is blamed for it.",
            f"{_COMPONENT} has been down for 15 minutes, is no root cause, suffers from none, and waits for nothing "
            "that starts or is in maintenance. Nobody else is paged for it.",
            hold=900,
        )
        yield Alert(
            "StagingJourneyBlocked",
            _P1,
            Role.SYMPTOM,
            f"max by (environment, journey) ({self._of(names.JOURNEY_STATE, state=JourneyState.BLOCKED)}) == 1\n"
            f"unless on (environment) ({root})\n"
            f"unless on (environment) {self._of(names.EXPLAINED_BY)}",
            "A user journey in {{ $labels.environment }} is blocked and no root cause is named.",
            "Users cannot complete {{ $labels.journey }}, and nobody has been paged for a root cause.",
            layer="application",
            hold=180,
        )

    def _root_cause(self, priority: Priority, more_urgent: Sequence[str]) -> Alert:
        """Nobody is newly told of a lower urgency while an alert of a higher one stands for the same component.

        Blindness resolves no page: what fires stays while no exporter answers.
        """
        name = f"{ROOT_CAUSE}{priority}"
        told = self._firing(name)
        symptoms = series(names.AFFECTED_BY, "environment=%q,root_cause=%q", "component")
        journeys = series(names.JOURNEY_STATE, 'environment=%q,state="blocked"', "journey", " == 1")
        return Alert(
            name,
            priority,
            Role.ROOT_CAUSE,
            self._of.components(
                f"and {HERE} ({self._of(names.ROOT_CAUSE)} == 1)",
                f"and {HERE} (min by (environment, component) ({self._of(names.EFFECTIVE_PRIORITY)})"
                f" == {priority.number})",
                *(f"unless {HERE} ({self._firing(other)} unless {HERE} {told})" for other in more_urgent),
                f"or max by (environment, component, layer) ({told})",
                f"and on (environment) absent({self._of(names.BUILD_INFO)})",
            ),
            "{{ $labels.component }} is the root cause of trouble in {{ $labels.environment }}.",
            f"{_COMPONENT}, layer {{{{ $labels.layer }}}}, is a root cause of priority {priority} by what it takes "
            f"down. Suffering from it: {symptoms}. Blocked journeys in the environment: {journeys}.",
            annotations={"affected": symptoms, "journeys": journeys},
        )

    def _firing(self, alert: str) -> str:
        return self._of("ALERTS", alertname=alert, alertstate="firing")

    def doubts(self) -> Iterator[Alert]:
        """Where the verdict deserves a second look."""
        yield Alert(
            "StagingVerdictContradicted",
            _P2,
            Role.EVIDENCE,
            self._of.components(f"and {HERE} ({self._of(names.CONTRADICTED)} == 1)"),
            "Something in {{ $labels.environment }} is called down although what needs it is up.",
            f"{_COMPONENT} is down as seen from the exporter, but a component that depends on it is up: the fault "
            "may lie on the path from here, or the other check may prove nothing.",
            hold=600,
        )
        yield Alert(
            "StagingRootCauseStale",
            _P2,
            Role.EVIDENCE,
            self._of.components(f"and {HERE} ({self._of(names.ROOT_CAUSE_STALE)} == 1)"),
            "A root cause in {{ $labels.environment }} is remembered but no longer seen.",
            f"{_COMPONENT} was a root cause when the exporter could last see it. Its page stays until it is seen up.",
            hold=600,
        )
        yield Alert(
            "StagingFlapping",
            _P2,
            Role.EVIDENCE,
            self._of.components(f"and {HERE} ({self._of.state(State.FLAPPING)})"),
            "Something in {{ $labels.environment }} keeps failing and recovering.",
            f"{_COMPONENT} has been flapping for ten minutes: look for a crash loop, or for one bad replica of "
            "several.",
            hold=600,
        )

    def evidence(self) -> Iterator[Alert]:
        """What tests and names say against each other."""
        yield Alert(
            "StagingTestConflict",
            _P1,
            Role.EVIDENCE,
            self._of.components(f"and {HERE} ({self._of(names.TEST_CONFLICT)} == 1)"),
            "A test suite passes in {{ $labels.environment }} although what it covers is down.",
            f"The report of {_COMPONENT} says passed while a component that it covers is down: it tests mocks, or "
            "another environment.",
            hold=180,
        )
        yield Alert(
            "StagingTestEvidenceMissing",
            _P2,
            Role.EVIDENCE,
            self._of.components(
                f"and {HERE} {self._of(names.COMPONENT_INFO, kind='e2e')}",
                f"and {HERE} ({self._of.state(State.UNKNOWN)})",
            ),
            "A test suite proves nothing about {{ $labels.environment }}.",
            f"The report of {_COMPONENT} is missing, too old, empty, or all of its tests were skipped.",
            hold=900,
        )
        yield Alert(
            "StagingDomainDrift",
            _P2,
            Role.EVIDENCE,
            self._of.components(f"and {HERE} ({self._of(names.DOMAIN_DRIFT)} == 1)"),
            "A host name of {{ $labels.environment }} does not answer, its sibling does.",
            f"The name that {_COMPONENT} checks is dead, and its variant with a dash or a dot is alive: names in "
            "DNS, the load balancer and the configuration of clients have drifted apart.",
            hold=600,
        )

    def risks(self) -> Iterator[Alert]:
        """What will break soon."""
        # No `for`: a tenth of a budget is soon over, and time alone does not flap.
        ends, budget = self._of.largest(names.STARTUP_END), self._of.largest(names.STARTUP_BUDGET)
        yield Alert(
            "StagingStartupBudgetNearlySpent",
            _P1,
            Role.RISK,
            self._of.components(f"and {HERE} ({ends} - time() < {HERE} {_LEFT} * {budget})"),
            "A start in {{ $labels.environment }} takes nearly as long as it may.",
            f"{_COMPONENT} has spent nine tenths of its startup budget; at its end it counts as down.",
        )
        for name, priority, days, hold in (
            ("StagingCertificateExpiresSoon", _P2, 14, 3600.0),
            ("StagingCertificateExpiresImminently", _P1, 3, 900.0),
        ):
            yield Alert(
                name,
                priority,
                Role.RISK,
                self._of.components(f"and {HERE} ({self._of(names.TLS_NOT_AFTER)} - time() < {days * _DAY})"),
                f"A certificate in {{{{ $labels.environment }}}} expires within {days} days.",
                f"The certificate that {_COMPONENT} shows expires in "
                f"{value(names.TLS_NOT_AFTER, 'humanizeDuration', ' - time()')}.",
                hold=hold,
            )
        used, usable = self._of.largest(names.CONNECTIONS), self._of.largest(names.MAX_CONNECTIONS)
        yield Alert(
            "StagingConnectionsNearlySaturated",
            _P2,
            Role.RISK,
            self._of.components(f"and {HERE} ({used} > {HERE} {_SATURATION} * {usable})"),
            "A server in {{ $labels.environment }} runs out of connections.",
            f"{value(names.CONNECTIONS, 'humanize')} of the {value(names.MAX_CONNECTIONS, 'humanize')} connections "
            f"that {_COMPONENT} has are in use.",
            hold=600,
        )
