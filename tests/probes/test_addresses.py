"""Several addresses of one name: each family, every address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import ValidationError
from staging_exporter.core.model import Observation, Outcome, Reason
from staging_exporter.net.address import HostPort
from staging_exporter.probes import load

from tests.support.dnsserver import name_server, zone
from tests.support.probing import probe
from tests.support.web import read_request, response


@asynccontextmanager
async def answering(statuses: dict[str, int]) -> AsyncIterator[int]:
    """Servers on one port of several addresses of this machine, each with a status of its own."""
    port = 0
    servers = []
    for address, status in statuses.items():

        async def handler(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wire: bytes = response(status)
        ) -> None:
            await read_request(reader)
            writer.write(wire)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(handler, address, port)
        port = server.sockets[0].getsockname()[1]
        servers.append(server)
    try:
        yield port
    finally:
        for server in servers:
            server.close()


async def asked(statuses: dict[str, int], *, listed: tuple[str, ...] = (), **options: Any) -> Observation:
    names = (*statuses, *listed)
    records = {
        ("app.test", "A"): [name for name in names if ":" not in name],
        ("app.test", "AAAA"): [name for name in names if ":" in name],
    }
    async with answering(statuses) as port, name_server(zone({k: v for k, v in records.items() if v})) as dns_port:
        servers = (HostPort("127.0.0.1", dns_port),)
        return await probe({"kind": "http", "url": f"http://app.test:{port}/", **options}, servers=servers)


async def test_every_address_must_pass() -> None:
    fine = await asked({"127.0.0.1": 200, "127.0.0.2": 200, "127.0.0.3": 200}, resolve="all")
    assert fine.reason == Reason.OK
    assert set(fine.facts["addresses"].values()) == {"ok"}
    assert len(fine.facts["addresses"]) == 3
    bad = await asked({"127.0.0.1": 200, "127.0.0.2": 503, "127.0.0.3": 200}, resolve="all")
    assert (bad.outcome, bad.reason) == (Outcome.FAIL, Reason.SERVER_ERROR)
    assert bad.detail.startswith("127.0.0.2: status 503, expected 2xx")
    assert bad.detail.endswith("; 2 of 3 addresses passed")
    assert bad.facts["addresses"]["127.0.0.2"] == "server_error"
    assert (bad.facts["ip"], bad.facts["status"]) == ("127.0.0.2", 503)


async def test_one_address_that_does_not_listen_fails_it() -> None:
    seen = await asked({"127.0.0.1": 200}, listed=("127.0.0.9",), resolve="all")
    assert (seen.reason, seen.facts["addresses"]["127.0.0.1"]) == (Reason.REFUSED, "ok")
    assert (await asked({"127.0.0.1": 200}, listed=("127.0.0.9",))).reason == Reason.OK


async def test_a_degraded_address_degrades_it_and_a_failing_one_wins() -> None:
    degraded = {"degraded": {"status": [206]}, "resolve": "all"}
    seen = await asked({"127.0.0.1": 200, "127.0.0.2": 206}, **degraded)
    assert (seen.outcome, seen.reason) == (Outcome.DEGRADED, Reason.CONTENT)
    seen = await asked({"127.0.0.1": 206, "127.0.0.2": 500}, **degraded)
    assert (seen.outcome, seen.reason) == (Outcome.FAIL, Reason.SERVER_ERROR)


async def test_both_families_must_pass() -> None:
    fine = await asked({"127.0.0.1": 200, "::1": 200}, ip_family="both")
    assert (fine.reason, set(fine.facts["addresses"])) == (Reason.OK, {"127.0.0.1", "::1"})
    bad = await asked({"127.0.0.1": 200, "::1": 500}, ip_family="both")
    assert (bad.reason, bad.detail.startswith("::1: status 500")) == (Reason.SERVER_ERROR, True)
    refused = await asked({"127.0.0.1": 200}, listed=("::1",), ip_family="both")
    assert refused.reason == Reason.REFUSED
    missing = await asked({"127.0.0.1": 200}, ip_family="both")
    assert (missing.reason, "has no IPv6 address" in missing.detail) == (Reason.DNS, True)


async def test_all_takes_the_families_that_there_are() -> None:
    assert (await asked({"127.0.0.1": 200}, resolve="all")).reason == Reason.OK
    assert (await asked({"127.0.0.1": 200, "::1": 500}, resolve="all", ip_family=4)).reason == Reason.OK


async def test_an_address_without_an_answer_does_not_hide_the_others() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with answering({"127.0.0.1": 200}) as port:
        server = await asyncio.start_server(silent, "127.0.0.2", port)
        async with name_server(zone({("app.test", "A"): ["127.0.0.1", "127.0.0.2"]})) as dns_port:
            options = {"kind": "http", "url": f"http://app.test:{port}/", "resolve": "all"}
            seen = await probe(options, servers=(HostPort("127.0.0.1", dns_port),), timeout=1.0)
        server.close()
    assert (seen.reason, seen.facts["addresses"]) == (Reason.TIMEOUT, {"127.0.0.1": "ok", "127.0.0.2": "timeout"})
    assert seen.detail.endswith("; 1 of 2 addresses passed")


@pytest.mark.parametrize("options", [{"ip_family": "both"}, {"resolve": "all"}])
def test_several_addresses_exclude_a_proxy_and_count_twice(options: dict[str, Any]) -> None:
    check = {"kind": "http", "url": "http://a.test/", **options}
    assert load("http").model_validate(check).hosts() == ("a.test", "a.test")
    with pytest.raises(ValidationError, match="work without a proxy"):
        load("http").model_validate({**check, "proxy": "http://p.test"})
