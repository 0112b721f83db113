"""Name servers that are slow, silent for one family, lossy or old: never the target's fault."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from staging_exporter.core.model import Observation, Outcome, Reason
from staging_exporter.net.address import HostPort

from tests.support import peers
from tests.support.dnsserver import name_server
from tests.support.probing import probe
from tests.support.web import Seen, Web, response, serving

UNREACHABLE = "2001:db8::1"  # for documentation, RFC 3849: nothing routes it
Script = dict[str, tuple[float | None, list[str] | str]]  # type -> delay in seconds (None: silent), records or rcode


class _Server(asyncio.DatagramProtocol):
    def __init__(self, script: Script) -> None:
        self.script = script

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        question = dns.message.from_wire(data)
        asked = question.question[0]
        delay, answer = self.script[dns.rdatatype.to_text(asked.rdtype)]
        if delay is None:
            return
        result = dns.message.make_response(question)
        if isinstance(answer, str):
            result.set_rcode(dns.rcode.from_text(answer))
        elif answer:
            result.answer.append(
                dns.rrset.from_text(asked.name, 60, "IN", dns.rdatatype.to_text(asked.rdtype), *answer)
            )
        asyncio.get_running_loop().call_later(delay, self.transport.sendto, result.to_wire(), address)


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[tuple[HostPort, ...]]:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Server(script), local_addr=("127.0.0.1", 0)
    )
    try:
        yield (HostPort("127.0.0.1", transport.get_extra_info("sockname")[1]),)
    finally:
        transport.close()


def _after_a_moment(_request: Seen) -> bytes:
    time.sleep(0.01)
    return response()


async def asked(script: Script, timeout: float = 2.0, **options: Any) -> Observation:
    """One run against an HTTP server on 127.0.0.1 whose name is resolved by the script."""
    async with serving(Web({"*": _after_a_moment})) as address, scripted(script) as servers:
        port = address.rpartition(":")[2]
        return await probe(
            {"kind": "http", "url": f"http://app.test:{port}/", **options}, servers=servers, timeout=timeout
        )


HERE, NOTHING = ["127.0.0.1"], list[str]()
PASSES: dict[str, tuple[Script, float]] = {
    "silent on AAAA": ({"A": (0, HERE), "AAAA": (None, NOTHING)}, 0.4),
    "slow on AAAA": ({"A": (0, HERE), "AAAA": (1.0, ["::1"])}, 0.4),
    "SERVFAIL on AAAA": ({"A": (0.2, HERE), "AAAA": (0, "SERVFAIL")}, 0.6),
    "denies the name on AAAA": ({"A": (0.2, HERE), "AAAA": (0, "NXDOMAIN")}, 0.6),
    "no AAAA at first": ({"A": (0.2, HERE), "AAAA": (0, NOTHING)}, 0.6),
    "AAAA without a route, A late": ({"A": (0.3, HERE), "AAAA": (0, [UNREACHABLE])}, 0.4),
    "AAAA refused, A late": ({"A": (0.3, HERE), "AAAA": (0, ["::1"])}, 0.4),
}


@pytest.mark.parametrize("case", PASSES)
async def test_one_family_is_enough_and_the_other_is_hardly_waited_for(case: str) -> None:
    script, longest = PASSES[case]
    seen = await asked(script)
    assert (seen.reason, seen.facts["ip"]) == (Reason.OK, "127.0.0.1"), seen.detail
    assert seen.phases["resolve"] < longest


FAILS: dict[str, tuple[Script, Reason]] = {
    "nothing answers": ({"A": (None, NOTHING), "AAAA": (None, NOTHING)}, Reason.RESOLVER),
    "no IPv4, silent on IPv6": ({"A": (0, NOTHING), "AAAA": (None, NOTHING)}, Reason.RESOLVER),
    "SERVFAIL, and denies the name on AAAA": ({"A": (0, "SERVFAIL"), "AAAA": (0, "NXDOMAIN")}, Reason.RESOLVER),
    "the name does not exist, silent on AAAA": ({"A": (0, "NXDOMAIN"), "AAAA": (None, NOTHING)}, Reason.DNS),
    "the name does not exist": ({"A": (0, "NXDOMAIN"), "AAAA": (0, "NXDOMAIN")}, Reason.DNS),
    "no address at all": ({"A": (0, NOTHING), "AAAA": (0, NOTHING)}, Reason.DNS),
}


@pytest.mark.parametrize("case", FAILS)
async def test_a_failure_has_its_reason(case: str) -> None:
    script, reason = FAILS[case]
    assert (await asked(script, timeout=1.0)).reason == reason


async def test_the_time_of_the_name_server_does_not_make_a_pass_slow() -> None:
    script: Script = {"A": (0.8, HERE), "AAAA": (0.8, NOTHING)}
    assert (await asked(script, timeout=10.0, degraded={"slower_than": "750ms"})).outcome == Outcome.PASS
    assert (await asked(script, timeout=10.0, degraded={"slower_than": "5ms"})).reason == Reason.SLOW


async def test_a_timeout_after_slow_resolution_is_the_resolvers() -> None:
    script: Script = {"A": (0.5, HERE), "AAAA": (0.5, NOTHING)}
    async with peers.serving(peers.silent) as port, scripted(script) as servers:
        options = {"kind": "http", "url": f"http://app.test:{port}/"}
        slow = await probe(options, servers=servers, timeout=1.0)
        fast = await probe(options, servers=servers, timeout=2.0)
    assert (slow.reason, slow.outcome) == (Reason.RESOLVER, Outcome.UNKNOWN)
    assert "name resolution took 0.5 s of 1s; then no answer within 1s in phase processing" in slow.detail
    assert fast.reason == Reason.TIMEOUT


async def test_a_datagram_that_gets_lost_costs_a_second() -> None:
    seen_before: Counter[str] = Counter()

    def answer(question: dns.message.Message, _protocol: str) -> bytes | None:
        name = question.question[0].name.to_text()
        seen_before[name + str(question.question[0].rdtype)] += 1
        if seen_before[name + str(question.question[0].rdtype)] == 1:
            return None
        result = dns.message.make_response(question)
        if question.question[0].rdtype == dns.rdatatype.A:
            result.answer.append(dns.rrset.from_text(name, 60, "IN", "A", "127.0.0.1"))
        return result.to_wire()

    async with name_server(answer) as port, serving(Web({"*": response()})) as address:
        options = {"kind": "http", "url": f"http://lossy.test:{address.rpartition(':')[2]}/"}
        seen = await probe(options, servers=(HostPort("127.0.0.1", port),))
        direct = await probe({"kind": "dns", "name": "other.test", "server": f"127.0.0.1:{port}"})
    assert (seen.reason, direct.reason) == (Reason.OK, Reason.OK), seen.detail
    assert seen.phases["resolve"] < 1.6
    assert direct.duration < 1.6


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
@pytest.mark.parametrize("rcode", ["FORMERR", "NOTIMP", "BADVERS"])
async def test_a_name_server_without_edns_is_asked_again_without(rcode: str, protocol: str) -> None:
    def answer(question: dns.message.Message, _protocol: str) -> bytes:
        if question.edns >= 0:
            if rcode == "BADVERS":
                result = dns.message.make_response(question)
            else:  # an old one does not repeat the question either
                result = dns.message.Message(question.id)
                result.flags = dns.flags.from_text("QR")
            result.set_rcode(dns.rcode.from_text(rcode))
            return result.to_wire()
        result = dns.message.make_response(question)
        result.answer.append(dns.rrset.from_text(question.question[0].name, 60, "IN", "A", "127.0.0.1"))
        return result.to_wire()

    async with name_server(answer) as port:
        options = {"kind": "dns", "name": "app.test", "server": f"127.0.0.1:{port}", "protocol": protocol}
        seen = await probe(options)
    assert (seen.reason, seen.facts["answers"]) == (Reason.OK, ["127.0.0.1"]), seen.detail


async def test_a_name_server_that_drops_edns_is_asked_without() -> None:
    def answer(question: dns.message.Message, _protocol: str) -> bytes | None:
        if question.edns >= 0:
            return None
        result = dns.message.make_response(question)
        result.answer.append(dns.rrset.from_text(question.question[0].name, 60, "IN", "A", "127.0.0.1"))
        return result.to_wire()

    async with name_server(answer) as port:
        seen = await probe({"kind": "dns", "name": "app.test", "server": f"127.0.0.1:{port}"})
    assert seen.reason == Reason.OK, seen.detail


async def test_a_name_server_with_several_addresses_is_asked_at_the_one_that_answers() -> None:
    def answer(question: dns.message.Message, _protocol: str) -> bytes:
        name = question.question[0].name.to_text(omit_final_dot=True)
        result = dns.message.make_response(question)
        addresses = ["::1", "127.0.0.1"] if name == "ns.test" else ["127.0.0.1"]
        wanted = [a for a in addresses if (":" in a) == (question.question[0].rdtype == dns.rdatatype.AAAA)]
        if wanted:
            kind = dns.rdatatype.to_text(question.question[0].rdtype)
            result.answer.append(dns.rrset.from_text(question.question[0].name, 60, "IN", kind, *wanted))
        return result.to_wire()

    async with name_server(answer) as port:
        options = {"kind": "dns", "name": "app.test", "server": f"ns.test:{port}"}
        seen = await probe(options, servers=(HostPort("127.0.0.1", port),))
    assert (seen.reason, seen.facts["ip"]) == (Reason.OK, "127.0.0.1"), seen.detail
    assert seen.duration < 0.9
