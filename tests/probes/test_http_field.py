"""What servers and proxies in the field send, and what every other client accepts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError
from staging_exporter.core.model import Observation, Outcome, Reason
from staging_exporter.net.address import HostPort
from staging_exporter.net.cookies import Cookies
from staging_exporter.net.url import parse_url
from staging_exporter.options.no_proxy import bypasses, check_entry
from staging_exporter.probes import load

from tests.support.peers import hanging_up, silent
from tests.support.probing import probe
from tests.support.web import Seen, read_request, response, serving

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nwelcome"


async def asked(answer: Callable[[Seen], bytes], path: str = "/", **options: Any) -> Observation:
    """One run against a server that answers each request and hangs up."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(await read_request(reader)))
        await writer.drain()

    async with serving(handler) as address:
        return await probe({"kind": "http", "url": f"http://{address}{path}", **options}, timeout=2.0)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LENIENT = {
    "white space before a colon": (b"HTTP/1.1 200 OK\r\nX-Powered-By : legacy\r\nContent-Length: 7\r\n\r\nwelcome", 1),
    "of the length too": (b"HTTP/1.1 200 OK\r\nContent-Length : 7\r\n\r\nwelcome and more", 1),
    "a name that is no token": (b"HTTP/1.1 200 OK\r\nX-Build(id): 7\r\nContent-Length: 7\r\n\r\nwelcome", 1),
    "a line without a colon": (b"HTTP/1.1 200 OK\r\nWarning\r\nContent-Length: 7\r\n\r\nwelcome", 1),
    "a control character": (b"HTTP/1.1 200 OK\r\nX-Note: a\x0bb\r\nContent-Length: 7\r\n\r\nwelcome", 1),
    "identity": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 7\r\n\r\nwelcome", 1),
    "identity to the end": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nwelcome", 1),
    "chunked twice": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: Chunked\r\n\r\n7\r\nwelcome\r\n0\r\n\r\n",
        1,
    ),
    "chunked, chunked": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n7\r\nwelcome\r\n0\r\n\r\n",
        1,
    ),
    "a lower-case status line": (b"http/1.1 200 ok\r\nContent-Length: 7\r\n\r\nwelcome", 1),
    "two spaces": (b"HTTP/1.1  200  OK\r\nContent-Length: 7\r\n\r\nwelcome", 1),
    "equal lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nContent-Length: 7\r\n\r\nwelcome", 1),
    "equal lengths in one": (b"HTTP/1.1 200 OK\r\nContent-Length: 7, 7\r\n\r\nwelcome", 1),
    "a length beside chunks": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nwelcome\r\n0\r\n\r\n",
        1,
    ),
    "after early hints": (
        b"HTTP/1.1 103 Early Hints\r\nLink : </a.css>\r\n\r\nhttp/1.1 200 ok\r\nContent-Length: 7\r\n\r\nwelcome",
        2,
    ),
    "an empty line first": (b"\r\n" + OK, 0),
    "line feeds alone": (b"HTTP/1.1 200 OK\nContent-Length: 7\n\nwelcome", 0),
    "a continued line": (b"HTTP/1.1 200 OK\r\nX-Long: a\r\n\tb\r\nContent-Length: 7\r\n\r\nwelcome", 0),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 7\r\n\r\nwelcome", 0),
    "HTTP/1.0 to the end": (b"HTTP/1.0 200 OK\r\n\r\nwelcome", 0),
    "chunk lines that end with LF": (CHUNKED + b"3\nwel\n4\ncome\n0\n\n", 1),
    "sizes that end with LF": (CHUNKED + b"3\nwel\r\n4 ;a=b\ncome\r\n0\r\n\r\n", 1),
    "data that end with LF": (CHUNKED + b"3\r\nwel\n4\r\ncome\n0\r\n\r\n", 1),
    "a last line that ends with LF": (CHUNKED + b"7\r\nwelcome\r\n0\r\n\n", 1),
    "trailers that end with LF": (CHUNKED + b"7\r\nwelcome\r\n0\r\nX-Sum: 1\nX-End: 2\n\n", 1),
    "an extension longer than any": (CHUNKED + b"7;" + b"x" * 500 + b"\nwelcome\r\n0\r\n\r\n", 1),
    "nothing wrong with chunks": (CHUNKED + b"3;a\r\nwel\r\n4\r\ncome\r\n0\r\nX-Sum: 1\r\n\r\n", 0),
    "nothing wrong": (OK, 0),
}


