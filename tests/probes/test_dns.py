"""Kind `dns` against name servers on loopback."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import dns.message
import psutil
import pytest
import trustme
from staging_exporter.core.model import Outcome, Reason
from staging_exporter.net.address import HostPort
from staging_exporter.net.dnswire import name_server as parse_server
from staging_exporter.probes.dns import Dns

from tests.support.dnsserver import Answerer, name_server, zone
from tests.support.probing import probe

ZONE = {
    ("api.staging.test", "A"): ["203.0.113.7", "203.0.113.8"],
    ("alias.test", "CNAME"): ["api.staging.test."],
    ("text.test", "TXT"): ['"v=spf1" " -all"'],
    ("mail.test", "MX"): ["10 Mail.Test."],
    ("loop.test", "CNAME"): ["loop.test."],
    ("big.test", "A"): [f"203.0.113.{n}" for n in range(200)],
}


@pytest.fixture(autouse=True)
async def everything_is_closed() -> AsyncIterator[None]:
    """The loop waits until all connections are closed: a TLS peer has a second to answer a close."""
    yield
    async with asyncio.timeout(3):
        while any(c.status in ("ESTABLISHED", "CLOSE_WAIT") for c in psutil.Process().net_connections()):
            await asyncio.sleep(0.005)


async def look_up(answer: Answerer, options: dict[str, Any], *, system: bool = False, timeout: float = 5.0) -> Any:
    async with name_server(answer) as port:
        target = {} if system else {"server": f"127.0.0.1:{port}"}
        servers = (HostPort("127.0.0.1", port),)
        return await probe({"kind": "dns", **target, **options}, timeout=timeout, servers=servers)


@pytest.mark.parametrize(
    ("options", "reason", "text"),
    [
        ({"name": "api.staging.test"}, Reason.OK, ""),
        ({"name": "api.staging.test", "protocol": "tcp"}, Reason.OK, ""),
        ({"name": "alias.test"}, Reason.OK, ""),
        ({"name": "big.test", "expect": {"min_answers": 200}}, Reason.OK, ""),
        ({"name": "api.staging.test", "expect": {"answers": ["203.0.113.8", "203.0.113.7"]}}, Reason.OK, ""),
        ({"name": "api.staging.test", "expect": {"answers": ["203.0.113.7"]}}, Reason.CONTENT, "203.0.113.8, expected"),
        ({"name": "api.staging.test", "expect": {"matches": r"\.8$"}}, Reason.OK, ""),
        ({"name": "api.staging.test", "expect": {"matches": "^10"}}, Reason.CONTENT, "expected one to match '^10'"),
        ({"name": "api.staging.test", "expect": {"min_answers": 3}}, Reason.CONTENT, "expected at least 3"),
        ({"name": "api.staging.test", "type": "aaaa"}, Reason.DNS, "api.staging.test has no AAAA record"),
        ({"name": "api.staging.test", "type": "AAAA", "expect": {"min_answers": 0}}, Reason.OK, ""),
        ({"name": "text.test", "type": "TXT", "expect": {"answers": ["v=spf1 -all"]}}, Reason.OK, ""),
        ({"name": "mail.test", "type": "MX", "expect": {"answers": ["10 mail.test"]}}, Reason.OK, ""),
        ({"name": "absent.test"}, Reason.DNS, "absent.test does not exist (NXDOMAIN)"),
        ({"name": "absent.test", "expect": {"rcode": "NXDOMAIN"}}, Reason.OK, ""),
        ({"name": "api.staging.test", "expect": {"rcode": "NXDOMAIN"}}, Reason.STATUS, "rcode NOERROR"),
        ({"name": "loop.test"}, Reason.DNS, "form a loop"),
    ],
)
async def test_the_answer_decides_the_reason(options: dict[str, Any], reason: Reason, text: str) -> None:
    seen = await look_up(zone(ZONE), options)
    assert (seen.reason, text in seen.detail) == (reason, True), seen.detail


async def test_a_slow_answer_is_degraded() -> None:
    def slow(question: dns.message.Message, protocol: str) -> bytes | None:
        time.sleep(0.02)
        return zone(ZONE)(question, protocol)

    seen = await look_up(slow, {"name": "alias.test", "degraded": {"slower_than": "10ms"}})
    assert (seen.outcome, seen.reason) == (Outcome.DEGRADED, Reason.SLOW)


async def test_a_run_records_facts_and_phases() -> None:
    seen = await look_up(zone(ZONE), {"name": "alias.test", "protocol": "tcp"})
    assert seen.facts["answers"] == ["203.0.113.7", "203.0.113.8"]
    assert (seen.facts["rcode"], seen.facts["answer_rrs"], seen.facts["ip"]) == ("NOERROR", 3, "127.0.0.1")
    assert set(seen.phases) == {"resolve", "connect", "query"}


async def test_a_truncated_answer_is_queried_again_over_tcp() -> None:
    seen = await look_up(zone(ZONE, truncate=True), {"name": "api.staging.test"})
    assert seen.reason == Reason.OK
    assert set(seen.phases) == {"resolve", "connect", "query"}


@pytest.mark.parametrize(
    ("name", "siblings", "detail"),
    [
        (
            "api-staging.test", "auto",
            "api-staging.test does not exist (NXDOMAIN), its sibling api.staging.test is 203.0.113.7, 203.0.113.8",
        ),
        ("api-staging.test", "none", "api-staging.test does not exist (NXDOMAIN)"),
        ("web-staging.test", "auto", "web-staging.test does not exist (NXDOMAIN)"),
    ],
)  # fmt: skip
async def test_siblings_that_resolve_are_named(name: str, siblings: str, detail: str) -> None:
    seen = await look_up(zone(ZONE), {"name": name, "siblings": siblings})
    assert (seen.reason, seen.detail) == (Reason.DNS, detail)


@pytest.mark.parametrize(
    ("rcode", "configured", "system"),
    [
        ("SERVFAIL", Reason.SERVER_ERROR, Reason.RESOLVER),
        ("REFUSED", Reason.DENIED, Reason.RESOLVER),
        ("NOTIMP", Reason.STATUS, Reason.RESOLVER),
        ("NXDOMAIN", Reason.DNS, Reason.DNS),
    ],
)
async def test_each_rcode_has_a_reason(rcode: str, configured: Reason, system: Reason) -> None:
    assert (await look_up(zone({}, rcode), {"name": "a.test"})).reason == configured
    assert (await look_up(zone({}, rcode), {"name": "a.test"}, system=True)).reason == system


def silence(_question: dns.message.Message, _protocol: str) -> bytes | None:
    return None


def wrong_id(question: dns.message.Message, protocol: str) -> bytes | None:
    wire = zone(ZONE)(question, protocol)
    assert wire is not None
    return bytes([wire[0] ^ 1]) + wire[1:]


def other_question(question: dns.message.Message, _protocol: str) -> bytes | None:
    other = dns.message.make_query("other.test", "A", id=question.id)
    return dns.message.make_response(other).to_wire()


PEERS: dict[str, tuple[Answerer, Reason]] = {
    "is silent": (silence, Reason.TIMEOUT),
    "has a wrong id": (wrong_id, Reason.PROTOCOL),
    "answers another question": (other_question, Reason.PROTOCOL),
    "echoes the question": (lambda question, _: question.to_wire(), Reason.PROTOCOL),
    "sends one byte": (lambda _question, _: b"\0", Reason.PROTOCOL),
    "sends garbage": (lambda _question, _: b"\xff" * 300, Reason.PROTOCOL),
    "compresses into itself": (
        lambda q, _: q.id.to_bytes(2, "big") + b"\x81\x80\0\1\0\1\0\0\0\0\xc0\x0c\0\1\0\1", Reason.PROTOCOL,
    ),
}  # fmt: skip


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
@pytest.mark.parametrize("name", PEERS)
async def test_a_hostile_server_gets_a_reason(name: str, protocol: str) -> None:
    answer, reason = PEERS[name]
    seen = await look_up(answer, {"name": "api.staging.test", "protocol": protocol}, timeout=1.0)
    assert seen.reason == reason, seen.detail
    assert seen.duration < 2.0


async def test_silence_of_the_systems_name_servers_is_unknown() -> None:
    seen = await look_up(silence, {"name": "api.staging.test"}, system=True, timeout=0.5)
    assert (seen.reason, "no answer" in seen.detail) == (Reason.RESOLVER, True)


async def test_the_second_server_of_the_system_is_asked_when_the_first_is_silent() -> None:
    async with name_server(silence) as first, name_server(zone(ZONE)) as second:
        servers = (HostPort("127.0.0.1", first), HostPort("127.0.0.1", second))
        seen = await probe({"kind": "dns", "name": "api.staging.test"}, timeout=1.0, servers=servers)
    assert seen.reason == Reason.OK, seen.detail


async def test_a_port_without_a_server_is_refused() -> None:
    async with name_server(silence) as port:
        pass
    for protocol in ("udp", "tcp"):
        options = {"kind": "dns", "name": "a.test", "server": f"127.0.0.1:{port}", "protocol": protocol}
        assert (await probe(options)).reason == Reason.REFUSED


@pytest.mark.parametrize(("server_name", "reason"), [("ns.test", Reason.OK), (None, Reason.TLS_NAME)])
async def test_queries_over_tls_record_the_certificate(tmp_path: Path, server_name: str | None, reason: Reason) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("ns.test").configure_cert(context)
    async with name_server(zone(ZONE), context) as port:
        tls = {"ca_file": str(tmp_path / "ca.pem"), "server_name": server_name}
        options = {"name": "api.staging.test", "server": f"127.0.0.1:{port}", "protocol": "tls", "tls": tls}
        seen = await probe({"kind": "dns", **options})
    assert seen.reason == reason, seen.detail
    assert seen.facts["tls_names"] == ["ns.test"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.2", HostPort("10.0.0.2", 53)),
        ("10.0.0.2:5353", HostPort("10.0.0.2", 5353)),
        ("::1", HostPort("::1", 53)),
        ("[::1]:5353", HostPort("::1", 5353)),
        ("ns1.example.com", HostPort("ns1.example.com", 53)),
    ],
)
def test_a_server_may_have_a_port(text: str, expected: HostPort) -> None:
    assert parse_server(text, 53) == expected
    assert Dns(kind="dns", name="a.test", server=text).hosts() == (expected.host,)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"name": "a..b"}, "cannot be asked for"),
        ({"name": "a.test", "type": "NOPE"}, "write it like A, AAAA"),
        ({"name": "a.test", "server": "a b"}, "is not an address"),
        ({"name": "a.test", "expect": {"rcode": "NOPE"}}, "write it like NOERROR"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        Dns.model_validate({"kind": "dns", **options})
