"""Responses that several routes share: bodies made in slices and compressed, the 404 for an unknown component."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterable, Mapping
from hashlib import blake2b
from time import monotonic

from aiohttp import ETag, web

from staging_exporter.views.exporter_status import StorageFailed
from staging_exporter.views.exposition import accepts_gzip

_SLICE = 0.002  # seconds of work on the event loop, after which other tasks run
_CHUNK = 512 * 1024  # characters that are encoded and compressed at once
_GZIP_LEVEL = 1  # takes half the time of the default 6, for an eighth more bytes
_GZIP = 16 + zlib.MAX_WBITS  # with the header and the end of gzip


async def rendered(pieces: Iterable[str], *, gzipped: bool = False) -> bytes:
    """All pieces as one body, while other tasks run in between: a thousand components take milliseconds.

    They are made on the loop: it would wait for the interpreter after each of its system calls while a thread does.
    Compressing and joining, during which the interpreter is free, is done in one.
    """
    if gzipped:
        compressor = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP)
        chunks = [await asyncio.to_thread(compressor.compress, chunk) async for chunk in _in_slices(pieces)]
        chunks.append(compressor.flush())
    else:
        chunks = [chunk async for chunk in _in_slices(pieces)]
    return chunks[0] if len(chunks) == 1 else await asyncio.to_thread(b"".join, chunks)


async def _in_slices(pieces: Iterable[str]) -> AsyncIterator[bytes]:
    """The pieces, encoded, in chunks of some size."""
    done: list[str] = []
    length, began = 0, monotonic()
    for piece in pieces:
        done.append(piece)
        length += len(piece)
        if length >= _CHUNK:
            yield "".join(done).encode()
            done, length = [], 0
        if monotonic() - began > _SLICE:
            await asyncio.sleep(0)
            began = monotonic()
    yield "".join(done).encode()


async def compressed(request: web.Request, body: bytes, headers: Mapping[str, str]) -> web.Response:
    """The body, as gzip where the client accepts it; `headers` hold its Content-Type and may hold a Vary."""
    if wants_gzip(request):
        body = await asyncio.to_thread(zlib.compress, body, _GZIP_LEVEL, _GZIP)
    return answer(request, body, headers)


def wants_gzip(request: web.Request) -> bool:
    """True when the client accepts gzip."""
    return accepts_gzip(request.headers.get("Accept-Encoding", ""))


def answer(request: web.Request, body: bytes, headers: Mapping[str, str]) -> web.Response:
    """A body that is compressed where the client accepts it, with the headers that say so."""
    sent = {**headers, "Vary": ", ".join(filter(None, [headers.get("Vary"), "Accept-Encoding"]))}
    if wants_gzip(request):
        sent["Content-Encoding"] = "gzip"
    return web.Response(body=body, headers=sent)


def has_it(request: web.Request, tag: ETag) -> bool:
    """True when the client has what `tag` names: RFC 9110 section 13.1.2, by weak comparison."""
    return any(known.value in (tag.value, "*") for known in request.if_none_match or ())


def unchanged(tag: ETag, headers: Mapping[str, str] | None = None) -> web.Response:
    """The 304 for a client that has it."""
    response = web.Response(status=304, headers=headers)
    response.etag = tag
    return response


def tag_of(body: bytes) -> ETag:
    """Names the body, compressed or not."""
    return ETag(blake2b(body, digest_size=12).hexdigest(), is_weak=True)


def not_stored(error: StorageFailed) -> web.Response:
    """The 507 for a change that would not survive a restart, and was not made."""
    return web.Response(status=507, text=f"not changed, since it cannot be stored: {error}.\n")


def unknown_component(name: str) -> web.Response:
    """The 404 for a component that does not exist."""
    return web.Response(status=404, text=f"there is no component {name[:100]!r}.\n")
