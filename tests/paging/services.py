"""Processes of the chain from scrape to page, each of which can be stopped, killed, and started again."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.paging import scaled
from tests.support.live import answers, process, wait_for

PATIENCE = 120.0  # seconds


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
        wait_for(lambda: answers(self.ready), f"{self.command[0]} answers", PATIENCE)

    def stop(self) -> None:
        """End it and wait until it is gone."""
        self._stack.close()

    def restart(self) -> None:
        """End it, and start it again."""
        self.stop()
        self.start()


def alertmanager(home: Path, address: str) -> Service:
    """An Alertmanager on `home`/alertmanager.yml."""
    command = [
        "prometheus-alertmanager",
        f"--config.file={home / 'alertmanager.yml'}",
        f"--storage.path={home / 'alertmanager'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]
    return Service(command, home / "alertmanager.log", f"http://{address}/-/ready")


def prometheus(home: Path, address: str, factor: float) -> Service:
    """A Prometheus on `home`/prometheus.yml, whose own durations are scaled."""
    command = [
        "prometheus",
        f"--config.file={home / 'prometheus.yml'}",
        f"--storage.tsdb.path={home / 'tsdb'}",
        f"--web.listen-address={address}",
        f"--rules.alert.resend-delay={scaled.RESEND_DELAY * factor:.0f}s",
        f"--rules.alert.for-grace-period={scaled.FOR_GRACE_PERIOD * factor:.0f}s",
        "--log.level=warn",
    ]
    return Service(command, home / "prometheus.log", f"http://{address}/-/ready")
