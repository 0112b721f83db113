"""One alert as a rule: its name, whom it wakes, when it fires, what it says.

Conventions: the identity of an alert is environment and component, or journey, and never what moves (blame, reason,
state), so that a change of the verdict does not resolve one alert to fire another. What moves stands in annotations,
asked for by the `query` function of Prometheus' templates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from staging_exporter.core import names
from staging_exporter.core.durations import format_duration
from staging_exporter.core.model import Priority
from staging_exporter.generate.options import AlertingOptions

KEEP_FIRING = 300.0  # seconds: without its series an alert resolves, and a restart of the exporter takes some
SEVERITY = {Priority.P0: "critical", Priority.P1: "warning", Priority.P2: "info", None: "none"}

# Alertmanager forgets an alert four times the resend delay after it was last sent; Prometheus remembers how long one
# has been pending over its own restart only when `for` is at least its grace period. In between, a restart of
# Prometheus resolves and repeats a page that stands (defaults of rules.alert.resend-delay and .for-grace-period).
FORBIDDEN = (240.0, 600.0)


class Role(StrEnum):
    """What an alert is about; routes and inhibitions look at it."""

    ROOT_CAUSE = "root_cause"
    SYMPTOM = "symptom"
    EVIDENCE = "evidence"
    RISK = "risk"
    SLO = "slo"
    META = "meta"


@dataclass(frozen=True, slots=True)
class Alert:
    """`hold` is `for`, `keep` is `keep_firing_for`, seconds. Without a `layer` the expression brings that label.

    `annotations` come beside summary, description and the links.
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
        """The rule of Prometheus; `interval` is that of the probes, at least two of which an alert waits for."""
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
# Prometheus expands the annotations of every active alert at every evaluation: what asks for series is for alerts of
# which a broken environment has few.
_FEW = frozenset({Role.ROOT_CAUSE})
_NAMED = 20  # names in a sentence
_OF_COMPONENT = "environment=%q,component=%q"


def allowed(hold: float) -> float:
    """The shortest `for` of at least `hold` seconds that a restart of Prometheus does not upset."""
    low, high = FORBIDDEN
    return high if low <= hold < high else hold


def ask(metric: names.Metric, selection: str, compare: str = "", by: str = "") -> str:
    """A template's `query` for series of that metric; `selection` has `%q` where the alert's labels go, in order.

    `by` is a label whose values are asked for, each once whatever number of exporters tell it.
    """
    labels = [part.split("=")[0] for part in selection.split(",") if part.endswith("=%q")]
    values = " ".join(f"$labels.{'component' if label == 'root_cause' else label}" for label in labels)
    escaped = selection.replace('"', r"\"")
    asked = f"{metric.name}{{{escaped}}}{compare}"
    return f'query (printf "{f"count by ({by}) ({asked})" if by else asked}" {values})'


def series(metric: names.Metric, selection: str, label: str, compare: str = "", nothing: str = "none") -> str:
    """The values of one label of all those series, as a list in a sentence; of hundreds the first, and how many."""
    return (
        f'{{{{ $all := {ask(metric, selection, compare, label)} | sortByLabel "{label}" }}}}'
        f"{{{{ range $i, $s := $all }}}}{{{{ if lt $i {_NAMED} }}}}{{{{ if $i }}}}, {{{{ end }}}}"
        f"{{{{ $s.Labels.{label} }}}}{{{{ end }}}}{{{{ else }}}}{nothing}{{{{ end }}}}"
        f"{{{{ if gt (len $all) {_NAMED} }}}} and others, {{{{ len $all }}}} in all{{{{ end }}}}"
    )


def value(metric: names.Metric, form: str, compare: str = "") -> str:
    """The value of that metric for the component of the alert, through a template function such as humanizeDuration."""
    asked = ask(metric, _OF_COMPONENT, compare)
    return f"{{{{ with {asked} }}}}{{{{ . | first | value | {form} }}}}{{{{ end }}}}"


def _link(label: str) -> str:
    return f"{{{{ with {ask(names.LINKS, _OF_COMPONENT)} }}}}{{{{ (. | first).Labels.{label} }}}}{{{{ end }}}}"


def _variables(url: str, of_component: bool) -> str:
    text = "&" if "?" in url else "?"
    text += "var-environment={{ $labels.environment | urlquery }}"
    return text + ("&var-component={{ $labels.component | urlquery }}" if of_component else "")
