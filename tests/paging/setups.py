"""The setups of `make bench-page`, on the same targets: ours with and without Prometheus, blackbox_exporter."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml
from staging_exporter.config import Config, load_config

from tests.paging import scaled
from tests.paging.services import Service, alertmanager, prometheus
from tests.support.live import EXPORTER
from tests.support.ports import free_port

_UNSCALED = 1.0


@contextmanager
def ours(directory: Path, ports: Mapping[str, int], inbox: str) -> Iterator[None]:
    """Intervals of deploy/netra-staging.yml and of the generated files."""
    exporter = f"127.0.0.1:{free_port()}"
    with ExitStack() as stack:
        config = _exporter(stack, directory / "staging.yml", ports, exporter, {})
        rules = scaled.rules(config, _UNSCALED)
        routes = scaled.alertmanager(config, inbox, _UNSCALED)
        _watch(stack, directory, "ours", rules, routes, lambda own, to: scaled.prometheus(exporter, own, to, _UNSCALED))
        yield


@contextmanager
def direct(directory: Path, ports: Mapping[str, int], inbox: str) -> Iterator[None]:
    """The same without Prometheus: the exporter sends to Alertmanager itself."""
    home, to = directory / "direct", f"127.0.0.1:{free_port()}"
    home.mkdir()
    alerting = {"alertmanagers": [f"http://{to}"]}
    with ExitStack() as stack:
        config = _exporter(stack, home / "staging.yml", ports, f"127.0.0.1:{free_port()}", alerting)
        (home / "alertmanager.yml").write_text(scaled.alertmanager(config, inbox, _UNSCALED))
        _start(stack, alertmanager(home, to))
        yield


def _exporter(stack: ExitStack, file: Path, ports: Mapping[str, int], address: str, alerting: Any) -> Config:
    """An exporter at the shipped intervals; returns its configuration."""
    components = {name: _component(name, port) for name, port in ports.items()}
    defaults = {"interval": "15s", "timeout": "5s", "retry_interval": "1s", "fall": 3, "rise": 2}
    document = {"environment": "bench", "defaults": defaults, "components": components, "alerting": alerting}
    file.write_text(json.dumps(document))
    run = [*EXPORTER, "run", "--config.file", str(file), "--web.listen-address", address]
    _start(stack, Service(run, file.with_suffix(".log"), f"http://{address}/-/ready"))
    return load_config(file)


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
