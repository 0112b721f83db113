"""One form of a host name for DNS, TLS and HTTP."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import dns.message
import pytest
import trustme
from staging_exporter.core.model import Reason
from staging_exporter.net.address import HostPort
from staging_exporter.net.names import ascii_name, tls_name

from tests.support.dnsserver import name_server
from tests.support.probing import probe
from tests.support.web import read_request, response, serving

NAMES = {
    "straße.test": "xn--strae-oqa.test",
    "FAẞ.de": "xn--fa-hia.de",
    "Bücher.Example.": "xn--bcher-kva.example.",
    "日本語。jp": "xn--wgv71a119e.jp",
    "a_b.straße.test": "a_b.xn--strae-oqa.test",
    "_dmarc.Example.com": "_dmarc.example.com",
    "☃.net": "xn--n3h.net",
    "xn--strae-oqa.test": "xn--strae-oqa.test",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_has_one_form(name: str) -> None:
    assert ascii_name(name) == NAMES[name]


@pytest.mark.parametrize("name", ["a\u200db.test", "\u00adü\ud800.test"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a host name"):
        ascii_name(name)


def test_a_dot_at_the_end_is_for_the_resolver_alone() -> None:
    assert tls_name("App.test.") == "app.test"


@pytest.mark.parametrize("name", ["straße.test", "STRASSE.test", "☃.test"])
async def test_every_kind_asks_for_the_same_name(name: str) -> None:
    asked: list[str] = []

    def answer(question: dns.message.Message, _protocol: str) -> bytes:
        asked.append(question.question[0].name.to_text(omit_final_dot=True))
        result = dns.message.make_response(question)
        result.answer.append(dns.rrset.from_text(question.question[0].name, 60, "IN", "A", "127.0.0.1"))
        return result.to_wire()

    hosts: list[str] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hosts.append((await read_request(reader)).headers["host"].partition(":")[0])
        writer.write(response(body=b"ok"))
        await writer.drain()

    async with name_server(answer) as server, serving(handler) as address:
        port = address.rpartition(":")[2]
        checks: list[dict[str, Any]] = [
            {"kind": "http", "url": f"http://{name}:{port}/", "ip_family": 4},
            {"kind": "domain", "name": name, "scheme": "http", "port": int(port), "siblings": "none"},
            {"kind": "dns", "name": name, "server": f"127.0.0.1:{server}"},
            {"kind": "tcp", "address": f"{name}:{port}", "ip_family": 4},
        ]
        for check in checks:
            assert (await probe(check, servers=(HostPort("127.0.0.1", server),))).reason == Reason.OK, check
    assert len(set(asked)) == 1
    assert set(hosts) == set(asked) == {ascii_name(name)}


@pytest.mark.parametrize("option", ["host", "server_name"])
@pytest.mark.parametrize("kind", ["http", "tls", "tcp", "postgres"])
async def test_the_dot_is_neither_sent_nor_verified_in_tls(kind: str, option: str, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("app.localhost").configure_cert(context)
    sent: list[str | None] = []
    context.sni_callback = lambda _session, name, _context: sent.append(name)  # type: ignore[assignment]

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if kind == "postgres":
            await reader.readexactly(8)
            writer.write(b"S")
            await writer.start_tls(context)
        if kind == "http":
            await read_request(reader)
            writer.write(response(body=b"ok"))
        await reader.read()

    host = "app.localhost." if option == "host" else "127.0.0.1"
    async with serving(handler, None if kind == "postgres" else context) as address:
        port = int(address.rpartition(":")[2])
        options: dict[str, Any] = {
            "http": {"url": f"https://{host}:{port}/"},
            "tls": {"address": f"{host}:{port}"},
            "tcp": {"address": f"{host}:{port}"},
            "postgres": {"host": host, "port": port, "database": "d", "user": "u"},
        }[kind]
        tls = {"ca_file": str(tmp_path / "ca.pem")} | ({"server_name": "App.localhost."} if option != "host" else {})
        seen = await probe({"kind": kind, "tls": tls, **options}, timeout=2.0)
    assert set(sent) == {"app.localhost"}
    assert seen.facts["tls_verified"] is True
    assert kind == "postgres" or seen.reason == Reason.OK
