"""Kind `http` with Server-Sent Events, from servers on loopback that send them one by one and never end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError
from staging_exporter.core.model import Observation, ProbeFailed, Reason
from staging_exporter.net.event_stream import EventParser, StreamEvent
from staging_exporter.probes import load

from tests.support import peers
from tests.support.probing import probe
from tests.support.web import Handler, Seen, read_request, response, serving

RUN = ["agent_started", "tool_executing", "tool_completed", "agent_completed"]
OK = "HTTP/1.1 200 OK"
MEDIA = "Content-Type: text/event-stream; charset=utf-8"


def streaming(
    *parts: str, head: Sequence[str] = (OK, MEDIA), end: bool = False, seen: list[Seen] | None = None
) -> Handler:
    """Sends the head, then part by part, then comments without end, unless it is to `end`."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await read_request(reader)
        if seen is not None:
            seen.append(request)
        writer.write("".join(f"{line}\r\n" for line in (*head, "")).encode())
        for part in parts:
            await asyncio.sleep(0.01)
            writer.write(part.encode())
            await writer.drain()
        while not end:
            await asyncio.sleep(0.05)
            writer.write(b": ping\n\n")
            await writer.drain()

    return handler


def event(name: str, data: str = "{}") -> str:
    return f"event: {name}\ndata: {data}\n\n"


async def run(handler: Handler, timeout: float = 10.0, **options: Any) -> Observation:
    async with serving(handler) as address:
        return await probe({"kind": "http", "url": f"http://{address}/", "stream": "sse", **options}, timeout=timeout)


STREAMS: dict[str, tuple[Handler, dict[str, Any], Reason, str]] = {
    "nothing is expected of its events": (streaming(), {}, Reason.OK, ""),
    "events in order, others between them": (
        streaming(*(event(name) for name in (RUN[0], "thinking", *RUN[1:]))),
        {"events": {"order": RUN}},
        Reason.OK,
        "",
    ),
    "an event that may be repeated": (
        streaming(*(event(name) for name in (*RUN[:3], *RUN[1:]))),
        {"events": {"order": RUN, "repeat": RUN[1:3]}},
        Reason.OK,
        "",
    ),
    "an event out of order": (
        streaming(event(RUN[0]), event(RUN[2])),
        {"events": {"order": RUN}},
        Reason.CONTENT,
        "tool_completed came out of order, expected event tool_executing; received: agent_started, tool_completed",
    ),
    "an event that does not come": (
        streaming(event(RUN[0]), event("thinking"), event("thinking")),
        {"events": {"order": RUN}},
        Reason.CONTENT,
        "expected event tool_executing within 600ms; received: agent_started, thinking (2)",
    ),
    "comments alone": (
        streaming(),
        {"events": {"order": RUN}},
        Reason.TIMEOUT,
        "nothing received within 600ms, expected event agent_started",
    ),
    "events named by their data": (
        streaming('data: {"type":"a"}\n\n', 'data: {"type":"b"}\n\n'),
        {"events": {"path": "type", "order": ["a", "b"]}},
        Reason.OK,
        "",
    ),
    "JSON of any event": (
        streaming(event("hello"), event("status", '{"status": "ok"}')),
        {"expect": {"json": {"status": "ok"}}},
        Reason.OK,
        "",
    ),
    "JSON of no event": (
        streaming(event("hello"), 'data: {"status": "down"}\n\n'),
        {"expect": {"json": {"status": "ok"}}},
        Reason.CONTENT,
        'expected an event with json status "ok" within 600ms; received: hello, \'{"status": "down"}\'',
    ),
    "text of an event": (
        streaming('data: {"choices": []}\n\n', "data: [DONE]\n\n"),
        {"expect": {"body": {"matches": r"^\[DONE\]$"}}},
        Reason.OK,
        "",
    ),
    "an order and JSON": (
        streaming(event(RUN[0], '{"run": 1}'), event(RUN[-1])),
        {"events": {"order": [RUN[0], RUN[-1]]}, "expect": {"json": {"run": 1}}},
        Reason.OK,
        "",
    ),
    "a degraded event": (
        streaming(event("status", '{"status": "degraded"}')),
        {"degraded": {"json": {"status": "degraded"}}},
        Reason.CONTENT,
        'json status is "degraded", degraded when "degraded"; status 200; body: {"status": "degraded"}',
    ),
    "the event of another service": (
        streaming(event("hello", '{"service": "other"}')),
        {"identity": {"json": {"service": "mine"}}},
        Reason.IDENTITY,
        'json service is "other", expected "mine"; status 200; body: {"service": "other"}',
    ),
    "a stream that ends": (
        streaming(event(RUN[0]), end=True),
        {"events": {"order": RUN}},
        Reason.CONTENT,
        "the stream ended, expected event tool_executing; received: agent_started",
    ),
    "a stream that ends at once": (
        streaming(end=True),
        {"events": {"order": RUN}},
        Reason.CLOSED,
        "the stream ended, expected event agent_started",
    ),
    "a stream that is cut off": (
        streaming("20\r\ndata: {}\n\n", head=(OK, MEDIA, "Transfer-Encoding: chunked"), end=True),
        {"events": {"order": RUN}},
        Reason.CLOSED,
        "the peer hung up 109 bytes into its response, expected event agent_started; received: '{}'",
    ),
    "another media type": (
        streaming(head=(OK, "Content-Type: text/html")),
        {"events": {"order": RUN}},
        Reason.CONTENT,
        "header Content-Type is 'text/html', expected text/event-stream",
    ),
    "an error": (
        streaming(head=("HTTP/1.1 503 Busy", "Content-Length: 4"), end=True),
        {},
        Reason.SERVER_ERROR,
        "status 503, expected 2xx",
    ),
    "an endless event": (
        streaming(f"data: {'x' * 3000}"),
        {"max_body": "2KiB", "events": {"order": RUN}},
        Reason.CONTENT,
        "an event over 2048 bytes, which is `max_body`, expected event agent_started",
    ),
    "chunks that cut events": (
        streaming(
            "7\r\nevent: \r\n",
            "9\r\nhello\ndat\r\n",
            "b\r\na: {}\r\n\r\nev\r\n",
            head=(OK, MEDIA, "Transfer-Encoding: chunked"),
        ),
        {"events": {"order": ["hello"]}},
        Reason.OK,
        "",
    ),
}


