"""Content codings of a response (RFC 9110 section 8.4.1), undone in limited memory."""

from __future__ import annotations

import zlib
from typing import Protocol

import brotli
import zstandard

from staging_exporter.core.model import ProbeFailed, Reason

_SLICE = 256  # bytes that zstd gets at once: they become at most 8 MiB
_MAX_WINDOW = 8 * 1024 * 1024  # RFC 9659
_ERRORS = (zlib.error, brotli.error, zstandard.ZstdError)


class _Coding(Protocol):
    """One coding. `feed` gives at most a little more than `room` bytes; then there is no next call."""

    def feed(self, data: bytes, room: int) -> bytes: ...
    def complete(self) -> bool: ...


class _Zlib:
    """gzip, also of several members, and deflate, also without the header that RFC 9110 requires."""

    def __init__(self, *, bare: bool) -> None:
        self._bare = bare  # whether a missing header is accepted
        self._inflate = zlib.decompressobj(32 + zlib.MAX_WBITS)
        self._fed = False

    def feed(self, data: bytes, room: int) -> bytes:
        try:
            out = self._inflate.decompress(data, room)
        except zlib.error:
            if not self._bare or self._fed:
                raise
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
            out = self._inflate.decompress(data, room)
        self._fed = True
        while self._inflate.eof and self._inflate.unused_data.startswith(b"\x1f\x8b") and len(out) < room:
            rest, self._inflate = self._inflate.unused_data, zlib.decompressobj(32 + zlib.MAX_WBITS)
            out += self._inflate.decompress(rest, room - len(out))
        return out

    def complete(self) -> bool:
        return self._inflate.eof


class _Brotli:
    def __init__(self) -> None:
        self._brotli = brotli.Decompressor()

    def feed(self, data: bytes, room: int) -> bytes:
        out: bytes = self._brotli.process(data, output_buffer_limit=room)
        while len(out) < room and not self._brotli.can_accept_more_data():
            out += self._brotli.process(b"", output_buffer_limit=room - len(out))
        return out

    def complete(self) -> bool:
        return bool(self._brotli.is_finished())


class _Zstd:
    def __init__(self) -> None:
        self._context = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
        self._frame = self._context.decompressobj()

    def feed(self, data: bytes, room: int) -> bytes:
        out = bytearray()
        while data and len(out) < room:
            if self._frame.eof:  # another frame follows
                self._frame = self._context.decompressobj()
            out += self._frame.decompress(data[:_SLICE])
            data = (self._frame.unused_data if self._frame.eof else b"") + data[_SLICE:]
        return bytes(out)

    def complete(self) -> bool:
        return self._frame.eof


def _coding(name: str) -> _Coding | None:
    match name:
        case "gzip" | "x-gzip":
            return _Zlib(bare=False)
        case "deflate":
            return _Zlib(bare=True)
        case "br":
            return _Brotli()
        case "zstd":
            return _Zstd()
    return None


class Decoder:
    """Undoes the codings of a Content-Encoding header; `unknown` is the first that it does not know.

    With an unknown one the body stays as it was sent.
    """

    def __init__(self, header: str, limit: int) -> None:
        names = [name for part in header.lower().split(",") if (name := part.strip()) not in ("", "identity")]
        codings = [(name, _coding(name)) for name in reversed(names)]
        self.unknown = next((name[:40] for name, coding in codings if coding is None), "")
        self.body = bytearray()
        self._codings = [] if self.unknown else [(name, coding) for name, coding in codings if coding is not None]
        self._limit = limit
        self._read = 0

    def feed(self, data: bytes) -> None:
        """Add received bytes. Raises ProbeFailed when there are too many, before or after decompression."""
        self._read += len(data)
        room = self._limit - len(self.body)
        for name, coding in self._codings:
            try:
                data = coding.feed(data, self._limit + 1)
            except _ERRORS as error:
                raise ProbeFailed(Reason.PROTOCOL, f"the body is not {name}: {error}") from None
        self.body += data[:room]
        if self._read > self._limit or len(data) > room:
            raise ProbeFailed(Reason.CONTENT, f"body over {self._limit} bytes, which is `max_body`")

    def finish(self) -> None:
        """Raises ProbeFailed when the compressed body ended too early."""
        for name, coding in self._codings:
            if self._read and not coding.complete():
                raise ProbeFailed(Reason.PROTOCOL, f"the {name} body is incomplete")
