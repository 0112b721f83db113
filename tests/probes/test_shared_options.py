"""The options that many kinds share, `tls`, `ip_family` and `degraded.slower_than`: each kind uses them."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from staging_exporter.core.model import Observation, Reason
from staging_exporter.options.check import Degraded
from staging_exporter.probes import kinds, load

from tests.support.probing import probe
from tests.support.web import ca_file, server_tls, serving

CERTIFICATE = {Reason.TLS_NAME, Reason.TLS_UNTRUSTED, Reason.TLS_EXPIRED, Reason.TLS}


def options(kind: str, address: str) -> dict[str, Any]:
    """A check of that kind on a TLS server at `address`."""
    port = int(address.rpartition(":")[2])
    by_kind: dict[str, dict[str, Any]] = {
        "http": {"url": f"https://{address}/"},
        "websocket": {"url": f"wss://{address}/"},
        "promql": {"url": f"https://{address}", "query": "up", "expect": {"value": 1}},
        "domain": {"name": "a.localhost", "port": port, "siblings": "none"},
        "dns": {"name": "a.test", "server": address, "protocol": "tls"},
        "icmp": {"host": "127.0.0.1"},
    }
    return {"kind": kind, **by_kind.get(kind, {"address": address})}


async def waits_for_the_close(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Sends nothing: only the handshake matters."""
    await reader.read(100)


async def seen_with(kind: str, context: ssl.SSLContext, tls: dict[str, Any]) -> Observation:
    async with serving(waits_for_the_close, context) as address:
        return await probe(options(kind, address) | {"tls": tls}, timeout=2)


TLS_KINDS = [kind for kind in kinds() if "tls" in load(kind).model_fields and kind not in ("postgres", "e2e")]


@pytest.fixture
def trust(tmp_path: Path) -> dict[str, str]:
    return {"ca_file": ca_file(tmp_path)}


def test_every_kind_with_tls_is_tested_here() -> None:
    assert set(TLS_KINDS) == {"dns", "domain", "grpc", "http", "promql", "redis", "tcp", "tls", "websocket"}


@pytest.mark.parametrize("kind", TLS_KINDS)
async def test_ca_file_is_trusted(kind: str, trust: dict[str, str]) -> None:
    context = server_tls("127.0.0.1", "a.localhost")
    assert (await seen_with(kind, context, trust)).facts["tls_verified"] is True
    assert (await seen_with(kind, context, {})).facts["tls_verified"] is False


@pytest.mark.parametrize("kind", TLS_KINDS)
async def test_server_name_is_verified(kind: str, trust: dict[str, str]) -> None:
    context = server_tls("named.test")
    assert (await seen_with(kind, context, trust | {"server_name": "named.test"})).facts["tls_verified"] is True
    assert (await seen_with(kind, context, trust)).facts["tls_verified"] is False


@pytest.mark.parametrize("kind", TLS_KINDS)
async def test_insecure_skip_verify_accepts_any_certificate(kind: str) -> None:
    context = server_tls("named.test", expired=True)
    seen = await seen_with(kind, context, {"insecure_skip_verify": True})
    assert seen.reason not in CERTIFICATE
    assert seen.facts["tls_names"] == ["named.test"]
    if kind != "promql":  # for which every failure is no evidence
        assert (await seen_with(kind, context, {})).reason in CERTIFICATE


@pytest.mark.parametrize("kind", TLS_KINDS)
async def test_tls_versions_are_respected(kind: str, trust: dict[str, str]) -> None:
    context = server_tls("127.0.0.1", "a.localhost")
    assert (await seen_with(kind, context, trust | {"max_version": "1.2"})).facts["tls_version"] == "TLSv1.2"
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(old)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    anything = {"insecure_skip_verify": True}
    assert (await seen_with(kind, old, anything)).facts["tls_version"] == "TLSv1.2"
    assert "tls_version" not in (await seen_with(kind, old, anything | {"min_version": "1.3"})).facts


def wanting_a_client(tmp_path: Path) -> tuple[ssl.SSLContext, dict[str, str], dict[str, str]]:
    """A server that requires a client certificate, the authority to trust, and the certificate."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "a.localhost").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # where the refusal is part of the handshake
    mine = authority.issue_cert("prober")
    mine.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    mine.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    own = {"cert_file": str(tmp_path / "cert.pem"), "key_file": str(tmp_path / "key.pem")}
    return context, {"ca_file": str(tmp_path / "ca.pem")}, own


@pytest.mark.parametrize("kind", TLS_KINDS)
async def test_a_client_certificate_is_sent(kind: str, tmp_path: Path) -> None:
    context, trusted, own = wanting_a_client(tmp_path)
    assert (await seen_with(kind, context, trusted | own)).facts["tls_version"] == "TLSv1.2"
    assert "tls_version" not in (await seen_with(kind, context, trusted)).facts


async def test_postgres_sends_a_client_certificate(tmp_path: Path) -> None:
    context, trusted, own = wanting_a_client(tmp_path)

    async def asks_for_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        writer.write(b"S")
        await writer.drain()
        await writer.start_tls(context)
        await reader.read(1)

    async with serving(asks_for_one) as address:
        login = {"kind": "postgres", "host": "127.0.0.1", "port": int(address.split(":")[1])}
        check = login | {"database": "x", "user": "x"}
        assert "tls_version" in (await probe(check | {"tls": trusted | own})).facts
        assert "tls_version" not in (await probe(check | {"tls": trusted})).facts


@pytest.mark.parametrize("kind", [kind for kind in kinds() if "ip_family" in load(kind).model_fields])
async def test_ip_family_is_respected(kind: str) -> None:
    address = "127.0.0.1:1"
    assert "has no IPv6 address" in (await probe(options(kind, address) | {"ip_family": 6})).detail
    assert "has no IPv6 address" not in (await probe(options(kind, address) | {"ip_family": 4})).detail


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_has_slower_than(kind: str) -> None:
    """The prober applies it to all kinds."""
    (degraded,) = (field.annotation for name, field in load(kind).model_fields.items() if name == "degraded")
    assert isinstance(degraded, type)
    assert issubclass(degraded, Degraded)
