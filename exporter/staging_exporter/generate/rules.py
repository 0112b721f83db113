"""Configuration -> rule file for Prometheus, or a PrometheusRule for its operator."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import chain
from statistics import mode
from typing import Any

from staging_exporter.core.model import Topology
from staging_exporter.generate import slo
from staging_exporter.generate.alerts import Alert
from staging_exporter.generate.environment import Environment
from staging_exporter.generate.marker import marked
from staging_exporter.generate.monitoring import Monitoring
from staging_exporter.generate.options import AlertingOptions
from staging_exporter.generate.promql import dump

RULES_FILE = "staging.rules.yml"
OPERATOR_FILE = "staging.prometheusrule.yml"


class Refused(Exception):
    """The configuration asks for alerts that could not work; `problems` are sentences."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def groups(topology: Topology, configured: Mapping[str, float], options: AlertingOptions) -> list[dict[str, Any]]:
    """The rule groups of one environment. Raises Refused for objectives that cannot be alerted on."""
    wanted = slo.objectives(topology, configured)
    refused = [(name, slo.refusal(topology.components[name], objective)) for name, objective in wanted.items()]
    if problems := [f"components.{name}.slo.objective: {why}" for name, why in refused if why]:
        raise Refused(problems)
    environment = topology.environment
    on, watching = Environment(environment), Monitoring(environment)
    interval = mode(c.interval for c in topology.components.values())

    def rules(*alerts: Iterable[Alert]) -> list[dict[str, Any]]:
        return [alert.rule(options, interval) for alert in chain(*alerts)]

    roots = on.root_causes() if options.sent_by_rules else ()
    return [
        {"name": "staging-verdict", "interval": "5s", "rules": rules(roots, on.verdict())},
        {"name": "staging-exporter", "interval": "5s", "rules": rules(watching.unknown(), watching.exporter())},
        {"name": "staging-evidence", "interval": "15s", "rules": rules(on.uncertain(), on.evidence())},
        {"name": "staging-risks", "interval": "15s", "rules": rules(on.risks())},
        {"name": "staging-delivery", "interval": "15s", "rules": rules(watching.delivery())},
        {"name": "staging-slo-windows", "interval": "1m", "rules": [*slo.fast_rules(environment, wanted)]},
        *slo.slow_groups(environment),
        {"name": "staging-slo", "interval": "1m", "rules": rules(slo.alerts(environment))},
    ]


def rule_file(topology: Topology, configured: Mapping[str, float], options: AlertingOptions) -> str:
    """The text of a rule file. Raises Refused."""
    return marked(RULES_FILE, dump({"groups": groups(topology, configured, options)}))


def operator_file(topology: Topology, configured: Mapping[str, float], options: AlertingOptions) -> str:
    """The text of a manifest with the same rules for the Prometheus operator. Raises Refused."""
    name = re.sub(r"[^a-z0-9]+", "-", topology.environment.lower()).strip("-")[:200].rstrip("-")
    manifest = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {
            "name": f"staging-exporter-{name}".rstrip("-"),
            "labels": {"prometheus": "k8s", "role": "alert-rules"},
        },
        "spec": {"groups": groups(topology, configured, options)},
    }
    return marked(OPERATOR_FILE, dump(manifest))
