"""The two setups of `make bench-page`: ours as shipped, and a stock blackbox_exporter, on the same targets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml
from staging_exporter.config import load_config

from tests.paging import scaled
from tests.paging.services import Service, alertmanager, prometheus
from tests.support.live import EXPORTER, free_port

_UNSCALED = 1.0


@contextmanager
def ours(directory: Path, ports: Mapping[str, int], inbox: str) -> Iterator[None]:
    """Intervals of deploy/netra-staging.yml and of the generated files."""
    file, exporter = directory / "staging.yml", f"127.0.0.1:{free_port()}"
    components = {name: _component(name, port) for name, port in ports.items()}
    defaults = {"interval": "15s", "timeout": "5s", "retry_interval": "1s", "fall": 3, "rise": 2}
    file.write_text(json.dumps({"environment": "bench", "defaults": defaults, "components": components}))
    config = load_config(file)
    with ExitStack() as stack:
        run = [*EXPORTER, "run", "--config.file", str(file), "--web.listen-address", exporter]
        _start(stack, Service(run, directory / "exporter.log", f"http://{exporter}/-/ready"))
        rules = scaled.rules(config, _UNSCALED)
        routes = scaled.alertmanager(config, inbox, _UNSCALED)
        _watch(stack, directory, "ours", rules, routes, lambda own, to: scaled.prometheus(exporter, own, to, _UNSCALED))
        yield


def _component(name: str, port: int) -> dict[str, Any]:
    part, unit = name.split("-")
    needs = {"db": [], "api": [f"db-{unit}"], "web": [f"api-{unit}"]}[part]
    check = {"kind": "http", "url": f"http://127.0.0.1:{port}/", "expect": {"json": {"status": "ok"}}}
    return {"layer": "service", "priority": "P0", "depends_on": needs, "check": check}


@contextmanager
def stock(directory: Path, ports: Mapping[str, int], inbox: str) -> Iterator[None]:
    """Scrapes and evaluations every 15 s, `for: 1m`, group_wait 30s, a page per target: what tutorials show."""
    address, file = f"127.0.0.1:{free_port()}", directory / "blackbox.yml"
    http = {"preferred_ip_protocol": "ip4", "fail_if_body_not_matches_regexp": ['"status": *"ok"']}
    file.write_text(json.dumps({"modules": {"answer": {"prober": "http", "timeout": "5s", "http": http}}}))
    rule = {"alert": "ProbeFailed", "expr": "probe_success == 0", "for": "1m", "labels": {"severity": "critical"}}
    rules = yaml.safe_dump({"groups": [{"name": "blackbox", "rules": [rule]}]})
    route = {"receiver": "all", "group_by": ["alertname", "component"], "group_wait": "30s", "group_interval": "5m"}
    receivers = [{"name": "all", "webhook_configs": [{"url": f"{inbox}/stock"}]}]
    with ExitStack() as stack:
        command = ["prometheus-blackbox-exporter", f"--config.file={file}", f"--web.listen-address={address}"]
        _start(stack, Service(command, directory / "blackbox.log", f"http://{address}/-/healthy"))
        routes = yaml.safe_dump({"route": route, "receivers": receivers})
        _watch(stack, directory, "stock", rules, routes, lambda _own, to: _scrape_blackbox(address, ports, to))
        yield


def _scrape_blackbox(address: str, ports: Mapping[str, int], alertmanager: str) -> str:
    targets = [
        {"targets": [f"http://127.0.0.1:{port}/"], "labels": {"component": name}} for name, port in ports.items()
    ]
    relabel = [
        {"source_labels": ["__address__"], "target_label": "__param_target"},
        {"target_label": "__address__", "replacement": address},
    ]
    job = {"job_name": "blackbox", "metrics_path": "/probe", "params": {"module": ["answer"]}}
    return yaml.safe_dump(
        {
            "global": {"scrape_interval": "15s", "evaluation_interval": "15s"},
            "rule_files": ["rules.yml"],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
            "scrape_configs": [job | {"static_configs": targets, "relabel_configs": relabel}],
        }
    )


def _watch(stack: ExitStack, directory: Path, name: str, rules: str, routes: str, configure: Any) -> None:
    """An Alertmanager and a Prometheus in a directory of their own."""
    home = directory / name
    home.mkdir()
    to, own = (f"127.0.0.1:{free_port()}" for _ in range(2))
    (home / "rules.yml").write_text(rules)
    (home / "alertmanager.yml").write_text(routes)
    (home / "prometheus.yml").write_text(configure(own, to))
    for service in (alertmanager(home, to), prometheus(home, own, _UNSCALED)):
        _start(stack, service)


def _start(stack: ExitStack, service: Service) -> None:
    stack.callback(service.stop)
    service.start()
