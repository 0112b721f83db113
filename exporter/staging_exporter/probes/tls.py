"""Kind `tls`: the certificate of a server, and when it and its chain expire."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from staging_exporter.core.durations import format_duration
from staging_exporter.core.facts import Fact
from staging_exporter.core.model import ProbeDegraded, Reason
from staging_exporter.net.address import IpFamily
from staging_exporter.net.connect import connect
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.starttls import Protocol, ask_by
from staging_exporter.net.tls import TlsSettings
from staging_exporter.options.addresses import Address
from staging_exporter.options.check import Check, Degraded
from staging_exporter.options.hostnames import ServerName
from staging_exporter.options.model import Duration
from staging_exporter.options.next_commands import for_address
from staging_exporter.options.tls import Tls

_DAY = 86400.0


class TlsDegraded(Degraded):
    """What makes a valid certificate a degraded one."""

    expires_within: Duration = Field(14 * _DAY, description="the chain expires this soon; 0 turns it off")


class TlsEndpoint(Check):
    """A handshake without any data; then the expiry of the chain is compared with the time."""

    phase_names: ClassVar[tuple[str, ...]] = ("resolve", "connect", "starttls", "tls")

    kind: Literal["tls"]
    address: Address
    server_name: ServerName | None = None
    tls: Tls = TlsSettings()
    starttls: Protocol | None = Field(None, description="ask for TLS in this protocol first")
    ip_family: IpFamily = "auto"
    degraded: TlsDegraded = TlsDegraded()

    @model_validator(mode="after")
    def _one_name(self) -> TlsEndpoint:
        if self.server_name and self.tls.server_name:
            raise ValueError("server_name and tls.server_name are the same option; write one of them")
        return self

    def hosts(self) -> tuple[str, ...]:
        """The host of the address, unless it is a unix socket."""
        return self.address.hosts

    def next_command(self, reason: Reason) -> str | None:
        """What shows the name, the port or the certificate."""
        return for_address(*self.address, reason)

    async def run(self, context: ProbeContext) -> None:
        """Connect and judge. Raises ProbeDegraded (`content`), ProbeFailed, OSError, ssl.SSLError."""
        tls = replace(self.tls, server_name=self.server_name) if self.server_name else self.tls
        ask = ask_by(self.starttls, tls.server_name or self.address.host) if self.starttls else None
        async with connect(context, self.address, tls, self.ip_family, ask=ask):
            shown: float = context.facts.get(Fact.TLS_CHAIN_NOT_AFTER, math.inf)
            end: float = context.facts.get(Fact.TLS_VERIFIED_NOT_AFTER, shown)
        left = end - time.time()  # wall clock, not the monotonic one
        if left < self.degraded.expires_within:
            date = f"{datetime.fromtimestamp(end, UTC):%Y-%m-%d %H:%M} UTC"
            seen = f"a certificate of the chain expires on {date}, in {format_duration(max(0.0, left // 60 * 60))}"
            wanted = format_duration(self.degraded.expires_within)
            raise ProbeDegraded(Reason.CONTENT, f"{seen}, expected over {wanted}")
