"""PromQL and Prometheus' YAML as text: what is configured is always escaped."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import yaml

from staging_exporter.core.model import State
from staging_exporter.core.names import COMPONENT, COMPONENT_INFO, COMPONENT_STATE, ENVIRONMENT, Metric

HERE = f"on ({ENVIRONMENT}, {COMPONENT})"


def quoted(value: str) -> str:
    """A string literal of PromQL; its escapes are Go's, and all of JSON's are among them.

    `$` and `[` are escaped as well, since `$name` and `[[name]]` are variables of Grafana.
    """
    return json.dumps(value, ensure_ascii=False).replace("$", r"\u0024").replace("[", r"\u005b")


@dataclass(frozen=True, slots=True)
class Selectors:
    """Selectors and vectors of one environment, since one Prometheus may watch several."""

    environment: str

    def __call__(self, metric: Metric | str, *matchers: str, suffix: str = "", **labels: str) -> str:
        """`metric{environment="...",label="value"}`; `label="!value"` selects every other value.

        `matchers` are inserted as they are; `suffix` is that of a histogram's series, such as `_bucket`.
        """
        name = metric.name if isinstance(metric, Metric) else metric
        parts = [f"{ENVIRONMENT}={quoted(self.environment)}", *matchers]
        for key, value in labels.items():
            operator = "!=" if value.startswith("!") else "="
            parts.append(f"{key}{operator}{quoted(value.removeprefix('!'))}")
        return f"{name}{suffix}{{{','.join(parts)}}}"

    def by(self, labels: Iterable[str], metric: Metric, *matchers: str, **selected: str) -> str:
        """The metric by these labels only; of several series, as two exporters make them, the largest value."""
        return f"max by ({', '.join(labels)}) ({self(metric, *matchers, **selected)})"

    def largest(self, metric: Metric) -> str:
        """The largest value per component: of two exporters that answer, arithmetic can take only one."""
        return self.by((ENVIRONMENT, COMPONENT), metric)

    def state(self, state: State) -> str:
        """Components that are in that state."""
        return f"{self(COMPONENT_STATE, state=state)} == 1"

    def components(self, *conditions: str) -> str:
        """Components for which all conditions hold, with their layer.

        One series each, also while two exporters answer, as they do when a pod is replaced: `and` never finds
        duplicates where a join would.
        """
        return "\n".join([self.by((ENVIRONMENT, COMPONENT, "layer"), COMPONENT_INFO), *conditions])


def number(value: float) -> str:
    """A number without the digits that binary fractions add: 0.01, not 0.010000000000000009."""
    return f"{value:.10g}"


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, so that readers and diffs see lines."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def dump(tree: Any) -> str:
    """The YAML of a generated file."""
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)
