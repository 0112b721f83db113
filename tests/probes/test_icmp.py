"""Kind `icmp` on loopback, and where the system permits no ICMP."""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from staging_exporter.core.model import Outcome, Reason
from staging_exporter.net.icmp import Echo
from staging_exporter.probes import load

from tests.support.dnsserver import name_server, zone
from tests.support.live import EXPORTER
from tests.support.probing import HostPort, probe


def permitted() -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP).close()
        except PermissionError:
            continue
        return True
    return False


needs_icmp = pytest.mark.skipif(not permitted(), reason="ICMP is not permitted here")


@needs_icmp
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
async def test_loopback_answers(host: str) -> None:
    seen = await probe({"kind": "icmp", "host": host, "count": 2})
    assert (seen.reason, seen.facts["packet_loss"]) == (Reason.OK, 0.0), seen.detail
    assert 0 < seen.facts["rtt_min"] <= seen.facts["rtt_avg"] <= seen.facts["rtt_max"] < 0.5
    assert list(seen.phases) == ["resolve", "ping"]


@needs_icmp
async def test_runs_at_the_same_time_do_not_mix_up_their_replies() -> None:
    many = [probe({"kind": "icmp", "host": f"127.0.0.{number}"}) for number in range(1, 21)]
    for seen in await asyncio.gather(*many):
        assert (seen.reason, seen.facts["packet_loss"]) == (Reason.OK, 0.0)


@needs_icmp
async def test_the_round_trip_is_judged_and_not_the_run() -> None:
    quick = await probe({"kind": "icmp", "host": "127.0.0.1", "degraded": {"slower_than": "300ms"}})
    assert (quick.outcome, quick.duration > 0.3) == (Outcome.PASS, True)


async def test_a_name_that_does_not_exist_is_dns() -> None:
    async with name_server(zone({})) as port:
        seen = await probe({"kind": "icmp", "host": "nope.test"}, servers=(HostPort("127.0.0.1", port),))
    assert seen.reason == Reason.DNS


def reply(echo: Echo, number: int, *, header: bytes = b"", payload: bytes | None = None, kind: int = 0) -> bytes:
    return header + struct.pack("!BBHHH", kind, 0, 0, 0, number) + (echo._payload if payload is None else payload)


IP = b"\x46" + bytes(23)  # with options


def sent(count: int) -> Echo:
    echo = Echo("127.0.0.1", socket.AF_INET)
    echo._sent = [0.0] * count
    return echo


def test_replies_are_known_by_their_payload() -> None:
    echo = sent(3)
    for packet in (
        reply(echo, 0, payload=b"x" * 32),  # of another program
        reply(echo, 0, kind=8),  # our own request, on loopback
        reply(echo, 7),  # a number that was never sent
        b"",
        IP,
    ):
        echo._take(packet)
    assert echo.loss == 1
    echo._take(reply(echo, 1))
    echo._take(reply(echo, 2, header=IP))
    echo._take(reply(echo, 2))  # twice
    assert set(echo.round_trips) == {1, 2}
    assert echo.loss == pytest.approx(1 / 3)


def test_a_router_without_a_way_is_unreachable() -> None:
    echo = sent(1)
    echo._take(struct.pack("!BBHHH", 3, 1, 0, 0, 0) + IP + b"of somebody else")
    with pytest.raises(OSError, match="No route to host"):
        echo._take(struct.pack("!BBHHH", 3, 1, 0, 0, 0) + IP + reply(echo, 0, kind=8))


LOSS: list[tuple[int, dict[str, Any], Reason, Outcome]] = [
    (0, {}, Reason.TIMEOUT, Outcome.FAIL),
    (1, {}, Reason.OK, Outcome.PASS),
    (2, {"loss_above": 0.5}, Reason.OK, Outcome.PASS),
    (1, {"loss_above": 0.5}, Reason.CONTENT, Outcome.DEGRADED),
    (3, {"slower_than": "5ms"}, Reason.SLOW, Outcome.DEGRADED),
    (3, {"slower_than": "20ms"}, Reason.OK, Outcome.PASS),
]


@pytest.mark.parametrize(("replies", "degraded", "reason", "outcome"), LOSS)
async def test_loss_and_round_trips_are_judged(
    replies: int, degraded: dict[str, Any], reason: Reason, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ping(self: Echo, _context: object, count: int) -> None:
        self._sent = [0.0] * count
        self.round_trips = dict.fromkeys(range(replies), 0.01)

    monkeypatch.setattr(Echo, "ping", ping)
    seen = await probe({"kind": "icmp", "host": "127.0.0.1", "degraded": degraded})
    assert (seen.reason, seen.outcome) == (reason, outcome)


def test_without_permission_it_is_a_probe_error(tmp_path: Path) -> None:
    """In a process that has dropped CAP_NET_RAW, in a group that may not ping."""
    allowed = Path("/proc/sys/net/ipv4/ping_group_range").read_text().split()
    if int(allowed[0]) <= 65534 <= int(allowed[1]):
        pytest.skip("every group may ping here")
    file = tmp_path / "config.yml"
    file.write_text(
        "environment: t\ncomponents: {a: {layer: test, priority: P2, check: {kind: icmp, host: 127.0.0.1}}}\n"
    )
    tmp_path.chmod(0o755)

    def drop() -> None:
        ctypes.CDLL(None).prctl(24, 13, 0, 0, 0)  # PR_CAPBSET_DROP, CAP_NET_RAW: gone after the exec

    command = [*EXPORTER, "check", "--config.file", str(file)]
    drops = drop if os.geteuid() == 0 else None
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, preexec_fn=drops)
    assert "ICMP is not permitted here: allow the group by net.ipv4.ping_group_range" in " ".join(done.stdout.split())
    assert done.returncode == 3
    assert sys.platform == "linux"


@pytest.mark.parametrize("options", [{"host": ""}, {"host": "a b"}, {"host": "a", "count": 0}, {"host": "a/24"}])
def test_bad_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        load("icmp").model_validate({"kind": "icmp", **options})
