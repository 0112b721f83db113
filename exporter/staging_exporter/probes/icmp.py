"""Kind `icmp`: a host answers echo requests."""

from __future__ import annotations

import math
import socket
from shlex import join
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from staging_exporter.core.blackbox import BlackboxNames
from staging_exporter.core.facts import Fact
from staging_exporter.core.model import ProbeDegraded, ProbeFailed, Reason
from staging_exporter.net.address import IpFamily
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.icmp import Echo
from staging_exporter.net.names import ascii_name
from staging_exporter.options.check import Check, Degraded

_RESOLVE = 0.5  # of the run may be spent on the name


class IcmpDegraded(Degraded):
    """What makes a host that answers a degraded one."""

    loss_above: float | None = Field(None, ge=0, lt=1, description="share of the requests without a reply")


class Icmp(Check):
    """Sends echo requests, 0.2 s apart; one reply is a pass."""

    phase_names: ClassVar[tuple[str, ...]] = ("resolve", "ping")
    blackbox: ClassVar[BlackboxNames] = BlackboxNames(
        "probe_icmp_duration_seconds", {"resolve": "resolve", "ping": "rtt"}
    )

    kind: Literal["icmp"]
    host: Annotated[str, AfterValidator(ascii_name), Field(min_length=1, pattern=r"^[^\s/]+$")]
    count: int = Field(3, ge=1, le=20)
    ip_family: IpFamily = "auto"
    degraded: IcmpDegraded = IcmpDegraded()

    def hosts(self) -> tuple[str, ...]:
        """The host, once per request."""
        return (self.host,) * self.count

    def next_command(self, _reason: Reason) -> str | None:
        """ping."""
        return join(["ping", "-c", "3", self.host])

    async def run(self, context: ProbeContext) -> None:
        """Ping and judge. Raises ProbeFailed, ProbeDegraded, OSError."""
        with context.phase("resolve"):
            lifetime = context.remaining * _RESOLVE
            found = await context.resolver.resolve(self.host, 0, self.ip_family, lifetime)
        for left, (family, _, _, _, address) in zip(range(len(found) - 1, -1, -1), found, strict=True):
            context.target = address[0]
            context.facts.update({Fact.IP: address[0], Fact.IP_FAMILY: 4 if family == socket.AF_INET else 6})
            echo = Echo(address[0], family)
            try:
                with context.phase("ping"):
                    await echo.ping(context, self.count)
            except OSError as error:
                if not left:
                    raise
                context.log(f"{address[0]}: {error}; trying the next address")
                context.current.clear()
                continue
            self._judge(context, list(echo.round_trips.values()), echo.loss)
            return

    def _judge(self, context: ProbeContext, seconds: list[float], loss: float) -> None:
        context.facts["packet_loss"] = round(loss, 3)
        if not seconds:
            raise ProbeFailed(Reason.TIMEOUT, f"none of {self.count} echo requests to {context.target} was answered")
        context.latency = math.fsum(seconds) / len(seconds)
        context.facts.update({"rtt_min": min(seconds), "rtt_avg": context.latency, "rtt_max": max(seconds)})
        limit = self.degraded.loss_above
        if limit is not None and loss > limit:
            seen = f"{loss:.0%} of {self.count} packets were lost"
            raise ProbeDegraded(Reason.CONTENT, f"{seen}, expected at most {limit:.0%}")
