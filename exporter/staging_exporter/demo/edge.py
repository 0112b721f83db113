"""The load balancer: TLS, routes by host name, WebSocket upgrades; an unknown host goes to the frontend."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

from staging_exporter.demo.certificates import Authority
from staging_exporter.demo.nameserver import API, APP, AUTH, STAGING
from staging_exporter.demo.network import BUFFER, Listener, both, connect, read_away
from staging_exporter.demo.switches import Switch

_NAMES = [STAGING, APP, AUTH, API]
_HEAD_TIMEOUT = 10.0  # seconds a client has to send its request
_ANSWER_TIMEOUT = 30.0  # seconds a service has to begin its answer
_EXEMPT = "127.0.0.2"  # source address of the end-to-end tests: a ban is for one address

_MODES = {
    "ok": "forwards requests",
    "ban": "429 to this prober, Retry-After `seconds` (default 15)",
    "status": "`status` (default 503) to every request",
    "timeout": "reads requests and does not respond",
    "refuse": "nothing listens",
}
_ROUTE_MODES = {"ok": "each host to its service", "default-backend": f"`host` (default {API}) goes to the frontend"}
_WEBSOCKET_MODES = {"ok": "upgrades are forwarded", "bad-gateway": "502 to every upgrade"}
_CERTIFICATE_MODES = {
    "ok": "one certificate for all four names",
    "missing-name": f"`host` (default {APP}) gets a certificate without its name",
    "expired": f"`host` (default {APP}) gets an expired certificate",
    "untrusted": f"`host` (default {APP}) gets a certificate of an unknown issuer",
}


@dataclass(frozen=True, slots=True)
class Request:
    """What routing needs of a request: `head` is everything up to the empty line."""

    head: bytes
    host: str
    upgrade: bool


class Edge:
    """Reads one request head per connection, picks a service, then forwards bytes both ways."""

    def __init__(self, claimed: socket.socket, services: Mapping[str, int], authority: Authority, scale: float) -> None:
        self._services = services
        self._routes = {STAGING: "frontend", APP: "frontend", AUTH: "auth", API: "backend"}
        self._authority = authority
        self._good = authority.server_context("edge", _NAMES)
        self._bad = self._good
        self._good.sni_callback = self._choose_certificate
        self._listener = Listener(claimed, self._serve, self._good)
        self.port = self._listener.port
        self.answers = Switch("edge", _MODES, scale, self._changed)
        self.routes = Switch("edge-routes", _ROUTE_MODES, scale, self._changed)
        self.websocket = Switch("edge-websocket", _WEBSOCKET_MODES, scale, self._changed)
        self.certificate = Switch("certificate", _CERTIFICATE_MODES, scale, self._changed)

    async def start(self) -> None:
        """Start listening."""
        await self._listener.open()

    async def stop(self) -> None:
        """Close every connection and free the port."""
        await self._listener.close()

    @property
    def switches(self) -> list[Switch]:
        """All four."""
        return [self.answers, self.routes, self.websocket, self.certificate]

    async def _changed(self) -> None:
        """A change closes all connections."""
        self._issue()
        if self.answers.mode == "refuse":
            self._listener.shut()
        else:
            await self._listener.open()
        await self._listener.drop()

    def _issue(self) -> None:
        mode, host = self.certificate.mode, self._bad_host
        if mode == "missing-name":
            self._bad = self._authority.server_context(mode, [name for name in _NAMES if name != host])
        elif mode == "expired":
            self._bad = self._authority.server_context(mode, _NAMES, expired=True)
        elif mode == "untrusted":
            self._bad = self._authority.untrusted().server_context(mode, _NAMES)

    @property
    def _bad_host(self) -> str:
        return self.certificate.setting.host or APP

    def _choose_certificate(self, session: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        if self.certificate.mode != "ok" and name == self._bad_host:
            session.context = self._bad

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_HEAD_TIMEOUT):
                request = parse(await reader.readuntil(b"\r\n\r\n"))
        except (TimeoutError, asyncio.LimitOverrunError):
            return None
        if self.answers.mode == "timeout":
            return await read_away(reader)
        service = self._service(request.host)
        refusal = self._refusal(request, service, writer.get_extra_info("peername")[0])
        if refusal:
            writer.write(refusal)
            return None
        try:
            upstream_reader, upstream_writer = await connect(self._services[service])
        except OSError:
            writer.write(answer(502, "Bad Gateway"))
            return None
        try:
            upstream_writer.write(request.head)
            await both(_pump(reader, upstream_writer), self._answer(upstream_reader, writer))
        finally:
            upstream_writer.transport.abort()

    def _service(self, host: str) -> str:
        if self.routes.mode == "default-backend" and host == (self.routes.setting.host or API):
            return "frontend"
        return self._routes.get(host, "frontend")

    def _refusal(self, request: Request, service: str, peer: str) -> bytes:
        if self.answers.mode == "ban" and peer != _EXEMPT:
            wait = max(1, round(self.answers.seconds(15.0)))
            return answer(429, "Too Many Requests", f"Retry-After: {wait}\r\n")
        if self.answers.mode == "status":
            return answer(self.answers.setting.status or 503, "Out Of Order")
        if request.upgrade and (self.websocket.mode == "bad-gateway" or service == "frontend"):
            return answer(502, "Bad Gateway")
        return b""

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_ANSWER_TIMEOUT):
                first = await reader.read(BUFFER)
        except TimeoutError:
            writer.write(answer(504, "Gateway Timeout"))
            return
        writer.write(first or answer(502, "Bad Gateway"))
        await _pump(reader, writer)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(BUFFER):
        writer.write(data)
        await writer.drain()


def parse(head: bytes) -> Request:
    """The request in `head`, changed so that its connection carries no other, unless it requests an upgrade."""
    request_line, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    headers = [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    values = dict(headers)
    host = values.get("host", "").partition(":")[0].lower()
    if values.get("upgrade", "").lower() == "websocket":
        return Request(head, host, upgrade=True)
    kept = [line for line in lines if line.partition(":")[0].strip().lower() != "connection"]
    text = "\r\n".join([request_line, *kept, "Connection: close", "", ""])
    return Request(text.encode("latin-1"), host, upgrade=False)


def answer(status: int, phrase: str, headers: str = "") -> bytes:
    """A whole HTTP response of the load balancer itself."""
    body = f"{status} {phrase}\n"
    head = f"HTTP/1.1 {status} {phrase}\r\n{headers}Content-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n{body}".encode()
