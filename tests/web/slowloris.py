"""`python -m tests.web.slowloris PORT CONNECTIONS SECONDS`: keep connections that never finish a head; print scrapes.

Sends a byte on each connection every second, and opens another for each that is closed. Prints the seconds that each
scrape of `/metrics` took meanwhile, as JSON.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
import time

from tests.support.live import fetch


def _begun(port: int) -> socket.socket | None:
    client = socket.socket()
    client.settimeout(2.0)
    try:
        client.connect(("127.0.0.1", port))
        client.sendall(b"GET / HTTP/1.1\r\nX-A: ")
        client.setblocking(False)
    except OSError:
        client.close()
        return None
    return client


def _continued(client: socket.socket) -> bool:
    try:
        client.send(b"a")
        with contextlib.suppress(BlockingIOError):
            return client.recv(1) != b""
    except OSError:
        return False
    return True


def attack(port: int, connections: int, end: float) -> None:
    """Keep the connections until then."""
    clients: list[socket.socket] = []
    while time.monotonic() < end:
        kept = []
        for client in clients:
            if _continued(client):
                kept.append(client)
            else:
                client.close()
        clients = kept
        while len(clients) < connections and time.monotonic() < end:
            if (new := _begun(port)) is not None:
                clients.append(new)
        time.sleep(1.0)
    for client in clients:
        client.close()


def main(port: int, connections: int, seconds: float) -> None:
    """Attack, scrape twice a second, print how long each took."""
    end = time.monotonic() + seconds
    threading.Thread(target=attack, args=(port, connections, end)).start()
    took = []
    while time.monotonic() < end:
        began = time.monotonic()
        assert "staging_component_up" in fetch(f"http://127.0.0.1:{port}/metrics")
        took.append(time.monotonic() - began)
        time.sleep(0.5)
    print(json.dumps(took))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
