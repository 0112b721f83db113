"""The name server of the demo's own domain, over UDP and TCP."""

from __future__ import annotations

import asyncio
import socket
import struct

import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset

from staging_exporter.demo.network import LOOPBACK, Listener
from staging_exporter.demo.switches import Switch

ZONE = "netra.test"
STAGING = f"staging.{ZONE}"
API, APP, AUTH = f"api.{STAGING}", f"app.{STAGING}", f"auth.{STAGING}"

_MODES = {
    "ok": f"{STAGING} and every name under it resolves to this machine",
    "missing": f"the name `host` (default {API}) does not exist",
    "moved": "the same, but the name with a dash instead of the first dot exists",
    "servfail": "every response is SERVFAIL",
    "timeout": "does not respond",
}


class Nameserver:
    """Answers for `ZONE` by the switch `dns`; other names do not exist."""

    def __init__(self, tcp: socket.socket, udp: socket.socket) -> None:
        self.switch = Switch("dns", _MODES)
        self._listener = Listener(tcp, self._serve_stream)
        self._udp = udp
        self._transport: asyncio.DatagramTransport | None = None
        self.port = self._listener.port

    async def start(self) -> None:
        """Start answering."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=self._udp)
        await self._listener.open()

    async def stop(self) -> None:
        """Free the port."""
        if self._transport is not None:
            self._transport.close()
        self._udp.close()
        await self._listener.close()

    def resolve(self, name: str) -> str | None:
        """The IPv4 address of a name, None when it does not exist."""
        name = name.lower().rstrip(".")
        missing = self.switch.setting.host or API
        if self.switch.mode in ("missing", "moved") and name == missing:
            return None
        moved = self.switch.mode == "moved" and name == missing.replace(".", "-", 1)
        return LOOPBACK if moved or name == STAGING or name.endswith(f".{STAGING}") else None

    def answer(self, data: bytes) -> bytes | None:
        """The reply to a query in wire format; None for no reply, also to a malformed query."""
        if self.switch.mode == "timeout":
            return None
        try:
            query = dns.message.from_wire(data)
        except dns.exception.DNSException:
            return None
        reply = dns.message.make_response(query, recursion_available=True)
        if self.switch.mode == "servfail" or query.opcode() != dns.opcode.QUERY or len(query.question) != 1:
            reply.set_rcode(dns.rcode.SERVFAIL)
            return reply.to_wire()
        question = query.question[0]
        address = self.resolve(question.name.to_text())
        reply.flags |= dns.flags.AA
        if address is None:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif question.rdtype == dns.rdatatype.A:
            reply.answer.append(dns.rrset.from_text(question.name, 1, "IN", "A", address))
        return reply.to_wire()

    def answer_datagram(self, data: bytes, address: tuple[str, int]) -> None:
        """Reply to a query that came over UDP."""
        answer = self.answer(data)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, address)

    async def _serve_stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            (size,) = struct.unpack("!H", await reader.readexactly(2))  # RFC 1035 section 4.2.2
            answer = self.answer(await reader.readexactly(size))
            if answer is not None:
                writer.write(struct.pack("!H", len(answer)) + answer)
                await writer.drain()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: Nameserver) -> None:
        self._server = server

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self._server.answer_datagram(data, address)
