"""A target that answers after a fixed delay and says how long it took: `python -m tests.bench.server --port P`.

`GET /times` gives the truth: path -> [[seconds from connection to last byte, seconds from request to it], ...].
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import time
from typing import cast

import uvloop

_BODY = b'{"status": "ok", "service": "target"}'
_MAX_KEPT = 100_000


class Answer(asyncio.Protocol):
    """One connection, one request, one answer."""

    def __init__(self, delay: float, times: dict[str, list[tuple[float, float]]]) -> None:
        self._delay, self._times = delay, times
        self._request = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._began = cast(asyncio.Transport, transport), time.perf_counter()

    def data_received(self, data: bytes) -> None:
        self._request += data
        if not self._request.endswith(b"\r\n\r\n"):
            return
        self._asked = time.perf_counter()
        self._path = self._request.split(b" ", 2)[1].decode()
        if self._path == "/times":
            self._send(json.dumps(self._times).encode())
        elif self._delay:
            asyncio.get_running_loop().call_later(self._delay, self._answer)
        else:
            self._send(_BODY)

    def _answer(self) -> None:
        if self._transport.is_closing():
            return
        self._send(_BODY)
        end = time.perf_counter()
        kept = self._times.setdefault(self._path, [])
        if len(kept) < _MAX_KEPT:
            kept.append((end - self._began, end - self._asked))

    def _send(self, body: bytes) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        self._transport.write(f"{head}Connection: close\r\n\r\n".encode() + body)
        self._transport.close()


async def serve(port: int, delay: float, tls: ssl.SSLContext | None) -> None:
    """Answer until the process ends."""
    times: dict[str, list[tuple[float, float]]] = {}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Answer(delay, times), "127.0.0.1", port, ssl=tls, backlog=1024)
    async with server:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds")
    parser.add_argument("--certificate", help="certificate and key, PEM: answer over TLS")
    options = parser.parse_args()
    tls = None
    if options.certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.certificate)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(options.port, options.delay, tls))


if __name__ == "__main__":
    main()
