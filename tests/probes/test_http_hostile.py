"""Peers that lie, flood, stall and hang up: each run ends in time, with the right reason, and delays no other run."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import socket
import statistics
import struct
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import Any

import psutil
import pytest
from staging_exporter.core.model import Observation, Outcome, Reason

from tests.support.neighbour import neighbour
from tests.support.probing import probe
from tests.support.web import read_request, serving

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter
Handler = Callable[[Reader, Writer], Awaitable[None]]
TIMEOUT = 0.5
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def sends(data: bytes, *, stay: bool = False, wait: bool = True) -> Handler:
    """Reads the request unless `wait` is false, sends `data`, then hangs up or stays."""

    async def handler(reader: Reader, writer: Writer) -> None:
        if wait:
            await reader.readuntil(b"\r\n\r\n")
        writer.write(data)
        await writer.drain()
        if stay:
            await reader.read()

    return handler


def floods(head: bytes, block: bytes) -> Handler:
    """Sends `block` without end, as fast as it is read."""

    async def handler(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        while True:
            writer.write(block)
            await writer.drain()

    return handler


def trickles(data: bytes) -> Handler:
    """One byte every 20 ms."""

    async def handler(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for byte in data * 1000:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.02)

    return handler


def resets(data: bytes, *, wait: bool) -> Handler:
    """Hangs up with a RST after `data`."""

    async def handler(reader: Reader, writer: Writer) -> None:
        if wait:
            await reader.readuntil(b"\r\n\r\n")
        if data:
            writer.write(data)
            await writer.drain()
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return handler


async def redirects(reader: Reader, writer: Writer) -> None:
    request = await read_request(reader)
    writer.write(b"HTTP/1.1 302 X\r\nLocation: " + request.target.encode() + b"x\r\n\r\n")
    await writer.drain()


HTTP: dict[str, tuple[Handler, Reason]] = {
    "silence after accept": (sends(b"", stay=True), Reason.TIMEOUT),
    "closed after accept": (sends(b"", wait=False), Reason.CLOSED),
    "closed without a response": (sends(b""), Reason.CLOSED),
    "half of a status line": (sends(b"HTTP/1."), Reason.CLOSED),
    "half of a head": (sends(OK + b"Content-Le"), Reason.CLOSED),
    "one byte at a time, head": (trickles(b"HTTP/1.1 200 OK\r\n"), Reason.TIMEOUT),
    "one byte at a time, body": (trickles(OK + b"\r\n"), Reason.TIMEOUT),
    "endless header": (floods(OK + b"X: ", b"a" * 65536), Reason.PROTOCOL),
    "endless headers": (floods(OK, b"X-Header: value\r\n" * 1000), Reason.PROTOCOL),
    "endless interim responses": (floods(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100), Reason.PROTOCOL),
    "endless body": (floods(OK + b"\r\n", b"a" * 65536), Reason.CONTENT),
    "endless chunks": (
        floods(CHUNKED, b"1000\r\n" + b"a" * 4096 + b"\r\n"),
        Reason.CONTENT,
    ),
    "endless tiny chunks": (
        floods(CHUNKED, b"1\r\na\r\n" * 4096),
        Reason.TIMEOUT,
    ),
    "endless chunk extension": (
        floods(CHUNKED + b"1;", b"a" * 65536),
        Reason.PROTOCOL,
    ),
    "chunk without a size": (sends(CHUNKED + b"zz\r\n"), Reason.PROTOCOL),
    "chunks without end": (sends(CHUNKED + b"2\r\nok\r\n"), Reason.CLOSED),
    "less than Content-Length": (sends(OK + b"Content-Length: 100\r\n\r\nshort"), Reason.CLOSED),
    "more than Content-Length": (sends(OK + b"Content-Length: 2\r\n\r\nok, and more"), Reason.OK),
    "two lengths": (sends(OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc"), Reason.PROTOCOL),
    "length that is not a number": (sends(OK + b"Content-Length: -1\r\n\r\n"), Reason.PROTOCOL),
    "length of 10^18": (sends(OK + b"Content-Length: 1000000000000000000\r\n\r\n", stay=True), Reason.TIMEOUT),
    "gzip bomb": (
        sends(OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(100 * 2**20), 9)),
        Reason.CONTENT,
    ),
    "endless gzip": (
        floods(OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"")[:10], b"\x00\x00\x00\xff\xff" * 9000),
        Reason.CONTENT,
    ),
    "endless redirects": (redirects, Reason.STATUS),
    "not HTTP": (sends(b"SSH-2.0-OpenSSH_9.2\r\n", stay=True, wait=False), Reason.PROTOCOL),
    "TLS alert in plain text": (sends(b"\x15\x03\x03\x00\x02\x02\x46"), Reason.PROTOCOL),
    "status 999": (sends(b"HTTP/1.1 999 X\r\n\r\n"), Reason.SERVER_ERROR),
    "unasked upgrade": (sends(b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"), Reason.PROTOCOL),
    "RST after accept": (resets(b"", wait=False), Reason.CLOSED),
    "RST after the request": (resets(b"", wait=True), Reason.CLOSED),
    "RST in the head": (resets(OK, wait=True), Reason.CLOSED),
    "503 with an endless body": (floods(b"HTTP/1.1 503 X\r\n\r\n", b"a" * 65536), Reason.SERVER_ERROR),
    "503 with a body that stalls": (
        sends(b"HTTP/1.1 503 X\r\nContent-Length: 9\r\n\r\nstart", stay=True),
        Reason.SERVER_ERROR,
    ),
    "JSON nested too deep": (sends(OK + b"\r\n" + b"[" * 200_000), Reason.CONTENT),
    "body that is expensive for a backtracking pattern": (sends(OK + b"\r\n" + b"a" * 200_000 + b"!"), Reason.CONTENT),
}
HTTP_OPTIONS: dict[str, dict[str, Any]] = {
    "JSON nested too deep": {"expect": {"json": {"$..a": 1}}},
    "body that is expensive for a backtracking pattern": {"expect": {"body": {"matches": "^(a+)+$"}}},
}

TLS: dict[str, tuple[Handler, Reason]] = {
    "garbage": (sends(b"\x00" * 1000, stay=True, wait=False), Reason.TLS),
    "plain HTTP": (sends(b"HTTP/1.1 400 Bad Request\r\n\r\n", wait=False), Reason.TLS),
    "stalls": (sends(b"", stay=True, wait=True), Reason.TIMEOUT),
    "half of a record": (sends(b"\x16\x03\x03\x40\x00\x02", stay=True, wait=False), Reason.TIMEOUT),
    "hangs up": (sends(b"", wait=False), Reason.CLOSED),
    "RST": (resets(b"", wait=False), Reason.CLOSED),
}


def frames(data: bytes, *, then: Handler | None = None, headers: bytes = b"", key: bytes | None = None) -> Handler:
    """A handshake that succeeds unless `key` spoils it, then `data`, then another handler or staying open."""

    async def handler(reader: Reader, writer: Writer) -> None:
        request = await read_request(reader)
        digest = hashlib.sha1(request.headers["sec-websocket-key"].encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
        accept = key or b64encode(digest.digest())
        writer.write(b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept)
        writer.write(b"\r\n" + headers + b"\r\n" + data)
        await writer.drain()
        await (then(reader, writer) if then else reader.read(-1))

    return handler


def forever(block: bytes) -> Handler:
    async def handler(_reader: Reader, writer: Writer) -> None:
        while True:
            writer.write(block)
            await writer.drain()

    return handler


async def hang_up(_reader: Reader, _writer: Writer) -> None:
    """Returning closes the connection."""


HUGE = b"\x82\x7f"
BLOCK = b"\x82\x7e\xff\xff" + bytes(65535)
DEEP = b"\x81\x7f" + struct.pack("!Q", 200_000) + b"[" * 200_000
FRAGMENT = b"\x00\x7e\x04\x00" + b"a" * 1024
WELCOME = b'\x81\x12{"type":"welcome"}'
EXPECT = [{"expect": {"json": {"type": "welcome"}}}]
WEBSOCKET: dict[str, tuple[Handler, list[dict[str, Any]], Reason]] = {
    "silence instead of a handshake": (sends(b"", stay=True), [], Reason.TIMEOUT),
    "hangs up instead of a handshake": (sends(b""), [], Reason.CLOSED),
    "wrong accept key": (frames(b"", key=b"c3BvaWxlZCBrZXkgaGVyZQ=="), [], Reason.PROTOCOL),
    "no upgrade in the answer": (sends(b"HTTP/1.1 101 X\r\n\r\n"), [], Reason.PROTOCOL),
    "unasked extension": (
        frames(b"", headers=b"Sec-WebSocket-Extensions: permessage-deflate\r\n"),
        [],
        Reason.PROTOCOL,
    ),
    "unasked subprotocol": (frames(b"", headers=b"Sec-WebSocket-Protocol: chat\r\n"), [], Reason.PROTOCOL),
    "silence after the handshake": (frames(b""), EXPECT, Reason.TIMEOUT),
    "half of a frame": (frames(b"\x81\x12{"), EXPECT, Reason.TIMEOUT),
    "half of a frame, then hangs up": (frames(b"\x81\x12{", then=hang_up), EXPECT, Reason.CLOSED),
    "no close frame": (frames(b"", then=hang_up), EXPECT, Reason.CLOSED),
    "1000 after the handshake": (frames(b"\x88\x02\x03\xe8"), EXPECT, Reason.CLOSED),
    "close without a code": (frames(b"\x88\x00"), EXPECT, Reason.CLOSED),
    "1011 after the handshake": (frames(b"\x88\x02\x03\xf3"), EXPECT, Reason.SERVER_ERROR),
    "1011 after the handshake, nothing expected": (frames(b"\x88\x02\x03\xf3"), [], Reason.SERVER_ERROR),
    "close code that does not exist": (frames(b"\x88\x02\x00\x01"), EXPECT, Reason.PROTOCOL),
    "masked frame": (frames(b"\x81\x82\x00\x00\x00\x00ok"), EXPECT, Reason.PROTOCOL),
    "reserved bits": (frames(b"\xf1\x02ok"), EXPECT, Reason.PROTOCOL),
    "unknown opcode": (frames(b"\x83\x02ok"), EXPECT, Reason.PROTOCOL),
    "continuation of nothing": (frames(b"\x80\x02ok"), EXPECT, Reason.PROTOCOL),
    "long ping": (frames(b"\x89\x7e\x00\x7e" + b"a" * 126), EXPECT, Reason.PROTOCOL),
    "invalid UTF-8": (frames(b"\x81\x02\xff\xfe"), EXPECT, Reason.PROTOCOL),
    "frame of 1 GB": (
        frames(HUGE + struct.pack("!Q", 2**30), then=forever(b"a" * 65536)),
        EXPECT,
        Reason.CONTENT,
    ),
    "frame of 2^63": (frames(HUGE + struct.pack("!Q", 2**63 - 1)), EXPECT, Reason.CONTENT),
    "fragmented forever": (frames(b"\x01\x01a", then=forever(FRAGMENT * 64)), EXPECT, Reason.CONTENT),
    "tiny fragments forever": (frames(b"\x01\x01a", then=forever(b"\x00\x01a" * 4096)), EXPECT, Reason.TIMEOUT),
    "empty fragments forever": (frames(b"\x01\x01a", then=forever(b"\x00\x00" * 4096)), EXPECT, Reason.TIMEOUT),
    "other messages forever": (frames(b"", then=forever(b'\x81\x0c{"type":"x"}' * 1000)), EXPECT, Reason.CONTENT),
    "messages forever in a hold": (
        frames(b"", then=forever(BLOCK)),
        [{"hold": "200ms"}],
        Reason.OK,
    ),
    "pings forever": (frames(b"", then=forever(b"\x89\x04ping" * 1000)), EXPECT, Reason.TIMEOUT),
    "never answers a ping": (frames(WELCOME), [*EXPECT, {"ping": True, "within": "100ms"}], Reason.TIMEOUT),
    "answers another ping": (frames(b"\x8a\x04nope"), [{"ping": True, "within": "100ms"}], Reason.TIMEOUT),
    "never answers a close": (frames(WELCOME), EXPECT, Reason.OK),
    "streams on after a close": (frames(WELCOME, then=forever(BLOCK)), EXPECT, Reason.OK),
    "RST after the handshake": (frames(b"", then=resets(b"", wait=False)), EXPECT, Reason.CLOSED),
    "message nested too deep": (
        frames(b"\x81\x7f" + struct.pack("!Q", 200_000) + b"[" * 200_000),
        EXPECT,
        Reason.CONTENT,
    ),
}


async def watched(handler: Handler, options: dict[str, Any], scheme: str) -> Observation:
    """One run, with a neighbour on the same loop; asserts what must be true of every hostile peer."""
    before = psutil.Process().memory_info().rss
    async with serving(handler) as address, neighbour() as delays:
        seen = await probe({"url": f"{scheme}://{address}/", **options}, timeout=TIMEOUT)
    assert seen.duration < TIMEOUT + 1
    assert statistics.median(delays) < 0.05 or max(delays) < 0.2  # a run that is over at once has few delays
    assert psutil.Process().memory_info().rss - before < 20 * 2**20
    return seen


@pytest.mark.parametrize("name", HTTP)
async def test_a_hostile_http_server_gets_a_reason(name: str) -> None:
    handler, reason = HTTP[name]
    seen = await watched(handler, {"kind": "http", **HTTP_OPTIONS.get(name, {})}, "http")
    assert seen.reason == reason, seen.detail
    assert (seen.outcome is Outcome.PASS) == (reason is Reason.OK)


@pytest.mark.parametrize("name", TLS)
async def test_a_hostile_tls_server_gets_a_reason(name: str) -> None:
    handler, reason = TLS[name]
    seen = await watched(handler, {"kind": "http"}, "https")
    assert (seen.reason, list(seen.phases)[-1]) == (reason, "tls"), seen.detail


@pytest.mark.parametrize("name", WEBSOCKET)
async def test_a_hostile_websocket_server_gets_a_reason(name: str) -> None:
    handler, steps, reason = WEBSOCKET[name]
    seen = await watched(handler, {"kind": "websocket", "steps": steps}, "ws")
    assert seen.reason == reason, seen.detail


@pytest.mark.parametrize(
    "path",
    ["$[?match(@.text, '(a+)+')]", "$[?search(@.text, '^(a|aa)+$')]", "$[?match(@.text, @.pattern)]"],
)
async def test_a_body_that_is_expensive_for_a_jsonpath_does_not_block_the_loop(path: str) -> None:
    body = b'[{"pattern": "(a+)+", "text": "' + b"a" * 50_000 + b'!"}]'
    handler = sends(OK + b"\r\n" + body)
    begin = time.monotonic()
    seen = await watched(handler, {"kind": "http", "expect": {"json": {path: {"exists": True}}}}, "http")
    assert (seen.reason, time.monotonic() - begin < 1) == (Reason.CONTENT, True), seen.detail
