"""Kind `domain`: names from a name server on loopback, and services that name themselves."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from staging_exporter.core.model import Observation, Outcome, Reason
from staging_exporter.net.address import HostPort
from staging_exporter.probes import load

from tests.support.dnsserver import Answerer, Zone, name_server, zone
from tests.support.probing import probe
from tests.support.web import Handler, Seen, Web, ca_file, response, server_tls, serving

DASH, DOT = "api-staging.example.com", "api.staging.example.com"
OURS = b'{"service": "netra-ai-platform", "status": "healthy"}'
IDENTITY = {"json": {"service": "netra-ai-platform"}}


def resolving(*names: str) -> Zone:
    return {(name, "A"): ["127.0.0.1"] for name in names}


def by_host(**answers: bytes) -> Web:
    """Answers by the first label of the requested host."""

    def answer(request: Seen) -> bytes:
        return answers.get(request.headers["host"].split(".")[0].replace("-", "_"), response(404))

    return Web({"*": answer})


async def asked(
    zone_or_answerer: Zone | Answerer, web: Web, options: dict[str, Any] | None = None, timeout: float = 5.0
) -> Observation:
    answerer = zone(zone_or_answerer) if isinstance(zone_or_answerer, dict) else zone_or_answerer
    async with serving(web) as address, name_server(answerer) as port:
        check = {"kind": "domain", "name": DASH, "scheme": "http", "port": int(address.split(":")[1])}
        check |= {"identity": IDENTITY} if options is None else options
        return await probe(check, servers=(HostPort("127.0.0.1", port),), timeout=timeout)


async def test_the_detail_names_the_sibling_that_works() -> None:
    seen = await asked(resolving(DOT), by_host(api=response(200, OURS)))
    assert (seen.outcome, seen.reason) == (Outcome.FAIL, Reason.DNS)
    assert seen.detail == f"{DASH} does not resolve, its sibling {DOT} reaches netra-ai-platform"
    assert seen.facts["siblings"] == {DOT: "netra-ai-platform"}
    assert seen.facts["names"] == {
        DASH: {"error": f"{DASH} does not exist (NXDOMAIN)"},
        DOT: {"answers": "netra-ai-platform", "address": "127.0.0.1", "status": 200},
    }


async def test_a_name_that_reaches_its_service() -> None:
    seen = await asked(resolving(DASH), by_host(api_staging=response(200, OURS)))
    assert (seen.outcome, seen.detail) == (Outcome.PASS, "")
    assert "siblings" not in seen.facts
    assert seen.facts["names"][DOT] == {"error": f"{DOT} does not exist (NXDOMAIN)"}
    assert set(seen.phases) == {"resolve", "connect", "processing", "transfer"}


async def test_no_siblings_are_reported_when_the_name_works() -> None:
    both = by_host(api=response(200, OURS), api_staging=response(200, OURS))
    seen = await asked(resolving(DASH, DOT), both)
    assert seen.outcome == Outcome.PASS
    assert "siblings" not in seen.facts
    assert {name: about["answers"] for name, about in seen.facts["names"].items()} == dict.fromkeys(
        (DASH, DOT), "netra-ai-platform"
    )


async def test_another_service_answers_under_the_name() -> None:
    web = by_host(api=response(200, OURS), api_staging=response(200, b'{"service": "parking"}'))
    seen = await asked(resolving(DASH, DOT), web)
    assert seen.reason == Reason.IDENTITY
    assert seen.detail.startswith('json service is "parking", expected "netra-ai-platform"')
    assert seen.detail.endswith(f", its sibling {DOT} reaches netra-ai-platform")
    assert seen.facts["names"][DASH]["answers"] == "parking"


async def test_a_sibling_that_reaches_something_else_is_not_named() -> None:
    seen = await asked(resolving(DOT), by_host(api=response(200, b'{"service": "parking"}')))
    assert seen.detail == f"{DASH} does not resolve"
    assert "siblings" not in seen.facts
    assert seen.facts["names"][DOT]["answers"] == "parking"


@pytest.mark.parametrize("siblings", ["none", ["www.shop.test"]])
async def test_siblings_can_be_chosen(siblings: str | list[str]) -> None:
    web = by_host(api=response(200, OURS), www=response(200, OURS))
    options = {"identity": IDENTITY, "siblings": siblings}
    seen = await asked(resolving(DOT, "www.shop.test"), web, options)
    named = ", its sibling www.shop.test reaches netra-ai-platform" if siblings != "none" else ""
    assert seen.detail == f"{DASH} does not resolve{named}"


async def test_the_error_of_a_sibling_is_recorded_in_words() -> None:
    both = {(DASH, "A"): ["127.0.0.1"], (DOT, "A"): ["127.0.0.2"]}
    seen = await asked(both, by_host(api_staging=response(200, OURS)))
    assert seen.facts["names"][DOT] == {"error": "connection refused"}


@pytest.mark.parametrize(
    ("answer", "who"),
    [
        (response(200, b"hi", {"Server": "nginx"}), "nginx"),
        (response(204), "status 204"),
        (response(200, b'{"service": 7}', {"Server": "x"}), "x"),
    ],
)
async def test_a_service_without_identity_is_named_by_its_server_header(answer: bytes, who: str) -> None:
    seen = await asked(resolving(DOT), by_host(api=answer), {})
    assert seen.facts["siblings"] == {DOT: who}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"expect": {"status": 204}}, Reason.STATUS),
        ({"expect": {"json": {"status": "healthy"}}}, Reason.OK),
        ({"expect": {"json": {"status": "ill"}}}, Reason.CONTENT),
        ({"expect": {"body": {"matches": "netra"}}}, Reason.OK),
        ({"expect": {"body": {"matches": "parking"}}}, Reason.CONTENT),
        ({"expect": {"body": {"not_matches": "netra"}}}, Reason.CONTENT),
        ({"identity": {"body": {"matches": "parking"}}}, Reason.IDENTITY),
        ({"identity": {"body": {"not_matches": "netra"}}}, Reason.IDENTITY),
        ({"identity": {"header": {"Server": "nginx"}}}, Reason.IDENTITY),
        ({"expect": {"header": {"X-A": "b"}}}, Reason.CONTENT),
        ({"expect": {"final_host": "^www"}}, Reason.IDENTITY),
        ({"url_path": "/elsewhere"}, Reason.STATUS),
    ],
)
async def test_expected_content_decides_the_reason(options: dict[str, Any], reason: Reason) -> None:
    web = Web({"/": response(200, OURS)})
    assert (await asked(resolving(DASH), web, options)).reason == reason


async def test_a_body_that_is_cut_short_is_closed() -> None:
    web = Web({"*": b"HTTP/1.1 200 X\r\nContent-Length: 90\r\n\r\nabc"})
    assert (await asked(resolving(DASH), web, {})).reason == Reason.CLOSED


async def test_the_names_of_the_certificate_are_recorded(tmp_path: Path) -> None:
    web = by_host(api=response(200, OURS), api_staging=response(200, OURS))
    async with serving(web, server_tls(DOT)) as address, name_server(zone(resolving(DASH, DOT))) as port:
        check = {"kind": "domain", "name": DASH, "port": int(address.split(":")[1]), "identity": IDENTITY}
        seen = await probe(check | {"tls": {"ca_file": ca_file(tmp_path)}}, servers=(HostPort("127.0.0.1", port),))
    assert seen.reason == Reason.TLS_NAME
    assert seen.detail.endswith(f", its sibling {DOT} reaches netra-ai-platform")
    assert seen.facts["names"][DASH]["certificate"] == [DOT]


def silent_for(host: str) -> Handler:
    """A server that answers for all names except that one."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if f"Host: {host}".encode() in await reader.readuntil(b"\r\n\r\n"):
            await reader.read()
        writer.write(response(200, OURS))
        await writer.drain()
        writer.close()

    return answer


