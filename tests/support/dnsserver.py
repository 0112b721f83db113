"""A name server on loopback, UDP and TCP on one port, whose every answer a test decides."""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import dns.message
import dns.rcode
import dns.rrset

Answerer = Callable[[dns.message.Message, str], bytes | None]
Zone = dict[tuple[str, str], list[str]]


def zone(records: Zone, rcode: str = "NXDOMAIN", truncate: bool = False) -> Answerer:
    """Answers from `records` by (name, type); `rcode` for other names; over UDP only the truncation flag if asked."""

    def answer(question: dns.message.Message, protocol: str) -> bytes:
        response = dns.message.make_response(question, recursion_available=True)
        asked = question.question[0]
        name, kind = asked.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(asked.rdtype)
        if truncate and protocol == "udp":
            response.flags |= dns.flags.TC
        elif name not in {known for known, _ in records}:
            response.set_rcode(dns.rcode.from_text(rcode))
        while (texts := records.get((name, kind))) is None and (alias := records.get((name, "CNAME"))):
            response.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "CNAME", *alias))
            name = alias[0].rstrip(".")
            if len(response.answer) > 20:
                break
        if texts:
            response.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", kind, *texts))
        return response.to_wire(max_size=65535)

    return answer


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, answer: Answerer) -> None:
        self.answer = answer

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        if (wire := self.answer(dns.message.from_wire(data), "udp")) is not None:
            self.transport.sendto(wire, address)


@asynccontextmanager
async def name_server(answer: Answerer, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Runs the server, over TLS in place of TCP when there is a `context`; yields its port."""

    async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            if (wire := answer(dns.message.from_wire(await reader.readexactly(length)), "tcp")) is not None:
                writer.write(struct.pack("!H", len(wire)) + wire)
                await writer.drain()
            await reader.read()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(stream, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Datagrams(answer), local_addr=("127.0.0.1", port)
    )
    try:
        async with server:
            yield port
    finally:
        transport.close()
