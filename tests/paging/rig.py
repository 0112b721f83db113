"""All parts between a fault and a page, as processes that can be stopped and started again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from staging_exporter.config import load_config

from tests.demo.running import Running, demo
from tests.paging import scaled
from tests.paging.inbox import Inbox, inbox
from tests.paging.scaled import TIME
from tests.paging.services import PATIENCE, Service, alertmanager, prometheus
from tests.support.live import EXPORTER, fetch, wait_for
from tests.support.ports import free_port

DEMO_SCALE = 0.5


@dataclass
class Rig:
    """The parts; times are Unix seconds."""

    environment: Running
    inbox: Inbox
    exporter: Service
    alertmanager: Service
    prometheus: Service
    urls: dict[str, str]

    def fault(self, identifier: str) -> None:
        """Inject a fault."""
        self.environment.ask("PUT", f"/faults/{identifier}")

    def switch(self, name: str, **setting: Any) -> None:
        """Set one switch."""
        status, answer = self.environment.ask("PUT", f"/switches/{name}", setting)
        assert status == 200, answer

    def reset(self) -> None:
        """Remove all faults and switches."""
        self.environment.ask("DELETE", "/faults")
        self.environment.ask("DELETE", "/switches")

    def status(self) -> dict[str, Any]:
        """The status that the exporter reports."""
        return dict(json.loads(fetch(f"{self.urls['exporter']}/api/v1/status")))

    def healthy(self) -> bool:
        """Whether everything is up by the exporter's verdict."""
        status = self.status()
        return status["state"] == "up" and not status["pending"] and not status["root_causes"]

    def active(self) -> set[str]:
        """Alerts that Prometheus has pending or firing, root causes as `alert component`, the watchdog aside."""
        alerts = json.loads(fetch(f"{self.urls['prometheus']}/api/v1/alerts"))["data"]["alerts"]
        labels = [alert["labels"] for alert in alerts]
        found = {at["alertname"] for at in labels if at["role"] != "root_cause"}
        found |= {f"{at['alertname']} {at['component']}" for at in labels if at["role"] == "root_cause"}
        return found - {"StagingWatchdog"}

    def wait(self, look: Callable[[], object], what: str) -> None:
        """Wait until `look` is true. Raises AssertionError with the pages and the active alerts."""
        try:
            wait_for(look, what, PATIENCE)
        except AssertionError as error:
            raise AssertionError(f"{error}; pages: {self.inbox.pages()}; active: {self.active()}") from None

    def watch(self, seconds: float) -> None:
        """Let Prometheus and Alertmanager run for so long at the shipped pace, to see that no more pages come."""
        time.sleep(seconds * TIME)


@contextmanager
def rig(directory: Path, *arguments: str) -> Iterator[Rig]:
    """All parts, running and healthy; `arguments` are more options of the demo."""
    addresses = {name: f"127.0.0.1:{free_port()}" for name in ("exporter", "prometheus", "alertmanager")}
    urls = {name: f"http://{address}" for name, address in addresses.items()}
    with ExitStack() as stack:
        environment = stack.enter_context(demo("--scale", str(DEMO_SCALE), *arguments))
        box = stack.enter_context(inbox())
        config = load_config(environment.config)
        (directory / "rules.yml").write_text(scaled.rules(config, TIME))
        (directory / "alertmanager.yml").write_text(scaled.alertmanager(config, box.url, TIME))
        file = directory / "prometheus.yml"
        file.write_text(scaled.prometheus(*addresses.values(), TIME))
        services = [
            _exporter(environment.config, addresses["exporter"], directory),
            alertmanager(directory, addresses["alertmanager"]),
            prometheus(directory, addresses["prometheus"], TIME),
        ]
        for service in services:
            stack.callback(service.stop)
            service.start()
        made = Rig(environment, box, *services, urls)
        made.wait(lambda: made.healthy() and not made.active(), "everything is up")
        made.wait(lambda: any(n.slot == "watchdog" for n in box.all), "the watchdog has arrived")
        yield made


def _exporter(config: Path, address: str, directory: Path) -> Service:
    command = [*EXPORTER, "run", "--config.file", str(config), "--web.listen-address", address]
    command += ["--storage.path", str(directory / "state")]
    return Service(command, directory / "exporter.log", f"http://{address}/-/ready")
