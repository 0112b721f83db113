"""The real exporter with a real Alertmanager and no Prometheus: over TLS with a password, through restarts of both."""

from __future__ import annotations

import base64
import json
import socket
import socketserver
import ssl
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import yaml
from staging_exporter.config import load_config

from tests.paging import scaled
from tests.paging.inbox import Inbox, inbox
from tests.paging.services import Service
from tests.support.live import EXPORTER, fetch, process, wait_for
from tests.support.ports import free_port
from tests.support.web import authority, ca_file

FACTOR = 0.02  # of the shipped times of Alertmanager
PASSWORD = "open sesame"
CONFIG = """
environment: direct
recovery: 1s
defaults: {{interval: 500ms, timeout: 400ms, retry_interval: 50ms, rise: 1}}
components:
  db: {{layer: platform, priority: P1, check: {{kind: tcp, address: "127.0.0.1:{db}"}}, links: {{owner: team}}}}
  api: {{layer: service, priority: P0, depends_on: [db], check: {{kind: tcp, address: "127.0.0.1:{db}"}}}}
  cache: {{layer: platform, priority: P0, check: {{kind: tcp, address: "127.0.0.1:{cache}"}}}}
alerting:
  exporter: https://e.com
  external_labels: {{cluster: one}}
  receivers: {{P0: [{{kind: webhook, url: "https://e.com"}}]}}
  alertmanagers:
    - url: {url}
      tls: {{ca_file: {ca}}}
      auth: {{basic: {{username: exporter, password: {{file: password}}}}}}
"""


class _Closes(socketserver.BaseRequestHandler):
    """Accepts, and says nothing."""


@contextmanager
def listening(port: int) -> Iterator[None]:
    socketserver.TCPServer.allow_reuse_address = True
    with socketserver.TCPServer(("127.0.0.1", port), _Closes) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        yield
        server.shutdown()


@dataclass
class Direct:
    """Both processes; `db` is refused, `cache` is up while it is `listening`."""

    inbox: Inbox
    exporter: Service
    alertmanager: Service
    url: str
    alertmanager_url: str
    tls: ssl.SSLContext
    ports: dict[str, int]
    log: Path

    def alerts(self) -> dict[str, dict[str, Any]]:
        """What Alertmanager has, by component."""
        request = urllib.request.Request(f"{self.alertmanager_url}/api/v2/alerts", headers=credentials())
        with urllib.request.urlopen(request, timeout=10, context=self.tls) as response:
            return {alert["labels"]["component"]: alert for alert in json.loads(response.read())}


def credentials() -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'exporter:{PASSWORD}'.encode()).decode()}"}


class Guarded(Service):
    """An Alertmanager behind TLS and a password: a process that listens is ready."""

    def start(self) -> None:
        self._stack.enter_context(process(self.command, self.log))
        wait_for(self._listens, "Alertmanager listens")

    def _listens(self) -> bool:
        host, _, port = self.ready.partition(":")
        with socket.socket() as client:
            return client.connect_ex((host, int(port))) == 0


@pytest.fixture(scope="module")
def direct(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Direct]:
    home = tmp_path_factory.mktemp("direct")
    certificate = authority().issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(home / "server.pem"))
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    tls = {"cert_file": str(home / "server.pem"), "key_file": str(home / "server.pem")}
    (home / "web.yml").write_text(yaml.safe_dump({"tls_server_config": tls, "basic_auth_users": {"exporter": hashed}}))
    (home / "password").write_text(PASSWORD)
    ports = {name: free_port() for name in ("db", "cache")}
    to, own = (f"127.0.0.1:{free_port()}" for _ in range(2))
    config = home / "staging.yml"
    config.write_text(CONFIG.format(**ports, url=f"https://{to}", ca=ca_file(home)))
    with ExitStack() as stack:
        box = stack.enter_context(inbox())
        (home / "alertmanager.yml").write_text(scaled.alertmanager(load_config(config), box.url, FACTOR))
        command = ["prometheus-alertmanager", f"--config.file={home}/alertmanager.yml", f"--storage.path={home}/data"]
        command += [f"--web.listen-address={to}", f"--web.config.file={home}/web.yml", "--cluster.listen-address="]
        exporter = [*EXPORTER, "run", str(config), "--web.listen-address", own]
        services = (
            Service(exporter, home / "exporter.log", f"http://{own}/-/ready"),
            Guarded(command, home / "alertmanager.log", to),
        )
        stack.enter_context(listening(ports["cache"]))
        for service in reversed(services):
            stack.callback(service.stop)
            service.start()
        context = ssl.create_default_context(cafile=home / "ca.pem")
        yield Direct(box, *services, f"http://{own}", f"https://{to}", context, ports, home / "exporter.log")


def test_from_the_first_page_to_the_last_resolved_through_restarts_of_both(direct: Direct) -> None:
    wait_for(lambda: direct.inbox.pages() == ["P0 StagingRootCauseP0 db"], "one page for the root cause")
    alert = direct.alerts()["db"]
    began = alert["startsAt"]
    assert alert["labels"] == {
        **{"alertname": "StagingRootCauseP0", "cluster": "one", "component": "db", "environment": "direct"},
        **{"layer": "platform", "priority": "P0", "role": "root_cause", "severity": "critical"},
    }
    assert alert["generatorURL"] == "https://e.com/components/db"
    assert "Affected components: api." in alert["annotations"]["description"]

    direct.alertmanager.stop()
    direct.exporter.stop()
    direct.exporter.start()  # without any storage
    wait_for(lambda: "The exporter cannot send alerts" in fetch(direct.url), "the page says so")
    wait_for(lambda: 'msg="cannot send alerts"' in direct.log.read_text(), "the log says so")
    assert float(fetch(f"{direct.url}/metrics").rpartition("\nstaging_exporter_alert_send_errors_total{")[2].split()[1])
    direct.alertmanager.start()
    wait_for(lambda: "db" in direct.alerts(), "Alertmanager has it again")
    wait_for(lambda: "cannot send alerts" not in fetch(direct.url), "the page is clean")

    direct.exporter.stop()
    with listening(direct.ports["db"]):
        direct.exporter.start()
        wait_for(lambda: direct.inbox.resolved() == ["P0 StagingRootCauseP0 db"], "it is resolved once")
    assert direct.inbox.pages() == ["P0 StagingRootCauseP0 db"], "one page in all"
    [resolved] = [n for n in direct.inbox.all if n.status == "resolved"]
    assert resolved.body["alerts"][0]["endsAt"] > began
    assert PASSWORD not in direct.log.read_text()


def test_what_an_alertmanager_refuses_is_logged_with_its_answer(direct: Direct) -> None:
    password = direct.log.parent / "password"
    password.write_text("wrong")
    with listening(direct.ports["db"]):
        pass
    wait_for(lambda: "status 401, expected 200" in direct.log.read_text(), "the refusal is logged", 40.0)
    assert "wrong" not in direct.log.read_text()
    password.write_text(PASSWORD)
    wait_for(lambda: 'msg="sending alerts works again"' in direct.log.read_text(), "it goes on")
