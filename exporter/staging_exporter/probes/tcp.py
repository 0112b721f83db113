"""Kind `tcp`: a port accepts connections, and answers as expected."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from staging_exporter.core.blackbox import BlackboxNames, failed_by_content
from staging_exporter.core.durations import format_duration
from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.address import IpFamily
from staging_exporter.net.connect import Connection, connect
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.starttls import Protocol, ask_by
from staging_exporter.net.tls import TlsSettings
from staging_exporter.options.addresses import Address
from staging_exporter.options.check import Check
from staging_exporter.options.model import Listed, Model, PositiveDuration
from staging_exporter.options.next_commands import for_address
from staging_exporter.options.patterns import Pattern, compile_pattern
from staging_exporter.options.placeholders import Placeholders, check_placeholders, fill
from staging_exporter.options.tls import Tls

_MAX_ANSWER = 64 * 1024
_QUIET = 1.0  # seconds of silence after a whole line that is not the expected one
_MARGIN = 0.1  # seconds before the deadline when waiting ends, so that the detail can say what was received
_ONE_LINE = re.compile(r"\^[^|\\\[(]+")  # nothing in such a pattern matches the end of a line


class Step(Model):
    """One step of the conversation: exactly one of send and expect, as text or as hex."""

    send: str | None = Field(None, description="text to send; YAML's double quotes understand \\r\\n")
    send_hex: str | None = Field(None, pattern=r"^([0-9a-fA-F]{2})+$", description="bytes to send, as hex")
    expect: Pattern | None = Field(None, description="pattern to find in the bytes since the last match")
    expect_hex: str | None = Field(None, pattern=r"^([0-9a-fA-F]{2})+$", description="bytes to find there, as hex")
    within: PositiveDuration | None = Field(None, description="how long to wait for what is expected, whatever comes")

    @model_validator(mode="after")
    def _one_thing(self) -> Step:
        if len(self.model_fields_set - {"within"}) != 1:
            raise ValueError("a step is exactly one of send, send_hex, expect, expect_hex")
        if self.within is not None and self.expect is None and self.expect_hex is None:
            raise ValueError("within goes with expect or expect_hex")
        return self


class Tcp(Check):
    """Connects, with TLS where configured, then runs the steps."""

    phase_names: ClassVar[tuple[str, ...]] = ("resolve", "connect", "starttls", "tls", "conversation")

    blackbox: ClassVar[BlackboxNames] = BlackboxNames(gauges=(failed_by_content(),))

    kind: Literal["tcp"]
    address: Address
    tls: Tls | None = None
    starttls: Protocol | None = Field(None, description="ask for TLS in this protocol first; the steps follow it")
    ip_family: IpFamily = "auto"
    steps: Listed[Step] = ()
    secrets: Placeholders

    @model_validator(mode="after")
    def _checked(self) -> Tcp:
        check_placeholders(self.secrets, None, [step.send for step in self.steps])
        return self

    def hosts(self) -> tuple[str, ...]:
        """The host of the address, unless it is a unix socket."""
        return self.address.hosts

    def next_command(self, reason: Reason) -> str | None:
        """What shows the name, the port or the certificate."""
        return for_address(*self.address, reason)

    def time_limits(self) -> Iterator[tuple[tuple[str | int, ...], float]]:
        """Those of the steps."""
        limits = ((number, step.within) for number, step in enumerate(self.steps))
        yield from ((("steps", number, "within"), seconds) for number, seconds in limits if seconds is not None)

    async def run(self, context: ProbeContext) -> None:
        """Connect and converse. Raises ProbeFailed (`content`, `closed`), OSError, ssl.SSLError."""
        tls, ask = self.tls, None
        if self.starttls:
            tls = tls or TlsSettings()
            ask = ask_by(self.starttls, tls.server_name or self.address.host)
        async with connect(context, self.address, tls, self.ip_family, ask=ask) as connection:
            if self.steps:
                with context.phase("conversation"):
                    await self._converse(context, connection)

    async def _converse(self, context: ProbeContext, connection: Connection) -> None:
        pending = b""
        for step in self.steps:
            if step.send is not None:
                await connection.send((await fill(context, step.send, self.secrets)).encode())
            elif step.send_hex is not None:
                await connection.send(bytes.fromhex(step.send_hex))
            else:
                pending = await _expect(context, connection, step, pending)


async def _expect(context: ProbeContext, connection: Connection, step: Step, pending: bytes) -> bytes:
    """Read until the step matches; returns the bytes after the match. Raises ProbeFailed."""
    wanted = step.expect if step.expect is not None else f"hex {step.expect_hex}"
    until = None if step.within is None else time.monotonic() + step.within
    while (end := _end_of_match(step, pending)) is None:
        if len(pending) > _MAX_ANSWER:
            raise ProbeFailed(Reason.CONTENT, f"received {_MAX_ANSWER} bytes, expected {wanted!r} among them")
        if until is None and _is_decided(step, pending):
            raise ProbeFailed(Reason.CONTENT, f"received {pending[:200]!r}, expected {wanted!r}")
        try:
            async with asyncio.timeout(_time_to_wait(context, until, pending)) as timer:
                data = await connection.reader.read(4096)
        except TimeoutError:
            if not timer.expired():
                raise
            seen = f"received {pending[:200]!r}" if pending else "nothing received"
            reason = Reason.CONTENT if pending else Reason.TIMEOUT
            limit = f" within {format_duration(step.within)}" if step.within is not None else ""
            raise ProbeFailed(reason, f"{seen}{limit}, expected {wanted!r}") from None
        if not data:
            seen = f"after {pending[:200]!r}" if pending else "without a byte"
            raise ProbeFailed(Reason.CLOSED, f"closed {seen}, expected {wanted!r}")
        pending += data
    return pending[end:]


def _time_to_wait(context: ProbeContext, until: float | None, pending: bytes) -> float | None:
    """Seconds to wait for more: after a whole line only a moment, since a peer sends the lines of an answer together.

    None is until the deadline of the run.
    """
    left = max(0.0, context.remaining - _MARGIN)
    if until is not None:
        return min(left, max(0.0, until - time.monotonic()))
    if not pending:
        return None
    return min(left, _QUIET) if pending.endswith(b"\n") else left


def _is_decided(step: Step, pending: bytes) -> bool:
    """True when nothing that may follow can match: a pattern of one line, for the beginning of a line that is there."""
    return step.expect is not None and b"\n" in pending and _ONE_LINE.fullmatch(step.expect) is not None


def _end_of_match(step: Step, pending: bytes) -> int | None:
    """The position in bytes where the match ends; None when there is no match."""
    if step.expect is None:
        wanted = bytes.fromhex(step.expect_hex or "")
        at = pending.find(wanted)
        return None if at < 0 else at + len(wanted)
    encoding = "utf-8"
    try:
        text = pending.decode()
    except UnicodeDecodeError:
        encoding = "latin-1"  # it decodes any bytes, and encodes to the same bytes again
        text = pending.decode(encoding)
    match = compile_pattern(step.expect).search(text)
    return len(text[: match.end()].encode(encoding)) if match else None
