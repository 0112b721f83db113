"""One DNS question to one name server, over UDP, TCP or TLS."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import struct
from itertools import count
from typing import Any, Literal

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
from dns.rdtypes.ANY.SOA import SOA
from dns.rdtypes.txtbase import TXTBase

from staging_exporter.core.facts import Fact
from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.address import HostPort, parse_host_port
from staging_exporter.net.connect import connect
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.names import ascii_name
from staging_exporter.net.tls import TlsSettings

Protocol = Literal["udp", "tcp", "tls"]
_PAYLOAD = 1232  # bytes of a UDP answer that is never fragmented: DNS flag day 2020
_DATAGRAM = 65535
_PATIENCE = 1.0  # seconds until a question is sent again: datagrams get lost
_SENT_WITH_EDNS = 2
_WITHOUT_EDNS = frozenset({dns.rcode.FORMERR, dns.rcode.NOTIMP, dns.rcode.BADVERS})  # RFC 6891 section 7


def name_server(text: str, default_port: int) -> HostPort:
    """`host`, `host:port`, a bare IPv6 address or `[v6]:port`. Raises ValueError."""
    try:
        return HostPort(str(ipaddress.ip_address(text)), default_port)
    except ValueError:
        return parse_host_port(text if ":" in text else f"{text}:{default_port}")


def record_type(text: str) -> str:
    """The canonical spelling of a record type. Raises ValueError for an unknown one."""
    try:
        return dns.rdatatype.to_text(dns.rdatatype.from_text(text))
    except (dns.exception.DNSException, ValueError):
        raise ValueError(f"{text!r} is unknown; write it like A, AAAA, CNAME or TXT") from None


def response_code(text: str) -> str:
    """The canonical spelling of a response code. Raises ValueError for an unknown one."""
    try:
        return dns.rcode.to_text(dns.rcode.from_text(text))
    except (dns.exception.DNSException, ValueError):
        raise ValueError(f"{text!r} is unknown; write it like NOERROR or NXDOMAIN") from None


async def ask(
    context: ProbeContext,
    server: HostPort,
    question: dns.message.QueryMessage,
    protocol: Protocol,
    tls: TlsSettings | None = None,
) -> dns.message.Message:
    """The answer to exactly this question; a truncated one is asked for again over TCP.

    Phases `resolve`, `query`, and for TCP `connect` and `tls`. Raises ProbeFailed, OSError, EOFError, ssl.SSLError.
    """
    answer = await _ask_once(context, server, question, protocol, tls)
    if question.edns >= 0 and answer.rcode() in _WITHOUT_EDNS:
        context.log(f"rcode {dns.rcode.to_text(answer.rcode())}: asking again without EDNS, as old servers want it")
        answer = await _ask_once(context, server, _without_edns(question), protocol, tls)
    return answer


async def _ask_once(
    context: ProbeContext,
    server: HostPort,
    question: dns.message.QueryMessage,
    protocol: Protocol,
    tls: TlsSettings | None,
) -> dns.message.Message:
    if protocol == "udp":
        answer = _parse(question, await _datagram(context, server, question))
        if not answer.flags & dns.flags.TC:
            return answer
        context.log("the answer is truncated: asking again over TCP")
    return _parse(question, await _stream(context, server, question.to_wire(), tls if protocol == "tls" else None))


def _without_edns(question: dns.message.QueryMessage) -> dns.message.QueryMessage:
    """The same question, with the same id, as before RFC 6891."""
    asked = question.question[0]
    return dns.message.make_query(asked.name, asked.rdtype, id=question.id)


def make_question(name: str, record_type: str) -> dns.message.QueryMessage:
    """A question with recursion desired and EDNS. Raises ValueError when the name cannot be asked for."""
    try:
        return dns.message.make_query(dns.name.from_text(ascii_name(name)), record_type, use_edns=0, payload=_PAYLOAD)
    except (dns.exception.DNSException, ValueError) as error:
        raise ValueError(f"{name!r} {record_type} cannot be asked for: {error or type(error).__name__}") from None


async def _datagram(context: ProbeContext, server: HostPort, question: dns.message.QueryMessage) -> bytes:
    """The answer; the question is sent again each second, from the third time on without EDNS, which some drop.

    A name server with several addresses is asked by the next one each time, at once when one cannot be reached.
    """
    with context.phase("resolve"):
        found = await context.resolver.resolve(server.host, server.port)
    failures: dict[object, OSError] = {}
    with context.phase("query"):
        for sent in count():
            family, _, _, _, address = found[sent % len(found)]
            context.facts.update({Fact.IP: address[0], Fact.IP_FAMILY: 4 if family == socket.AF_INET else 6})
            wire = (question if sent < _SENT_WITH_EDNS * len(found) else _without_edns(question)).to_wire()
            try:
                async with asyncio.timeout(_PATIENCE) as timer:
                    return await _ask_address(family, address, wire)
            except OSError as error:
                if timer.expired():
                    context.log(f"no answer from {address[0]} within {_PATIENCE:g} s: asking again")
                    continue
                failures[address] = error
                if len(failures) == len(found):
                    raise next(iter(failures.values())) from None
    raise AssertionError("it is asked until the run is over")


async def _ask_address(family: int, address: Any, wire: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.connect(address)  # the kernel now drops what others send, and reports when nothing listens
        await loop.sock_sendall(sock, wire)
        return await loop.sock_recv(sock, _DATAGRAM)


async def _stream(context: ProbeContext, server: HostPort, wire: bytes, tls: TlsSettings | None) -> bytes:
    async with connect(context, server, tls) as connection:
        with context.phase("query"):
            await connection.send(struct.pack("!H", len(wire)) + wire)
            (length,) = struct.unpack("!H", await connection.reader.readexactly(2))
            return await connection.reader.readexactly(length)


def _parse(question: dns.message.QueryMessage, wire: bytes) -> dns.message.Message:
    try:
        answer = dns.message.from_wire(wire, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError) as error:
        raise ProbeFailed(Reason.PROTOCOL, f"not a DNS message: {error or type(error).__name__}") from None
    if not question.is_response(answer):
        seen = f"id {answer.id}, {', '.join(map(str, answer.question)) or 'no question'}"
        raise ProbeFailed(Reason.PROTOCOL, f"answer to another question: {seen}, expected id {question.id}")
    return answer


def record_texts(answer: dns.message.Message) -> list[str]:
    """The records asked for, CNAMEs followed, as zone files spell them; texts of TXT without quotes.

    Raises ProbeFailed (`dns`) when the CNAMEs never end.
    """
    if not isinstance(answer, dns.message.QueryMessage):
        return []
    try:
        rrset = answer.resolve_chaining().answer
    except dns.message.ChainTooLong:
        raise ProbeFailed(Reason.DNS, f"the CNAMEs of {answer.question[0].name} form a loop") from None
    except dns.exception.DNSException:  # no question repeated, as refusals may; or records under NXDOMAIN
        return []
    return sorted(_text(record) for record in rrset or ())


def section_facts(answer: dns.message.Message) -> dict[str, int]:
    """How many records each section has, and the `serial` of a zone where one came."""
    names = (Fact.ANSWER_RRS, Fact.AUTHORITY_RRS, Fact.ADDITIONAL_RRS)
    counts = (sum(map(len, section)) for section in (answer.answer, answer.authority, answer.additional))
    serials = [record.serial for rrset in answer.answer for record in rrset if isinstance(record, SOA)]
    return dict(zip(names, counts, strict=True)) | ({Fact.SERIAL: serials[0]} if serials else {})


def _text(record: Any) -> str:
    if isinstance(record, TXTBase):
        return b"".join(record.strings).decode(errors="replace")
    return str(record.to_text())
