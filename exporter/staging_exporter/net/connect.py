"""Connections whose phases resolve, connect and tls are measured, limited in time and classified one by one."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from staging_exporter.core.facts import Fact
from staging_exporter.core.model import ProbeFailed
from staging_exporter.net.address import HostPort, IpFamily
from staging_exporter.net.background import in_background
from staging_exporter.net.certificates import session_facts
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.dial import dial
from staging_exporter.net.names import tls_name
from staging_exporter.net.tls import TlsSettings, client_context

_LIMIT = 64 * 1024  # bytes a stream buffers before it stops reading from the socket
_LINGER = 1.0  # seconds that a TLS peer has to answer our close


@dataclass(slots=True)
class Connection:
    """An open connection: asyncio's `reader` and `writer`, TLS or not."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Write all of `data`. Raises OSError when the peer is gone."""
        self.writer.write(data)
        await self.writer.drain()

    async def start_tls(
        self,
        context: ProbeContext,
        address: HostPort,
        tls: TlsSettings,
        family: IpFamily = "auto",
        ask: AskForTls | None = None,
        *,
        asked: bool = False,
        made: ssl.SSLContext | None = None,
    ) -> None:
        """Upgrade to TLS as phase `tls`, record the certificate's facts also when it is bad. Raises ssl.SSLError.

        `ask` sends the request for TLS of a protocol that has one, `asked` says that it was sent on this connection
        already. `made` is the context, for a peer that may speak first: what it sends before TLS starts is lost.
        """
        name = tls_name(tls.server_name or address.host)
        made = made or await client_context(context, tls)
        try:
            with context.phase("tls"):
                if ask is not None and not asked:
                    await ask(self)
                await self.writer.start_tls(made, server_hostname=name)
        except ssl.SSLCertVerificationError:
            await _record_bad_certificate(context, address, tls, family, ask)
            raise
        session = self.writer.get_extra_info("ssl_object")
        context.facts.update(session_facts(session, verified=not tls.insecure_skip_verify))

    def close(self) -> None:
        """Close without waiting for the peer."""
        transport = self.writer.transport
        secured = transport.get_extra_info("ssl_object") is not None
        if not transport.is_closing():  # asyncio's TLS transport forgets its connection when it is closed twice
            transport.close()
        if secured:
            asyncio.get_running_loop().call_later(_LINGER, transport.abort)


AskForTls = Callable[[Connection], Awaitable[None]]


@asynccontextmanager
async def connect(
    context: ProbeContext,
    address: HostPort,
    tls: TlsSettings | None = None,
    ip_family: IpFamily = "auto",
    alpn: tuple[str, ...] = (),
    ask: AskForTls | None = None,
) -> AsyncIterator[Connection]:
    """A connection to `address`, closed on leaving. Phases `resolve` (names only), `connect`, `starttls`, `tls`.

    `ask` asks for TLS in the protocol of the peer, which begins without it.
    Facts: `ip`, `ip_family`, and those of the certificate. Raises ProbeFailed, OSError, ssl.SSLError.
    """
    made = await client_context(context, tls, alpn=alpn) if tls else None
    sock = await open_socket(context, address, ip_family)
    connection = Connection(*await asyncio.open_connection(sock=sock, limit=_LIMIT))
    try:
        if tls is not None:
            if ask is not None:
                await _ask(context, connection, ask)
            await connection.start_tls(context, address, tls, ip_family, ask, asked=ask is not None, made=made)
        yield connection
    finally:
        connection.close()


async def _ask(context: ProbeContext, connection: Connection, ask: AskForTls) -> None:
    try:
        with context.phase("starttls"):
            await ask(connection)
    except asyncio.CancelledError:
        context.hint += "; a port that speaks TLS from the beginning needs no `starttls`"
        raise


async def open_socket(context: ProbeContext, address: HostPort, family: IpFamily = "auto") -> socket.socket:
    """A connected, non-blocking socket; phases `resolve` and `connect`. Raises ProbeFailed or OSError."""
    context.target = str(address)
    if address.unix:
        return await _open_unix(context, address.host)
    with context.phase("resolve"):
        lifetime = min(5.0, context.remaining * 0.8)
        lookup = await context.resolver.lookup(address.host, address.port, family, lifetime)
    context.log(f"{address.host} resolves to {', '.join(info[4][0] for info in lookup.found)}")
    with context.phase("connect"):
        sock = await dial(lookup)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    context.facts.update({Fact.IP: sock.getpeername()[0], Fact.IP_FAMILY: 4 if sock.family == socket.AF_INET else 6})
    return sock


async def _open_unix(context: ProbeContext, path: str) -> socket.socket:
    # In a thread: its directory may be on a mount that hangs, and one with a full backlog blocks as a file does.
    with context.phase("connect"):
        return await in_background(lambda: _connect_unix(path, context.remaining))


def _timeval(seconds: float) -> bytes:
    return struct.pack("ll", int(seconds), int(seconds % 1 * 1e6))


def _connect_unix(path: str, seconds: float) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # With a timeout of its own Python connects without blocking, and a full backlog is an error at once.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(seconds))
        sock.connect(path)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(0.0))
    except BlockingIOError:
        sock.close()
        raise TimeoutError from None
    except BaseException:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


async def _record_bad_certificate(
    context: ProbeContext, address: HostPort, tls: TlsSettings, family: IpFamily, ask: AskForTls | None
) -> None:
    """Record the facts of a certificate that was refused.

    A second handshake that verifies nothing shows it; it is not measured, and its failures are ignored.
    """
    other = context.for_another_request(2.0)
    with contextlib.suppress(OSError, EOFError, ProbeFailed):
        async with asyncio.timeout(other.timeout):
            unverified = await client_context(other, tls, verify=False)
            sock = await open_socket(other, address, family)
            reader, writer = await asyncio.open_connection(sock=sock, limit=_LIMIT)
            connection = Connection(reader, writer)
            try:
                if ask is not None:
                    await ask(connection)
                await writer.start_tls(unverified, server_hostname=tls_name(tls.server_name or address.host))
                context.facts.update(session_facts(writer.get_extra_info("ssl_object"), verified=False))
            finally:
                connection.close()
