"""Kind `grpc`: the standard health service of gRPC answers SERVING."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from staging_exporter.core.blackbox import BlackboxNames, Gauge, StateGauge, number, present
from staging_exporter.core.facts import Fact
from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.address import IpFamily
from staging_exporter.net.connect import connect
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.grpchealth import HEALTH, SERVING, UNAUTHENTICATED, ask_health, grpc_status, health_of
from staging_exporter.net.http import Transport
from staging_exporter.options.addresses import Address
from staging_exporter.options.auth import Auth
from staging_exporter.options.check import Check
from staging_exporter.options.next_commands import for_address
from staging_exporter.options.payload import Text, check_headers, reveal
from staging_exporter.options.tls import Tls

# One byte holds the length of a protobuf string up to 127 bytes; names of services are ASCII.
_METADATA = re.compile(r"[0-9a-z_.-]+")
ServiceName = Annotated[str, Field(max_length=127, pattern=r"^[A-Za-z0-9_./-]*$")]


def _metadata_name(name: str) -> str:
    if not _METADATA.fullmatch(name) or name.startswith("grpc-"):
        raise ValueError(f"{name!r} is not a name for metadata; use a-z, 0-9, _ . and -, and no grpc- in front")
    return name


MetadataName = Annotated[str, AfterValidator(_metadata_name)]


class Grpc(Check):
    """One call of `grpc.health.v1.Health/Check` on a new connection."""

    phase_names: ClassVar[tuple[str, ...]] = ("token", "resolve", "connect", "tls", "check")

    blackbox: ClassVar[BlackboxNames] = BlackboxNames(
        "probe_grpc_duration_seconds",
        {"resolve": "resolve", "check": "check"},
        (
            Gauge("probe_grpc_ssl", "Whether TLS was spoken.", present(Fact.TLS_VERSION)),
            Gauge("probe_grpc_status_code", "The gRPC status of the response.", number(Fact.GRPC_STATUS)),
        ),
        (
            StateGauge(
                "probe_grpc_healthcheck_response",
                "1 for the health that was answered.",
                label="serving_status",
                states=HEALTH,
                fact=Fact.HEALTH,
            ),
        ),
    )

    kind: Literal["grpc"]
    address: Address
    service: ServiceName = ""
    metadata: dict[MetadataName, Text] = Field(default_factory=dict, description="sent with the call")
    auth: Auth | None = None
    tls: Tls | None = None
    ip_family: IpFamily = "auto"

    @model_validator(mode="after")
    def _checked(self) -> Grpc:
        check_headers(self.metadata, self.auth is not None and self.auth.is_authorization, "metadata")
        if self.auth:
            self.auth.require_in_advance()
        return self

    def hosts(self) -> tuple[str, ...]:
        """The host of the address, unless it is a unix socket, and that of the token server."""
        return (*self.address.hosts, *(self.auth.hosts if self.auth else ()))

    def next_command(self, reason: Reason) -> str | None:
        """What shows the name, the port or the certificate."""
        return for_address(*self.address, reason)

    async def run(self, context: ProbeContext) -> None:
        """Ask for the health. Raises ProbeFailed, OSError, ssl.SSLError."""
        authority = "localhost" if self.address.unix else str(self.address)
        metadata = {name: await reveal(context, value) for name, value in self.metadata.items()}
        if self.auth:
            headers = await self.auth.headers(context, Transport(self.tls, ip_family=self.ip_family))
            metadata |= {name.lower(): value for name, value in headers.items()}
        async with connect(context, self.address, self.tls, self.ip_family, alpn=("h2",)) as connection:
            with context.phase("check"):
                secure, timeout = self.tls is not None, context.remaining
                answer = await ask_health(
                    connection, authority, self.service, secure=secure, timeout=timeout, metadata=metadata
                )
        if "grpc-status" in answer.headers:
            status = context.facts[Fact.GRPC_STATUS] = grpc_status(answer.headers)
            if self.auth and status == UNAUTHENTICATED:
                self.auth.check_refusal(context, 401)
        health = context.facts[Fact.HEALTH] = health_of(answer)
        if health != SERVING:
            of = f" of {self.service}" if self.service else ""
            raise ProbeFailed(Reason.CONTENT, f"the health{of} is {health}, expected {SERVING}")
