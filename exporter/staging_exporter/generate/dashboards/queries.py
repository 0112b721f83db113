"""The queries that several dashboards share. All of them are for one environment.

Every query aggregates to the labels that it shows, since an exporter that moved has another `instance` for a while.
"""

from __future__ import annotations

from collections.abc import Iterable

from staging_exporter.core import names
from staging_exporter.core.model import State
from staging_exporter.core.names import COMPONENT, Metric
from staging_exporter.generate.dashboards.words import ROOT, STATES, SYMPTOM, Word
from staging_exporter.generate.promql import Selectors, quoted

RATE = "$__rate_interval"
FAILING = (State.DOWN, State.FLAPPING)


class Queries(Selectors):
    """PromQL of the dashboards of one environment; matchers may hold variables of Grafana."""

    __slots__ = ()

    def of(self, metric: Metric, *matchers: str, **selected: str) -> str:
        """The metric by its own labels."""
        return self.by(metric.labels, metric, *matchers, **selected)

    def in_state(self, states: Iterable[State], *matchers: str) -> str:
        """1 for each component in one of these states, by component."""
        wanted = f'state=~"{"|".join(states)}"'
        return f"max by ({COMPONENT}) ({self(names.COMPONENT_STATE, wanted, *matchers)} == 1)"

    def roots(self, *matchers: str) -> str:
        """1 for each root cause, by component."""
        return f"({self.by([COMPONENT], names.ROOT_CAUSE, *matchers)} == 1)"

    def symptoms(self, *matchers: str) -> str:
        """1 for each symptom of a root cause, by component."""
        return self.by([COMPONENT], names.AFFECTED_BY, *matchers)

    def words(self, *matchers: str) -> str:
        """The code of the word for a component, by component: its state, `symptom` or `root cause`.

        A symptom or a root cause is shown as such while it is down or flapping; a degraded one is shown as degraded.
        """
        failing = self.in_state(FAILING, *matchers)
        parts = [
            *(f"({self(names.COMPONENT_STATE, *matchers, state=s)} == 1) * {word.code}" for s, word in STATES.items()),
            f"({failing} and on ({COMPONENT}) {self.symptoms(*matchers)}) * {SYMPTOM.code}",
            f"({failing} and on ({COMPONENT}) {self.roots(*matchers)}) * {ROOT.code}",
        ]
        return f"max by ({COMPONENT}) (\n  {either(parts)}\n)"

    def states(self, metric: Metric, words: Iterable[Word], **selected: str) -> str:
        """The code of the state of a metric with a `state` label, by its other labels."""
        others = ", ".join(label for label in metric.labels if label != "state")
        parts = [f"({self(metric, **selected, state=word.text)} == 1) * {word.code}" for word in words]
        return f"max by ({others}) (\n  {either(parts)}\n)"

    def info(self, *labels: str) -> str:
        """1 for each component, by component and these labels of `staging_component_info`."""
        return self.by([COMPONENT, *labels], names.COMPONENT_INFO)

    def exporter(self, metric: str) -> str:
        """A metric of the exporter's process, or of Prometheus about it, by instance; kept when it is gone."""
        ours = f"last_over_time({self(names.BUILD_INFO)}[1h])"
        return f"max by (instance) ({metric} and on (job, instance) {ours})"


def renamed(query: str, to: str, source: str = COMPONENT) -> str:
    """The result with the label `source` copied to `to`."""
    return f'label_replace({query}, "{to}", "$1", "{source}", "(.*)")'


def labelled(query: str, label: str, value: str) -> str:
    """The result with one more label of a fixed value."""
    return f'label_replace({query}, "{label}", {quoted(value)}, "", "")'


def either(parts: Iterable[str]) -> str:
    """All of them in one result."""
    return "\n  or ".join(parts)
