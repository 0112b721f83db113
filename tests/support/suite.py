"""An exporter process on a small environment whose truth the test chooses: a service, what needs it, a suite."""

from __future__ import annotations

import contextlib
import json
import os
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.live import EXPORTER, fetch, process, wait_for
from tests.support.ports import free_port

TOKEN = "sesame"
CONFIG = """
environment: staging
defaults: {{interval: 500ms, timeout: 400ms, retry_interval: 50ms}}
{api}
components:
  backend: {{layer: application, priority: P0, check: {{kind: tcp, address: "127.0.0.1:{port}"}}}}
  websocket: {{layer: service, priority: P0, depends_on: [backend], check: {{kind: tcp, address: "127.0.0.1:{port}"}}}}
  other: {{layer: service, priority: P1, check: {{kind: exec, command: ["true"]}}}}
  suite:
    layer: test
    priority: P2
    depends_on: [websocket]
    check: {{kind: e2e, covers: {covers}{suite}}}
journeys: {{golden-path: {{priority: P0, steps: {{connect: websocket}}}}}}
"""
API = "api: {token: {env: SUITE_TOKEN}}"


@dataclass
class Staging:
    """A running exporter; `backend` and `websocket` are up while somebody listens on `port`."""

    url: str
    config: Path
    port: int

    def status(self) -> dict[str, Any]:
        return dict(json.loads(fetch(f"{self.url}/api/v1/status")))

    def component(self, name: str) -> dict[str, Any]:
        return dict(self.status()["components"][name])

    def until(self, name: str, **expected: Any) -> dict[str, Any]:
        """The component, once it looks like that and no round is open."""

        def look() -> dict[str, Any] | None:
            status = self.status()
            seen = dict(status["components"][name])
            settled = not status["pending"] and all(seen[key] == value for key, value in expected.items())
            return seen if settled else None

        return wait_for(look, f"{name} is {expected}")


class _Closes(socketserver.BaseRequestHandler):
    """Accepts, and says nothing."""


@contextmanager
def listening() -> Iterator[int]:
    """Somebody who listens; yields the port."""
    with socketserver.TCPServer(("127.0.0.1", 0), _Closes) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@contextmanager
def staging(
    directory: Path,
    *,
    up: bool = False,
    api: str = API,
    covers: str = "[websocket]",
    suite: str = "",
    storage: bool = True,
) -> Iterator[Staging]:
    """`staging-exporter run` on CONFIG, once every check has run; its storage outlives it in `directory`."""
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(listening()) if up else free_port()
        config = directory / "staging.yml"
        config.write_text(CONFIG.format(port=port, api=api, covers=covers, suite=suite))
        url, log = f"http://127.0.0.1:{free_port()}", directory / "exporter.log"
        command = [*EXPORTER, "run", "--config.file", str(config), "--web.listen-address", url.removeprefix("http://")]
        command += ["--storage.path", str(directory / "storage")] if storage else []
        stack.enter_context(process(command, log, env={**os.environ, "SUITE_TOKEN": TOKEN}))
        wait_for(lambda: "listening" in log.read_text(), "the exporter listens")
        running = Staging(url, config, port)
        running.until("websocket", state="up" if up else "down")
        yield running