async def test_a_silent_name_still_reports_its_sibling() -> None:
    async with serving(silent_for(DASH)) as address, name_server(zone(resolving(DASH, DOT))) as port:
        check = {"kind": "domain", "name": DASH, "scheme": "http", "port": int(address.split(":")[1])}
        seen = await probe(check, servers=(HostPort("127.0.0.1", port),), timeout=1.0)
    assert seen.reason == Reason.TIMEOUT
    assert seen.detail == f"no answer within 1s in phase processing, its sibling {DOT} reaches status 200"


async def test_a_silent_sibling_does_not_delay_a_name_that_works() -> None:
    async with serving(silent_for(DOT)) as address, name_server(zone(resolving(DASH, DOT))) as port:
        check = {"kind": "domain", "name": DASH, "scheme": "http", "port": int(address.split(":")[1])}
        seen = await probe(check, servers=(HostPort("127.0.0.1", port),), timeout=5)
    assert seen.outcome == Outcome.PASS
    assert seen.duration < 1.0


async def test_a_broken_name_server_is_unknown() -> None:
    assert (await asked(zone({}, rcode="SERVFAIL"), Web({}))).reason == Reason.RESOLVER


@pytest.mark.parametrize(
    "options",
    [
        {"name": "localhost"},
        {"name": "a b.test"},
        {"name": "https://a.test"},
        {"url_path": "health"},
        {"siblings": ["a/b.test"]},
        {"siblings": "some"},
        {"port": 0},
        {"scheme": "ftp"},
    ],
)
def test_bad_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        load("domain").model_validate({"kind": "domain", "name": "a.test", **options})


def test_hosts_include_siblings_and_names_do_not() -> None:
    check = load("domain").model_validate({"kind": "domain", "name": DASH})
    assert check.hosts() == (DASH, DOT)
    assert check.names() == (DASH,)
