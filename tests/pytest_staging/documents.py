"""A small status document, and a server that answers with what a test chooses."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

STATUS: dict[str, Any] = {
    "environment": "staging",
    "state": "down",
    "components": {
        "postgres": {"state": "down", "reason": "closed", "detail": "peer hung up", "root_causes": []},
        "backend": {"state": "down", "reason": "server_error", "detail": "503", "root_causes": ["postgres"]},
        "frontend": {"state": "up", "reason": "ok", "detail": "", "root_causes": []},
        "search": {"state": "degraded", "reason": "slow", "detail": "3 s", "root_causes": []},
        "mail": {"state": "unknown", "reason": "rate_limited", "detail": "429", "root_causes": []},
        "worker": {"state": "starting", "reason": "starting", "detail": "\x1b[31m40 s left", "root_causes": []},
        "redis": {"state": "maintenance", "reason": "ok", "detail": "until 23:00", "root_causes": []},
    },
    "journeys": {
        "login": {
            "state": "blocked",
            "steps": [{"name": "open", "component": "frontend"}, {"name": "enter", "component": "backend"}],
        },
        "browse": {"state": "degraded", "steps": [{"name": "find", "component": "search"}]},
        "invite": {"state": "unknown", "steps": [{"name": "send", "component": "mail"}]},
        "import": {"state": "unknown", "steps": [{"name": "load", "component": "worker"}]},
    },
    "root_causes": [{"component": "postgres", "priority": "P0", "reason": "closed", "detail": "peer hung up"}],
}


@dataclass
class Reply:
    """What the server answers."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Asked:
    """A server and the requests that it received: the path and the headers."""

    url: str
    requests: list[tuple[str, Mapping[str, str]]]


@contextmanager
def answering(reply: Callable[[str], Reply]) -> Iterator[Asked]:
    """A server on loopback that answers each path with `reply(path)`."""
    asked = Asked("", [])

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.requests.append((self.path, dict(self.headers)))
            answer = reply(self.path)
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        asked.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield asked
        finally:
            server.shutdown()
            thread.join()
