"""Kind `websocket`: the handshake, the steps of a conversation, each in time, and a clean close."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import islice
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from staging_exporter.core.blackbox import BlackboxNames, Gauge, equals, failed_by_content, number
from staging_exporter.core.facts import Fact
from staging_exporter.core.model import ProbeDegraded, ProbeFailed, Reason
from staging_exporter.net.address import IpFamily
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.heartbeats import Heartbeats, Preset, PresetName, preset, preset_name
from staging_exporter.net.http import Transport
from staging_exporter.net.message import Message
from staging_exporter.net.proxy import open_route
from staging_exporter.net.websocket import Session, upgrade
from staging_exporter.options.addresses import WebSocketUrl
from staging_exporter.options.answers import Answer, require_not_starting, require_status
from staging_exporter.options.auth import Auth, hosts_asked
from staging_exporter.options.check import Check
from staging_exporter.options.close_reasons import CloseReasons
from staging_exporter.options.connections import (
    MOST,
    OwnCredentials,
    check_steps,
    run_apart,
)
from staging_exporter.options.conversation import (
    Keepalive,
    Step,
    converse,
    keeping_alive,
)
from staging_exporter.options.messages import MessageDegraded
from staging_exporter.options.model import Listed, Model
from staging_exporter.options.next_commands import for_url
from staging_exporter.options.payload import Headers, Payload, Text, check_headers, reveal
from staging_exporter.options.placeholders import Placeholders, check_placeholders, fill, fill_url
from staging_exporter.options.proxy import Proxy
from staging_exporter.options.tls import Tls


class Expected(Model):
    """What the handshake must result in."""

    subprotocol: str | None = Field(None, description="the subprotocol that the server must choose")


class WebSocket(Check):
    """Upgrades a new connection, runs the steps, and closes it with 1000."""

    phase_names: ClassVar[tuple[str, ...]] = (
        "token",
        "resolve",
        "connect",
        "proxy",
        "tls",
        "upgrade",
        "first_message",
        "ping",
        "close",
    )

    blackbox: ClassVar[BlackboxNames] = BlackboxNames(
        "probe_websocket_duration_seconds",
        {"resolve": "resolve", "connect": "connect", "upgrade": "processing", "first_message": "transfer"},
        (
            Gauge("probe_websocket_status_code", "The status of the handshake, 0 without one.", number(Fact.STATUS)),
            Gauge("probe_websocket_connection_upgraded", "Whether it was upgraded.", equals(Fact.STATUS, 101)),
            failed_by_content("probe_websocket_failed_due_to_regex"),
        ),
    )

    startup_option: ClassVar[str | None] = "startup_when"

    kind: Literal["websocket"]
    url: WebSocketUrl
    headers: Headers = Field(default_factory=dict)
    auth: Auth | None = None
    tls: Tls | None = None
    proxy: Proxy | None = None
    ip_family: IpFamily = "auto"
    subprotocols: Listed[Text] = ()
    origin: str | None = None
    expect: Expected = Expected()
    steps: Listed[Step] = ()
    secrets: Placeholders
    heartbeats: dict[str, str] | PresetName | None = Field(
        None, description="text message to the answer that it gets, at any time, or those of a protocol"
    )
    keepalive: Keepalive | None = Field(None, description="message that is sent again and again while the steps run")
    cancel: Payload | None = Field(None, description="message that is sent when a run ends before its steps do")
    close_reasons: CloseReasons = Field(
        default_factory=dict, description="close code to reason; 4401 and 4403 are denied"
    )
    connections: (
        Annotated[int, Field(ge=2, le=MOST)]
        | Annotated[Listed[OwnCredentials], Field(min_length=2, max_length=MOST)]
        | None
    ) = Field(None, description="how many, or the credentials of each: what one causes the others must not see")
    degraded: MessageDegraded = MessageDegraded()
    max_runs_per_hour: int | None = Field(None, ge=1, description="retries included, for runs that cost money")
    startup_when: Answer | None = Field(None, exclude=True, description="set from the component's `startup.when`")

    @model_validator(mode="after")
    def _checked(self) -> WebSocket:
        check_steps(self.steps, len(self._credentials))
        for own in self._credentials:
            auth, headers = own.auth or self.auth, self.headers | own.headers
            offered = self.subprotocols if own.subprotocols is None else own.subprotocols
            if self.keepalive is not None and Keepalive.of(self.keepalive, self._protocol(offered)) is None:
                raise ValueError("keepalive needs `send`, or `heartbeats` that name a protocol whose client sends some")
            self._check_texts(headers, own.secrets, is_authorized=auth is not None and auth.is_authorization)
            if auth:
                auth.require_in_advance()
        return self

    def _check_texts(self, headers: Headers, own: Placeholders, *, is_authorized: bool) -> None:
        """Raises ValueError for a placeholder without a secret; a step of a flow has values of other sources."""
        secrets = self.secrets | own
        check_headers(headers, is_authorized, placeholders=bool(secrets))
        sent = [*(step.send for step in self.steps), self.keepalive and self.keepalive.send, self.cancel]
        check_placeholders(secrets, self.url, sent, *headers.values())

    @property
    def _credentials(self) -> tuple[OwnCredentials, ...]:
        """Those of each connection."""
        if isinstance(self.connections, tuple):
            return self.connections
        return (OwnCredentials(secrets={}),) * (self.connections or 1)

    def time_limits(self) -> Iterator[tuple[tuple[str | int, ...], float]]:
        """Those of the steps."""
        for place, step in enumerate(self.steps):
            yield from step.time_limits(("steps", place))

    def hosts(self) -> tuple[str, ...]:
        """The host of the URL, and that of the token server, once per connection."""
        return tuple(host for own in self._credentials for host in hosts_asked(self.url, own.auth or self.auth))

    def most_runs(self) -> int | None:
        """The configured number."""
        return self.max_runs_per_hour

    def next_command(self, reason: Reason) -> str | None:
        """curl, or what shows the name, the port or the certificate."""
        return for_url(self.url, reason)

    async def run(self, context: ProbeContext) -> None:
        """Upgrade, run the steps, close. Raises ProbeFailed, ProbeDegraded, OSError, ssl.SSLError."""
        signs: list[str] = []
        try:
            await self._converse(context, signs)
        except ProbeFailed as error:
            if signs and error.reason == Reason.CONTENT and not isinstance(error, ProbeDegraded):
                raise ProbeDegraded(Reason.CONTENT, signs[0]) from None
            raise
        if signs:
            raise ProbeDegraded(Reason.CONTENT, signs[0])

    async def _converse(self, context: ProbeContext, signs: list[str]) -> None:
        """Run the steps; what makes the run degraded is added to `signs`."""
        if self.connections is not None:
            await run_apart(context, self._credentials, partial(self._opened, signs), self.steps, self.secrets)
            return
        async with self._opened(signs, context, self._credentials[0]) as session:
            await converse(context, session, self.steps, self.secrets)

    @asynccontextmanager
    async def _opened(self, signs: list[str], context: ProbeContext, own: OwnCredentials) -> AsyncIterator[Session]:
        """One connection after its handshake; it is closed at the end."""
        secrets = self.secrets | own.secrets
        headers = {name: await fill(context, value, secrets) for name, value in (self.headers | own.headers).items()}
        url = await fill_url(context, self.url, secrets)
        offered = self.subprotocols if own.subprotocols is None else own.subprotocols
        subprotocols = [await reveal(context, item) for item in offered]
        cancel = None if self.cancel is None else await fill(context, self.cancel, secrets)
        auth = own.auth or self.auth
        if auth:
            headers |= await auth.headers(context, Transport(self.tls, self.proxy, self.ip_family))
        protocol = self._protocol(subprotocols)
        async with open_route(context, url, self.tls, self.proxy, self.ip_family) as route:
            response, session = await upgrade(
                context,
                route.connection,
                url,
                headers,
                subprotocols,
                self.origin,
                self._heartbeats(protocol),
                self.close_reasons,
            )
            if auth:
                auth.check_refusal(context, response.status)
            require_not_starting(response, self.startup_when)
            require_status(response, ("101",))
            assert session is not None
            self._check_subprotocol(context)
            if self.degraded.on_messages:
                session.on_message(partial(self._look_at, signs), from_the_start=True)
            try:
                async with keeping_alive(context, session, Keepalive.of(self.keepalive, protocol), secrets):
                    yield session
            except BaseException:
                session.abandon(cancel)
                raise
            await session.close()

    def _protocol(self, subprotocols: Sequence[Text]) -> Preset:
        """The protocol whose heartbeats are sent."""
        if isinstance(self.heartbeats, str):
            return preset(self.heartbeats, self.url)
        return preset(preset_name(self.url, [name for name in subprotocols if isinstance(name, str)]), self.url)

    def _heartbeats(self, protocol: Preset) -> Heartbeats:
        """Those that are answered."""
        if isinstance(self.heartbeats, dict):
            return Heartbeats(self.heartbeats)
        return Heartbeats(protocol.answers, partial=True)

    def _look_at(self, signs: list[str], message: Message) -> None:
        """Keep the first sign of a degraded service."""
        if not signs:
            signs.extend(islice(self.degraded.signs(message), 1))

    def _check_subprotocol(self, context: ProbeContext) -> None:
        wanted, chosen = self.expect.subprotocol, context.facts[Fact.SUBPROTOCOL]
        if wanted is not None and chosen != wanted:
            seen = f"subprotocol {chosen!r}" if chosen else "no subprotocol"
            raise ProbeFailed(Reason.CONTENT, f"the server chose {seen}, expected {wanted!r}")
