"""What routes for machines and routes for people answer alike: a body compressed on demand, a name that is unknown."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Mapping

from aiohttp import web

from staging_exporter.views.exposition import accepts_gzip

_GZIP_LEVEL = 1  # takes half the time of the usual 6, for an eighth more bytes


async def compressed(request: web.Request, body: bytes, headers: Mapping[str, str]) -> web.Response:
    """The body as gzip where that is welcome; `headers` say what it is, and what else it varies by."""
    vary = ", ".join(filter(None, [headers.get("Vary"), "Accept-Encoding"]))
    said = {**headers, "Vary": vary}
    if accepts_gzip(request.headers.get("Accept-Encoding", "")):
        said["Content-Encoding"] = "gzip"
        body = await asyncio.to_thread(gzip.compress, body, _GZIP_LEVEL)
    return web.Response(body=body, headers=said)


def unknown(name: str) -> web.Response:
    """There is no component of this name."""
    return web.Response(status=404, text=f"there is no component {name[:100]!r}.\n")
