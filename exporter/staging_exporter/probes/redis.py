"""Kind `redis`: log in and PING; no key is read or written."""

from __future__ import annotations

import asyncio
from typing import ClassVar, Literal

from pydantic import model_validator

from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.connect import Connection, connect
from staging_exporter.net.context import ProbeContext
from staging_exporter.options.addresses import Address
from staging_exporter.options.check import Check
from staging_exporter.options.secrets import Secret
from staging_exporter.options.tls import Tls

# First words of an error reply: Redis source, server.c and acl.c; `-ERR max number of clients` has none of its own.
_REASONS = {
    "NOAUTH": Reason.DENIED,
    "WRONGPASS": Reason.DENIED,
    "NOPERM": Reason.DENIED,
    "DENIED": Reason.DENIED,
    "LOADING": Reason.STARTING,
}
_AUTH_REFUSED = ("ERR invalid password", "ERR AUTH", "ERR Client sent AUTH")  # before Redis 6, or without a password


class Redis(Check):
    """AUTH when there is a password, then PING."""

    phase_names: ClassVar[tuple[str, ...]] = ("resolve", "connect", "tls", "auth", "ping")

    kind: Literal["redis"]
    address: Address
    username: Secret | None = None
    password: Secret | None = None
    tls: Tls | None = None

    @model_validator(mode="after")
    def _both(self) -> Redis:
        if self.username and not self.password:
            raise ValueError("a username needs a password")
        return self

    def hosts(self) -> tuple[str, ...]:
        """The host of the address, unless it is a unix socket."""
        return self.address.hosts

    async def run(self, context: ProbeContext) -> None:
        """Connect, log in, ping. Raises ProbeFailed, OSError, ssl.SSLError, EOFError."""
        login = [await context.reveal(secret) for secret in (self.username, self.password) if secret]
        async with connect(context, self.address, self.tls) as connection:
            if login:
                with context.phase("auth"):
                    await _ask(connection, ["AUTH", *login], "+OK")
            with context.phase("ping"):
                await _ask(connection, ["PING"], "+PONG")


async def _ask(connection: Connection, words: list[str], expected: str) -> None:
    """One command and its one-line reply: the protocol's frames of other types are refused by their first line."""
    parts = [word.encode() for word in words]
    await connection.send(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
    try:
        reply = (await connection.reader.readuntil(b"\r\n"))[:-2].decode(errors="replace")
    except asyncio.LimitOverrunError:
        raise ProbeFailed(Reason.PROTOCOL, f"no line in 64 KiB of reply to {words[0]}, expected {expected}") from None
    if reply == expected:
        return
    seen = f"{words[0]} was answered with {reply[:200]!r}, expected {expected}"
    raise ProbeFailed(_reason(reply[1:]) if reply.startswith("-") else Reason.PROTOCOL, seen)


def _reason(error: str) -> Reason:
    if error.startswith("ERR max number of clients"):
        return Reason.SATURATED
    if error.startswith(_AUTH_REFUSED):
        return Reason.DENIED
    return _REASONS.get(error.split(" ")[0], Reason.SERVER_ERROR)
