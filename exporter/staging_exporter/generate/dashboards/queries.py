"""The queries that several dashboards share. All of them are for one environment.

Every query aggregates to the labels that it shows, since an exporter that moved has another `instance` for a while.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from staging_exporter.core import names
from staging_exporter.core.model import State
from staging_exporter.core.names import COMPONENT, ENVIRONMENT, Metric
from staging_exporter.generate.dashboards.words import ROOT, STATES, SYMPTOM, Word
from staging_exporter.generate.promql import quoted

RATE = "$__rate_interval"
FAILING = (State.DOWN, State.FLAPPING)


def quote(text: str) -> str:
    """A PromQL string in which Grafana finds none of its variables, which begin with `$` or `[[`."""
    return quoted(text).replace("$", r"\u0024").replace("[", r"\u005b")


@dataclass(frozen=True, slots=True)
class Queries:
    """PromQL about one environment."""

    environment: str

    def named(self, name: str, *matchers: str) -> str:
        """The series of that name."""
        return f"{name}{{{','.join([f'{ENVIRONMENT}={quote(self.environment)}', *matchers])}}}"

    def series(self, metric: Metric, *matchers: str, suffix: str = "") -> str:
        """The series of a metric; `suffix` is `_bucket` and the like."""
        return self.named(metric.name + suffix, *matchers)

    def of(self, metric: Metric, *matchers: str) -> str:
        """The metric by its own labels."""
        return self.by(metric.labels, metric, *matchers)

    def by(self, labels: Iterable[str], metric: Metric, *matchers: str) -> str:
        """The metric by these labels; the highest of several."""
        return f"max by ({', '.join(labels)}) ({self.series(metric, *matchers)})"

    def in_state(self, states: Iterable[State], *matchers: str) -> str:
        """1 for each component in one of these states, by component."""
        wanted = f'state=~"{"|".join(states)}"'
        return f"max by ({COMPONENT}) ({self.series(names.COMPONENT_STATE, wanted, *matchers)} == 1)"

    def roots(self, *matchers: str) -> str:
        """1 for each root cause, by component."""
        return f"({self.by([COMPONENT], names.ROOT_CAUSE, *matchers)} == 1)"

    def symptoms(self, *matchers: str) -> str:
        """1 for each component that suffers from another, by component."""
        return self.by([COMPONENT], names.AFFECTED_BY, *matchers)

    def words(self, *matchers: str) -> str:
        """The code of the word that says how a component is, by component: its state, or symptom, or root cause.

        A symptom and a root cause are named as such while they fail; a degraded one is shown as degraded.
        """
        state = self.series(names.COMPONENT_STATE, *matchers)
        failing = self.in_state(FAILING, *matchers)
        parts = [
            *(f"({_with(state, f'state={quote(s)}')} == 1) * {word.code}" for s, word in STATES.items()),
            f"({failing} and on ({COMPONENT}) {self.symptoms(*matchers)}) * {SYMPTOM.code}",
            f"({failing} and on ({COMPONENT}) {self.roots(*matchers)}) * {ROOT.code}",
        ]
        return f"max by ({COMPONENT}) (\n  {either(parts)}\n)"

    def states(self, metric: Metric, words: Iterable[Word], *matchers: str) -> str:
        """The code of the state that a metric with a `state` label is in, by its other labels."""
        series = self.series(metric, *matchers)
        others = ", ".join(label for label in metric.labels if label != "state")
        parts = [f"({_with(series, f'state={quote(word.text)}')} == 1) * {word.code}" for word in words]
        return f"max by ({others}) (\n  {either(parts)}\n)"

    def info(self, *labels: str) -> str:
        """1 for each component, by component and these labels of `staging_component_info`."""
        return self.by([COMPONENT, *labels], names.COMPONENT_INFO)

    def exporter(self, metric: str) -> str:
        """A metric of the exporter's process, or of Prometheus about it, by instance; kept when it is gone."""
        ours = f"last_over_time({self.series(names.BUILD_INFO)}[1h])"
        return f"max by (instance) ({metric} and on (job, instance) {ours})"


def renamed(query: str, to: str, source: str = COMPONENT) -> str:
    """The result with the label `source` copied to `to`."""
    return f'label_replace({query}, "{to}", "$1", "{source}", "(.*)")'


def labelled(query: str, label: str, value: str) -> str:
    """The result with one more label of a fixed value."""
    return f'label_replace({query}, "{label}", {quote(value)}, "", "")'


def _with(series: str, matcher: str) -> str:
    return f"{series.removesuffix('}')},{matcher}}}"


def either(parts: Iterable[str]) -> str:
    """All of them in one result."""
    return "\n  or ".join(parts)
