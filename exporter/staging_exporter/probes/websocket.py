"""Kind `websocket`: the handshake, the steps of a conversation, each in time, and a clean close."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from staging_exporter.core.blackbox import BlackboxNames, Gauge, equals, failed_by_content, number
from staging_exporter.core.facts import Fact
from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.core.words import joined
from staging_exporter.net.address import IpFamily
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.heartbeats import default_heartbeats
from staging_exporter.net.http import Transport
from staging_exporter.net.proxy import open_route
from staging_exporter.net.websocket import upgrade
from staging_exporter.options.addresses import WebSocketUrl
from staging_exporter.options.answers import Answer, require_not_starting, require_status
from staging_exporter.options.auth import Auth, hosts_asked
from staging_exporter.options.check import Check
from staging_exporter.options.conversation import (
    Keepalive,
    Step,
    converse,
    default_keepalive,
    keeping_alive,
)
from staging_exporter.options.model import Listed, Model
from staging_exporter.options.payload import Headers, Text, check_headers, reveal
from staging_exporter.options.placeholders import Placeholders, check_placeholders, fill, fill_url
from staging_exporter.options.proxy import Proxy
from staging_exporter.options.tls import Tls

_CLOSE_REASONS = {
    str(reason): reason
    for reason in (
        Reason.CLOSED,
        Reason.CONTENT,
        Reason.DENIED,
        Reason.RATE_LIMITED,
        Reason.SATURATED,
        Reason.SERVER_ERROR,
        Reason.STARTING,
        Reason.STATUS,
    )
}


def _close_reasons(value: object) -> object:
    """Close codes, which are text as all keys are, and names of reasons. Raises ValueError."""
    if not isinstance(value, dict):
        return value
    for code, reason in value.items():
        if not re.fullmatch(r"[1-4]\d{3}", str(code)):
            raise ValueError(f"{code!r} is not a close code; write one from 1000 to 4999")
        if reason not in _CLOSE_REASONS:
            raise ValueError(f"{reason!r} is not a reason to close; choose {joined(_CLOSE_REASONS, 'or')}")
    return {int(code): _CLOSE_REASONS[reason] for code, reason in value.items()}


CloseReasons = Annotated[dict[int, Reason], BeforeValidator(_close_reasons, json_schema_input_type=dict[str, str])]


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
    heartbeats: dict[str, str] | None = Field(None, description="text message to the answer that it gets, at any time")
    keepalive: Keepalive | None = Field(None, description="message that is sent again and again while the steps run")
    close_reasons: CloseReasons = Field(
        default_factory=dict, description="close code to reason; 4401 and 4403 are denied"
    )
    startup_when: Answer | None = Field(None, exclude=True, description="set from the component's `startup.when`")

    @model_validator(mode="after")
    def _checked(self) -> WebSocket:
        check_headers(self.headers, self.auth is not None and self.auth.is_authorization)
        sent = [*(step.send for step in self.steps), self.keepalive and self.keepalive.send]
        check_placeholders(self.secrets, self.url, sent, *self.headers.values())
        if self.auth:
            self.auth.require_in_advance()
        return self

    def hosts(self) -> tuple[str, ...]:
        """The host of the URL, and that of the token server."""
        return hosts_asked(self.url, self.auth)

    async def run(self, context: ProbeContext) -> None:
        """Upgrade, run the steps, close. Raises ProbeFailed, OSError, ssl.SSLError."""
        headers = {name: await fill(context, value, self.secrets) for name, value in self.headers.items()}
        url = await fill_url(context, self.url, self.secrets)
        subprotocols = [await reveal(context, item) for item in self.subprotocols]
        if self.auth:
            headers |= await self.auth.headers(context, Transport(self.tls, self.proxy, self.ip_family))
        heartbeats = default_heartbeats(self.url, subprotocols) if self.heartbeats is None else self.heartbeats
        async with open_route(context, url, self.tls, self.proxy, self.ip_family) as route:
            response, session = await upgrade(
                context,
                route.connection,
                url,
                headers,
                subprotocols,
                self.origin,
                heartbeats,
                self.close_reasons,
            )
            if self.auth:
                self.auth.check_refusal(context, response.status)
            require_not_starting(response, self.startup_when)
            require_status(response, ("101",))
            assert session is not None
            self._check_subprotocol(context)
            keepalive = self.keepalive or default_keepalive(self.url)
            async with keeping_alive(context, session, keepalive, self.secrets):
                await converse(context, session, self.steps, self.secrets)
            await session.close()

    def _check_subprotocol(self, context: ProbeContext) -> None:
        wanted, chosen = self.expect.subprotocol, context.facts[Fact.SUBPROTOCOL]
        if wanted is not None and chosen != wanted:
            seen = f"subprotocol {chosen!r}" if chosen else "no subprotocol"
            raise ProbeFailed(Reason.CONTENT, f"the server chose {seen}, expected {wanted!r}")
