"""TLS contexts, cached by their settings and files; their files are read off the loop, and nothing prompts."""

from __future__ import annotations

import contextlib
import errno
import os
import ssl
import stat
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Literal, NamedTuple, cast

from cryptography import x509

from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.context import ProbeContext, Readable
from staging_exporter.net.names import tls_name

Version = Literal["1.0", "1.1", "1.2", "1.3"]
_VERSIONS: dict[Version, ssl.TLSVersion] = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}
_LEGACY_SERVER_CONNECT = 0x4  # SSL_OP_LEGACY_SERVER_CONNECT of OpenSSL; Python names it from 3.12 on
# TLS 1.0 and 1.1 sign with MD5 and SHA-1, which OpenSSL allows at level 0 only; keys of 1024 bits are valid there too.
_LEGACY_CIPHERS = "DEFAULT:@SECLEVEL=0"
_FRESH = 1.0  # seconds until it is looked again whether a file has changed
_MAX_CONTEXTS = 256
_Made = tuple[ssl.SSLContext, float | None]
_MAX_FILE = 16 * 1024 * 1024  # bytes of a file that is not a regular one: a device would give data without end


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """How to speak TLS. Files are PEM; `server_name` is the name to send and to verify instead of the host."""

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    key_passphrase: Readable | None = None
    server_name: str | None = None
    insecure_skip_verify: bool = False
    min_version: Version = "1.2"
    max_version: Version | None = None
    legacy_renegotiation: bool = False


class _Contexts:
    """The contexts that were made, with the end of their client certificates; those that were used least go first."""

    def __init__(self) -> None:
        self._made: OrderedDict[Hashable, _Made] = OrderedDict()

    def get(self, key: Hashable) -> _Made | None:
        """The context for these settings and files; None before it is made."""
        if key in self._made:
            self._made.move_to_end(key)
        return self._made.get(key)

    def put(self, key: Hashable, made: _Made) -> None:
        """Keep a context."""
        self._made[key] = made
        if len(self._made) > _MAX_CONTEXTS:
            self._made.popitem(last=False)


_CONTEXTS = _Contexts()


class _File(NamedTuple):
    """A file of a context; one that changes has another `stamp`. `content` is that of a pipe, which is read once."""

    role: str
    path: str
    stamp: tuple[int, ...]
    content: bytes | None


async def client_context(
    run: ProbeContext, tls: TlsSettings, *, verify: bool = True, alpn: tuple[str, ...] = ()
) -> ssl.SSLContext:
    """The context for these settings, cached until one of its files changes: loading authorities takes about 20 ms.

    `alpn` are the protocols to offer (RFC 7301). Raises ProbeFailed (`probe_error`) when a file cannot be
    read or used.
    """
    passphrase = await run.reveal(tls.key_passphrase) if tls.key_passphrase else None
    paths = {"ca_file": tls.ca_file, "cert_file": tls.cert_file, "key_file": tls.key_file}
    given = {role: path for role, path in paths.items() if path}
    try:
        files = tuple([await _looked_at(run, role, path) for role, path in given.items()])
        key = (tls, files, verify and not tls.insecure_skip_verify, alpn, passphrase)
        if (made := _CONTEXTS.get(key)) is None:
            place = ", ".join(given.values()) or "of the system"
            made = await run.in_background("the TLS files", place, partial(_context, *key), ("context", *key[:4]))
            _CONTEXTS.put(key, made)
        context, end = made
    except (OSError, ssl.SSLError) as error:
        raise ProbeFailed(Reason.PROBE_ERROR, f"tls: {', '.join(given.values())}: {_in_words(error)}") from None
    if end is not None:
        run.credential("the client certificate", end, Reason.TLS, Reason.CLOSED, Reason.DENIED)
    return context


def _in_words(error: OSError) -> str:
    """The error without what only readers of OpenSSL's source understand."""
    if not isinstance(error, ssl.SSLError):
        return str(error)
    if error.reason is None or error.reason == "NO_CERTIFICATE_OR_CRL_FOUND":
        return "not PEM, or damaged"
    return "the key is not that of the certificate" if error.reason == "KEY_VALUES_MISMATCH" else error.reason


