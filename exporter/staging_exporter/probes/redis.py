"""Kind `redis`: log in, PING, and look at role, cluster and memory; no key is read or written."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from shlex import join
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from staging_exporter.core.model import ProbeDegraded, ProbeFailed, Reason
from staging_exporter.net.connect import Connection, connect
from staging_exporter.net.context import ProbeContext
from staging_exporter.options.addresses import Address
from staging_exporter.options.check import Check
from staging_exporter.options.model import Model
from staging_exporter.options.next_commands import for_failed_connection
from staging_exporter.options.secrets import Secret
from staging_exporter.options.tls import Tls

_MAX_REPLY = 60_000  # bytes
# First words of an error reply: Redis source, server.c and acl.c; `-ERR max number of clients` has none of its own.
_REASONS = {
    "NOAUTH": Reason.DENIED,
    "WRONGPASS": Reason.DENIED,
    "NOPERM": Reason.DENIED,
    "DENIED": Reason.DENIED,
    "LOADING": Reason.STARTING,
}
_AUTH_REFUSED = ("ERR invalid password", "ERR AUTH", "ERR Client sent AUTH")  # before Redis 6, or without a password


class Memory(Model):
    """Limit for the memory in use, as a share of `maxmemory`."""

    degraded_above: float = Field(0.9, gt=0, le=1)


class Redis(Check):
    """AUTH when there is a password, then PING, then what else is asked for."""

    phase_names: ClassVar[tuple[str, ...]] = ("resolve", "connect", "tls", "auth", "ping", "info")

    kind: Literal["redis"]
    address: Address
    username: Secret | None = None
    password: Secret | None = None
    tls: Tls | None = None
    role: Literal["master", "replica"] | None = Field(None, description="the role that it must have")
    cluster: bool = Field(False, description="true: the state of its cluster must be ok")
    memory: Memory | None = None

    @model_validator(mode="after")
    def _both(self) -> Redis:
        if self.username and not self.password:
            raise ValueError("a username needs a password")
        return self

    def hosts(self) -> tuple[str, ...]:
        """The host of the address, unless it is a unix socket."""
        return self.address.hosts

    def next_command(self, reason: Reason) -> str | None:
        """A ping without a password; NOAUTH is an answer, too."""
        host, port = self.address
        place = ["-s", host] if self.address.unix else ["-h", host, "-p", str(port)]
        return for_failed_connection(host, port, reason) or join(["redis-cli", *place, "ping"])

    async def run(self, context: ProbeContext) -> None:
        """Connect, log in, ping. Raises ProbeFailed, OSError, ssl.SSLError, EOFError."""
        login = [await context.reveal(secret) for secret in (self.username, self.password) if secret]
        async with connect(context, self.address, self.tls) as connection:
            if login:
                with context.phase("auth"):
                    await _ask(connection, ["AUTH", *login], "+OK")
            with context.phase("ping"):
                await _ask(connection, ["PING"], "+PONG")
            with context.phase("info") if self._asks_more() else nullcontext():
                await self._look_further(context, connection)

    def _asks_more(self) -> bool:
        return self.role is not None or self.cluster or self.memory is not None

    async def _look_further(self, context: ProbeContext, connection: Connection) -> None:
        """Role, cluster, memory. Raises ProbeFailed (`content`, `server_error`), ProbeDegraded (`saturated`)."""
        if self.role is not None:
            _require_role(context, await _table(connection, ["INFO", "replication"]), self.role)
        if self.cluster:
            _require_cluster(context, await _table(connection, ["CLUSTER", "INFO"]))
        if self.memory is not None:
            _require_memory(context, await _table(connection, ["INFO", "memory"]), self.memory.degraded_above)


def _require_role(context: ProbeContext, info: dict[str, str], wanted: str) -> None:
    role = {"slave": "replica"}.get(info.get("role", ""), info.get("role", "not reported"))
    context.facts["role"] = role
    if role != wanted:
        master = f" of {info['master_host']}:{info.get('master_port')}" if "master_host" in info else ""
        raise ProbeFailed(Reason.CONTENT, f"the role is {role}{master}, expected {wanted}")
    if role == "replica" and (link := info.get("master_link_status")) != "up":
        master = f"{info.get('master_host')}:{info.get('master_port')}"
        raise ProbeFailed(Reason.SERVER_ERROR, f"the link to its master {master} is {link}, expected up")


def _require_cluster(context: ProbeContext, info: dict[str, str]) -> None:
    state = context.facts["cluster_state"] = info.get("cluster_state", "not reported")
    if state != "ok":
        slots = f"{info.get('cluster_slots_ok', '?')} of 16384 slots are served"
        raise ProbeFailed(Reason.SERVER_ERROR, f"the state of the cluster is {state}, expected ok; {slots}")


def _require_memory(context: ProbeContext, info: dict[str, str], limit: float) -> None:
    used, most = _number(info.get("used_memory")), _number(info.get("maxmemory"))
    context.facts["memory"] = {"used": used, "max": most}
    if most and used / most > limit:
        seen = f"{used} of {most} bytes of memory are in use, expected at most {limit:.0%}"
        raise ProbeDegraded(Reason.SATURATED, f"{seen}; policy {info.get('maxmemory_policy', 'unknown')}")


def _number(text: str | None) -> int:
    if text is None or not text.isdecimal():
        raise ProbeFailed(Reason.PROTOCOL, f"INFO memory has {text!r}, expected a number of bytes")
    return int(text[:20])


async def _table(connection: Connection, words: list[str]) -> dict[str, str]:
    """A command whose reply is lines of `key:value`. Raises ProbeFailed."""
    name = " ".join(words)
    first = await _first_line(connection, words, name)
    if first.startswith("-"):
        raise ProbeFailed(_reason(first[1:]), f"{name} was answered with {first[:200]!r}, expected its fields")
    if not first.startswith("$") or not first[1:].isdecimal() or int(first[1:6]) > _MAX_REPLY or len(first) > 6:
        raise ProbeFailed(Reason.PROTOCOL, f"{name} was answered with {first[:200]!r}, expected its fields")
    text = (await connection.reader.readexactly(int(first[1:]) + 2)).decode(errors="replace")
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


async def _ask(connection: Connection, words: list[str], expected: str) -> None:
    """One command and its one-line reply: the protocol's frames of other types are refused by their first line."""
    reply = await _first_line(connection, words, words[0])
    if reply == expected:
        return
    seen = f"{words[0]} was answered with {reply[:200]!r}, expected {expected}"
    raise ProbeFailed(_reason(reply[1:]) if reply.startswith("-") else Reason.PROTOCOL, seen)


async def _first_line(connection: Connection, words: list[str], name: str) -> str:
    """Send a command; the first line of its reply. `name` is how it is called in a detail."""
    parts = [word.encode() for word in words]
    await connection.send(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
    try:
        return (await connection.reader.readuntil(b"\r\n"))[:-2].decode(errors="replace")
    except asyncio.LimitOverrunError:
        raise ProbeFailed(Reason.PROTOCOL, f"no line in 64 KiB of reply to {name}") from None


def _reason(error: str) -> Reason:
    if error.startswith("ERR This instance has cluster support disabled"):
        return Reason.CONTENT
    if error.startswith("ERR max number of clients"):
        return Reason.SATURATED
    if error.startswith(_AUTH_REFUSED):
        return Reason.DENIED
    return _REASONS.get(error.split(" ")[0], Reason.SERVER_ERROR)
