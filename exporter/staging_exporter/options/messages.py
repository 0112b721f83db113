"""What messages of a conversation or a stream must be: matchers, the order of events, and the frames around JSON."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any

from pydantic import Field, model_validator

from staging_exporter.core.durations import format_duration
from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.message import Message
from staging_exporter.options.check import Degraded
from staging_exporter.options.jsonpath import JsonPath, find
from staging_exporter.options.matchers import JsonMatcher, first_mismatch, json_tests, wanted_text
from staging_exporter.options.model import Hex, Listed, Model
from staging_exporter.options.patterns import Pattern, search

# What socket.io has between its type and the JSON: a namespace, the number of an acknowledgement.
_BEFORE_JSON = re.compile(r"(/[^,\[{]*,)?\d*(?=[\[{])")
_RECORDS = 1000  # messages that a frame is cut into at once: it may hold half a million
_LABELS = 20  # different messages that a detail lists
_MARGIN = 0.1  # seconds before the deadline when waiting ends, so that the detail can name the messages received


class Framing(Model):
    """What surrounds the JSON of a message in protocols such as socket.io and SignalR."""

    prefix: str | None = Field(None, min_length=1, description="text that the message begins with, before its JSON")
    separator: str | None = Field(None, min_length=1, description="text that ends each of several messages in a frame")

    def records(self, message: Message) -> tuple[Message, list[Message]]:
        """The first message in a frame, without its separator, and the others; the last may hold several again."""
        if self.separator is None or not message.is_text:
            return message, []
        first, *others = message.data.split(self.separator.encode(), _RECORDS)
        return Message(first), [Message(other) for other in others if other]

    def text(self, message: Message) -> str | None:
        """What follows the prefix; None when the message does not begin with it."""
        text = message.text
        if self.prefix is None:
            return text
        return text.removeprefix(self.prefix) if text.startswith(self.prefix) else None

    def document(self, message: Message) -> Any:
        """The JSON behind the prefix, also when a namespace or a number comes first; None when there is none."""
        text = self.text(message)
        document = None if text is None else parsed(text)
        if document is None and text and self.prefix is not None and (before := _BEFORE_JSON.match(text)):
            document = parsed(text[before.end() :])
        return document

    def each(self, message: Message) -> Iterator[Message]:
        """All messages in a frame, at most a thousand."""
        first, others = self.records(message)
        yield first
        yield from others[:_RECORDS]


class Awaited(Framing):
    """What a step waits for."""

    def describes(self, message: Message) -> bool:
        """True when the message is, or may be, one of those that the step waits for."""
        raise NotImplementedError

    def describes_any(self, message: Message) -> bool:
        """True when one of the messages in a frame is."""
        return any(self.describes(one) for one in self.each(message))


class ExpectedMessage(Awaited):
    """A message that satisfies all of the matchers."""

    json_: JsonMatcher = Field(default_factory=dict, alias="json")
    matches: Pattern | None = Field(None, description="pattern to find in the message, behind its prefix")
    binary: Hex | None = Field(None, description="bytes to find in a binary message, as hex")
    absent: bool = Field(False, description="no such message may come while the step waits")

    @model_validator(mode="after")
    def _not_empty(self) -> ExpectedMessage:
        if not self.json_ and self.matches is None and self.binary is None:
            raise ValueError("expect at least one of json, matches and binary")
        return self

    def describes(self, message: Message) -> bool:
        """True when the message is the expected one."""
        if self.binary is not None and (message.is_text or bytes.fromhex(self.binary) not in message.data):
            return False
        text = self.text(message)
        if text is None or (self.matches is not None and not search(self.matches, text)):
            return False
        return not self.json_ or first_mismatch(self.document(message), self.json_) is None

    def __str__(self) -> str:
        wanted = [f"json {path} {wanted_text(value)}" for path, value in self.json_.items()]
        wanted += [f"a match of {self.matches!r}"] if self.matches is not None else []
        wanted += [f"a binary message with {self.binary}"] if self.binary is not None else []
        behind = f" behind {self.prefix!r}" if self.prefix is not None else ""
        return ("no message with " if self.absent else "") + " and ".join(wanted) + behind


class MessageDegraded(Degraded, Framing):
    """What makes a conversation that passes a degraded one; one matcher that one message satisfies is enough."""

    json_: JsonMatcher = Field(default_factory=dict, alias="json")
    matches: Pattern | None = Field(None, description="pattern to find in a message, behind its prefix")

    @property
    def on_messages(self) -> bool:
        """True when there is a matcher."""
        return bool(self.json_) or self.matches is not None

    def signs(self, message: Message) -> Iterator[str]:
        """What the messages of a frame show of it, as a detail."""
        for one in self.each(message):
            text = self.text(one)
            if text is None or not one.is_text:
                continue
            if self.matches is not None and search(self.matches, text):
                yield f"message {label_of(one, self)}, degraded when it has a match of {self.matches!r}"
            for test in json_tests(self.document(one), self.json_, every=False) if self.json_ else ():
                if test.holds:
                    yield f"message {label_of(one, self)}: {test.seen}, degraded when {test.wanted}"


class Order(Model):
    """Events that must arrive in this order, each at least once; others are skipped."""

    order: Listed[str] = Field(min_length=1, description="the names of the events, in order; the last one ends it")
    repeat: Listed[str] = Field((), description="those of `order` that may come again once they came")

    @model_validator(mode="after")
    def _known(self) -> Order:
        if len(set(self.order)) != len(self.order):
            raise ValueError("order names an event twice; list it once, and under repeat")
        if unknown := sorted(set(self.repeat) - set(self.order)):
            raise ValueError(f"repeat names {', '.join(unknown)}, which order does not")
        return self


class Where(Model):
    """Which messages count."""

    json_: JsonMatcher = Field(alias="json", min_length=1)

    def mismatch(self, document: Any) -> str | None:
        """What the document has instead; None when it counts."""
        result = first_mismatch(document, self.json_)
        return None if result is None else result.seen

    def __str__(self) -> str:
        return " and ".join(f"json {path} {wanted_text(value)}" for path, value in self.json_.items())


class Events(Order, Awaited):
    """Events in messages, named by their JSON."""

    path: JsonPath = Field("type", description="JSONPath to what names the event")
    unique: JsonPath | None = Field(None, description="JSONPath to what no two events may share, such as an id")
    where: Where | None = Field(
        None, description="only messages that satisfy these matchers count, such as one on an id"
    )

    def identity(self, message: Message) -> object:
        """What no other event may have, as JSON; None without it."""
        found = find(self.document(message), self.unique) if self.unique is not None else []
        return json.dumps(found[0], sort_keys=True) if found else None

    def names(self, message: Message) -> Iterable[object]:
        """What may be the name of the event in that message, nothing for one that does not count."""
        document = self.document(message)
        return [] if self.where is not None and self.where.mismatch(document) else find(document, self.path)

    def label(self, message: Message) -> str:
        """For a detail; that of an event which does not count says why."""
        document, label = self.document(message), label_of(message, self)
        if self.where is None or not any(name in self.order for name in find(document, self.path)):
            return label
        return f"{label} whose {seen}" if (seen := self.where.mismatch(document)) else label

    def name(self, message: Message) -> str | None:
        """Which of the events the message is, None when it is none."""
        return next((str(name) for name in self.names(message) if name in self.order), None)

    def describes(self, message: Message) -> bool:
        """True when the message is one of the events."""
        return self.name(message) is not None


class OrderProgress:
    """How far a sequence of events has come; as text, the event that is still expected."""

    def __init__(self, wanted: Order) -> None:
        self._wanted = wanted
        self._reached = 0

    @property
    def done(self) -> bool:
        """True when the last one came."""
        return self._reached == len(self._wanted.order)

    def take(self, names: Iterable[object]) -> None:
        """Take an event: the first of `names` that is an expected one. Raises ProbeFailed (`content`)."""
        order = self._wanted.order
        name = next((name for name in names if name in order), None)
        if self.done or name is None:
            return
        if name == order[self._reached]:
            self._reached += 1
        elif not (name in self._wanted.repeat and name in order[: self._reached]):
            raise ProbeFailed(Reason.CONTENT, f"{name} came out of order")

    def __str__(self) -> str:
        return self._wanted.order[self._reached]


class Received:
    """The messages that came, for a detail."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, label: str) -> None:
        """Count one message."""
        self._counts[label if len(self._counts) < _LABELS else "others"] += 1

    def __bool__(self) -> bool:
        return bool(self._counts)

    def __str__(self) -> str:
        """`; received: ...`, empty when nothing was received."""
        shown = ", ".join(f"{label} ({count})" if count > 1 else label for label, count in self._counts.items())
        return f"; received: {shown}" if shown else ""


