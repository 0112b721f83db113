"""The generated files with all durations multiplied by one factor, so that an hour takes minutes."""

from __future__ import annotations

import re
from typing import Any

import yaml
from staging_exporter.config import Config
from staging_exporter.core.durations import format_duration, parse_duration
from staging_exporter.generate.alertmanager import config_file
from staging_exporter.generate.receiver_options import Receivers, Webhook
from staging_exporter.generate.rules import rule_file

TIME = 0.1
# Defaults of Prometheus, and intervals of the examples, in seconds.
RESEND_DELAY, FOR_GRACE_PERIOD, SCRAPE, EVALUATION = 60.0, 600.0, 5.0, 5.0
_KEYS = frozenset({"for", "keep_firing_for", "interval", "group_wait", "group_interval", "repeat_interval"})
_RANGE = re.compile(r"(?<=[\[:])(\d+(?:ms|[smhd]))(?=[\]:])")  # of a range or a subquery


def scale(text: str, factor: float = TIME) -> str:
    """A duration, scaled; Prometheus has none below a millisecond."""
    return format_duration(max(parse_duration(text) * factor, 0.001)) if text != "0s" else text


def rules(config: Config, factor: float) -> str:
    """The rule file without the error budgets, which so many outages within minutes use up."""
    tree = yaml.safe_load(rule_file(config.topology, config.slo, config.alerting))
    tree["groups"] = [group for group in tree["groups"] if not group["name"].startswith("staging-slo")]
    return yaml.safe_dump(_scaled(tree, factor), width=10_000)


def alertmanager(config: Config, url: str, factor: float) -> str:
    """Alertmanager's configuration with webhooks to `url`/SLOT as receivers, and without working hours."""
    receivers = {slot: (Webhook(kind="webhook", url=f"{url}/{slot}"),) for slot in ("P0", "P1", "P2", "watchdog")}
    options = config.alerting.model_copy(update={"receivers": Receivers(**receivers), "working_hours": None})
    tree = _scaled(yaml.safe_load(config_file(config.topology.environment, options)), factor)
    tree["templates"] = []
    return yaml.safe_dump(tree)


def prometheus(exporter: str, own: str, alertmanager_address: str, factor: float) -> str:
    """The configuration of deploy/prometheus, with other addresses."""
    addresses = {"staging": exporter, "prometheus": own, "alertmanager": alertmanager_address}
    scrape, evaluation = format_duration(SCRAPE * factor), format_duration(EVALUATION * factor)
    return yaml.safe_dump(
        {
            "global": {"scrape_interval": scrape, "evaluation_interval": evaluation, "scrape_timeout": scrape},
            "rule_files": ["rules.yml"],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager_address]}]}]},
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [address]}]} for job, address in addresses.items()
            ],
        }
    )


def _scaled(node: Any, factor: float) -> Any:
    if isinstance(node, list):
        return [_scaled(item, factor) for item in node]
    if not isinstance(node, dict):
        return node
    return {key: _value(key, value, factor) for key, value in node.items()}


def _value(key: str, value: Any, factor: float) -> Any:
    if key in _KEYS:
        return scale(value, factor)
    if isinstance(value, str):  # expressions, and annotations with queries
        return _RANGE.sub(lambda match: scale(match[1], factor), value)
    return _scaled(value, factor)
