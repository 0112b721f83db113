"""PromQL and Prometheus' YAML as text: what is configured is always escaped."""

from __future__ import annotations

import json
from typing import Any

import yaml

from staging_exporter.core.model import State
from staging_exporter.core.names import COMPONENT_INFO, COMPONENT_STATE, ENVIRONMENT, Metric

HERE = "on (environment, component)"


def quoted(value: str) -> str:
    """A string literal of PromQL; its escapes are Go's, and all of JSON's are among them."""
    return json.dumps(value, ensure_ascii=False)


class Selectors:
    """Selectors and vectors of one environment, since a Prometheus may watch several."""

    def __init__(self, environment: str) -> None:
        self._environment = environment

    def __call__(self, metric: Metric | str, **labels: str) -> str:
        """`metric{environment="...",label="value"}`; `label="!value"` selects what has another value."""
        name = metric.name if isinstance(metric, Metric) else metric
        parts = [f"{ENVIRONMENT}={quoted(self._environment)}"]
        for key, value in labels.items():
            operator = "!=" if value.startswith("!") else "="
            parts.append(f"{key}{operator}{quoted(value.removeprefix('!'))}")
        return f"{name}{{{','.join(parts)}}}"

    def state(self, state: State) -> str:
        """Components that are in that state."""
        return f"{self(COMPONENT_STATE, state=state)} == 1"

    def largest(self, metric: Metric) -> str:
        """The largest value per component: of two exporters that answer, arithmetic can take but one."""
        return f"max by (environment, component) ({self(metric)})"

    def components(self, *conditions: str) -> str:
        """Components for which all conditions hold, with their layer.

        One series each, also while two exporters answer, as they do when a pod is replaced: `and` never finds
        duplicates where a join would.
        """
        return "\n".join([f"max by (environment, component, layer) ({self(COMPONENT_INFO)})", *conditions])


def number(value: float) -> str:
    """A number without the digits that binary fractions bring along: 0.01, not 0.010000000000000009."""
    return f"{value:.10g}"


class _Dumper(yaml.SafeDumper):
    """Texts of several lines stand as blocks, so that a reader and a diff see lines."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def dump(tree: Any, comment: str) -> str:
    """The YAML of a generated file, below a comment that says where it comes from."""
    body = yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)
    return "".join(f"# {line}\n" for line in comment.splitlines()) + body
