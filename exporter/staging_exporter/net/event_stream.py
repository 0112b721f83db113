"""Server-Sent Events: bytes of a `text/event-stream` in, events out.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import NamedTuple

from staging_exporter.core.model import ProbeFailed, Reason

MEDIA_TYPE = "text/event-stream"
_LINE_END = re.compile(rb"\r\n|\n|\r")


class StreamEvent(NamedTuple):
    """An event; its name is `message` where the stream gives none."""

    name: str
    data: str


class EventParser:
    """Collects the events of one stream; an event has at most `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pending: list[bytes] = []  # parts of a line that has not ended
        self._after_cr = False
        self._first = True
        self._name, self._data = "", list[str]()
        self._size = self._held = 0  # bytes of the event so far, and of what is pending

    def feed(self, received: bytes) -> Iterator[StreamEvent]:
        """The events that `received` completes. Raises ProbeFailed (`content`) for one that is too large."""
        if self._after_cr:
            received = received.removeprefix(b"\n")  # the second half of a line end that was cut
        self._after_cr = received.endswith(b"\r")
        *lines, rest = _LINE_END.split(received)
        for line in lines:
            whole = b"".join([*self._pending, line])
            self._pending, self._held = [], 0
            if (event := self._line(whole)) is not None:
                yield event
        self._pending.append(rest)
        self._held += len(rest)
        if self._size + self._held > self._limit:
            raise ProbeFailed(Reason.CONTENT, f"an event over {self._limit} bytes, which is `max_body`")

    def _line(self, line: bytes) -> StreamEvent | None:
        if self._first:
            self._first, line = False, line.removeprefix(codecs.BOM_UTF8)
        if not line:
            return self._dispatched()
        name, _, value = line.decode(errors="replace").partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._name = value
        elif name == "data":
            self._data.append(value)
            self._size += len(line)
        return None

    def _dispatched(self) -> StreamEvent | None:
        event = StreamEvent(self._name or "message", "\n".join(self._data)) if self._data else None
        self._name, self._data, self._size = "", [], 0
        return event
