"""A WebSocket, with the sans-I/O protocol of `websockets`: every read is limited, nothing is compressed."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from time import monotonic

from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake, PayloadTooBig
from websockets.frames import CloseCode, Frame, Opcode
from websockets.headers import validate_subprotocols
from websockets.http11 import Response as HandshakeResponse
from websockets.protocol import State
from websockets.typing import Origin, Subprotocol
from websockets.uri import WebSocketURI

from staging_exporter.core.facts import Fact
from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.connect import Connection
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.exchange import Exchange, Response, WireRequest
from staging_exporter.net.heartbeats import Heartbeats
from staging_exporter.net.http import record_head, user_agent
from staging_exporter.net.message import Message
from staging_exporter.net.url import Url

MAX_MESSAGE = 1024 * 1024
_READ = 4096  # bytes per read: parsing two-byte frames is expensive
_MAX_REFUSAL = 16 * 1024  # bytes read of the body of a refused handshake
_CLOSE_WAIT = 1.0  # seconds a peer has to answer our close
_CLOSE_REASONS = {
    1000: Reason.CLOSED,
    1005: Reason.CLOSED,
    1008: Reason.DENIED,
    1011: Reason.SERVER_ERROR,
    1012: Reason.SERVER_ERROR,
    1013: Reason.SERVER_ERROR,
    4401: Reason.DENIED,  # as the statuses 401 and 403: graphql-transport-ws and many others
    4403: Reason.DENIED,
}
_CLEAN_CLOSES = frozenset({1000, 1001, 1005})  # codes that answer a close without an error
_SILENT = logging.Logger(__name__, logging.CRITICAL + 1)  # frames may hold secrets: they are never logged


class Session:
    """An open WebSocket. Messages that arrive before they are read are kept, the newest MiB of them.

    Heartbeats are answered whenever they come, if they have an answer, and are never read as messages.
    """

    def __init__(
        self,
        context: ProbeContext,
        connection: Connection,
        protocol: ClientProtocol,
        rest: bytes,
        heartbeats: Heartbeats,
        close_reasons: Mapping[int, Reason],
    ) -> None:
        self._trace = context
        self._heartbeats = heartbeats
        self._close_reasons = _CLOSE_REASONS | dict(close_reasons)
        self._connection = connection
        self._protocol = protocol
        self._inbox: deque[Message] = deque()
        self._held = 0
        self._partial = bytearray()
        self._is_text = True
        self._ping: bytes | None = None
        self._end: ProbeFailed | None = None
        self._count = 0
        self._observers: list[Callable[[Message], None]] = []
        self._asked = False
        if rest:
            self._feed(rest)

    async def message(self) -> Message:
        """The next message; waiting for the first is phase `first_message`. Raises ProbeFailed when the peer closed."""
        if not self._asked:
            self._asked = True
            with self._trace.phase("first_message"):
                await self._fill()
        await self._fill()
        message = self._inbox.popleft()
        self._held -= len(message.data)
        return message

    def on_message(self, observer: Callable[[Message], None], *, from_the_start: bool = False) -> None:
        """Call `observer` with every message that comes from now on, or with those that wait to be read as well."""
        self._observers.append(observer)
        for message in self._inbox if from_the_start else ():
            observer(message)

    def put_back(self, message: Message) -> None:
        """Make it the next message again."""
        self._inbox.appendleft(message)
        self._held += len(message.data)

    async def send(self, text: str) -> None:
        """Send a text message. Raises ProbeFailed when the peer closed, OSError when it is gone."""
        self._still_open()
        self._protocol.send_text(text.encode())
        await self._flush()

    async def send_binary(self, data: bytes) -> None:
        """Send a binary message. Raises ProbeFailed when the peer closed, OSError when it is gone."""
        self._still_open()
        self._protocol.send_binary(data)
        await self._flush()

    async def ping(self) -> None:
        """Ping, and wait for the pong: phase `ping`, fact `ping_rtt` in seconds. Raises ProbeFailed, OSError."""
        with self._trace.phase("ping"):
            self._still_open()
            self._ping = os.urandom(4)
            begin = monotonic()
            self._protocol.send_ping(self._ping)
            await self._flush()
            while self._ping is not None:
                await self._read()
            self._trace.facts["ping_rtt"] = monotonic() - begin

    async def drain(self) -> None:
        """Take messages until the peer closes, which raises ProbeFailed."""
        while True:
            await self._read()

    async def close(self) -> None:
        """Close with 1000 as phase `close`; the peer has a second to answer.

        Raises ProbeFailed when the peer closes with a code that reports an error.
        """
        if self._end is not None and self._trace.facts.get(Fact.CLOSE_CODE) in _CLEAN_CLOSES:
            return  # the peer closed after all expected messages
        self._still_open()
        with self._trace.phase("close"), suppress(TimeoutError, ConnectionError, ProbeFailed):
            async with asyncio.timeout(min(_CLOSE_WAIT, self._trace.remaining / 2)):
                self._protocol.send_close(CloseCode.NORMAL_CLOSURE)
                await self._flush()
                await self.drain()
        if self._end is not None and self._trace.facts.get(Fact.CLOSE_CODE, 1000) not in _CLEAN_CLOSES:
            raise self._end

    def abandon(self, message: str | None) -> None:
        """Tell the server that nobody waits any more, by a last message, if any, and a close with 1001."""
        if self._end is not None or self._protocol.state is not State.OPEN:
            return
        if message is not None:
            self._protocol.send_text(message.encode())
        self._protocol.send_close(CloseCode.GOING_AWAY)
        self._connection.writer.write(b"".join(self._protocol.data_to_send()))

    def _still_open(self) -> None:
        if self._end is not None:
            raise self._end

    async def _fill(self) -> None:
        while not self._inbox:
            await self._read()

    async def _read(self) -> None:
        self._still_open()
        data = await self._connection.reader.read(_READ)
        if len(data) == _READ:
            await asyncio.sleep(0)  # a peer that floods us must not block the event loop
        self._feed(data)
        await self._flush()

    async def _flush(self) -> None:
        data = b"".join(self._protocol.data_to_send())
        if data:
            await self._connection.send(data)

    def _feed(self, data: bytes) -> None:
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._take(event)
        self._end = self._end or self._ended()

    def _take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PONG and bytes(frame.data) == self._ping:
            self._ping = None
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return
        if frame.opcode is not Opcode.CONT:
            self._is_text = frame.opcode is Opcode.TEXT
        self._partial += frame.data
        if frame.fin:
            self._keep(bytes(self._partial))
            self._partial.clear()

    def _keep(self, message: bytes) -> None:
        if self._is_text and not Message(message).is_utf8:
            self._end = self._end or ProbeFailed(Reason.PROTOCOL, f"a text message is not UTF-8: {message[:60]!r}")
            return
        if self._is_text and (found := self._heartbeats.find(message)) is not None:
            if (answer := found[0]) is not None and self._protocol.state is State.OPEN:
                self._protocol.send_text(answer.encode())  # sent when this read is over
            return
        self._count += 1
        self._trace.facts["messages"] = self._count
        self._inbox.append(Message(message, self._is_text))
        for observer in self._observers:
            observer(self._inbox[-1])
        self._held += len(message)
        while self._held > MAX_MESSAGE:
            self._held -= len(self._inbox.popleft().data)

    def _ended(self) -> ProbeFailed | None:
        if (close := self._protocol.close_rcvd) is not None:
            self._trace.facts[Fact.CLOSE_CODE] = int(close.code)
            reason = f" {close.reason!r}" if close.reason else ""
            code = "without a code" if close.code == CloseCode.NO_STATUS_RCVD else f"with {int(close.code)}"
            return ProbeFailed(self._close_reasons.get(close.code, Reason.STATUS), f"the peer closed {code}{reason}")
        match self._protocol.parser_exc:
            case None:
                return None
            case PayloadTooBig():
                return ProbeFailed(Reason.CONTENT, f"a message over {MAX_MESSAGE} bytes")
            case EOFError():
                return ProbeFailed(Reason.CLOSED, "the peer hung up without a close frame")
            case error:
                return ProbeFailed(Reason.PROTOCOL, f"not valid WebSocket: {error}")


async def upgrade(
    context: ProbeContext,
    connection: Connection,
    url: Url,
    headers: Mapping[str, str],
    subprotocols: Sequence[str] = (),
    origin: str | None = None,
    heartbeats: Heartbeats | None = None,
    close_reasons: Mapping[int, Reason] | None = None,
) -> tuple[Response, Session | None]:
    """The handshake as phase `upgrade`: the response, and the session when its status is 101.

    `heartbeats` are answered at any time.
    `close_reasons` are the reasons of close codes, beside or instead of the usual ones.
    Facts: `status`, `subprotocol` and those of an HTTP response. Raises ProbeFailed (`protocol`, `closed`), OSError.
    """
    protocol = _protocol(url, subprotocols, origin)
    exchange = Exchange(connection)
    if context.cookies is not None:
        headers = context.cookies.added_to(headers, url)
    sent = _headers(protocol, headers)
    response = await exchange.ask(context, WireRequest("GET", url.target, sent), ("upgrade", "upgrade"))
    record_head(context, response)
    if context.cookies is not None:
        context.cookies.take(url, response.headers)
    if response.status != 101:
        await exchange.read_body(context, response, _MAX_REFUSAL, "upgrade")
        return response, None
    try:
        protocol.process_response(HandshakeResponse(101, "", Headers(response.headers)))
    except InvalidHandshake as error:
        raise ProbeFailed(Reason.PROTOCOL, f"the handshake is not valid: {error}") from None
    context.facts[Fact.SUBPROTOCOL] = protocol.subprotocol
    return response, Session(
        context, connection, protocol, response.rest, heartbeats or Heartbeats({}), close_reasons or {}
    )


def _protocol(url: Url, subprotocols: Sequence[str], origin: str | None) -> ClientProtocol:
    path, _, query = url.target.partition("?")
    offered = [Subprotocol(name) for name in subprotocols] or None
    try:
        validate_subprotocols(offered or [])
    except ValueError:  # the message of the error would quote a secret
        raise ProbeFailed(Reason.PROBE_ERROR, "a subprotocol holds characters that are not allowed") from None
    return ClientProtocol(
        WebSocketURI(url.secure, url.host, url.port, path, query),
        origin=Origin(origin) if origin else None,
        subprotocols=offered,
        state=State.OPEN,  # the handshake is done by upgrade(): this parser would wait for the end of any body
        max_size=MAX_MESSAGE,
        logger=_SILENT,
    )


def _headers(protocol: ClientProtocol, headers: Mapping[str, str]) -> list[tuple[str, str]]:
    given = {name.lower() for name in headers}
    own = [("User-Agent", user_agent()), *protocol.connect().headers.raw_items()]
    return [*((name, value) for name, value in own if name.lower() not in given), *headers.items()]
