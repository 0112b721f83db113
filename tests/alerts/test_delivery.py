"""The alerts on delivery, by the metrics of a real Prometheus and a real Alertmanager."""

from __future__ import annotations

from pathlib import Path

import yaml
from staging_exporter.config import load_config

from tests.alerts.promtool import DEPLOY
from tests.paging import scaled
from tests.paging.inbox import inbox
from tests.paging.services import alertmanager, prometheus
from tests.support.live import wait_for
from tests.support.ports import free_port

FACTOR = 0.02
# Two series with the same labels: an error that only the evaluation finds.
AMBIGUOUS = 'vector(1) + on () (vector(1) or label_replace(vector(1), "a", "b", "", ""))'


def test_a_broken_rule_an_absent_alertmanager_and_a_dead_receiver_fire_alerts(tmp_path: Path) -> None:
    config = load_config(DEPLOY / "netra-staging.yml")
    exporter, own, to, absent, dead = (f"127.0.0.1:{free_port()}" for _ in range(5))
    rules = yaml.safe_load(scaled.rules(config, FACTOR))
    rules["groups"] = [group for group in rules["groups"] if group["name"] == "staging-delivery"]
    rules["groups"].append({"name": "staging-own", "rules": [{"record": "a:b:c", "expr": AMBIGUOUS}]})
    tree = yaml.safe_load(scaled.prometheus(exporter, own, to, FACTOR))
    tree["alerting"]["alertmanagers"].append({"static_configs": [{"targets": [absent]}]})
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules, width=10_000))
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(tree))
    with inbox() as box:
        routes = yaml.safe_load(scaled.alertmanager(config, box.url, FACTOR))
        watchdog = next(receiver for receiver in routes["receivers"] if receiver["name"] == "watchdog")
        watchdog["webhook_configs"][0]["url"] = f"http://{dead}/"
        (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(routes))
        services = [alertmanager(tmp_path, to), prometheus(tmp_path, own, FACTOR)]
        try:
            for service in services:
                service.start()
            wait_for(lambda: len({*box.pages()}) == 3, "all three alerts arrive", 120.0)
        finally:
            for service in services:
                service.stop()
        assert {*box.pages()} == {"P1 StagingRulesFailing", "P1 StagingAlertsNotSent", "P1 StagingPagesNotDelivered"}
