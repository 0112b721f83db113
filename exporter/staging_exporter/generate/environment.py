"""Alerts on an environment, except its error budgets: root causes, uncertain results, test evidence, risks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from staging_exporter.core import names
from staging_exporter.core.model import Certainty, Priority, State
from staging_exporter.core.snapshot import JourneyState
from staging_exporter.generate.alerts import OF_COMPONENT, Alert, Role, ask, known, series, value
from staging_exporter.generate.promql import HERE, Selectors

ROOT_CAUSE = "StagingRootCause"

_P0, _P1, _P2 = Priority
_DAY = 86400
_CREDENTIAL_DAYS = 7
_SATURATION = 0.75  # of the connections; by default the check is degraded above 80 %
_BUSY = 0.6  # of a connector with all its instances; by default the check is degraded above 80 %
_LEFT = 0.1  # share of the startup budget
_COMPONENT = "{{ $labels.component }}"

# What a notification says of a root cause beside its name. All of it is in annotations, by queries: a label of an alert
# that changed would resolve it and fire another one.
_EVIDENCE = known("$all", names.ROOT_CAUSE_INFO, OF_COMPONENT) + (
    "{{ with $all }}{{ with . | first }}{{ .Labels.reason }}"
    "{{ if .Labels.detail }}, {{ .Labels.detail }}{{ end }}{{ end }}{{ else }}unknown{{ end }}"
)
_CERTAINTY = series(names.CERTAINTY, OF_COMPONENT, "certainty", " == 1", nothing="unknown")


def _related(relation: str, before: str, after: str) -> str:
    """A sentence about the components of this relation, nothing without one."""
    selection = f'{OF_COMPONENT},relation="{relation}"'
    return series(names.RELATED, selection, "related", before=f" {before}", after=after, nothing="")


_LIKELY = known("$likely", names.CERTAINTY, f'{OF_COMPONENT},certainty="{Certainty.LIKELY}"', " == 1")
_DESCRIPTION = (
    f" Evidence: {_EVIDENCE}.{{{{ with {ask(names.STATE_SINCE, OF_COMPONENT)} }}}}"
    f" Since: {{{{ . | first | value | humanizeTimestamp }}}}.{{{{ end }}}}"
    f"{{{{ with {ask(names.DEPLOY, OF_COMPONENT, ' > time() - 86400')} }}}}"
    f" Last deploy: {{{{ . | first | value | humanizeTimestamp }}}}.{{{{ end }}}}"
    f"{_LIKELY}{{{{ if $likely }}}} It is likely, not certain.{{{{ end }}}}"
    + _related("suspect", "{{ if $likely }}Alternatives{{ else }}Suspects{{ end }}: ", ".")
    + _related("not_recovered_from", "It has not recovered since ", " came back.")
    + _related("coincides_with", "It began to fail at the same time as ", ", to which no dependency is configured.")
    + _related(
        "contradicted_by",
        "Up although they depend on it: ",
        ". The problem is the network path from the exporter, the dependency is wrong, or the check is shallow.",
    )
    + _related("through", "Not noticed by the checks of: ", ".")
)


class Environment:
    """The alerts on one environment, by group."""

    def __init__(self, environment: str) -> None:
        self._of = Selectors(environment)

    def root_causes(self) -> Iterator[Alert]:
        """Root causes, by their effective priority."""
        more_urgent: list[str] = []
        for priority in Priority:
            alert = self._root_cause(priority, more_urgent)
            more_urgent.append(alert.name)
            yield alert

    def verdict(self) -> Iterator[Alert]:
        """The safety nets for failures without a root cause."""
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
            "A component of {{ $labels.environment }} is down and no root cause explains it.",
            f"{_COMPONENT} has been down for 15 minutes. It is not a root cause, no root cause affects it, and no "
            "dependency that is starting or in maintenance explains it. No other alert pages for it.",
            hold=900,
        )
        yield Alert(
            "StagingJourneyBlocked",
            _P1,
            Role.SYMPTOM,
            f"max by (environment, journey) ({self._of(names.JOURNEY_STATE, state=JourneyState.BLOCKED)}) == 1\n"
            f"unless on (environment) ({root})\n"
            f"unless on (environment) {self._of(names.EXPLAINED_BY)}",
            "A user journey of {{ $labels.environment }} is blocked and no root cause is known.",
            "Users cannot complete {{ $labels.journey }}, and no alert on a root cause fires.",
            layer="application",
            hold=180,
        )

    def _root_cause(self, priority: Priority, more_urgent: Sequence[str]) -> Alert:
        """A less urgent alert does not start while a more urgent one fires for the same component.

        Alerts that fire keep firing while no exporter answers, with what was known: missing data never resolves a page.
        """
        name = f"{ROOT_CAUSE}{priority}"
        firing = self._firing(name)
        affected = series(names.AFFECTED_BY, "environment=%q,root_cause=%q", "component")
        journeys = series(names.BLOCKED_STEP, "environment=%q", "journey", at="step")
        return Alert(
            name,
            priority,
            Role.ROOT_CAUSE,
            self._of.components(
                f"and {HERE} ({self._of(names.ROOT_CAUSE)} == 1)",
                f"and {HERE} (min by (environment, component) ({self._of(names.EFFECTIVE_PRIORITY)})"
                f" == {priority.number})",
                *(f"unless {HERE} ({self._firing(other)} unless {HERE} {firing})" for other in more_urgent),
                f"or max by (environment, component, layer) ({firing})",
                f"and on (environment) absent({self._of(names.BUILD_INFO)})",
            ),
            "{{ $labels.component }} is the root cause of the outage in {{ $labels.environment }}.",
            f"{_COMPONENT}, layer {{{{ $labels.layer }}}}, is a root cause with effective priority {priority}."
            f"{_DESCRIPTION} Affected components: {affected}. Blocked journeys in the environment: {journeys}.",
            annotations={
                "affected": affected,
                "journeys": journeys,
                "evidence": _EVIDENCE,
                "certainty": _CERTAINTY,
            },
        )

    def _firing(self, alert: str) -> str:
        return self._of("ALERTS", alertname=alert, alertstate="firing")

    def uncertain(self) -> Iterator[Alert]:
        """Verdicts that may be wrong or out of date."""
        yield Alert(
            "StagingVerdictContradicted",
            _P2,
            Role.EVIDENCE,
            self._of.components(f"and {HERE} ({self._of(names.CONTRADICTED)} == 1)"),
            "A component of {{ $labels.environment }} is down although a dependent of it is up.",
            f"{_COMPONENT} is down as seen from the exporter, but a component that depends on it is up: the problem "
            "is the network path from the exporter, the dependency is wrong, or the other check is shallow.",
            hold=600,
        )
        yield Alert(
            "StagingRootCauseStale",
            _P2,
            Role.EVIDENCE,
            self._of.components(f"and {HERE} ({self._of(names.ROOT_CAUSE_STALE)} == 1)"),
            "A root cause in {{ $labels.environment }} can no longer be observed.",
            f"{_COMPONENT} was a root cause when it was last observed. Its alert fires until the component is seen up.",
            hold=600,
        )
        yield Alert(
            "StagingFlapping",
            _P2,
            Role.EVIDENCE,
            self._of.components(f"and {HERE} ({self._of.state(State.FLAPPING)})"),
            "A component of {{ $labels.environment }} keeps failing and recovering.",
            f"{_COMPONENT} has been flapping for ten minutes. Typical causes are a crash loop or one bad replica among "
            "several.",
            hold=600,
        )

    def evidence(self) -> Iterator[Alert]:
        """Test reports and host names that contradict other results."""
        yield Alert(
            "StagingTestConflict",
            _P1,
            Role.EVIDENCE,
            self._of.components(f"and {HERE} ({self._of(names.TEST_CONFLICT)} == 1)"),
            "A test suite passes in {{ $labels.environment }} although a component that it covers is down.",
            f"The tests of {_COMPONENT} passed while a component that they cover is down: they test mocks, or another "
            "environment.",
            hold=180,
        )
        yield Alert(
            "StagingTestEvidenceMissing",
            _P2,
            Role.EVIDENCE,
            self._of.components(
                f"and {HERE} {self._of(names.TEST_CONFLICT)}",
                f"and {HERE} ({self._of.state(State.UNKNOWN)})",
            ),
            "A test suite gives no evidence about {{ $labels.environment }}.",
            f"The report of {_COMPONENT} is missing, too old or empty, or all of its tests were skipped.",
            hold=900,
        )
        yield Alert(
            "StagingDomainDrift",
            _P2,
            Role.EVIDENCE,
            self._of.components(f"and {HERE} ({self._of(names.DOMAIN_DRIFT)} == 1)"),
            "A host name of {{ $labels.environment }} does not answer, but its variant does.",
            f"The name that {_COMPONENT} checks does not answer, but its variant with a dash or a dot does: DNS, load "
            "balancer and clients use different names.",
            hold=600,
        )

    def _credential(self) -> Alert:
        """Not for a token that something renews every day: it always ends soon."""
        end = self._of(names.CREDENTIAL_NOT_AFTER)
        return Alert(
            "StagingCredentialExpiresSoon",
            _P2,
            Role.RISK,
            self._of.components(
                f"and {HERE} ({end} - time() < {_CREDENTIAL_DAYS * _DAY})",
                f"unless {HERE} (changes({end}[1d]) > 0)",
            ),
            f"A credential of the exporter for {{{{ $labels.environment }}}} expires within {_CREDENTIAL_DAYS} days.",
            f"The token or client certificate that the check of {_COMPONENT} uses expires in "
            f"{value(names.CREDENTIAL_NOT_AFTER, 'humanizeDuration', ' - time()')}, and was not renewed within a day.",
            hold=3600,
        )

    def risks(self) -> Iterator[Alert]:
        """Failures that are about to happen."""
        # No `for`: a tenth of a budget can be shorter than any wait, and time does not flap.
        ends, budget = self._of.largest(names.STARTUP_END), self._of.largest(names.STARTUP_BUDGET)
        yield Alert(
            "StagingStartupBudgetNearlySpent",
            _P1,
            Role.RISK,
            self._of.components(f"and {HERE} ({ends} - time() < {HERE} {_LEFT} * {budget})"),
            "A startup in {{ $labels.environment }} has nearly used up its budget.",
            f"{_COMPONENT} has used 90 % of its startup budget; at its end the component counts as down.",
        )
        for name, priority, days, hold in (
            ("StagingCertificateExpiresSoon", _P2, 14, 3600.0),
            ("StagingCertificateExpiresImminently", _P1, 3, 900.0),
        ):
            yield Alert(
                name,
                priority,
                Role.RISK,
                self._of.components(f"and {HERE} ({self._of(names.TLS_CHAIN_NOT_AFTER)} - time() < {days * _DAY})"),
                f"A certificate in {{{{ $labels.environment }}}} expires within {days} days.",
                f"The certificate of {_COMPONENT}, or one that it depends on, expires in "
                f"{value(names.TLS_CHAIN_NOT_AFTER, 'humanizeDuration', ' - time()')}.",
                hold=hold,
            )
        yield self._credential()
        used, usable = self._of.largest(names.CONNECTIONS), self._of.largest(names.MAX_CONNECTIONS)
        yield Alert(
            "StagingConnectionsNearlySaturated",
            _P2,
            Role.RISK,
            self._of.components(f"and {HERE} ({used} > {HERE} {_SATURATION} * {usable})"),
            "A server in {{ $labels.environment }} is running out of connections.",
            f"{value(names.CONNECTIONS, 'humanize')} of the {value(names.MAX_CONNECTIONS, 'humanize')} connections "
            f"of {_COMPONENT} are in use.",
            hold=600,
        )
        yield Alert(
            "StagingConnectorNearlySaturated",
            _P2,
            Role.RISK,
            self._of.components(f"and {HERE} ({self._of(names.CLOUD_UTILIZATION)} > {_BUSY})"),
            "A VPC connector of {{ $labels.environment }} is nearly saturated.",
            f"{_COMPONENT} has all its instances, {value(names.CLOUD_UTILIZATION, 'humanizePercentage')} busy. "
            "Nothing behind it will be reachable when it is full.",
            hold=600,
        )
