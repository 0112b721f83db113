"""The facts of TLS sessions and of certificates, valid or not."""

from __future__ import annotations

import _ssl
import hashlib
import ssl
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from staging_exporter.core.facts import Fact


def session_facts(session: ssl.SSLObject | ssl.SSLSocket, *, verified: bool) -> dict[str, Any]:
    """Facts of an established TLS session: those of the certificate, whether it was verified, version and cipher.

    `tls_chain_not_after` is when the first certificate expires of all that the peer sent, `tls_verified_not_after`
    of those that lead to a trusted one; Unix seconds.
    """
    der = session.getpeercert(binary_form=True)
    cipher = session.cipher()
    shown = {Fact.TLS_CHAIN_NOT_AFTER: _earliest(_chain(session, "get_unverified_chain"))}
    trusted = {Fact.TLS_VERIFIED_NOT_AFTER: _earliest(_chain(session, "get_verified_chain"))} if verified else {}
    return {
        **(certificate_facts(der) if der else {}),
        **{name: end for name, end in (shown | trusted).items() if end is not None},
        Fact.TLS_VERIFIED: verified,
        Fact.TLS_VERSION: session.version(),
        Fact.TLS_CIPHER: cipher[0] if cipher else None,
    }


def _chain(session: ssl.SSLObject | ssl.SSLSocket, which: str) -> list[bytes]:
    """The certificates of a session, DER. Public since Python 3.13; older versions have it in a private module."""
    if hasattr(session, which):
        return list(getattr(session, which)())
    found: Iterable[Any] = getattr(getattr(session, "_sslobj", None), which, list)() or ()
    return [certificate.public_bytes(_ssl.ENCODING_DER) for certificate in found]


def _earliest(chain: Iterable[bytes]) -> float | None:
    ends = [certificate_facts(der).get(Fact.TLS_NOT_AFTER) for der in chain]
    return min((end for end in ends if end is not None), default=None)


@lru_cache(maxsize=1024)
def certificate_facts(der: bytes) -> dict[str, Any]:
    """The facts of a certificate (DER).

    `tls_not_after` and `tls_not_before` (Unix seconds), `tls_names`, `tls_subject`, `tls_issuer`, and in hexadecimal
    `tls_serial` and `tls_fingerprint_sha256`.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        return {
            Fact.TLS_NOT_AFTER: certificate.not_valid_after_utc.timestamp(),
            Fact.TLS_NOT_BEFORE: certificate.not_valid_before_utc.timestamp(),
            Fact.TLS_NAMES: _names(certificate),
            Fact.TLS_SUBJECT: _common_name(certificate.subject),
            Fact.TLS_ISSUER: _common_name(certificate.issuer),
            Fact.TLS_SERIAL: f"{certificate.serial_number:x}",
            Fact.TLS_FINGERPRINT_SHA256: hashlib.sha256(der).hexdigest(),
        }
    except ValueError as error:  # OpenSSL accepts certificates that this library does not
        return {Fact.TLS_UNREADABLE: str(error)}


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    names: Iterable[Any] = [
        *extension.value.get_values_for_type(x509.DNSName),
        *extension.value.get_values_for_type(x509.IPAddress),
    ]
    return [str(name) for name in names][:100]


def _common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string()