def parsed(text: str) -> Any:
    """The text as JSON; None when it is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def label_of(message: Message, framing: Framing) -> str:
    """A few characters that identify a message: its type where it has one, else its beginning."""
    if not message.is_text:
        return f"binary {message.data[:16].hex()}{'...' if len(message.data) > 16 else ''}"
    match framing.document(message):
        case {"type": str(name)} | {"event": str(name)} | [str(name), *_]:
            return name[:60]
    return repr(message.text[:60])


@asynccontextmanager
async def waiting(
    context: ProbeContext, within: float | None, wanted: object, received: Received
) -> AsyncIterator[None]:
    """Ends the wait after `within` seconds, or else in time; failures say what was expected and what was received."""
    left = max(0.0, context.remaining - _MARGIN)
    limit = format_duration(within if within is not None else context.timeout)
    try:
        async with asyncio.timeout(min(within or left, left)) as timer:
            yield
    except TimeoutError:
        if not timer.expired():
            raise
        if received:
            raise ProbeFailed(Reason.CONTENT, f"expected {wanted} within {limit}{received}") from None
        raise ProbeFailed(Reason.TIMEOUT, f"nothing received within {limit}, expected {wanted}") from None
    except ProbeFailed as error:
        raise ProbeFailed(error.reason, f"{error.detail}, expected {wanted}{received}") from None
