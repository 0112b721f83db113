"""Option `starttls` of kinds `tls` and `tcp`: servers that begin in plain text, and those that refuse TLS."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from staging_exporter.core.model import Observation, Outcome, Reason

from tests.support import peers
from tests.support.probing import probe
from tests.support.web import Handler, ca_file, server_tls, serving

Line = Callable[[bytes], bytes]
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
LDAP_OK = bytes.fromhex("300c02010178070a010004000400")
LDAP_REFUSED = bytes.fromhex("3013020101780e0a010204000407") + b"not now"
LDAP_LONG = bytes.fromhex("3084000000100201017884000000070a010004000400")


def lines(greeting: bytes, **answers: bytes) -> Talk:
    """Greets, then answers each command until the one whose answer begins TLS."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        while line := await reader.readline():
            word = re.sub(rb"^a1 ", b"", line).split()[0].decode()
            writer.write(answers.get(word, b"500 what?\r\n"))
            await writer.drain()
            if word in ("STARTTLS", "STLS", "AUTH"):
                return

    return talk


def says(data: bytes, after: int = 0) -> Talk:
    """Sends `data` once that many bytes came."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(after)
        writer.write(data)
        await writer.drain()

    return talk


async def hangs_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"22")
    writer.write_eof()


def xmpp(features: bytes, answer: bytes = b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>") -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = await reader.readuntil(b"streams'>")
        assert b'to="localhost"' in hello
        writer.write(b"<?xml version='1.0'?><stream:stream id='1' version='1.0'>")
        await asyncio.sleep(0.01)
        writer.write(features)
        await reader.readuntil(b"/>")
        writer.write(answer)
        await writer.drain()

    return talk


def packet(payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "little") + b"\0" + payload


def greeting(capabilities: int = 0xFFFF) -> bytes:
    return packet(b"\x0a8.0.36\0" + bytes(12) + b"\0" + struct.pack("<H", capabilities) + bytes(20))


@contextmanager
def mysql(tls: ssl.SSLContext) -> Iterator[str]:
    """A MySQL server for one client after the other: the request for TLS and the handshake may come in one packet."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection = server.accept()[0]
                    connection.sendall(greeting())
                    request = connection.recv(36, socket.MSG_WAITALL)
                    assert request[:4] == b"\x20\0\0\x01"
                    assert int.from_bytes(request[4:8], "little") & 0x800
                    with suppress(OSError), tls.wrap_socket(connection, server_side=True) as secured:
                        secured.recv(1)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"localhost:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def mysql_error(code: int, text: bytes) -> bytes:
    return packet(b"\xff" + struct.pack("<H", code) + text)


