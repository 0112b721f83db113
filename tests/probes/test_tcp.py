"""Kind `tcp` against real sockets on loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from exporter.core.model import Outcome, Reason
from tests.support.probing import probe

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield f"{host}:{port}"


async def smtp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail ready\r\n")
    if (await reader.readline()).startswith(b"EHLO"):
        writer.write(b"250-STARTTLS\r\n\x01\x02")
    await writer.drain()
    writer.close()


async def test_walks_the_steps() -> None:
    async with serving(smtp) as address:
        steps = [{"expect": "^220 "}, {"send": "EHLO x\r\n"}, {"expect": "STARTTLS"}, {"expect_hex": "0102"}]
        seen = await probe({"kind": "tcp", "address": address, "steps": steps[:3]})
        assert (seen.outcome, seen.reason, seen.detail) == (Outcome.PASS, Reason.OK, "")
        assert set(seen.phases) == {"resolve", "connect", "conversation"}
        assert seen.facts["ip"] == "127.0.0.1"


async def test_closed_before_the_expected_answer_says_what_came() -> None:
    async with serving(smtp) as address:
        seen = await probe(
            {"kind": "tcp", "address": address, "steps": [{"send_hex": "45480a"}, {"expect": "STARTTLS"}]}
        )
        assert seen.reason == Reason.CLOSED
        assert "220 mail ready" in seen.detail
        assert "expected 'STARTTLS'" in seen.detail


async def test_nothing_listens() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        seen = await probe({"kind": "tcp", "address": f"127.0.0.1:{sock.getsockname()[1]}"})
    assert seen.reason == Reason.REFUSED


async def test_silence_ends_at_the_deadline_and_names_the_phase() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with serving(silent) as address:
        seen = await probe({"kind": "tcp", "address": address, "steps": [{"expect": "x"}]}, timeout=0.2)
    assert seen.reason == Reason.TIMEOUT
    assert seen.detail == "no answer within 200ms in phase conversation"
    assert seen.duration < 1.0


@pytest.mark.parametrize("step", [{}, {"send": "a", "expect": "b"}])
def test_a_step_is_one_thing(step: dict[str, str]) -> None:
    from exporter.probes.tcp import Step

    with pytest.raises(ValueError, match="exactly one of"):
        Step.model_validate(step)
