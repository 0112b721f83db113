"""`python -m tests.paging.senders`: an exporter and a Prometheus send the same root cause to one Alertmanager.

At the shipped pace, for 15 minutes. Each is restarted once during the outage. There must be one page, and one
notification that it is resolved.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from staging_exporter.config import load_config

from tests.paging import scaled
from tests.paging.inbox import Inbox, inbox
from tests.paging.services import Service, alertmanager, prometheus
from tests.support.live import EXPORTER
from tests.support.ports import free_port

_UNSCALED = 1.0
_FAULT, _EXPORTER, _PROMETHEUS, _FIXED, _END = 30.0, 150.0, 270.0, 420.0, 900.0  # seconds after the start
_PAGE = "P0 StagingRootCauseP0 db"


@dataclass
class Peer:
    """What is probed; `status` is what it answers."""

    port: int
    status: int = 200


@contextmanager
def peer() -> Iterator[Peer]:
    """A server on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(made.status)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Peer(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def main() -> int:
    """Exit 1 when there is anything but one page and one resolved notification."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="staging-senders-")))
        target, box = stack.enter_context(peer()), stack.enter_context(inbox())
        exporter, prometheus_service = _services(stack, home, target.port, box)
        play(target, exporter, prometheus_service)
        pages, resolved = box.pages(), box.resolved()
    took = f"{_END / 60:g} minutes, the exporter and Prometheus each restarted once"
    print(f"two senders: {len(pages)} firing, {len(resolved)} resolved in {took}")
    return int((pages, resolved) != ([_PAGE], [_PAGE]))


def _services(stack: ExitStack, home: Path, port: int, box: Inbox) -> tuple[Service, Service]:
    """The exporter and Prometheus, running, and an Alertmanager that both send to."""
    own, watching, to = (f"127.0.0.1:{free_port()}" for _ in range(3))
    check = {"kind": "http", "url": f"http://127.0.0.1:{port}/"}
    document = {
        "environment": "two",
        "defaults": {"interval": "15s", "timeout": "5s"},
        "components": {"db": {"layer": "service", "priority": "P0", "check": check}},
        "alerting": {"alertmanagers": [f"http://{to}"], "alongside_prometheus": True},
    }
    (home / "staging.yml").write_text(json.dumps(document))
    config = load_config(home / "staging.yml")
    (home / "rules.yml").write_text(scaled.rules(config, _UNSCALED))
    (home / "alertmanager.yml").write_text(scaled.alertmanager(config, box.url, _UNSCALED))
    (home / "prometheus.yml").write_text(scaled.prometheus(own, watching, to, _UNSCALED))
    run = [*EXPORTER, "run", str(home / "staging.yml"), "--web.listen-address", own]
    services = [
        alertmanager(home, to),
        Service([*run, "--storage.path", str(home / "state")], home / "exporter.log", f"http://{own}/-/ready"),
        prometheus(home, watching, _UNSCALED),
    ]
    for service in services:
        stack.callback(service.stop)
        service.start()
    return services[1], services[2]


def play(target: Peer, exporter: Service, watching: Service) -> None:
    """The outage, and what happens during it."""
    begin = time.monotonic()

    def fail() -> None:
        target.status = 503

    def fix() -> None:
        target.status = 200

    for at, move in (
        (_FAULT, fail),
        (_EXPORTER, exporter.restart),
        (_PROMETHEUS, watching.restart),
        (_FIXED, fix),
        (_END, fix),
    ):
        time.sleep(max(0.0, begin + at - time.monotonic()))
        move()


if __name__ == "__main__":
    sys.exit(main())
