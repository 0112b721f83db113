"""A webhook receiver that keeps every notification of Alertmanager."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Notification:
    """One alert of a delivery: its time in Unix seconds, its slot, its alert; `began` is when that fired, as text."""

    at: float
    slot: str
    status: str
    alert: str
    component: str
    body: dict[str, Any]
    began: str = ""

    def __str__(self) -> str:
        return f"{self.slot} {self.alert}" + (f" {self.component}" if self.component else "")


@dataclass
class Inbox:
    """`url` is where to send to."""

    url: str = ""
    all: list[Notification] = field(default_factory=list)

    def pages(self, since: float = 0.0, until: float = math.inf) -> list[str]:
        """The firing notifications of that time, without the watchdog."""
        return [str(n) for n in self._about(since) if n.status == "firing" and n.at < until]

    def resolved(self, since: float = 0.0) -> list[str]:
        """The resolved notifications."""
        return [str(n) for n in self._about(since) if n.status == "resolved"]

    def unresolved(self) -> set[str]:
        """Pages without a resolved notification so far; Alertmanager does not send them again."""
        return {page for page, status in {str(n): n.status for n in self._about(0.0)}.items() if status == "firing"}

    def first(self, page: str, since: float) -> float | None:
        """Time of the first such page since then."""
        return next((n.at for n in self._about(since) if n.status == "firing" and str(n) == page), None)

    def _about(self, since: float) -> Iterator[Notification]:
        return (n for n in [*self.all] if n.at >= since and n.slot != "watchdog")

    def accept(self, slot: str, body: dict[str, Any]) -> None:
        """Keep one delivery: of several root causes each that is new in it, of other alerts the group."""
        at, labels = time.time(), body["commonLabels"]
        if labels.get("role") != "root_cause":
            self.all.append(Notification(at, slot, body["status"], labels["alertname"], "", body))
            return
        seen = {(n.slot, str(n), n.status, n.began) for n in self.all}
        listed = [
            Notification(
                at, slot, one["status"], one["labels"]["alertname"], one["labels"]["component"], body, one["startsAt"]
            )
            for one in body["alerts"]
        ]
        new = [one for one in listed if (one.slot, str(one), one.status, one.began) not in seen]
        self.all += new or listed


@contextmanager
def inbox() -> Iterator[Inbox]:
    """An inbox that listens on loopback."""
    box = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            box.accept(self.path.strip("/"), body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    box.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield box
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