def upgrading(talk: Talk, tls: ssl.SSLContext, after: Talk | None = None) -> Handler:
    """A server that speaks TLS after that talk."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await talk(reader, writer)
        await writer.start_tls(tls)
        if after is not None:
            await after(reader, writer)
        await reader.read()

    return handler


SMTP = {"EHLO": b"250-mail.test\r\n250-PIPELINING\r\n250 STARTTLS\r\n", "STARTTLS": b"220 go ahead\r\n"}
SERVERS: dict[str, tuple[str, Talk]] = {
    "SMTP": ("smtp", lines(b"220-mail.test\r\n220 ESMTP\r\n", **SMTP)),
    "IMAP": ("imap", lines(b"* OK [CAPABILITY IMAP4rev1] ready\r\n", STARTTLS=b"* CAPABILITY X\r\na1 OK begin\r\n")),
    "POP3": ("pop3", lines(b"+OK ready\r\n", STLS=b"+OK begin\r\n")),
    "FTP": ("ftp", lines(b"220-hello\r\nto all\r\n220 ready\r\n", AUTH=b"234 go\r\n")),
    "LDAP": ("ldap", says(LDAP_OK, after=31)),
    "LDAP with long lengths": ("ldap", says(LDAP_LONG, after=31)),
    "XMPP": ("xmpp", xmpp(b"<stream:features><starttls xmlns='x'/></stream:features>")),
    "PostgreSQL": ("postgres", says(b"S", after=8)),
}


async def look(protocol: str, handler: Handler, directory: Path, kind: str = "tls", **options: Any) -> Observation:
    async with serving(handler) as address:
        port = address.rpartition(":")[2]
        tls = {"ca_file": ca_file(directory)}
        check = {"kind": kind, "address": f"localhost:{port}", "starttls": protocol, "tls": tls, **options}
        return await probe(check, timeout=10.0)


@pytest.mark.parametrize("case", SERVERS)
async def test_tls_begins_where_the_protocol_says(case: str, tmp_path: Path) -> None:
    protocol, talk = SERVERS[case]
    seen = await look(protocol, upgrading(talk, server_tls("localhost")), tmp_path)
    assert (seen.outcome, seen.detail) == (Outcome.PASS, "")
    assert list(seen.phases) == ["resolve", "connect", "starttls", "tls"]
    assert (seen.facts["tls_names"], seen.facts["tls_verified"]) == (["localhost"], True)


@pytest.mark.parametrize("case", ["SMTP", "LDAP"])
async def test_a_bad_certificate_is_recorded_all_the_same(case: str, tmp_path: Path) -> None:
    protocol, talk = SERVERS[case]
    seen = await look(protocol, upgrading(talk, server_tls("localhost", expired=True)), tmp_path)
    assert seen.reason == Reason.TLS_EXPIRED
    assert seen.facts["tls_not_after"] < 1.6e9


@pytest.mark.parametrize("expired", [False, True])
async def test_mysql_begins_tls_after_its_greeting(tmp_path: Path, expired: bool) -> None:
    tls = {"ca_file": ca_file(tmp_path)}
    with mysql(server_tls("localhost", expired=expired)) as address:
        seen = await probe({"kind": "tls", "address": address, "starttls": "mysql", "tls": tls})
    assert (seen.reason, seen.facts["tls_names"]) == (Reason.TLS_EXPIRED if expired else Reason.OK, ["localhost"])


async def test_steps_of_tcp_begin_within_tls(tmp_path: Path) -> None:
    protocol, talk = SERVERS["SMTP"]
    handler = upgrading(talk, server_tls("localhost"), says(b"250-mail.test\r\n250 AUTH PLAIN\r\n", after=12))
    steps = [{"send": "EHLO probe\r\n"}, {"expect": "250[ -]AUTH"}]
    seen = await look(protocol, handler, tmp_path, kind="tcp", steps=steps)
    assert (seen.reason, seen.detail) == (Reason.OK, "")
    assert list(seen.phases) == ["resolve", "connect", "starttls", "tls", "conversation"]


async def test_smtp_is_greeted_with_an_address_that_it_need_not_look_up(tmp_path: Path) -> None:
    greeted: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.test\r\n")
        greeted.append(await reader.readline())
        writer.write(b"250 STARTTLS\r\n")
        await reader.readline()
        writer.write(b"220 go\r\n")

    seen = await look("smtp", upgrading(talk, server_tls("localhost")), tmp_path, ip_family=4)
    assert (seen.reason, greeted) == (Reason.OK, [b"EHLO [127.0.0.1]\r\n"])


async def test_tcp_with_starttls_verifies_though_tls_is_not_configured(tmp_path: Path) -> None:
    protocol, talk = SERVERS["SMTP"]
    async with serving(upgrading(talk, server_tls("localhost"))) as address:
        seen = await probe({"kind": "tcp", "address": address, "starttls": protocol})
    assert seen.reason == Reason.TLS_UNTRUSTED


FAILURES: dict[str, tuple[str, Talk, Reason, str]] = {
    "SMTP that is full": (
        "smtp",
        lines(b"554 disk full\r\n"),
        Reason.CONTENT,
        "the server sent '554 disk full', expected 220",
    ),
    "SMTP that does not offer it": (
        "smtp",
        lines(b"220 mail\r\n", EHLO=b"250-mail\r\n250 SIZE\r\n"),
        Reason.TLS,
        "the server does not offer STARTTLS, only '250-mail 250 SIZE'",
    ),
    "SMTP that refuses it": (
        "smtp",
        lines(b"220 mail\r\n", **{**SMTP, "STARTTLS": b"454 TLS not available\r\n"}),
        Reason.TLS,
        "the server sent '454 TLS not available', expected 220 to STARTTLS",
    ),
    "SMTP that hangs up": ("smtp", hangs_up, Reason.CLOSED, "the peer hung up after '22', expected a reply"),
    "HTTP in place of SMTP": (
        "smtp",
        lines(b"HTTP/1.1 400 Bad Request\r\n"),
        Reason.PROTOCOL,
        "the server sent 'HTTP/1.1 400 Bad Request', expected 220",
    ),
    "an endless line": ("imap", lines(b"x" * 70_000), Reason.PROTOCOL, "the server sent an endless line, expected"),
    "IMAP that says bye": ("imap", lines(b"* BYE busy\r\n"), Reason.CONTENT, "the server sent '* BYE busy', expected"),
    "IMAP that refuses": (
        "imap",
        lines(b"* OK hi\r\n", STARTTLS=b"a1 BAD no TLS\r\n"),
        Reason.TLS,
        "the server sent 'a1 BAD no TLS', expected OK to STARTTLS",
    ),
    "POP3 that refuses": (
        "pop3",
        lines(b"+OK\r\n", STLS=b"-ERR no\r\n"),
        Reason.TLS,
        "the server sent '-ERR no', expected +OK to STLS",
    ),
    "FTP that refuses": (
        "ftp",
        lines(b"220 hi\r\n", AUTH=b"502 not implemented\r\n"),
        Reason.TLS,
        "the server sent '502 not implemented', expected 234 to AUTH",
    ),
    "LDAP that refuses": (
        "ldap",
        says(LDAP_REFUSED, after=31),
        Reason.TLS,
        "the server refuses StartTLS with result 2, expected 0: not now",
    ),
    "LDAP that is none": (
        "ldap",
        says(b"HTTP/1.1 400 Bad Request", after=31),
        Reason.PROTOCOL,
        "the server sent 'HT', expected an answer of LDAP",
    ),
    "LDAP that is broken": (
        "ldap",
        says(bytes.fromhex("3003020101"), after=31),
        Reason.PROTOCOL,
        "the server sent '\\x02\\x01\\x01', expected an answer to StartTLS",
    ),
    "XMPP without it": (
        "xmpp",
        xmpp(b"<stream:features><mechanisms/></stream:features>"),
        Reason.TLS,
        "the server does not offer STARTTLS to localhost: '<stream:features><mechanisms/></stream:features>'",
    ),
    "XMPP for another host": (
        "xmpp",
        xmpp(b"<stream:error><host-unknown xmlns='x'/></stream:error>"),
        Reason.CONTENT,
        "the server does not offer STARTTLS to localhost: \"<stream:error><host-unknown xmlns='x'/></stream:error>\"",
    ),
    "XMPP that refuses": (
        "xmpp",
        xmpp(b"<stream:features><starttls/></stream:features>", b"<failure xmlns='x'/></stream:stream>"),
        Reason.TLS,
        "the server sent \"<failure xmlns='x'/></stream:stream>\", expected proceed to STARTTLS",
    ),
    "PostgreSQL without it": ("postgres", says(b"N", after=8), Reason.TLS, "the server offers no TLS, expected TLS"),
    "MySQL without it": (
        "mysql",
        says(greeting(0xFFFF & ~0x800)),
        Reason.TLS,
        "the server does not offer TLS; its version is '8.0.36'",
    ),
    "MySQL that is full": (
        "mysql",
        says(mysql_error(1040, b"#08004Too many connections")),
        Reason.SATURATED,
        "the server sent error 1040, expected a greeting: Too many connections",
    ),
    "MySQL that does not want us": (
        "mysql",
        says(mysql_error(1130, b"Host '10.0.0.1' is not allowed to connect")),
        Reason.DENIED,
        "the server sent error 1130, expected a greeting: Host '10.0.0.1' is not allowed to connect",
    ),
    "SSH in place of MySQL": (
        "mysql",
        says(b"SSH-2.0-OpenSSH_9.2\r\n"),
        Reason.PROTOCOL,
        "the server sent 'SSH-', expected a greeting of MySQL",
    ),
    "silence": (
        "smtp",
        says(b"", after=10),
        Reason.TIMEOUT,
        "no answer within 500ms in phase starttls; a port that speaks TLS from the beginning needs no `starttls`",
    ),
}


@pytest.mark.parametrize("case", FAILURES)
async def test_a_server_that_does_not_begin_tls(case: str) -> None:
    protocol, talk, reason, detail = FAILURES[case]

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await talk(reader, writer)
        await reader.read()

    async with serving(handler) as address:
        port = address.rpartition(":")[2]
        check = {"kind": "tls", "address": f"localhost:{port}", "starttls": protocol}
        seen = await probe(check, timeout=0.5 if reason == Reason.TIMEOUT else 10.0)
    assert seen.reason == reason, seen.detail
    assert seen.detail.startswith(detail)


FLOODS = {
    "smtp": b"220-x\r\n" * 10_000,
    "imap": b"* OK\r\n" * 10_000,
    "pop3": b"x" * 65_536,
    "ftp": b"\n" * 65_536,
    "ldap": b"\x30\x84\xff\xff\xff\xff" * 10_000,
    "xmpp": b"<stream:features" * 4_000,
    "mysql": b"\0" * 65_536,
    "postgres": b"\xff" * 65_536,
}


@pytest.mark.parametrize("protocol", FLOODS)
async def test_a_server_that_floods_us_is_bounded(protocol: str) -> None:
    async def flooding(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(FLOODS[protocol])
            await writer.drain()

    async with peers.serving(flooding) as port:
        check = {"kind": "tls", "address": f"127.0.0.1:{port}", "starttls": protocol}
        seen = await peers.watched(check, timeout=1.0)
    assert seen.reason in (Reason.PROTOCOL, Reason.CONTENT, Reason.TLS, Reason.TIMEOUT)
