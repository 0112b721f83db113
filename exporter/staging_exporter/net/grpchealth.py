"""The standard gRPC health check on an open connection: one HTTP/2 request, one protobuf message each way.

https://github.com/grpc/grpc/blob/master/doc/health-checking.md and doc/PROTOCOL-HTTP2.md there.
"""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import ProtocolError
from hpack import HeaderTuple, NeverIndexedHeaderTuple

from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.connect import Connection
from staging_exporter.net.exchange import status_reason
from staging_exporter.net.http import user_agent

SERVING = "SERVING"
UNAUTHENTICATED = 16
HEALTH = ("UNKNOWN", SERVING, "NOT_SERVING", "SERVICE_UNKNOWN")
_METHOD = "/grpc.health.v1.Health/Check"
_VALUE = re.compile(r"[ -~]*")  # doc/PROTOCOL-HTTP2.md of gRPC, ASCII-Value
_MAX_ANSWER = 64 * 1024  # bytes that the peer may send in all
_READ = 2 * 1024  # bytes per read: parsing small frames is expensive
_SETTINGS = b"\x04"  # the type of the frame that comes first, RFC 9113 section 3.4; it is the fourth byte
# doc/statuscodes.md of gRPC.
_STATUS = {
    1: ("CANCELLED", Reason.CLOSED),
    2: ("UNKNOWN", Reason.SERVER_ERROR),
    3: ("INVALID_ARGUMENT", Reason.STATUS),
    4: ("DEADLINE_EXCEEDED", Reason.TIMEOUT),
    5: ("NOT_FOUND", Reason.STATUS),
    6: ("ALREADY_EXISTS", Reason.STATUS),
    7: ("PERMISSION_DENIED", Reason.DENIED),
    8: ("RESOURCE_EXHAUSTED", Reason.SATURATED),
    9: ("FAILED_PRECONDITION", Reason.STATUS),
    10: ("ABORTED", Reason.STATUS),
    11: ("OUT_OF_RANGE", Reason.STATUS),
    12: ("UNIMPLEMENTED", Reason.PROTOCOL),
    13: ("INTERNAL", Reason.SERVER_ERROR),
    14: ("UNAVAILABLE", Reason.SERVER_ERROR),
    15: ("DATA_LOSS", Reason.SERVER_ERROR),
    16: ("UNAUTHENTICATED", Reason.DENIED),
}


@dataclass
class Answer:
    """The response: headers and trailers together, and the framed message."""

    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    ended: bool = False

    def take(self, event: Event) -> None:
        """Add an event of the connection. Raises ProbeFailed (`closed`) when the peer ended it."""
        match event:
            case ResponseReceived() | TrailersReceived():
                self.headers |= {_text(name): _text(value) for name, value in event.headers or ()}
            case DataReceived():
                self.body += event.data or b""
            case StreamEnded():
                self.ended = True
            case StreamReset():
                raise ProbeFailed(Reason.CLOSED, f"the peer reset the request: {_code(event.error_code)}")
            case ConnectionTerminated():
                raise ProbeFailed(Reason.CLOSED, f"the peer ended the connection: {_code(event.error_code)}")


async def ask_health(
    connection: Connection,
    authority: str,
    service: str,
    *,
    secure: bool,
    timeout: float,
    metadata: Mapping[str, str] | None = None,
) -> Answer:
    """Ask for the health of `service`, of the whole server when empty; `timeout` in seconds is sent to the server.

    `metadata` are lower-case names and ASCII values that are sent with the call.
    Raises ProbeFailed (`closed`, `protocol`), OSError.
    """
    http = H2Connection(H2Configuration(client_side=True, header_encoding=None))
    http.initiate_connection()
    stream = http.get_next_available_stream_id()
    headers = {
        ":method": "POST",
        ":scheme": "https" if secure else "http",
        ":path": _METHOD,
        ":authority": authority,
        "te": "trailers",
        "content-type": "application/grpc",
        "user-agent": user_agent(),
        "grpc-timeout": f"{max(1, round(timeout * 1000))}m",
    }
    http.send_headers(stream, [*headers.items(), *_own(metadata or {})])
    http.send_data(stream, _request(service), end_stream=True)
    answer, received = Answer(), 0
    while not answer.ended:
        await connection.send(http.data_to_send())
        data = await connection.reader.read(_READ)
        if not received and data[3:4] not in (b"", _SETTINGS):
            raise ProbeFailed(Reason.PROTOCOL, f"not HTTP/2: {data[:60]!r}")
        received += len(data)
        if not data:
            raise ProbeFailed(Reason.CLOSED, f"the peer hung up {received} bytes into its response")
        if received > _MAX_ANSWER:
            raise ProbeFailed(Reason.PROTOCOL, f"the answer to the health check is over {_MAX_ANSWER} bytes")
        for event in _events(http, data):
            answer.take(event)
        if len(data) == _READ:
            await asyncio.sleep(0)  # a peer that floods us must not block the event loop
    return answer


def _own(metadata: Mapping[str, str]) -> Iterable[HeaderTuple]:
    """The metadata of the caller, which no index of the peer keeps. Raises ProbeFailed (`probe_error`)."""
    for name, value in metadata.items():
        if not _VALUE.fullmatch(value):  # the value may be a secret
            raise ProbeFailed(Reason.PROBE_ERROR, f"metadata {name} holds characters that gRPC does not allow")
        yield NeverIndexedHeaderTuple(name, value)


def health_of(answer: Answer) -> str:
    """`SERVING` or another of the health states. Raises ProbeFailed with the reason of any other status."""
    status = answer.headers.get(":status", "")
    if status != "200":
        raise ProbeFailed(status_reason(int(status or 0)), f"HTTP status {status or 'missing'}, expected 200")
    code = grpc_status(answer.headers)
    if code:
        name, reason = _STATUS.get(code, (str(code), Reason.STATUS))
        said = unquote(answer.headers.get("grpc-message", ""))
        raise ProbeFailed(reason, f"gRPC status {name}, expected OK{f': {said}' if said else ''}")
    return _health(bytes(answer.body))


def grpc_status(headers: Mapping[str, str]) -> int:
    """The status of the trailers. Raises ProbeFailed (`protocol`) when there is none."""
    text = headers.get("grpc-status", "")
    if not text.isdecimal() or len(text) > 3:
        raise ProbeFailed(Reason.PROTOCOL, "an HTTP/2 response without grpc-status")
    return int(text)


def _request(service: str) -> bytes:
    """HealthCheckRequest: field 1 is the name, whose length fits into one byte; framed by a flag and a length."""
    name = service.encode()
    message = b"\x0a" + bytes([len(name)]) + name if name else b""
    return struct.pack("!BI", 0, len(message)) + message


def _health(body: bytes) -> str:
    """HealthCheckResponse: field 1 is the state, left out when it is 0."""
    message = body[5:]
    if body[:5] == struct.pack("!BI", 0, len(message)):
        if not message:
            return HEALTH[0]
        if len(message) == 2 and message[0] == 0x08 and message[1] < len(HEALTH):
            return HEALTH[message[1]]
    raise ProbeFailed(Reason.PROTOCOL, f"not a HealthCheckResponse: {body[:40]!r}")


def _events(http: H2Connection, data: bytes) -> list[Event]:
    try:
        return list(http.receive_data(data))
    except ProtocolError as error:
        raise ProbeFailed(
            Reason.PROTOCOL, f"not HTTP/2: {str(error) or type(error).__name__}; it sent {data[:40]!r}"
        ) from None


def _text(value: bytes | str) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _code(code: object) -> str:
    return str(getattr(code, "name", code))
