"""Everything between a fault and a page, as processes that can be stopped and started again."""

from __future__ import annotations

import json
import time
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exporter.config import load_config
from tests.demo.running import Running, demo
from tests.paging import scaled
from tests.paging.inbox import Inbox, inbox
from tests.paging.scaled import TIME
from tests.support.live import EXPORTER, fetch, free_port, process, wait_for

DEMO_SCALE = 0.5
_PATIENCE = 120.0  # seconds


@dataclass
class Service:
    """A process that can be stopped, killed, and started again on the same address and files."""

    command: list[str]
    log: Path
    ready: str
    _stack: ExitStack = field(default_factory=ExitStack)

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._stack.enter_context(process(self.command, self.log))
        wait_for(lambda: answer(self.ready) is not None, f"{self.command[0]} answers", _PATIENCE)

    def stop(self) -> None:
        """End it and wait until it is gone."""
        self._stack.close()

    def restart(self) -> None:
        """End it, and start it again."""
        self.stop()
        self.start()


@dataclass
class Rig:
    """The parts; times are Unix seconds."""

    environment: Running
    inbox: Inbox
    exporter: Service
    prometheus: Service
    alertmanager: Service
    urls: dict[str, str]

    def fault(self, identifier: str) -> None:
        """Switch a fault on."""
        self.environment.ask("PUT", f"/faults/{identifier}")

    def switch(self, name: str, **setting: Any) -> None:
        """Set a switch by hand."""
        status, said = self.environment.ask("PUT", f"/switches/{name}", setting)
        assert status == 200, said

    def mend(self) -> None:
        """Everything is as it should be."""
        self.environment.ask("DELETE", "/faults")
        self.environment.ask("DELETE", "/switches")

    def status(self) -> dict[str, Any]:
        """The exporter's verdict."""
        return dict(json.loads(fetch(f"{self.urls['exporter']}/api/v1/status")))

    def healthy(self) -> bool:
        """True when the exporter says so."""
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
        """Until it is so; says what was told meanwhile when it never is."""
        try:
            wait_for(look, what, _PATIENCE)
        except AssertionError as error:
            raise AssertionError(f"{error}; told: {self.inbox.pages()}; active: {self.active()}") from None

    def watch(self, seconds: float) -> None:
        """Let Prometheus and Alertmanager go on for so long at the shipped pace, to see that nothing more comes."""
        time.sleep(seconds * TIME)


def answer(url: str) -> str | None:
    """What it answers with 2xx, or None."""
    try:
        return fetch(url)
    except (OSError, urllib.error.HTTPError):
        return None


@contextmanager
def rig(directory: Path) -> Iterator[Rig]:
    """All of it, running and healthy."""
    addresses = {name: f"127.0.0.1:{free_port()}" for name in ("exporter", "prometheus", "alertmanager")}
    urls = {name: f"http://{address}" for name, address in addresses.items()}
    with ExitStack() as stack:
        environment = stack.enter_context(demo("--scale", str(DEMO_SCALE)))
        box = stack.enter_context(inbox())
        config = load_config(environment.config)
        (directory / "rules.yml").write_text(scaled.rules(config, TIME))
        (directory / "alertmanager.yml").write_text(scaled.alertmanager(config, box.url, TIME))
        file = directory / "prometheus.yml"
        file.write_text(scaled.prometheus(addresses["exporter"], addresses["alertmanager"], TIME))
        services = [
            Service(command, directory / f"{name}.log", f"{urls[name]}/-/ready")
            for name, command in {
                "exporter": _exporter(environment.config, addresses["exporter"], directory),
                "alertmanager": _alertmanager(directory, addresses["alertmanager"]),
                "prometheus": _prometheus(directory, addresses["prometheus"]),
            }.items()
        ]
        for service in services:
            stack.callback(service.stop)
            service.start()
        exporter, alertmanager, prometheus = services
        made = Rig(environment, box, exporter, prometheus, alertmanager, urls)
        made.wait(lambda: made.healthy() and not made.active(), "all is well")
        made.wait(lambda: any(n.slot == "watchdog" for n in box.all), "the watchdog is heard")
        yield made


def _exporter(config: Path, address: str, directory: Path) -> list[str]:
    options = ["--config.file", str(config), "--web.listen-address", address]
    return [*EXPORTER, "run", *options, "--storage.path", str(directory / "state")]


def _alertmanager(directory: Path, address: str) -> list[str]:
    return [
        "prometheus-alertmanager",
        f"--config.file={directory / 'alertmanager.yml'}",
        f"--storage.path={directory / 'alertmanager'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]


def _prometheus(directory: Path, address: str) -> list[str]:
    return [
        "prometheus",
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'tsdb'}",
        f"--web.listen-address={address}",
        f"--rules.alert.resend-delay={scaled.RESEND_DELAY * TIME:.0f}s",
        f"--rules.alert.for-grace-period={scaled.FOR_GRACE_PERIOD * TIME:.0f}s",
        "--log.level=warn",
    ]
