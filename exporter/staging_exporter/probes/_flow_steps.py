"""The steps of the kind `flow`: what the other kinds do, with placeholders, captures and a time of their own."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import Field, PrivateAttr, model_validator

from staging_exporter.core.durations import format_duration
from staging_exporter.core.facts import Fact
from staging_exporter.core.model import ProbeDegraded, Reason
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.message import Message
from staging_exporter.options.captures import Captures, Source, of_message, of_response, of_value
from staging_exporter.options.check import Check
from staging_exporter.options.conversation import Step as Talk
from staging_exporter.options.model import Listed, Model, Name, PositiveDuration
from staging_exporter.options.payload import Headers, check_headers
from staging_exporter.options.placeholders import Placeholders
from staging_exporter.options.templates import Path, filled, placeholders
from staging_exporter.options.values import Values, capture
from staging_exporter.probes.http import Http
from staging_exporter.probes.postgres import Postgres
from staging_exporter.probes.redis import Redis
from staging_exporter.probes.websocket import WebSocket

_KINDS = ("http", "websocket", "postgres", "redis")


def _reject_own(check: Http | WebSocket, headers: Headers, own: Mapping[str, object], *, is_authorized: bool) -> None:
    """Raises ValueError for options that belong to the flow, not to a step."""
    check_headers(headers, is_authorized, placeholders=True)
    if check.secrets or own:
        raise ValueError("`secrets` of a flow are written beside its `steps`")
    if check.startup_when is not None:
        raise ValueError("a step has no startup_when")


class HttpStep(Http):
    """A request, as for the kind `http`."""

    kind: Literal["http"] = "http"

    def _check_placeholders(self) -> None:
        _reject_own(self, self.headers, {}, is_authorized=self.auth is not None and self.auth.is_authorization)
        if self._several:
            raise ValueError("ip_family: both and resolve: all need a check of their own, outside of a flow")


class TalkStep(Talk):
    """A step of a conversation, of whose message values can be captured."""

    capture: Captures = Field(
        default_factory=dict, description="values of the message that `expect` or `events` ends with"
    )
    _names: frozenset[str] = PrivateAttr(frozenset())

    @model_validator(mode="after")
    def _message(self) -> TalkStep:
        if self.capture and self.awaited is None:
            raise ValueError("capture goes with a message that is expected")
        _require_no_head(self.capture, "a message")
        self._names = frozenset(name for _, name in placeholders(self))
        return self

    def completed(self, context: ProbeContext) -> Talk:
        """With what this conversation captured: only that is filled in now, the rest was at its beginning."""
        captured = {name: context.captured[name] for name in self._names & context.captured.keys()}
        done: Talk = filled(self, captured) if captured else self
        return done

    def received(self, context: ProbeContext, message: Message) -> None:
        """Capture from the message. Raises ProbeFailed (`content`)."""
        if self.capture and self.awaited is not None:
            capture(context, self.capture, of_message(message, self.awaited))


class WebSocketStep(WebSocket):
    """A conversation, as for the kind `websocket`."""

    kind: Literal["websocket"] = "websocket"
    steps: Listed[TalkStep] = ()

    def _check_texts(self, headers: Headers, own: Placeholders, *, is_authorized: bool) -> None:
        _reject_own(self, headers, own, is_authorized=is_authorized)


class PostgresStep(Postgres):
    """A query, as for the kind `postgres`."""

    kind: Literal["postgres"] = "postgres"


class RedisStep(Redis):
    """A login and a PING, as for the kind `redis`."""

    kind: Literal["redis"] = "redis"


def _require_no_head(captures: Captures, what: str) -> None:
    if any(capture.of_head for capture in captures.values()):
        raise ValueError(f"{what} has no headers and no cookies to capture from")


class FlowStep(Model):
    """One step: exactly one of http, websocket, postgres and redis."""

    name: Name
    http: HttpStep | None = None
    websocket: WebSocketStep | None = None
    postgres: PostgresStep | None = None
    redis: RedisStep | None = None
    capture: Captures = Field(default_factory=dict, description="name to where its value is in the response")
    within: PositiveDuration | None = Field(None, description="time for this step")
    always: bool = Field(False, description="true: also after a step has failed, for cleaning up")
    user: str = Field("", description="whose cookies it has; steps of other users have their own")
    login: bool = Field(False, description="true: 401 and 403 mean that our own credentials are wrong")
    reuse: bool | PositiveDuration = Field(
        False, description="keep what it captures and its cookies for the next runs, until the token ends or so long"
    )
    component: str | None = Field(None, description="the component, without a check, that this step is the check of")
    _names: frozenset[str] = PrivateAttr(frozenset())

    @model_validator(mode="after")
    def _checked(self) -> FlowStep:
        if len(self.model_fields_set & set(_KINDS)) != 1:
            raise ValueError(f"a step is exactly one of {', '.join(_KINDS)}")
        if self.name == "resolve":
            raise ValueError("`resolve` is the name of a phase; choose another one for the step")
        if self.capture and self.websocket is not None:
            raise ValueError("capture from a message: write `capture` beside its `expect` or `events`")
        if self.capture and self.redis is not None:
            raise ValueError("redis has nothing to capture")
        if self.reuse is not False and (self.http is None or self.always):
            raise ValueError("reuse goes with an http step that does not clean up")
        if self.postgres is not None:
            _require_no_head(self.capture, "a query")
        self._names = frozenset(name for _, name in placeholders(self.check))
        return self

    @property
    def check(self) -> Check:
        """The check that it runs."""
        check = self.http or self.websocket or self.postgres or self.redis
        assert check is not None
        return check

    @property
    def _kind(self) -> str:
        return next(kind for kind in _KINDS if getattr(self, kind) is not None)

    def uses(self) -> Iterator[tuple[Path, str, frozenset[str]]]:
        """(path, name, names captured within the step before) of each placeholder, in order."""
        talks = self.websocket.steps if self.websocket else ()
        head = self.check.model_copy(update={"steps": ()}) if talks else self.check
        before: frozenset[str] = frozenset()
        for path, name in placeholders(head, (self._kind,)):
            yield path, name, before
        for number, talk in enumerate(talks):
            for path, name in placeholders(talk, (self._kind, "steps", number)):
                yield path, name, before
            before |= set(talk.capture)

    def captures(self) -> Iterator[tuple[Path, str]]:
        """(path, name) of all that it captures."""
        yield from ((("capture", name), name) for name in self.capture)
        for number, talk in enumerate(self.websocket.steps if self.websocket else ()):
            yield from ((("websocket", "steps", number, "capture", name), name) for name in talk.capture)

    def time_limits(self) -> Iterator[tuple[Path, float]]:
        """(path, seconds) of each `within` and `hold`."""
        if self.within is not None:
            yield ("within",), self.within
        for number, talk in enumerate(self.websocket.steps if self.websocket else ()):
            yield from talk.time_limits(("websocket", "steps", number))

    @property
    def needs(self) -> frozenset[str]:
        """The names without whose values it cannot begin."""
        return self._names - {name for _, name in self.captures()}

    async def run(self, context: ProbeContext, values: Values) -> None:
        """Run it once; what it captures is in the context. Raises what the kind raises."""
        begin = time.monotonic()
        check = await values.fill(context, self.check, self._names)
        degraded = None
        try:
            await check.run(context)
        except ProbeDegraded as error:
            degraded = error
        if self.capture:
            capture(context, self.capture, self._source(context))
        degraded = degraded or _too_slow(check, context, time.monotonic() - begin)
        if degraded is not None:
            raise degraded

    def _source(self, context: ProbeContext) -> Source:
        if self.postgres is not None:
            return of_value(context.facts.get(Fact.VALUE))
        assert context.response is not None
        assert context.cookies is not None
        return of_response(context.response, context.cookies)


def _too_slow(check: Check, context: ProbeContext, seconds: float) -> ProbeDegraded | None:
    limit, took = check.degraded.slower_than, seconds - context.phases.get("resolve", 0.0)
    if limit is None or took <= limit:
        return None
    return ProbeDegraded(Reason.SLOW, f"took {took:.2f} s, expected under {format_duration(limit)}")
