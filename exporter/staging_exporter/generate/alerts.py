"""One alert as a rule: its name, its urgency, its condition, its text.

Conventions: the labels of an alert are environment and component, or journey, and never what changes during an outage
(root cause, reason, state), so that a new verdict does not resolve one alert and fire another. What changes is in
annotations, which use the `query` function of Prometheus' templates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from staging_exporter.core import names
from staging_exporter.core.durations import format_duration
from staging_exporter.core.model import Priority
from staging_exporter.generate.options import AlertingOptions

KEEP_FIRING = 300.0  # seconds: an alert resolves without its series, as during a restart of the exporter
SEVERITY = {Priority.P0: "critical", Priority.P1: "warning", Priority.P2: "info", None: "none"}

# Alertmanager resolves an alert that was not sent for four times the resend delay. After its own restart, Prometheus
# remembers how long an alert was pending only when `for` is at least the grace period. With a `for` in between, a
# restart of Prometheus resolves a firing alert and sends it again (by the defaults of rules.alert.resend-delay and
# rules.alert.for-grace-period).
FORBIDDEN = (240.0, 600.0)


class Role(StrEnum):
    """What an alert is about; routes and inhibition rules match it."""

    ROOT_CAUSE = "root_cause"
    SYMPTOM = "symptom"
    EVIDENCE = "evidence"
    RISK = "risk"
    SLO = "slo"
    META = "meta"


@dataclass(frozen=True, slots=True)
class Alert:
    """`hold` is `for`, `keep` is `keep_firing_for`, in seconds. Without a `layer`, the expression has that label.

    `annotations` are added to summary, description and links.
    """

    name: str
    priority: Priority | None
    role: Role
    expr: str
    summary: str
    description: str
    layer: str | None = None
    hold: float = 0.0
    keep: float = KEEP_FIRING
    annotations: Mapping[str, str] = field(default_factory=dict)

    def rule(self, options: AlertingOptions, interval: float) -> dict[str, Any]:
        """The rule as Prometheus reads it; a `for` lasts at least two probe intervals of `interval` seconds."""
        rule: dict[str, Any] = {"alert": self.name, "expr": self.expr}
        if self.hold:
            rule["for"] = format_duration(allowed(max(self.hold, 2 * interval)))
        if self.keep:
            rule["keep_firing_for"] = format_duration(self.keep)
        rule["labels"] = {
            "severity": SEVERITY[self.priority],
            "priority": self.priority.value if self.priority else "none",
            "role": self.role.value,
        }
        if self.layer:
            rule["labels"]["layer"] = self.layer
        rule["annotations"] = {"summary": self.summary, "description": self.description, **self.annotations}
        rule["annotations"].update(self._links(options))
        return rule

    def _links(self, options: AlertingOptions) -> Iterator[tuple[str, str]]:
        if options.runbooks:
            yield "runbook_url", f"{options.runbooks.rstrip('/')}/{self.name}.md"
        of_component = self.layer is None
        if options.dashboard:
            yield "dashboard_url", options.dashboard + _variables(options.dashboard, of_component)
        if options.exporter:
            page = "/components/{{ $labels.component }}" if of_component else "/"
            yield "status_url", options.exporter.rstrip("/") + page
        if self.role in _FEW:
            for annotation, label in COMPONENT_LINKS.items():
                yield annotation, _link(label)


COMPONENT_LINKS = {"owner": "owner", "issue_url": "issue", "component_runbook_url": "runbook",
                   "component_dashboard_url": "dashboard"}  # fmt: skip
# Prometheus expands the annotations of every active alert at every evaluation, so that annotations with queries are
# for alerts of which a broken environment has few.
_FEW = frozenset({Role.ROOT_CAUSE})
_REMEMBERED = "1h:5s"  # how far back what was known is looked for, in steps shorter than a scrape interval
_NAMED = 20  # names in a list, at most
OF_COMPONENT = "environment=%q,component=%q"


def allowed(hold: float) -> float:
    """The shortest `for` of at least `hold` seconds that survives a restart of Prometheus."""
    low, high = FORBIDDEN
    return high if low <= hold < high else hold


def ask(metric: names.Metric, selection: str, compare: str = "", by: str = "") -> str:
    """A template's `query` for series of that metric; `selection` has `%q` in place of the alert's labels, in order.

    `by` names the labels whose values are wanted, each once however many exporters there are.
    """
    return _query(f"{metric.name}{{{selection}}}{compare}", by)


def known(variable: str, metric: names.Metric, selection: str, compare: str = "", by: str = "") -> str:
    """Sets a variable of the template to what `ask` finds; while no exporter answers, to what it would have found last.

    An alert that fires keeps firing then, and its annotations must not say that nothing is known.
    """
    seen = f"max_over_time(timestamp({metric.name}{{{selection}}}{compare})[{_REMEMBERED}])"
    before = f"{seen} == scalar(max({seen})) and on () absent({names.BUILD_INFO.name}{{environment=%q}})"
    return (
        f"{{{{ {variable} := {ask(metric, selection, compare, by)} }}}}"
        f"{{{{ if not {variable} }}}}{{{{ {variable} = {_query(before, by)} }}}}{{{{ end }}}}"
    )


def _query(vector: str, by: str) -> str:
    labels = re.findall(r"(\w+)=%q", vector)
    values = " ".join(f"$labels.{'component' if label == 'root_cause' else label}" for label in labels)
    counted = (f"count by ({by}) ({vector})" if by else vector).replace('"', r"\"")
    return f'query (printf "{counted}" {values})'


def series(
    metric: names.Metric,
    selection: str,
    label: str,
    compare: str = "",
    *,
    at: str = "",
    before: str = "",
    after: str = "",
    nothing: str = "none",
) -> str:
    """The values of one label of all those series as a list; of hundreds the first ones, and their number.

    With `at`, each is followed by ` at ` and the value of that label. `before` and `after` surround the list, `nothing`
    replaces all three where there is no series.
    """
    place = f" at {{{{ $s.Labels.{at} }}}}" if at else ""
    by = f"{label}, {at}" if at else label
    return (
        f"{known('$all', metric, selection, compare, by)}{_if_any(before)}"
        f'{{{{ range $i, $s := sortByLabel "{label}" $all }}}}{{{{ if lt $i {_NAMED} }}}}{{{{ if $i }}}}, {{{{ end }}}}'
        f"{{{{ $s.Labels.{label} }}}}{place}{{{{ end }}}}{{{{ else }}}}{nothing}{{{{ end }}}}"
        f"{{{{ if gt (len $all) {_NAMED} }}}} and others, {{{{ len $all }}}} in all{{{{ end }}}}"
        f"{_if_any(after)}"
    )


def _if_any(text: str) -> str:
    return f"{{{{ if $all }}}}{text}{{{{ end }}}}" if text else ""


def value(metric: names.Metric, form: str, compare: str = "") -> str:
    """The value of that metric for the component of the alert, through a template function such as humanizeDuration."""
    found = ask(metric, OF_COMPONENT, compare)
    return f"{{{{ with {found} }}}}{{{{ . | first | value | {form} }}}}{{{{ end }}}}"


def _link(label: str) -> str:
    found = known("$all", names.LINKS, OF_COMPONENT)
    return f"{found}{{{{ with $all }}}}{{{{ (. | first).Labels.{label} }}}}{{{{ end }}}}"


def _variables(url: str, of_component: bool) -> str:
    text = "&" if "?" in url else "?"
    text += "var-environment={{ $labels.environment | urlquery }}"
    return text + ("&var-component={{ $labels.component | urlquery }}" if of_component else "")