async def _looked_at(run: ProbeContext, role: str, path: str) -> _File:
    """The file as it is now, or was within the last second. Raises OSError, ProbeFailed (`probe_error`)."""
    key = ("tls", role, path)
    if (known := run.cache.get(key)) is not None:
        return cast(_File, known)
    file = await run.in_background(f"the {role}", path, partial(_look_at, role, path), key)
    if file.content is None:
        run.cache.put(key, file, monotonic() + _FRESH)
    return file


def _look_at(role: str, path: str) -> _File:
    """May block. Raises OSError."""
    info = Path(path).stat()
    if stat.S_ISREG(info.st_mode):
        return _File(role, path, (info.st_mtime_ns, info.st_size, info.st_ino), None)
    with Path(path).open("rb") as file:
        content = file.read(_MAX_FILE + 1)
    if len(content) > _MAX_FILE:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)
    return _File(role, path, (), content)


@contextmanager
def _as_path(file: _File) -> Iterator[str]:
    """A path that OpenSSL can open."""
    if file.content is None:
        yield file.path
        return
    with open(os.memfd_create("tls"), "wb") as memory:  # noqa: PTH123  # it has no name
        memory.write(file.content)
        memory.flush()
        yield f"/proc/self/fd/{memory.fileno()}"


class _NamedContext(ssl.SSLContext):
    """A context that sends and verifies `server_name` even where a library passes the address that it connects to."""

    server_name: str | None = None

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        return super().wrap_bio(incoming, outgoing, server_side, self.server_name or server_hostname, session)


def _context(
    tls: TlsSettings, files: tuple[_File, ...], verify: bool, alpn: tuple[str, ...], passphrase: str | None
) -> tuple[ssl.SSLContext, float | None]:
    """The context, and when its client certificate ends. May block.

    Raises OSError, ssl.SSLError, ProbeFailed (`probe_error`).
    """
    context = _NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.server_name = tls_name(tls.server_name) if tls.server_name else None
    _allow_legacy(context, tls)
    context.minimum_version, end = _VERSIONS[tls.min_version], None
    if tls.max_version:
        context.maximum_version = _VERSIONS[tls.max_version]
    with ExitStack() as stack:
        paths = {file.role: stack.enter_context(_as_path(file)) for file in files}
        if verify and "ca_file" in paths:
            context.load_verify_locations(paths["ca_file"])
        elif verify:
            context.load_default_certs()
        else:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if "cert_file" in paths:
            _load_key(context, paths["cert_file"], paths.get("key_file"), passphrase, tls.key_file or tls.cert_file)
            end = _end(Path(paths["cert_file"]).read_bytes())
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context, end


def _allow_legacy(context: ssl.SSLContext, tls: TlsSettings) -> None:
    if min(tls.min_version, tls.max_version or tls.min_version) < "1.2":
        context.set_ciphers(_LEGACY_CIPHERS)
    if tls.legacy_renegotiation:
        context.options |= _LEGACY_SERVER_CONNECT


def _end(pem: bytes) -> float | None:
    """When the first certificate of the file ends, Unix seconds; None when this library cannot read it."""
    begin = pem.find(b"-----BEGIN CERTIFICATE")
    with contextlib.suppress(ValueError):
        return x509.load_pem_x509_certificate(pem[max(0, begin) :]).not_valid_after_utc.timestamp()
    return None


def _load_key(
    context: ssl.SSLContext, cert_file: str, key_file: str | None, passphrase: str | None, shown: str | None
) -> None:
    """Load a client certificate and its key. Raises ProbeFailed when the key is encrypted and stays closed."""
    encrypted = False

    def open_key() -> str:
        nonlocal encrypted
        encrypted = True
        if passphrase is None:
            raise ProbeFailed(Reason.PROBE_ERROR, f"the key is encrypted: {shown}; its `key_passphrase` is not set")
        return passphrase

    try:
        # Without a callback OpenSSL prompts on the terminal.
        context.load_cert_chain(cert_file, key_file, password=open_key)
    except ssl.SSLError:
        if encrypted:
            raise ProbeFailed(
                Reason.PROBE_ERROR, f"the key is encrypted, and not by `key_passphrase`: {shown}"
            ) from None
        raise
