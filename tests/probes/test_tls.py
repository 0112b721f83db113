"""Kind `tls` against real TLS servers on loopback: valid certificates, invalid ones, and those that expire soon."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import ValidationError
from staging_exporter.core.model import Observation, Outcome, Reason
from staging_exporter.probes import load

from tests.support import peers
from tests.support.probing import probe
from tests.support.web import ca_file, server_tls, serving

DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.now(datetime.UTC)


def cross_signed(directory: Path, *, ends: datetime.timedelta) -> tuple[ssl.SSLContext, str]:
    """A server that also sends a superfluous copy of its root, signed by an older one, and the file of that root."""
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("leaf", "root", "old root")}

    def issue(name: str, issuer: str, end: datetime.timedelta) -> x509.Certificate:
        subject, by = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in (name, issuer))
        builder = x509.CertificateBuilder(
            by, subject, keys[name].public_key(), x509.random_serial_number(), NOW - 400 * DAY, NOW + end
        )
        builder = builder.add_extension(x509.BasicConstraints(name != "leaf", None), True)
        if name == "leaf":
            address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
            builder = builder.add_extension(x509.SubjectAlternativeName([address]), False)
        return builder.sign(keys[issuer], hashes.SHA256())

    encoding = serialization.Encoding.PEM
    leaf, root, copy = (
        issue(*names).public_bytes(encoding)
        for names in (("leaf", "root", 90 * DAY), ("root", "root", 900 * DAY), ("root", "old root", ends))
    )
    key = keys["leaf"].private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (directory / "server.pem").write_bytes(key + leaf + copy)
    (directory / "root.pem").write_bytes(root)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem")
    return context, str(directory / "root.pem")


@pytest.mark.parametrize("days", [-300, 5])
async def test_a_superfluous_copy_of_the_root_does_not_count(tmp_path: Path, days: int) -> None:
    context, root = cross_signed(tmp_path, ends=days * DAY)
    seen = await looked_at(context, tls={"ca_file": root})
    assert (seen.outcome, seen.reason) == (Outcome.PASS, Reason.OK), seen.detail
    assert seen.facts["tls_verified_not_after"] == pytest.approx((NOW + 90 * DAY).timestamp(), abs=1)
    assert seen.facts["tls_chain_not_after"] == pytest.approx((NOW + days * DAY).timestamp(), abs=1)
    unverified = await looked_at(context, tls={"insecure_skip_verify": True})
    assert (unverified.outcome, unverified.reason) == (Outcome.DEGRADED, Reason.CONTENT)


async def quiet(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


@asynccontextmanager
async def showing(context: ssl.SSLContext | None) -> AsyncIterator[str]:
    async with serving(quiet, context) as address:
        yield address


async def looked_at(context: ssl.SSLContext | None, **options: Any) -> Observation:
    async with showing(context) as address:
        return await probe({"kind": "tls", "address": address, **options})


def self_signed(directory: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "self.test")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 4660, NOW - DAY, NOW + 90 * DAY)
    certificate = builder.sign(key, hashes.SHA256())
    file = directory / "self.pem"
    encoding = serialization.Encoding.PEM
    file.write_bytes(
        key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(encoding)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def chained(directory: Path, end_of_intermediate: datetime.datetime) -> tuple[ssl.SSLContext, str]:
    """A server whose certificate is valid for 300 days, behind an intermediate that expires sooner."""
    root = trustme.CA()
    root.cert_pem.write_to_path(str(directory / "root.pem"))
    root_key = serialization.load_pem_private_key(root.private_key_pem.bytes(), None)
    issuer = x509.load_pem_x509_certificate(root.cert_pem.bytes())
    key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "intermediate")])
    middle = (
        x509.CertificateBuilder(issuer.subject, subject, key.public_key(), 77, NOW - DAY, end_of_intermediate)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(root_key, hashes.SHA256())  # type: ignore[arg-type]
    )
    leaf = (
        x509.CertificateBuilder(subject, x509.Name([]), leaf_key.public_key(), 255, NOW - DAY, NOW + 300 * DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("chain.test")]), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    file = directory / "chain.pem"
    file.write_bytes(
        leaf_key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + leaf.public_bytes(encoding)
        + middle.public_bytes(encoding)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context, str(directory / "root.pem")


async def test_a_valid_certificate_passes_with_all_facts(tmp_path: Path) -> None:
    seen = await looked_at(server_tls(), tls={"ca_file": ca_file(tmp_path)})
    assert (seen.outcome, seen.detail) == (Outcome.PASS, "")
    assert set(seen.phases) == {"resolve", "connect", "tls"}
    facts = seen.facts
    assert facts["tls_verified"] is True
    assert facts["tls_names"] == ["127.0.0.1"]
    assert facts["tls_not_before"] < time.time() < facts["tls_not_after"]
    assert len(facts["tls_fingerprint_sha256"]) == 64
    assert int(facts["tls_serial"], 16) > 0
    assert facts["tls_version"] == "TLSv1.3"


async def test_the_first_expiry_of_the_chain_decides(tmp_path: Path) -> None:
    context, root = chained(tmp_path, NOW + 10 * DAY)
    seen = await looked_at(context, server_name="chain.test", tls={"ca_file": root})
    assert (seen.outcome, seen.reason) == (Outcome.DEGRADED, Reason.CONTENT)
    end = NOW + 10 * DAY
    assert seen.detail.startswith(f"a certificate of the chain expires on {end:%Y-%m-%d %H:%M} UTC, in 9d")
    assert seen.detail.endswith("expected over 14d")
    assert seen.facts["tls_chain_not_after"] == pytest.approx(end.timestamp(), abs=1)
    assert seen.facts["tls_verified_not_after"] == pytest.approx(end.timestamp(), abs=1)
    assert seen.facts["tls_not_after"] == pytest.approx((NOW + 300 * DAY).timestamp(), abs=1)
    assert seen.facts["tls_serial"] == "ff"


@pytest.mark.parametrize(("within", "outcome"), [("9d", Outcome.PASS), ("11d", Outcome.DEGRADED), ("0", Outcome.PASS)])
async def test_expires_within_decides_when_it_is_degraded(tmp_path: Path, within: str, outcome: Outcome) -> None:
    context, root = chained(tmp_path, NOW + 10 * DAY)
    options = {"server_name": "chain.test", "tls": {"ca_file": root}, "degraded": {"expires_within": within}}
    assert (await looked_at(context, **options)).outcome == outcome


async def test_each_bad_certificate_has_a_reason_and_facts(tmp_path: Path) -> None:
    trusted = {"tls": {"ca_file": ca_file(tmp_path)}}
    cases = {
        Reason.TLS_EXPIRED: (server_tls("127.0.0.1", expired=True), trusted, ["127.0.0.1"]),
        Reason.TLS_NAME: (server_tls("other.test"), trusted, ["other.test"]),
        Reason.TLS_UNTRUSTED: (server_tls("127.0.0.1", own_authority=True), trusted, ["127.0.0.1"]),
    }
    for reason, (context, options, names) in cases.items():
        seen = await looked_at(context, **options)
        assert (seen.outcome, seen.reason) == (Outcome.FAIL, reason), seen.detail
        assert seen.facts["tls_verified"] is False
        assert seen.facts["tls_names"] == names
        assert seen.facts["tls_chain_not_after"] == seen.facts["tls_not_after"] > 1.5e9
        assert "tls_verified_not_after" not in seen.facts


async def test_a_self_signed_certificate_is_untrusted(tmp_path: Path) -> None:
    seen = await looked_at(self_signed(tmp_path), tls={"ca_file": ca_file(tmp_path)}, server_name="self.test")
    assert seen.reason == Reason.TLS_UNTRUSTED
    assert "self" in seen.detail
    assert (seen.facts["tls_issuer"], seen.facts["tls_subject"], seen.facts["tls_serial"]) == (
        "self.test",
        "self.test",
        "1234",
    )


async def test_insecure_skip_verify_accepts_a_bad_certificate(tmp_path: Path) -> None:
    seen = await looked_at(self_signed(tmp_path), tls={"insecure_skip_verify": True})
    assert (seen.outcome, seen.facts["tls_verified"]) == (Outcome.PASS, False)


async def test_an_unknown_authority_is_untrusted() -> None:
    assert (await looked_at(server_tls())).reason == Reason.TLS_UNTRUSTED


async def test_server_name_is_sent_and_verified(tmp_path: Path) -> None:
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme_context = server_tls("named.test")
    context.sni_callback = lambda session, name, _context: (  # type: ignore[assignment]
        asked.append(name),
        setattr(session, "context", trustme_context),
    )[-1]
    seen = await looked_at(context, tls={"ca_file": ca_file(tmp_path)}, server_name="named.test")
    assert (seen.outcome, seen.detail) == (Outcome.PASS, "")
    assert asked == ["named.test"]


@pytest.mark.parametrize(
    ("tls", "version"),
    [({"max_version": "1.2"}, "TLSv1.2"), ({"min_version": "1.3"}, "TLSv1.3")],
)
async def test_tls_versions_are_respected(tmp_path: Path, tls: dict[str, str], version: str) -> None:
    seen = await looked_at(server_tls(), tls={"ca_file": ca_file(tmp_path), **tls})
    assert seen.facts["tls_version"] == version


@pytest.mark.parametrize("said", [b"\x15\x03\x03\x00\x02\x02\x46", b"220 mail ready\r\n"])
async def test_no_common_version_and_plain_text_have_reasons(said: bytes) -> None:
    async with peers.serving(peers.saying(said)) as port:
        assert (await probe({"kind": "tls", "address": f"127.0.0.1:{port}"})).reason == Reason.TLS


async def test_a_client_certificate_is_sent_on_request(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # where the refusal is part of the handshake
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    mine = authority.issue_cert("prober")
    mine.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    mine.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    trust = {"ca_file": str(tmp_path / "ca.pem")}
    own = {"cert_file": str(tmp_path / "cert.pem"), "key_file": str(tmp_path / "key.pem")}
    assert (await looked_at(context, tls=trust | own)).outcome == Outcome.PASS
    assert (await looked_at(context, tls=trust)).outcome == Outcome.FAIL


async def test_ip_family_is_respected(tmp_path: Path) -> None:
    seen = await looked_at(server_tls(), tls={"ca_file": ca_file(tmp_path)}, ip_family=6)
    assert (seen.reason, seen.detail) == (Reason.DNS, "127.0.0.1 has no IPv6 address; it has 127.0.0.1")


@pytest.mark.parametrize(
    "options",
    [
        {"server_name": "a.test", "tls": {"server_name": "b.test"}},
        {"tls": {"min_version": "1.3", "max_version": "1.2"}},
        {"degraded": {"expires_within": "soon"}},
    ],
)
def test_bad_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        load("tls").model_validate({"kind": "tls", "address": "a.test:443", **options})


def test_the_host_is_that_of_the_address() -> None:
    assert load("tls").model_validate({"kind": "tls", "address": "a.test:443"}).hosts() == ("a.test",)
    assert load("tls").model_validate({"kind": "tls", "address": "/run/s"}).hosts() == ()
