"""What a stream of Server-Sent Events must bring: an event that satisfies the matchers, events in an order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from pydantic import Field

from staging_exporter.core.facts import Fact
from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.event_stream import MEDIA_TYPE, EventParser, StreamEvent
from staging_exporter.net.exchange import Exchange, Response
from staging_exporter.net.message import Message
from staging_exporter.options.answers import Matchers
from staging_exporter.options.jsonpath import JsonPath, find
from staging_exporter.options.matchers import wanted_text
from staging_exporter.options.messages import Framing, Order, OrderProgress, Received, label_of, parsed, waiting


class StreamEvents(Order):
    """Events of a stream in their order."""

    path: JsonPath | None = Field(None, description="JSONPath to what names the event, instead of its `event:` line")

    def names(self, event: StreamEvent) -> Iterable[object]:
        """What may be the name of the event."""
        return [event.name] if self.path is None else find(parsed(event.data), self.path)


class Wanted:
    """What is still expected of a stream; as text, for a detail."""

    def __init__(self, matchers: Matchers | None, events: StreamEvents | None, *, any_event: bool) -> None:
        """`matchers` are on the data of one event; `any_event` wants one, whatever it holds."""
        self._matchers, self._events, self._any = matchers, events, any_event
        self._order = OrderProgress(events) if events is not None else None
        self._seen = False
        self.matched: bytes | None = None  # the data of the event that satisfied

    @property
    def done(self) -> bool:
        """True when all of it came."""
        satisfied = self.matched is not None if self._matchers else self._seen or not self._any
        return satisfied and (self._order is None or self._order.done)

    def take(self, event: StreamEvent, response: Response) -> None:
        """Take an event. Raises ProbeFailed (`content`) when it comes out of order."""
        self._seen = True
        data = event.data.encode()
        if self.matched is None and self._satisfies(replace(response, body=data)):
            self.matched = data
        if self._order is not None and self._events is not None:
            self._order.take(self._events.names(event))

    def _satisfies(self, candidate: Response) -> bool:
        return self._matchers is None or all(test.holds for test in self._matchers.tests(candidate, every=True))

    def __str__(self) -> str:
        if self._matchers is not None and self.matched is None:
            return f"an event with {_words(self._matchers)}"
        return f"event {self._order}" if self._order is not None and not self._order.done else "an event"


def _words(matchers: Matchers) -> str:
    wanted = [f"json {path} {wanted_text(value)}" for path, value in matchers.json_.items()]
    if matchers.body:
        wanted += [f"a match of {pattern!r}" for pattern in matchers.body.matches]
        wanted += [f"no match of {pattern!r}" for pattern in matchers.body.not_matches]
    return " and ".join(wanted)


def is_event_stream(response: Response) -> bool:
    """True when its media type says so."""
    media = response.header("content-type") or ""
    return media.partition(";")[0].strip().lower() == MEDIA_TYPE


async def read_events(
    context: ProbeContext, exchange: Exchange, response: Response, wanted: Wanted, limit: int
) -> None:
    """Read events until all that is `wanted` came; the data of the event that satisfied becomes the body.

    Phases `first_event`, until the first one, and `transfer`; fact `events` is their number. Raises ProbeFailed
    (`content`, `timeout`, `closed`), OSError.
    """
    media, coding = response.header("content-type") or "", response.header("content-encoding") or "identity"
    if not is_event_stream(response):
        raise ProbeFailed(Reason.CONTENT, f"header Content-Type is {media[:100]!r}, expected {MEDIA_TYPE}")
    if coding.lower() != "identity":
        raise ProbeFailed(Reason.PROTOCOL, f"the stream is compressed with {coding[:40]!r}, which was not asked for")
    parser, received = EventParser(limit), Received()
    async with waiting(context, None, wanted, received):
        while not wanted.done:
            with context.phase("transfer" if received else "first_event"):
                chunk = await exchange.read_chunk()
            if chunk is None:
                raise ProbeFailed(Reason.CONTENT if received else Reason.CLOSED, "the stream ended")
            for event in parser.feed(chunk):
                received.add(_label(event))
                context.facts[Fact.EVENTS] = context.facts.get(Fact.EVENTS, 0) + 1
                if not wanted.done:
                    wanted.take(event, response)
                await asyncio.sleep(0)  # a stream that floods us must not block the event loop
    response.body = wanted.matched or b""


def _label(event: StreamEvent) -> str:
    return event.name[:60] if event.name != "message" else label_of(Message(event.data.encode()), Framing())
