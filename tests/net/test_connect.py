"""A connection to a name with several addresses that fail in different ways."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from staging_exporter.core.model import Reason
from staging_exporter.net.address import HostPort
from staging_exporter.net.connect import open_socket
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.failures import classify
from staging_exporter.net.resolve import Resolver

from tests.support.dnsserver import name_server, zone
from tests.support.ports import free_port
from tests.support.probing import probe
from tests.support.web import Web, response, serving

UNREACHABLE = "2001:db8::1"  # for documentation, RFC 3849: nothing routes it


async def failure(aaaa: str, port: int) -> tuple[Reason, str]:
    """The reason and the detail when `host.test` has that IPv6 address beside 127.0.0.1."""
    async with name_server(zone({("host.test", "A"): ["127.0.0.1"], ("host.test", "AAAA"): [aaaa]})) as dns_port:
        context = ProbeContext(5.0, Resolver([HostPort("127.0.0.1", dns_port)]))
        with pytest.raises(OSError) as caught:
            await open_socket(context, HostPort("host.test", port))
    return classify(caught.value, context)


async def test_a_refusal_is_reported_although_the_other_family_has_no_route() -> None:
    port = free_port()
    detail = f"nothing listens at host.test:{port}: connection refused"
    assert await failure(UNREACHABLE, port) == (Reason.REFUSED, detail)


async def test_the_same_failure_of_all_addresses_is_reported_once() -> None:
    port = free_port()
    detail = f"nothing listens at host.test:{port}: connection refused"
    assert await failure("::1", port) == (Reason.REFUSED, detail)


async def test_the_family_that_connects_is_used_although_the_other_has_no_route() -> None:
    records = {("host.test", "A"): ["127.0.0.1"], ("host.test", "AAAA"): [UNREACHABLE]}
    async with name_server(zone(records)) as dns_port, serving(Web({"*": response(200)})) as address:
        context = ProbeContext(5.0, Resolver([HostPort("127.0.0.1", dns_port)]))
        sock = await open_socket(context, HostPort("host.test", int(address.rpartition(":")[2])))
        sock.close()
    assert context.facts["ip"] == "127.0.0.1"


async def test_a_unix_socket_with_a_full_backlog_is_a_timeout(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(0)
        with socket.socket(socket.AF_UNIX) as waiting:
            waiting.connect(path)
            seen = await probe({"kind": "tcp", "address": path}, timeout=0.4)
    assert (seen.reason, seen.detail) == (Reason.TIMEOUT, "no answer within 400ms in phase connect")
