"""HTTP and TLS servers on loopback, and certificates for them, good and bad."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import trustme

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """`host:port` of a server that runs `handler` for each connection; all are over on leaving."""
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(OSError, EOFError, asyncio.CancelledError):
            await handler(reader, writer)
        writer.transport.abort()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass
class Seen:
    """A request as a server got it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


async def read_request(reader: asyncio.StreamReader) -> Seen:
    """The next request; header names in lower case."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Seen(method, target, headers, body)


def response(status: int = 200, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
    """A response on the wire, with its Content-Length."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


Answer = bytes | Callable[[Seen], bytes]


@dataclass
class Web:
    """A server of fixed answers by path (`*` is any other), which remembers what it was asked."""

    routes: dict[str, Answer]
    seen: list[Seen] = field(default_factory=list)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await read_request(reader)
        self.seen.append(request)
        answer = self.routes.get(request.target) or self.routes.get("*") or response(404)
        writer.write(answer if isinstance(answer, bytes) else answer(request))
        await writer.drain()
        writer.write_eof() if writer.can_write_eof() else writer.close()
        await reader.read()


@cache
def authority() -> trustme.CA:
    """The one authority of the tests."""
    return trustme.CA()


def ca_file(directory: Path) -> str:
    """Its certificate as a file."""
    path = directory / "ca.pem"
    authority().cert_pem.write_to_path(str(path))
    return str(path)


@cache
def server_tls(*names: str, expired: bool = False, own_authority: bool = False) -> ssl.SSLContext:
    """The context of a server with a certificate for `names`."""
    issuer = trustme.CA() if own_authority else authority()
    end = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC) if expired else None
    begin = datetime.datetime(2019, 1, 1, tzinfo=datetime.UTC) if expired else None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issuer.issue_cert(*(names or ("127.0.0.1",)), not_before=begin, not_after=end).configure_cert(context)
    return context
