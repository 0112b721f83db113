"""Kind `tcp` against real sockets on loopback."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from staging_exporter.core.model import Outcome, Reason
from staging_exporter.net.address import HostPort
from staging_exporter.probes.tcp import Step, Tcp

from tests.support.peers import Handler, hanging_up, saying, serving, silent, streaming, watched
from tests.support.probing import probe


async def smtp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail ready\r\n")
    if (await reader.readline()).startswith(b"EHLO"):
        writer.write(b"250-STARTTLS\r\n\x01\x02")
    await writer.drain()
    writer.close()


async def test_the_steps_are_run_in_order() -> None:
    async with serving(smtp) as port:
        steps = [{"expect": "^220 "}, {"send": "EHLO x\r\n"}, {"expect": "STARTTLS"}, {"expect_hex": "0102"}]
        seen = await probe({"kind": "tcp", "address": f"127.0.0.1:{port}", "steps": steps})
        assert (seen.outcome, seen.reason, seen.detail) == (Outcome.PASS, Reason.OK, "")
        assert set(seen.phases) == {"resolve", "connect", "conversation"}
        assert seen.facts["ip"] == "127.0.0.1"


async def test_the_detail_of_an_early_close_has_the_received_bytes() -> None:
    async with serving(smtp) as port:
        seen = await probe(
            {"kind": "tcp", "address": f"127.0.0.1:{port}", "steps": [{"send_hex": "45480a"}, {"expect": "STARTTLS"}]}
        )
        assert seen.reason == Reason.CLOSED
        assert "220 mail ready" in seen.detail
        assert "expected 'STARTTLS'" in seen.detail


async def test_a_port_without_a_server_is_refused() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        seen = await probe({"kind": "tcp", "address": f"127.0.0.1:{sock.getsockname()[1]}"})
    assert seen.reason == Reason.REFUSED


async def test_silence_is_a_timeout_that_names_the_phase() -> None:
    async with serving(silent) as port:
        seen = await probe({"kind": "tcp", "address": f"127.0.0.1:{port}", "steps": [{"expect": "x"}]}, timeout=1.0)
    assert seen.reason == Reason.TIMEOUT
    assert seen.detail == "no answer within 1s in phase conversation"
    assert seen.duration < 1.8


@pytest.mark.parametrize("step", [{}, {"send": "a", "expect": "b"}, {"within": "1s"}])
def test_a_step_has_exactly_one_action(step: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="exactly one of"):
        Step.model_validate(step)


@pytest.mark.parametrize(
    ("answer", "steps", "reason"),
    [
        (b"220 ready\r\n250 ok", [{"expect": "220"}, {"expect": "^ ready"}, {"expect": "250"}], Reason.OK),
        (b"220 ready", [{"expect": "ready"}, {"expect": "220"}], Reason.CLOSED),
        ("größe ok".encode(), [{"expect": "größe"}, {"expect_hex": "206f6b"}], Reason.OK),
        (b"\xff\xfe ok \x01", [{"expect": "ok"}, {"expect_hex": "2001"}], Reason.OK),
        (b"abc", [{"expect_hex": "6162"}, {"expect": "^c"}], Reason.OK),
        (b"ready", [{"expect": "(a+)+$"}], Reason.CLOSED),
    ],
)
async def test_each_step_searches_the_bytes_after_the_last_match(
    answer: bytes, steps: list[dict[str, str]], reason: Reason
) -> None:
    async with serving(saying(answer, wait=False)) as port:
        options = {"kind": "tcp", "address": f"127.0.0.1:{port}", "steps": [{"send": "x"}, *steps]}
        seen = await probe(options)
    assert seen.reason == reason, seen.detail


PEERS: dict[str, tuple[Handler, Reason]] = {
    "accepts and closes": (hanging_up, Reason.CLOSED),
    "is silent": (silent, Reason.TIMEOUT),
    "streams without end": (streaming(b"", b"a" * 65536), Reason.CONTENT),
    "is expensive for a backtracking pattern": (saying(b"a" * 50_000 + b"!"), Reason.CONTENT),
}


@pytest.mark.parametrize("name", PEERS)
async def test_a_hostile_peer_gets_a_reason(name: str) -> None:
    handler, reason = PEERS[name]
    async with serving(handler) as port:
        steps = [{"send": "x"}, {"expect": "(a+)+\\$"}]
        seen = await watched({"kind": "tcp", "address": f"127.0.0.1:{port}", "steps": steps}, 0.5)
    assert seen.reason == reason, seen.detail


REFUSAL = b"554 5.3.2 mail.test service not available, disk full\r\n"
INSTEAD: dict[str, tuple[bytes, dict[str, str], float, str]] = {
    "a line instead of the beginning of one": (REFUSAL, {"expect": "^220 "}, 0.5, "received b'554 5.3.2 mail.test"),
    "a line instead of a word": (REFUSAL, {"expect": "ready"}, 2.0, "disk full\\r\\n', expected 'ready'"),
    "a line instead of bytes": (REFUSAL, {"expect_hex": "0102"}, 2.0, "expected 'hex 0102'"),
    "half a line": (b"busy", {"expect": "ready"}, 5.0, "received b'busy', expected 'ready'"),
    "a line, and more time": (REFUSAL, {"expect": "^220 ", "within": "200ms"}, 1.0, "disk full\\r\\n' within 200ms"),
}


@pytest.mark.parametrize("name", INSTEAD)
async def test_what_came_instead_is_said_at_once(name: str) -> None:
    said, step, limit, text = INSTEAD[name]

    async def stays(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await reader.read()

    async with serving(stays) as port:
        seen = await probe({"kind": "tcp", "address": f"127.0.0.1:{port}", "steps": [step]}, timeout=4)
    assert (seen.reason, text in seen.detail) == (Reason.CONTENT, True), seen.detail
    assert seen.duration < limit


async def test_lines_that_come_together_or_in_time_are_searched_together() -> None:
    async def slow(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for line in (b"250-mail.test\r\n", b"250-SIZE\r\n", b"250 STARTTLS\r\n"):
            writer.write(line)
            await asyncio.sleep(0.1)

    async with serving(slow) as port:
        seen = await probe({"kind": "tcp", "address": f"127.0.0.1:{port}", "steps": [{"expect": "STARTTLS"}]})
        assert seen.reason == Reason.OK, seen.detail
        across = {"expect": r"^250-mail\.test\r\n250-SIZE"}
        assert (await probe({"kind": "tcp", "address": f"127.0.0.1:{port}", "steps": [across]})).reason == Reason.OK


async def test_a_step_may_wait_longer_than_the_pause_between_lines() -> None:
    async def ticks(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello\r\n")
        await asyncio.sleep(1.3)
        writer.write(b"tick\r\n")
        await asyncio.sleep(1)

    async with serving(ticks) as port:
        step = {"expect": "tick"}
        assert (await probe({"kind": "tcp", "address": f"127.0.0.1:{port}", "steps": [step]})).reason == Reason.CONTENT
        step["within"] = "3s"
        assert (await probe({"kind": "tcp", "address": f"127.0.0.1:{port}", "steps": [step]})).reason == Reason.OK
        silent_step = {"expect": "^x", "within": "300ms"}
    async with serving(silent) as port:
        seen = await probe({"kind": "tcp", "address": f"127.0.0.1:{port}", "steps": [silent_step]})
    assert (seen.reason, seen.detail) == (Reason.TIMEOUT, "nothing received within 300ms, expected '^x'")


async def test_a_unix_socket_is_probed(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    server = await asyncio.start_unix_server(lambda _reader, writer: writer.close(), path)
    async with server:
        assert (await probe({"kind": "tcp", "address": path})).reason == Reason.OK
    (tmp_path / "s").unlink(missing_ok=True)
    assert (await probe({"kind": "tcp", "address": path})).reason == Reason.REFUSED


def test_the_host_is_that_of_the_address() -> None:
    assert Tcp(kind="tcp", address=HostPort("a.test", 1)).hosts() == ("a.test",)
    assert Tcp(kind="tcp", address=HostPort("/run/s", 0)).hosts() == ()