@pytest.mark.parametrize("pieces", [1, 1000])
@pytest.mark.parametrize("case", LENIENT)
async def test_what_every_client_accepts_passes_and_is_noted(case: str, pieces: int) -> None:
    wire, notes = LENIENT[case]

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        size = -(-len(wire) // pieces)
        for begin in range(0, len(wire), size):
            writer.write(wire[begin : begin + size])
            await writer.drain()
            await asyncio.sleep(0)

    async with serving(handler) as address:
        options = {"kind": "http", "url": f"http://{address}/", "expect": {"body": {"matches": "^welcome$"}}}
        seen = await probe(options, timeout=2.0)
    assert seen.reason == Reason.OK, seen.detail
    assert len(seen.facts.get("http_violations", [])) == notes


STRICT = {
    "lengths that differ": b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nContent-Length: 8\r\n\r\nwelcome",
    "lengths that differ in one": b"HTTP/1.1 200 OK\r\nContent-Length: 7, 8\r\n\r\nwelcome",
    "a length with a sign": b"HTTP/1.1 200 OK\r\nContent-Length: +7\r\n\r\nwelcome",
    "an unknown coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\nwelcome",
    "a NUL byte": b"HTTP/1.1 200 OK\r\nX-Note: a\x00b\r\nContent-Length: 7\r\n\r\nwelcome",
    "a chunk without an end": CHUNKED + b"7\nwelcome0\n\n",
    "a chunk longer than its size": CHUNKED + b"3\r\nwelcome\r\n0\r\n\r\n",
    "a size that ends with CR": CHUNKED + b"7\rwelcome\r\n0\r\n\r\n",
    "a size with a sign": CHUNKED + b"+7\nwelcome\n0\n\n",
    "a size of another base": CHUNKED + b"0x7\nwelcome\n0\n\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "a status that is none": b"HTTP/1.1 OK\r\n\r\nwelcome",
}


@pytest.mark.parametrize("case", STRICT)
async def test_what_leaves_the_response_open_is_refused(case: str) -> None:
    assert (await asked(lambda _: STRICT[case])).reason == Reason.PROTOCOL


def logging_in(request: Seen) -> bytes:
    if "session=abc" in request.headers.get("cookie", ""):
        return OK
    return response(302, headers={"Set-Cookie": "session=abc; Path=/; HttpOnly", "Location": request.target})


async def test_cookies_are_kept_within_a_run() -> None:
    seen = await asked(logging_in, "/cookie")
    assert (seen.reason, seen.facts["redirects"]) == (Reason.OK, 1)
    own = await asked(logging_in, "/cookie", headers={"Cookie": "theme=dark; session=old"})
    assert own.reason == Reason.OK
    without = await asked(logging_in, "/cookie", cookies=False)
    assert "redirected more than 10 times" in without.detail


COOKIES = {
    "the same host, another port": ("s=1", "http://127.0.0.1:1/", "http://127.0.0.1:2/", True),
    "another host": ("s=1", "http://a.test/", "http://b.test/", False),
    "a subdomain, without a domain": ("s=1", "http://a.test/", "http://b.a.test/", False),
    "a subdomain, with a domain": ("s=1; Domain=a.test", "http://a.test/", "http://b.a.test/", True),
    "a domain of the parent": ("s=1; Domain=.a.test", "http://x.y.a.test/", "http://a.test/", True),
    "a domain of somebody else": ("s=1; Domain=b.test", "http://a.test/", "http://b.test/", False),
    "a domain of everybody": ("s=1; Domain=test", "http://a.test/", "http://a.test/", False),
    "a domain of one label": ("s=1; Domain=app", "http://app:8/", "http://app:8/", True),
    "secure over http": ("s=1; Secure", "https://a.test/", "http://a.test/", False),
    "secure over https": ("s=1; Secure", "https://a.test/", "https://a.test/", True),
    "expired": ("s=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "http://a.test/", "http://a.test/", False),
    "max-age before expires": (
        "s=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "http://a.test/",
        "http://a.test/",
        True,
    ),
    "removed": ("s=1; Max-Age=0", "http://a.test/", "http://a.test/", False),
    "another path": ("s=1; Path=/x", "http://a.test/x", "http://a.test/xy", False),
    "below the path": ("s=1; Path=/x", "http://a.test/", "http://a.test/x/y", True),
    "the folder of the page": ("s=1", "http://a.test/a/b", "http://a.test/a/c", True),
    "outside of it": ("s=1", "http://a.test/a/b", "http://a.test/c", False),
    "an internationalised name": (
        "s=1; Domain=xn--strae-oqa.test",
        "http://a.straße.test/",
        "http://straße.test/",
        True,
    ),
}


@pytest.mark.parametrize("case", COOKIES)
def test_a_cookie_goes_where_it_may(case: str) -> None:
    value, origin, target, sent = COOKIES[case]
    jar = Cookies()
    jar.take(parse_url(origin, ("http", "https")), [("set-cookie", value)])
    assert jar.header(parse_url(target, ("http", "https"))) == ("s=1" if sent else None)


def test_a_configured_cookie_gives_way_to_a_newer_one() -> None:
    url, jar = parse_url("http://a.test/", ("http",)), Cookies()
    assert jar.header(url, "a=1; b=2") == "a=1; b=2"
    jar.take(url, [("set-cookie", "b=3"), ("x", "c=4")])
    assert jar.header(url, "a=1; b=2") == "a=1; b=3"


LOCATIONS = {
    "raw UTF-8": ("/café/santé?q=é".encode(), "/caf%C3%A9/sant%C3%A9?q=%C3%A9"),
    "raw Latin-1": ("/café".encode("latin-1"), "/caf%E9"),
    "encoded": (b"/caf%C3%A9?a=b%20c", "/caf%C3%A9?a=b%20c"),
    "credentials": (b"http://user:pw@ADDRESS/x", "/x"),
    "spaces": (b" /a b ", "/a%20b"),
    "a fragment": (b"/a#b", "/a"),
}


@pytest.mark.parametrize("case", LOCATIONS)
async def test_the_bytes_of_a_location_are_kept(case: str) -> None:
    sent, target = LOCATIONS[case]

    def answer(request: Seen) -> bytes:
        if request.target == target:
            return OK
        if request.target != "/start":
            return response(404, request.target.encode())
        location = sent.replace(b"ADDRESS", request.headers["host"].encode())
        return b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"

    seen = await asked(answer, "/start")
    assert seen.reason == Reason.OK, seen.detail


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
async def test_a_header_is_read_as_it_was_written(encoding: str) -> None:
    wire = "HTTP/1.1 200 OK\r\nX-City: Zürich\r\nContent-Length: 0\r\n\r\n".encode(encoding)
    seen = await asked(lambda _: wire, expect={"header": {"X-City": "^Zürich$"}})
    assert seen.reason == Reason.OK, seen.detail


async def test_the_detail_says_that_credentials_were_left_out() -> None:
    async def second(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(response(401))

    async with serving(second) as other:
        moved = response(302, headers={"Location": f"http://{other}/"})
        seen = await asked(lambda _: moved, headers={"Cookie": "a=1"})
    assert seen.reason == Reason.DENIED
    assert f"the credentials were left out, since http://{other}/ is another origin" in seen.detail


PROXIES = {
    "hangs up": (hanging_up, Reason.CLOSED),
    "silent": (silent, Reason.TIMEOUT),
    "wants credentials": (
        b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=corp\r\nContent-Length: 0\r\n\r\n",
        Reason.DENIED,
    ),
    "cannot reach the target": (
        b"HTTP/1.1 503 Service Unavailable\r\nX-Squid-Error: ERR_DNS_FAIL 0\r\nContent-Length: 0\r\n\r\n",
        Reason.SERVER_ERROR,
    ),
    "refuses": (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\n\r\nblocked", Reason.DENIED),
    "garbage": (b"garbage\r\n\r\n", Reason.PROTOCOL),
}


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("case", PROXIES)
async def test_a_proxy_at_fault_is_named(case: str, scheme: str) -> None:
    peer, reason = PROXIES[case]

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if callable(peer):
            await peer(reader, writer)
        else:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(peer)
            await writer.drain()

    async with serving(handler) as address:
        options = {"kind": "http", "url": f"{scheme}://backend.test/", "proxy": f"http://{address}"}
        seen = await probe(options, timeout=1.5 if case == "silent" else 5.0)
    assert seen.reason == reason, seen.detail
    if case == "refuses" and scheme == "http":  # it may be the target's own refusal
        assert seen.detail.endswith(f"; through the proxy {address}")
    else:
        assert seen.detail.startswith(f"proxy {address}: ")


NO_PROXY: list[tuple[str, str, bool]] = [
    ("127.0.0.0/8", "127.0.0.1:80", True),
    ("127.0.0.0/8", "128.0.0.1:80", False),
    ("127.0.0.0/8", "localhost:80", False),
    ("10.1.2.3/8", "10.9.9.9:80", True),
    ("fd00::/8", "[fd00::1]:80", True),
    ("::1", "[::1]:80", True),
    ("[::1]", "[::1]:80", True),
    ("[::1]:81", "[::1]:80", False),
    ("127.0.0.1", "127.0.0.1:80", True),
    ("127.0.0.1:81", "127.0.0.1:80", False),
    ("127.0.0.1:80", "127.0.0.1:80", True),
    ("example.com", "example.com:80", True),
    ("example.com", "a.example.com:80", True),
    ("example.com", "badexample.com:80", False),
    ("Example.COM", "EXAMPLE.com.:80", True),
    (".example.com", "a.example.com:80", True),
    ("*.example.com", "a.b.example.com:80", True),
    ("*.example.com", "example.com:80", False),
    (".svc", "app.ns.svc:80", True),
    ("*.localhost:8443", "a.localhost:8443", True),
    ("*.localhost:8443", "a.localhost:80", False),
    ("host:8443", "host:8443", True),
    ("straße.test", "a.straße.test:80", True),
    ("*", "anything.test:80", True),
]


@pytest.mark.parametrize(("entry", "address", "direct"), NO_PROXY)
def test_an_exception_of_a_proxy_has_its_effect(entry: str, address: str, direct: bool) -> None:
    host, _, port = address.rpartition(":")
    assert bypasses([entry], HostPort(host.strip("[]"), int(port))) is direct


@pytest.mark.parametrize(
    "entry", ["", "127.*", "10.0.", "*example.com", "http://a.test", "a b", "10.0.0.0/33", "a.test/8"]
)
def test_an_exception_without_effect_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="is no host that a proxy can leave out"):
        check_entry(entry)
    with pytest.raises(ValidationError, match="is no host that a proxy can leave out"):
        load("http").model_validate(
            {"kind": "http", "url": "http://a.test/", "proxy": {"url": "http://p.test", "no_proxy": [entry]}}
        )


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("scheme", ["socks5h", "socks5", "SOCKS4", "https"])
async def test_a_proxy_of_another_protocol_is_refused_in_words(
    name: str, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    received: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read(100))

    async with serving(handler) as address:
        monkeypatch.setenv(name, f"{scheme}://user:geheim@{address}")
        seen = await probe({"kind": "http", "url": "http://backend.test/", "proxy": "environment"}, timeout=1.0)
    assert (seen.reason, seen.outcome, received) == (Reason.PROBE_ERROR, Outcome.UNKNOWN, [])
    assert f"{scheme}://{address}, which is not supported" in seen.detail
    assert "geheim" not in seen.detail


@pytest.mark.parametrize(("no_proxy", "direct"), [("127.0.0.0/8,.svc", True), ("10.0.0.0/8 127.*", False)])
async def test_the_exceptions_of_the_environment_have_their_effect(
    no_proxy: str, direct: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(hanging_up) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://{proxy}")
        monkeypatch.setenv("NO_PROXY", no_proxy)
        seen = await asked(lambda _: OK, proxy="environment")
    assert (seen.reason == Reason.OK) is direct
    assert direct or "NO_PROXY has entries that are not understood: 127.*" in seen.detail
