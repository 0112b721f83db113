"""The TLS context of the server, by a web configuration file. Imported by `security`."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from staging_exporter.options.web_config import CURVES, SUITES, TlsServer

_VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
_VERIFY = {"VerifyClientCertIfGiven": ssl.CERT_OPTIONAL, "RequireAndVerifyClientCert": ssl.CERT_REQUIRED}


def server_context(options: TlsServer) -> ssl.SSLContext:
    """A context with these options; reads files. Raises OSError, ssl.SSLError and ValueError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = _VERSIONS[options.min_version], _VERSIONS[options.max_version]
    context.set_alpn_protocols(["http/1.1"])
    with _file(options.cert_file, options.cert) as certificate, _file(options.key_file, options.key) as key:
        context.load_cert_chain(certificate, key, password=_no_password)
    if options.client_ca_file:
        context.load_verify_locations(options.client_ca_file)
    elif options.client_ca:
        context.load_verify_locations(cadata=options.client_ca)
    context.verify_mode = _VERIFY.get(options.client_auth_type, ssl.CERT_NONE)
    if options.cipher_suites:
        context.set_ciphers(":".join(SUITES[name] for name in options.cipher_suites))
    if options.prefer_server_cipher_suites:
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    for curve in options.curve_preferences:
        context.set_ecdh_curve(CURVES[curve])
    return context


def has_allowed_name(certificate: object, allowed: tuple[str, ...]) -> bool:
    """Whether the verified certificate of a client, as `getpeercert()` gives it, has one of these names."""
    names = certificate.get("subjectAltName", ()) if isinstance(certificate, dict) else ()
    return not allowed or any(value in allowed for _, value in names)


def _no_password() -> str:
    raise ValueError("the key is encrypted, and nobody is here to type its password")


@contextmanager
def _file(path: str, text: str) -> Iterator[str]:
    """The path, or one of a file in memory with the text: the ssl module reads files only."""
    if path:
        yield path
        return
    descriptor = os.memfd_create("pem")
    try:
        os.write(descriptor, text.encode())
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
