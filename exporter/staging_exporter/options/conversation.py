"""The steps of a WebSocket conversation: what to send, what to wait for, and for how long."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

from pydantic import Field, model_validator

from staging_exporter.core.durations import format_duration
from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.websocket import Session
from staging_exporter.options.jsonpath import JsonPath, find
from staging_exporter.options.matchers import JsonMatcher, first_mismatch, wanted_text
from staging_exporter.options.model import Listed, Model, PositiveDuration
from staging_exporter.options.patterns import Pattern, search
from staging_exporter.options.payload import Payload, reveal

_MARGIN = 0.1  # seconds before the deadline when waiting ends, so that the detail can name the messages received
_ACTIONS = ("send", "expect", "events", "ping", "hold")


class ExpectedMessage(Model):
    """A message that satisfies all of the matchers."""

    json_: JsonMatcher = Field(default_factory=dict, alias="json")
    matches: Pattern | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> ExpectedMessage:
        if not self.json_ and self.matches is None:
            raise ValueError("expect at least one of json and matches")
        return self

    def describes(self, text: str) -> bool:
        """True when the message is the expected one."""
        if self.matches is not None and not search(self.matches, text):
            return False
        return not self.json_ or first_mismatch(_parse(text), self.json_) is None

    def __str__(self) -> str:
        wanted = [f"json {path} {wanted_text(value)}" for path, value in self.json_.items()]
        return " and ".join(wanted + ([f"a match of {self.matches!r}"] if self.matches is not None else []))


class Events(Model):
    """Events that must arrive in this order, each at least once; other messages are skipped."""

    path: JsonPath = Field("type", description="JSONPath to what names the event")
    order: Listed[str] = Field(min_length=1, description="the values at `path`, in order; the last one ends the step")
    repeat: Listed[str] = Field((), description="those of `order` that may come again once they came")

    @model_validator(mode="after")
    def _known(self) -> Events:
        if len(set(self.order)) != len(self.order):
            raise ValueError("order names an event twice; list it once, and under repeat")
        if unknown := sorted(set(self.repeat) - set(self.order)):
            raise ValueError(f"repeat names {', '.join(unknown)}, which order does not")
        return self


class Step(Model):
    """One step: exactly one of send, expect, events, ping and hold."""

    send: Payload | None = Field(None, description="text to send, {json: ...}, {file: PATH} or {env: NAME}")
    expect: ExpectedMessage | None = Field(None, description="wait for a message like this")
    events: Events | None = Field(None, description="wait for messages in this order")
    ping: Literal[True] | None = Field(None, description="send a ping and wait for its pong")
    hold: PositiveDuration | None = Field(None, description="the connection must stay open for so long")
    within: PositiveDuration | None = Field(None, description="time for expect, events and ping")
    skip_others: bool = Field(True, description="false: the very next message must be the expected one")

    @model_validator(mode="after")
    def _one_action(self) -> Step:
        given = self.model_fields_set
        if len(given & set(_ACTIONS)) != 1:
            raise ValueError(f"a step is exactly one of {', '.join(_ACTIONS)}")
        if "within" in given and given & {"send", "hold"}:
            raise ValueError("within goes with expect, events or ping")
        if "skip_others" in given and "expect" not in given:
            raise ValueError("skip_others goes with expect")
        return self


async def converse(context: ProbeContext, session: Session, steps: Sequence[Step]) -> None:
    """Run the steps in order. Raises ProbeFailed for the first that fails, OSError."""
    for step in steps:
        if step.send is not None:
            await session.send(await reveal(context, step.send))
        elif step.hold is not None:
            await _hold(context, session, step.hold)
        elif step.ping:
            async with _waiting(context, step, "a pong", Counter()):
                await session.ping()
        else:
            await _listen(context, session, step)


async def _listen(context: ProbeContext, session: Session, step: Step) -> None:
    progress = _Progress(step)
    received: Counter[str] = Counter()
    async with _waiting(context, step, progress, received):
        while not progress.done:
            message = await session.message()
            progress.take(message)
            received[_label(message) if len(received) < 20 else "others"] += 1


class _Progress:
    """How far an `expect` or `events` step has come; as text, what is still expected."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._reached = 0
        self.done = False

    def take(self, message: str) -> None:
        """Take a message. Raises ProbeFailed (`content`) when it is not allowed now."""
        if self._step.events is not None:
            self._take_event(self._step.events, message)
        elif self._step.expect is not None:
            self.done = self._step.expect.describes(message)
            if not self.done and not self._step.skip_others:
                raise ProbeFailed(Reason.CONTENT, f"the next message was {_label(message)}")

    def _take_event(self, events: Events, message: str) -> None:
        name = next((node for node in find(_parse(message), events.path) if node in events.order), None)
        if name == events.order[self._reached]:
            self._reached += 1
            self.done = self._reached == len(events.order)
        elif name is not None and not (name in events.repeat and name in events.order[: self._reached]):
            raise ProbeFailed(Reason.CONTENT, f"{name} came out of order")

    def __str__(self) -> str:
        events = self._step.events
        return events.order[self._reached] if events is not None else str(self._step.expect)


@asynccontextmanager
async def _waiting(context: ProbeContext, step: Step, wanted: object, received: Counter[str]) -> AsyncIterator[None]:
    """Ends the wait in time; failures say what was expected and what was received."""
    left = max(0.0, context.remaining - _MARGIN)
    limit = format_duration(step.within if step.within is not None else context.timeout)
    try:
        async with asyncio.timeout(min(step.within or left, left)) as timer:
            yield
    except TimeoutError:
        if not timer.expired():
            raise
        if received:
            raise ProbeFailed(Reason.CONTENT, f"expected {wanted} within {limit}{_received(received)}") from None
        raise ProbeFailed(Reason.TIMEOUT, f"nothing received within {limit}, expected {wanted}") from None
    except ProbeFailed as error:
        raise ProbeFailed(error.reason, f"{error.detail}, expected {wanted}{_received(received)}") from None


async def _hold(context: ProbeContext, session: Session, seconds: float) -> None:
    if context.remaining < seconds:
        left = format_duration(context.remaining)
        raise ProbeFailed(Reason.PROBE_ERROR, f"hold {format_duration(seconds)} does not fit into the {left} left")
    try:
        async with asyncio.timeout(seconds) as timer:
            await session.drain()
    except TimeoutError:
        if not timer.expired():
            raise
    except ProbeFailed as error:
        raise ProbeFailed(
            error.reason, f"{error.detail}, expected the connection to stay open for {format_duration(seconds)}"
        ) from None


def _parse(text: str) -> Any:
    """The message as JSON; None when it is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _label(message: str) -> str:
    """A few characters that identify a message: its type where it has one, else its beginning."""
    document = _parse(message)
    if isinstance(document, dict):
        for key in ("type", "event"):
            if isinstance(document.get(key), str):
                return str(document[key])[:60]
    return repr(message[:60])


def _received(received: Counter[str]) -> str:
    """`; received: ...`, empty when nothing was received."""
    shown = ", ".join(f"{label} ({count})" if count > 1 else label for label, count in received.items())
    return f"; received: {shown}" if shown else ""
