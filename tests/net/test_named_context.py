"""A TLS context that verifies the configured name even where a library passes the address."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.resolve import Resolver
from staging_exporter.net.tls import TlsSettings, client_context


@pytest.mark.parametrize(
    ("server_name", "verified"), [("db.example.com", True), ("other.example.com", False), (None, False)]
)
async def test_the_name_is_verified_and_not_the_address(
    tmp_path: Path, server_name: str | None, verified: bool
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("db.example.com").configure_cert(server_context)
    settings = TlsSettings(ca_file=str(tmp_path / "ca.pem"), server_name=server_name)
    context = await client_context(ProbeContext(5.0, Resolver()), settings)

    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=server_context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        connecting = asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="127.0.0.1")
        if verified:
            reader, writer = await connecting
            assert await reader.read() == b"hello"
            writer.close()
            await writer.wait_closed()
        else:
            with pytest.raises(ssl.SSLCertVerificationError):
                await connecting
