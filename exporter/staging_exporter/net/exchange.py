"""One HTTP/1.1 request and its response on an open connection, with h11; every read is limited in bytes and time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import h11

from staging_exporter.core.facts import Fact
from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.charsets import Undecodable, decoded, lossy
from staging_exporter.net.compression import Decoder
from staging_exporter.net.connect import Connection
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.leniency import Repairs
from staging_exporter.net.url import Url

_READ = 16 * 1024  # bytes per read: parsing one-byte chunks is expensive
_EVENTS = 100  # after so many pieces of a response other tasks run
_MAX_HEAD = 64 * 1024
_MAX_INTERIM = 20  # 1xx responses before the real one
_MAX_NOTES = 10  # of what was not valid in a response
_MARGIN = 0.05  # seconds before the deadline when reading a body ends, so that its status can still be judged
_STATUS_REASONS = {401: Reason.DENIED, 403: Reason.DENIED, 407: Reason.DENIED, 429: Reason.RATE_LIMITED}


def status_reason(status: int) -> Reason:
    """The reason of a status that was not expected."""
    return _STATUS_REASONS.get(status, Reason.SERVER_ERROR if status >= 500 else Reason.STATUS)


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A request as it is sent; `headers` include `Host`."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]]
    body: bytes = b""


@dataclass
class Response:
    """A response. `fault` is the error that cut its body short, None when it is complete; `rest` follows an upgrade.

    `unknown_coding` is a content coding that was left as it is, `location` the header as bytes, `url` where it
    came from. It is `foreign` when a redirect led to another origin: then details show nothing of its body.
    """

    status: int
    version: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    fault: Exception | None = None
    rest: bytes = b""
    unknown_coding: str = ""
    location: bytes | None = None
    url: Url | None = None
    foreign: bool = False

    def header(self, name: str) -> str | None:
        """The value of a header, several joined by comma; None when there is none. Case does not matter."""
        found = [value for key, value in self.headers if key == name.lower()]
        return ", ".join(found) if found else None

    @cached_property
    def text(self) -> str:
        """The body as text, for people; bytes that cannot be decoded are replaced."""
        return lossy(self.body, self.header("content-type") or "")

    @cached_property
    def undecodable(self) -> str:
        """Why the body cannot be read as text; empty when it can."""
        if self.unknown_coding:
            return f"the content coding {self.unknown_coding!r} is unknown"
        try:
            decoded(self.body, self.header("content-type") or "")
        except Undecodable as error:
            return str(error)
        return ""

    @cached_property
    def document(self) -> Any:
        """The body as JSON. Raises Undecodable, ValueError when it is not JSON, or is nested too deep."""
        try:
            try:
                return json.loads(self.body)  # by RFC 8259 in UTF-8; UTF-16 and UTF-32 show in the first bytes
            except UnicodeDecodeError:
                return json.loads(decoded(self.body, self.header("content-type") or ""))
        except RecursionError:
            raise ValueError("nested too deep") from None
        except ValueError:
            if self.unknown_coding:
                raise Undecodable(self.undecodable) from None
            raise


class Exchange:
    """A request and its response on one connection: `ask`, then `read_body` when the body is wanted."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD)
        self._repairs = Repairs()
        self._received = 0
        self._events = 0
        self._ended = False

    async def ask(
        self, context: ProbeContext, request: WireRequest, phases: tuple[str, str] = ("processing", "transfer")
    ) -> Response:
        """Send the request and read the head of the response.

        The first of `phases` lasts to the first byte of the response, the second from there. Raises ProbeFailed:
        `closed` when the peer hung up, `protocol` when it does not speak HTTP; OSError.
        """
        self._repairs.has_body = request.method not in ("CONNECT", "HEAD")
        with context.phase(phases[0]):
            await self._connection.send(self._serialize(request))
            await self._receive(first=True)
        with context.phase(phases[1]):
            for _ in range(_MAX_INTERIM):
                event = await self._next()
                if isinstance(event, h11.Response) or (
                    isinstance(event, h11.InformationalResponse) and event.status_code == 101
                ):
                    self._note(context)
                    return self._response(event)
        raise ProbeFailed(Reason.PROTOCOL, f"{_MAX_INTERIM} interim responses and no final one")

    async def read_body(self, context: ProbeContext, response: Response, limit: int, phase: str = "transfer") -> None:
        """Read the body into `response`, decompressed, at most `limit` bytes; an error becomes its `fault`."""
        decoder = Decoder(response.header("content-encoding") or "", limit)
        try:
            with context.phase(phase):
                async with context.until_deadline(_MARGIN):
                    while isinstance(event := await self._next(), h11.Data):
                        decoder.feed(bytes(event.data))
                decoder.finish()
        except (ProbeFailed, OSError) as error:
            response.fault = error
        self._note(context)
        response.body, response.unknown_coding = bytes(decoder.body), decoder.unknown

    async def read_chunk(self) -> bytes | None:
        """The next part of the body as it comes, not decompressed; None at its end. Raises ProbeFailed, OSError."""
        event = await self._next()
        return bytes(event.data) if isinstance(event, h11.Data) else None

    def _note(self, context: ProbeContext) -> None:
        if notes := self._repairs.notes:
            context.facts[Fact.HTTP_VIOLATIONS] = notes[:_MAX_NOTES]

    def _serialize(self, request: WireRequest) -> bytes:
        try:
            head = self._http.send(
                h11.Request(method=request.method, target=request.target, headers=list(request.headers))
            )
            body = self._http.send(h11.Data(data=request.body)) if request.body else b""
            return (head or b"") + (body or b"") + (self._http.send(h11.EndOfMessage()) or b"")
        except (h11.LocalProtocolError, UnicodeEncodeError):
            # The message would quote the header, which may be a secret.
            raise ProbeFailed(Reason.PROBE_ERROR, "a header holds characters that HTTP does not allow") from None

    async def _receive(self, *, first: bool = False) -> None:
        data = await self._connection.reader.read(_READ)
        if first:
            while data and not (data := data.lstrip(b"\r\n")):  # the end of a response before this one
                data = await self._connection.reader.read(_READ)
        if first and data and data[:5].upper() != b"HTTP/"[: len(data)]:
            raise ProbeFailed(Reason.PROTOCOL, f"it does not speak HTTP: {data[:60]!r}")
        if len(data) == _READ:
            await asyncio.sleep(0)  # a peer that floods us must not block the event loop
        self._received += len(data)
        self._ended = not data
        if (valid := self._repairs.feed(data)) or not data:
            self._http.receive_data(valid)
            if valid and not data:
                self._http.receive_data(b"")

    async def _next(self) -> Any:
        self._events += 1
        if self._events % _EVENTS == 0:
            await asyncio.sleep(0)  # one read may hold thousands of tiny chunks: other tasks run in between
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                await self._receive()
        except h11.RemoteProtocolError as error:
            if self._ended:
                raise ProbeFailed(Reason.CLOSED, f"the peer hung up {self._progress()}") from None
            raise ProbeFailed(Reason.PROTOCOL, f"not valid HTTP: {error}") from None
        return event

    def _progress(self) -> str:
        return f"{self._received} bytes into its response" if self._received else "without a response"

    def _response(self, event: h11.Response | h11.InformationalResponse) -> Response:
        headers = [(name.decode("latin-1"), _text(value)) for name, value in event.headers]
        rest = self._http.trailing_data[0] if self._http.their_state is h11.SWITCHED_PROTOCOL else b""
        location = next((value for name, value in event.headers if name == b"location"), None)
        return Response(event.status_code, event.http_version.decode(), headers, rest=rest, location=location)


def _text(value: bytes) -> str:
    """The value of a header: UTF-8 where it is, as browsers and servers send it, else Latin-1."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
