"""The real process on sockets that systemd opened, with its notifications, behind an nginx that serves it at a path."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin

import pytest
from staging_exporter.net.systemd import Notifier

from tests.deploy import files
from tests.support.live import EXPORTER, answers, fetch, gone, process, staging_exporter, wait_for
from tests.support.nginx import nginx
from tests.support.ports import free_port

CHECK = """{kind: exec, command: [sh, -c, 'test -z "$LISTEN_FDS$NOTIFY_SOCKET"']}"""
CONFIG = """
environment: staging
api: {{token: {{env: SITE_TOKEN}}}}
defaults: {{interval: 500ms, timeout: 400ms, retry_interval: 50ms, rise: 1}}
components:
  backend: {{layer: application, priority: P0, check: {{kind: tcp, address: "127.0.0.1:{port}"}}}}
  variables: {{layer: test, priority: P2, check: {check}}}
"""
TOKEN = {"SITE_TOKEN": "sesame"}


@dataclass
class Service:
    """The running exporter, and what it sent to its service manager."""

    direct: str
    port: int
    pid: int
    log: Path
    unix: Path
    manager: socket.socket
    messages: list[str] = field(default_factory=list)

    @property
    def outside(self) -> str:
        return f"http://127.0.0.1:{self.port}/staging"

    def hear(self, text: str, times: int = 1) -> bool:
        """Whether the manager has received this so often."""
        try:
            while True:
                self.messages.append(self.manager.recv(4096, socket.MSG_DONTWAIT).decode())
        except BlockingIOError:
            return sum(text in each for each in self.messages) >= times


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    directory = tmp_path_factory.mktemp("service")
    config, unix, log = directory / "staging.yml", directory / "socket", directory / "exporter.log"
    config.write_text(CONFIG.format(port=free_port(), check=CHECK))
    direct = free_port()
    locations = (
        f"location /staging/ {{ proxy_pass http://127.0.0.1:{direct}; }}"
        f"location /other/ {{ proxy_pass http://127.0.0.1:{direct}/staging/; }}"
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, nginx(directory / "nginx", locations) as port:
        manager.bind(str(directory / "notify"))
        command = ["systemd-socket-activate", "-l", f"127.0.0.1:{direct}", "-l", str(unix)]
        passed = {"NOTIFY_SOCKET": str(directory / "notify"), "WATCHDOG_USEC": "300000"}
        for name, value in {**passed, **TOKEN}.items():
            command += ["-E", f"{name}={value}"]
        command += [
            *EXPORTER,
            "run",
            str(config),
            "--web.systemd-socket",
            "--web.external-url",
            f"http://127.0.0.1:{port}/staging/",
        ]
        with process(command, log) as child:
            found = Service(f"http://127.0.0.1:{direct}", port, child.pid, log, unix, manager)
            wait_for(lambda: answers(f"{found.direct}/staging/-/healthy"), "it is started by the first connection")
            yield found


def test_it_says_where_it_is_reached(service: Service) -> None:
    def listening() -> list[str]:
        return [line for line in service.log.read_text().splitlines() if "msg=listening" in line]

    [line] = wait_for(listening, "the log, which is written in the background")
    assert f"url={service.direct}/staging also=unix:{service.unix} external={service.outside} " in line


def test_every_link_of_the_pages_works_through_the_proxy(service: Service) -> None:
    for start in (
        f"{service.outside}/",
        f"{service.outside}/components/backend",
        f"http://127.0.0.1:{service.port}/other/",
    ):
        links = re.findall(r'(?:href|src)="([^"#:]+)"', fetch(start))
        assert len(links) > 5
        assert [link for link in links if not answers(urljoin(start, link))] == []


def test_the_commands_of_the_pages_name_where_it_is_reached(service: Service) -> None:
    assert f"{service.outside}/" in fetch(f"{service.outside}/runbooks/StagingRootCauseP0")


def test_all_routes_are_below_the_prefix(service: Service) -> None:
    for path in ("/", "/staging"):
        assert "<!doctype html>" in fetch(service.direct + path)  # redirected
    assert not answers(f"{service.direct}/metrics")
    assert "staging_component_info" in fetch(f"{service.direct}/staging/metrics")


def test_commands_reach_it_through_the_proxy_and_over_the_socket(service: Service) -> None:
    window = ("--component", "backend", "--duration", "1h", "--token", "sesame")
    for to in (service.outside, f"{service.direct}/staging", f"unix:{service.unix}"):
        done = staging_exporter("maintenance", "--to", to, *window)
        assert (done.returncode, done.stderr) == (0, "")
        assert staging_exporter("explain", "backend", "--from", to).stdout.startswith("backend is ")


def test_children_see_no_variables_of_systemd(service: Service) -> None:
    def state() -> str | None:
        components = json.loads(fetch(f"{service.outside}/api/v1/status"))["components"]
        return str(components["variables"]["state"]) if components["variables"]["last_probe"] else None

    assert wait_for(state, "the check has run") == "up"


def test_the_manager_hears_of_start_reload_and_stop_and_that_it_lives(service: Service) -> None:
    wait_for(lambda: service.hear("READY=1\nSTATUS=probing 2 components of staging"), "ready")
    wait_for(lambda: service.hear("WATCHDOG=1", 3), "the watchdog is fed")
    os.kill(service.pid, signal.SIGHUP)
    wait_for(lambda: service.hear("RELOADING=1\nMONOTONIC_USEC="), "the reload began")
    wait_for(lambda: service.hear("READY=1", 2), "the reload is complete")
    os.kill(service.pid, signal.SIGTERM)
    wait_for(lambda: service.hear("STOPPING=1"), "the stop began")
    assert gone(service.pid)
    assert service.unix.is_socket()  # systemd keeps it for the next start
    assert [each for each in service.messages if "sesame" in each] == []


def test_a_flag_without_sockets_is_refused() -> None:
    done = staging_exporter("run", str(files.DEPLOY / "netra-staging.yml"), "--web.systemd-socket")
    message = "--web.systemd-socket: systemd passed no sockets; start it by a unit of type socket\n"
    assert (done.returncode, done.stderr) == (2, message)


def test_an_abstract_socket_is_notified_and_a_watchdog_of_another_process_is_not_ours() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0staging-exporter-{os.getpid()}")
        environ = {"NOTIFY_SOCKET": f"@staging-exporter-{os.getpid()}", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}
        notifier = Notifier(environ)
        assert (notifier.watchdog, environ) == (0.0, {})
        notifier.stopping()
        assert manager.recv(100) == b"STOPPING=1"
    notifier.stopping()  # nobody listens any more


def test_systemd_finds_nothing_wrong_in_the_units(tmp_path: Path) -> None:
    for name in ("service", "socket"):
        text = (files.DEPLOY / "systemd" / f"staging-exporter.{name}").read_text()
        (tmp_path / f"staging-exporter.{name}").write_text(text.replace(files.unit_command()[0], "/bin/true"))
    command = ["systemd-analyze", "verify", "--man=no", *map(str, tmp_path.iterdir())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
