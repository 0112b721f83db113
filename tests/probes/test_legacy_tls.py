"""TLS that is no longer safe, by explicit options alone, of which `validate` warns."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import struct
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from staging_exporter.config import load_config
from staging_exporter.core.model import Reason

from tests.support.ports import free_port
from tests.support.probing import probe
from tests.support.web import authority, ca_file, server_tls, serving

pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")  # which is what this is about


@asynccontextmanager
async def old_server(folder: Path, *options: str) -> AsyncIterator[int]:
    """`openssl s_server` with a certificate for 127.0.0.1."""
    pem = folder / "server.pem"
    authority().issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(pem)
    port = free_port()
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", str(pem), "-www", "-quiet", *options]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        async with asyncio.timeout(10):
            while True:
                with socket.socket() as sock:
                    if sock.connect_ex(("127.0.0.1", port)) == 0:
                        break
                await asyncio.sleep(0.02)
        yield port
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_an_old_version_is_spoken_when_it_is_allowed(version: str, tmp_path: Path) -> None:
    number = version.replace("1.0", "1").replace(".", "_")
    async with old_server(tmp_path, f"-tls{number}", "-cipher", "ALL:@SECLEVEL=0") as port:
        options = {"kind": "http", "url": f"https://127.0.0.1:{port}/", "tls": {"ca_file": ca_file(tmp_path)}}
        assert (await probe(options)).reason == Reason.TLS
        options["tls"] = {"ca_file": ca_file(tmp_path), "min_version": version}
        seen = await probe(options)
    assert (seen.reason, seen.facts["tls_version"]) == (Reason.OK, f"TLSv{version.replace('1.0', '1')}"), seen.detail


async def test_small_keys_are_accepted_together_with_old_versions(tmp_path: Path) -> None:
    parameters = tmp_path / "dh.pem"
    subprocess.run(["openssl", "dhparam", "-dsaparam", "-out", parameters, "1024"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_dh_params(str(parameters))
    key = tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=old", "-keyout", key, "-out",
         tmp_path / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    context.load_cert_chain(tmp_path / "cert.pem", key)
    async with serving(_quiet, context) as address:
        options: dict[str, Any] = {"kind": "tls", "address": address, "tls": {"insecure_skip_verify": True}}
        assert (await probe(options)).reason == Reason.TLS
        options["tls"]["min_version"] = "1.0"
        seen = await probe(options)
    assert seen.reason == Reason.OK, seen.detail


async def _quiet(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def test_a_server_without_secure_renegotiation_needs_its_option() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        hello = b"\x03\x03" + os.urandom(32) + b"\x00" + b"\xc0\x2f" + b"\x00"  # without any extension
        handshake = b"\x02" + struct.pack("!I", len(hello))[1:] + hello
        writer.write(b"\x16\x03\x03" + struct.pack("!H", len(handshake)) + handshake)
        await writer.drain()
        await reader.read(4096)

    details = {}
    async with serving(handler) as address:
        for allowed in (False, True):
            tls = {"insecure_skip_verify": True, "legacy_renegotiation": allowed}
            details[allowed] = (await probe({"kind": "tls", "address": address, "tls": tls}, timeout=0.5)).detail
    assert "UNSAFE_LEGACY_RENEGOTIATION_DISABLED" in details[False]
    assert "UNSAFE_LEGACY_RENEGOTIATION_DISABLED" not in details[True]


def test_validate_warns_of_both(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    tls = '{min_version: "1.0", legacy_renegotiation: true}'
    check = f"{{kind: http, url: 'https://a.test/', tls: {tls}}}"
    file.write_text(f"environment: t\ncomponents: {{a: {{layer: test, priority: P2, check: {check}}}}}\n")
    first, second = (str(warning) for warning in load_config(file).warnings)
    assert "min_version 1.0 accepts TLS 1.0 or 1.1 (RFC 8996)" in first
    assert "legacy_renegotiation accepts a server without RFC 5746" in second


def test_validate_warns_of_a_database_too(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    check = '{kind: postgres, host: a.test, database: d, user: u, tls: {min_version: "1.1"}}'
    file.write_text(f"environment: t\ncomponents: {{a: {{layer: test, priority: P2, check: {check}}}}}\n")
    (warning,) = (str(warning) for warning in load_config(file).warnings)
    assert "min_version 1.1 accepts TLS 1.0 or 1.1 (RFC 8996)" in warning


async def test_the_defaults_accept_neither() -> None:
    async with serving(_quiet, server_tls()) as address:
        assert (
            await probe({"kind": "tls", "address": address, "tls": {"insecure_skip_verify": True}})
        ).reason == Reason.OK
