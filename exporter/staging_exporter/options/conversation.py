"""The steps of a WebSocket conversation: what to send, what to wait for, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from staging_exporter.core.durations import format_duration
from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.heartbeats import Preset
from staging_exporter.net.message import Message
from staging_exporter.net.websocket import Session
from staging_exporter.options.messages import (
    Awaited,
    Events,
    ExpectedMessage,
    Framing,
    OrderProgress,
    Received,
    label_of,
    waiting,
)
from staging_exporter.options.model import Hex, Model, PositiveDuration
from staging_exporter.options.payload import Payload
from staging_exporter.options.placeholders import fill
from staging_exporter.options.secrets import AnySecret

_MOST_EVENTS = 10_000  # of one step that are kept to find one that comes twice
_ACTIONS = ("send", "expect", "events", "ping", "hold")


class Binary(Model):
    """A binary message."""

    binary: Hex


def _binary(value: object) -> object:
    if isinstance(value, dict) and not value.keys() & {"json", "binary", "file", "env"}:
        raise ValueError("write a text in quotes, {json: ...}, {binary: HEX}, {file: PATH} or {env: NAME}")
    return Binary.model_validate(value) if isinstance(value, dict) and "binary" in value else value


class Step(Model):
    """One step: exactly one of send, expect, events, ping and hold."""

    send: Annotated[Binary | Payload | None, BeforeValidator(_binary)] = Field(
        None, description="text to send, {json: ...}, {binary: HEX}, {file: PATH} or {env: NAME}"
    )
    expect: ExpectedMessage | None = Field(None, description="wait for a message like this")
    events: Events | None = Field(None, description="wait for messages in this order")
    ping: Literal[True] | None = Field(None, description="send a ping and wait for its pong")
    hold: PositiveDuration | None = Field(None, description="the connection must stay open for so long")
    within: PositiveDuration | None = Field(None, description="time for expect, events and ping")
    connection: int | None = Field(None, ge=1, description="the one of `connections` that runs it; without it all")
    skip_others: bool = Field(True, description="false: the very next message must be the expected one")

    def time_limits(self, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], float]]:
        """(path, seconds) of `within` and `hold`, for a step at `path`."""
        for name, seconds in (("within", self.within), ("hold", self.hold)):
            if seconds is not None:
                yield (*path, name), seconds

    @model_validator(mode="after")
    def _one_action(self) -> Step:
        given = self.model_fields_set
        if len(given & set(_ACTIONS)) != 1:
            raise ValueError(f"a step is exactly one of {', '.join(_ACTIONS)}")
        if "within" in given and given & {"send", "hold"}:
            raise ValueError("within goes with expect, events or ping")
        if "skip_others" in given and "expect" not in given:
            raise ValueError("skip_others goes with expect")
        if self.expect is not None and self.expect.absent and (self.within is None or not self.skip_others):
            raise ValueError("absent goes with within, the time in which no such message may come, and skips others")
        return self

    def completed(self, context: ProbeContext) -> Step:
        """The step with what was captured since the conversation began."""
        return self

    def received(self, context: ProbeContext, message: Message) -> None:
        """The message that ended the step. Raises ProbeFailed when it lacks what is to be captured."""

    @property
    def awaited(self) -> Awaited | None:
        """What it waits for, if it waits for messages."""
        return self.events or (self.expect if self.expect is not None and not self.expect.absent else None)


class Keepalive(Model):
    """A message that is sent again and again while the steps run."""

    every: PositiveDuration
    send: Annotated[Binary | Payload | None, BeforeValidator(_binary)] = Field(
        None, description="without it the heartbeat of the protocol that `heartbeats`, the URL or a subprotocol names"
    )

    @classmethod
    def of(cls, given: Keepalive | None, protocol: Preset) -> Keepalive | None:
        """The one given, with the message of the protocol where it has none, or else that of the protocol."""
        if given is not None and given.send is not None:
            return given
        every = given.every if given is not None else protocol.every
        return cls.model_construct(every=every, send=protocol.sent) if protocol.sent else None


@asynccontextmanager
async def keeping_alive(
    context: ProbeContext, session: Session, keepalive: Keepalive | None, secrets: Mapping[str, AnySecret]
) -> AsyncIterator[None]:
    """Send the message at that interval meanwhile. Raises ProbeFailed (`probe_error`) when it cannot be read."""
    if keepalive is None or keepalive.send is None:
        yield
        return
    message = keepalive.send if isinstance(keepalive.send, Binary) else await fill(context, keepalive.send, secrets)
    task = asyncio.create_task(_send_again(session, message, keepalive.every))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _send_again(session: Session, message: Binary | str, every: float) -> None:
    with suppress(ProbeFailed, OSError):  # the peer is gone, as the steps will see
        while True:
            await asyncio.sleep(every)
            await _send(session, message)


async def _send(session: Session, message: Binary | str) -> None:
    if isinstance(message, Binary):
        await session.send_binary(bytes.fromhex(message.binary))
    else:
        await session.send(message)


async def converse(
    context: ProbeContext, session: Session, steps: Sequence[Step], secrets: Mapping[str, AnySecret]
) -> None:
    """Run the steps in order; `secrets` are those of placeholders in what is sent.

    Raises ProbeFailed for the first that fails, OSError.
    """
    for step in steps:
        message = await _take(context, session, step.completed(context), secrets)
        if message is not None:
            step.received(context, message)


async def _take(
    context: ProbeContext, session: Session, step: Step, secrets: Mapping[str, AnySecret]
) -> Message | None:
    """Run one step: the message that ended it, None where none did. Raises ProbeFailed, OSError."""
    if step.send is not None:
        sent = step.send if isinstance(step.send, Binary) else await fill(context, step.send, secrets)
        await _send(session, sent)
    elif step.hold is not None:
        await _hold(context, session, step.hold)
    elif step.ping:
        async with waiting(context, step.within, "a pong", Received()):
            await session.ping()
    elif step.expect is not None and step.expect.absent:
        await _must_not_come(context, session, step.expect, step.within or 0.0)
    else:
        return await _listen(context, session, step)
    return None


async def _listen(context: ProbeContext, session: Session, step: Step) -> Message:
    progress, received, begin = _Progress(step), Received(), context.elapsed
    async with waiting(context, step.within, progress, received):
        while True:
            message = await _next(session, progress.framing)
            progress.take(message)
            received.add(progress.label(message))
            if step.events is not None and (name := step.events.name(message)) is not None:
                context.facts.setdefault("event_seconds", {}).setdefault(name, round(context.elapsed - begin, 3))
            if progress.done:
                return message


async def _must_not_come(context: ProbeContext, session: Session, unwanted: ExpectedMessage, seconds: float) -> None:
    """Listen for the whole time; the messages that came are left for the next steps."""
    kept: list[Message] = []
    async with _for_the_whole_time(context, "within", seconds):
        while True:
            message = await _next(session, unwanted)
            if unwanted.describes(message):
                came = label_of(message, unwanted)
                raise ProbeFailed(Reason.CONTENT, f"{came} came, expected {unwanted} within {format_duration(seconds)}")
            kept.append(message)
    for message in reversed(kept):
        session.put_back(message)


async def _next(session: Session, framing: Framing) -> Message:
    """The next message; what follows its separator is left for the next call."""
    message, others = framing.records(await session.message())
    for other in reversed(others):
        session.put_back(other)
    await asyncio.sleep(0)  # a frame that is full of messages must not block the event loop
    return message


class _Progress:
    """How far an `expect` or `events` step has come; as text, what is still expected."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._order = OrderProgress(step.events) if step.events is not None else None
        self._matched = False
        self._identities: set[object] = set()
        framing = step.expect or step.events
        assert framing is not None
        self.framing: Framing = framing

    @property
    def done(self) -> bool:
        """True when all that the step wants has come."""
        return self._matched or (self._order is not None and self._order.done)

    def take(self, message: Message) -> None:
        """Take a message. Raises ProbeFailed (`content`) when it is not allowed now."""
        if self._order is not None and self._step.events is not None:
            self._require_new(self._step.events, message)
            self._order.take(self._step.events.names(message))
        elif self._step.expect is not None:
            self._matched = self._step.expect.describes(message)
            if not self._matched and not self._step.skip_others:
                raise ProbeFailed(Reason.CONTENT, f"the next message was {label_of(message, self.framing)}")

    def label(self, message: Message) -> str:
        """The message, for a detail."""
        return label_of(message, self.framing) if self._step.events is None else self._step.events.label(message)

    def _require_new(self, events: Events, message: Message) -> None:
        if (identity := events.identity(message)) is None or not events.describes(message):
            return
        if len(self._identities) > _MOST_EVENTS:
            raise ProbeFailed(Reason.CONTENT, f"more than {_MOST_EVENTS} events came")
        if identity in self._identities:
            text = f"{label_of(message, self.framing)} came twice, with the same {events.unique}"
            raise ProbeFailed(Reason.CONTENT, text)
        self._identities.add(identity)

    def __str__(self) -> str:
        if self._step.events is None or self._step.events.where is None:
            return str(self._order or self._step.expect)
        return f"{self._order} with {self._step.events.where}"


async def _hold(context: ProbeContext, session: Session, seconds: float) -> None:
    try:
        async with _for_the_whole_time(context, "hold", seconds):
            await session.drain()
    except ProbeFailed as error:
        if error.reason == Reason.PROBE_ERROR:
            raise
        raise ProbeFailed(
            error.reason, f"{error.detail}, expected the connection to stay open for {format_duration(seconds)}"
        ) from None


@asynccontextmanager
async def _for_the_whole_time(context: ProbeContext, option: str, seconds: float) -> AsyncIterator[None]:
    """Ends what it contains after `seconds`. Raises ProbeFailed (`probe_error`) when the run ends before."""
    if context.remaining < seconds:
        left = format_duration(context.remaining)
        raise ProbeFailed(Reason.PROBE_ERROR, f"{option} {format_duration(seconds)} does not fit into the {left} left")
    try:
        async with asyncio.timeout(seconds) as timer:
            yield
    except TimeoutError:
        if not timer.expired():
            raise