@pytest.mark.parametrize("case", STREAMS)
async def test_a_stream(case: str) -> None:
    handler, options, reason, detail = STREAMS[case]
    seen = await run(handler, 0.6 if "600ms" in detail else 10.0, **options)
    assert (seen.reason, seen.detail) == (reason, detail)


@pytest.mark.parametrize("chunk", [b"data:{}\n\n" * 10_000, b":\n" * 30_000], ids=["events", "comments"])
async def test_a_stream_that_floods_us_is_bounded(chunk: bytes) -> None:
    head = f"{OK}\r\n{MEDIA}\r\n\r\n".encode()
    async with peers.serving(peers.streaming(head, chunk)) as port:
        options = {"kind": "http", "url": f"http://127.0.0.1:{port}/", "stream": "sse"}
        seen = await peers.watched({**options, "expect": {"json": {"a": 1}, "body": {"matches": "never"}}}, timeout=1.0)
    assert seen.reason in (Reason.CONTENT, Reason.TIMEOUT)


async def test_what_is_asked_and_recorded() -> None:
    asked: list[Seen] = []
    seen = await run(
        streaming(event("a", '{"n": 7}'), event("b"), seen=asked), events={"order": ["a", "b"]}, facts={"n": "n"}
    )
    assert (seen.reason, seen.facts["events"], seen.facts["n"]) == (Reason.OK, 2, 7)
    assert list(seen.phases) == ["resolve", "connect", "processing", "transfer", "first_event"]
    headers = asked[0].headers
    assert (headers["accept"], headers["accept-encoding"]) == ("text/event-stream", "identity")


async def test_a_stream_that_is_read_as_a_body_says_what_to_do() -> None:
    seen = await run(streaming(event("a")), 0.6, stream=None)
    assert seen.reason == Reason.TIMEOUT
    assert seen.detail == "the body did not end within 600ms: it is text/event-stream, which `stream: sse` reads"


async def test_a_body_of_an_error_is_shown() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(response(503, b"no workers"))
        await writer.drain()

    assert (await run(handler)).detail == "status 503, expected 2xx; body: no workers"


def parsed(*parts: bytes) -> list[StreamEvent]:
    parser = EventParser(1000)
    return [found for part in parts for found in parser.feed(part)]


LINES: dict[str, tuple[tuple[bytes, ...], list[tuple[str, str]]]] = {
    "several lines of data": ((b"data: a\ndata: b\n\n",), [("message", "a\nb")]),
    "carriage returns": ((b"event: x\rdata: a\r\rdata: b\r\r\n",), [("x", "a"), ("message", "b")]),
    "a CRLF that is cut": ((b"data: a\r", b"\ndata: b\r", b"\n\r\n"), [("message", "a\nb")]),
    "byte by byte": (tuple(bytes([n]) for n in b"event:x\r\ndata:a\r\n\r\n:c\n"), [("x", "a")]),
    "a byte order mark": ((b"\xef\xbb\xbfdata: a\n\n",), [("message", "a")]),
    "comments and other fields": ((b": c\nid: 7\nretry: 10\nfoo\ndata\n\n",), [("message", "")]),
    "one space only is dropped": ((b"data:  a\n\n",), [("message", " a")]),
    "a name without data is no event": ((b"event: x\n\ndata: a\n\n",), [("message", "a")]),
    "a line in many parts that keeps the limit": (
        (b"data: ", *[b"x" * 99] * 9, b"\n\n"),
        [("message", "x" * 891)],
    ),
    "an event that is not complete": ((b"data: a\n",), []),
    "bytes that are not UTF-8": ((b"data: \xff\n\n",), [("message", "\ufffd")]),
}


@pytest.mark.parametrize("case", LINES)
def test_lines_become_events(case: str) -> None:
    parts, events = LINES[case]
    assert parsed(*parts) == events


@pytest.mark.parametrize("parts", [[b"data: " + b"x" * 1000], [b"data: xxxxxxxxx\n"] * 100], ids=["a line", "lines"])
def test_an_event_has_a_limit(parts: list[bytes]) -> None:
    with pytest.raises(ProbeFailed, match="an event over 1000 bytes"):
        parsed(*parts)


def test_a_long_line_in_small_parts_takes_little_time() -> None:
    parser, begin = EventParser(20_000_000), time.process_time()
    for _ in range(8000):
        assert list(parser.feed(b"x" * 2000)) == []
    assert time.process_time() - begin < 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"events": {"order": ["a"]}}, "events goes with stream: sse"),
        ({"stream": "sse", "events": {"order": ["a", "a"]}}, "order names an event twice"),
        ({"stream": "ndjson"}, "Input should be 'sse'"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        load("http").model_validate({"kind": "http", "url": "http://example.com/", **options})
