"""Kind `http`: redirects, TLS, proxies, tokens, address families."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from pydantic import ValidationError
from staging_exporter.core.model import Observation, Outcome, Reason
from staging_exporter.engine.prober import Prober
from staging_exporter.net.address import HostPort
from staging_exporter.net.url import parse_url
from staging_exporter.probes import kinds, load

from tests.support.probing import probe
from tests.support.web import (
    Answer,
    Seen,
    Web,
    authority,
    ca_file,
    read_request,
    response,
    server_tls,
    serving,
)


def to(location: str, status: int = 302) -> bytes:
    return response(status, headers={"Location": location})


async def get(url: str, prober: Prober | None = None, **options: Any) -> Observation:
    return await probe({"kind": "http", "url": url, **options}, prober=prober)


# Redirects


async def test_redirects_are_followed_and_phases_summed() -> None:
    web = Web({"/": to("/two"), "/two": to("three?x=1#part"), "/three?x=1": response(200)})
    async with serving(web) as address:
        seen = await get(f"http://{address}/")
    assert (seen.outcome, seen.facts["redirects"], seen.facts["status"]) == (Outcome.PASS, 2, 200)
    assert [request.target for request in web.seen] == ["/", "/two", "/three?x=1"]


async def test_redirects_can_be_turned_off() -> None:
    async with serving(Web({"/": to("/two")})) as address:
        seen = await get(f"http://{address}/", follow_redirects=False, expect={"status": 302})
    assert (seen.outcome, seen.facts["redirects"]) == (Outcome.PASS, 0)


async def test_endless_redirects_end_after_ten() -> None:
    web = Web({"*": to("/again")})
    async with serving(web) as address:
        seen = await get(f"http://{address}/")
    assert (seen.reason, len(web.seen)) == (Reason.STATUS, 11)
    assert seen.detail == f"redirected more than 10 times, at last to http://{address}/again"


@pytest.mark.parametrize("location", ["ftp://example.com/", "http://[::zz]/", "http://a%/"])
async def test_a_redirect_without_a_valid_url_is_protocol(location: str) -> None:
    async with serving(Web({"*": to(location)})) as address:
        seen = await get(f"http://{address}/")
    assert (seen.reason, seen.detail.startswith("status 302 has a bad Location: ")) == (Reason.PROTOCOL, True)


METHODS = {
    "303 becomes GET": (303, "POST", "GET", b""),
    "302 of a POST becomes GET": (302, "POST", "GET", b""),
    "307 keeps the method": (307, "POST", "POST", b"text"),
    "308 keeps the method": (308, "PUT", "PUT", b"text"),
    "301 of a PUT keeps the method": (301, "PUT", "PUT", b"text"),
}


@pytest.mark.parametrize(("status", "method", "then", "body"), METHODS.values(), ids=METHODS)
async def test_a_redirect_changes_the_method_by_its_status(status: int, method: str, then: str, body: bytes) -> None:
    web = Web({"/": to("/two", status), "/two": response(200)})
    async with serving(web) as address:
        await get(f"http://{address}/", method=method, body="text")
    assert (web.seen[1].method, web.seen[1].body) == (then, body)


async def test_credentials_are_sent_to_the_first_host_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "sesame-street")
    other = Web({"*": response(200)})
    async with serving(other) as elsewhere:
        first = Web({"/": to("/two"), "/two": to(f"http://{elsewhere}/")})
        async with serving(first) as address:
            headers = {"X-Secret": {"env": "TOKEN"}, "X-Plain": "yes", "Host": "api.internal"}
            seen = await get(f"http://{address}/", auth={"bearer": {"env": "TOKEN"}}, headers=headers)
    assert seen.outcome == Outcome.PASS
    assert first.seen[1].headers["authorization"] == "Bearer sesame-street"
    assert first.seen[1].headers["x-secret"] == "sesame-street"
    left = other.seen[0].headers
    assert ("authorization" in left, "x-secret" in left, left["x-plain"], left["host"]) == (
        False,
        False,
        "yes",
        elsewhere,
    )


# TLS


async def https(tmp_path: Path, context: ssl.SSLContext, **options: Any) -> Observation:
    tls = {"ca_file": ca_file(tmp_path), **options.pop("tls", {})}
    async with serving(Web({"*": response(200)}), context) as address:
        return await get(f"https://{address}/", tls=tls, **options)


async def test_https_records_a_phase_and_the_certificate(tmp_path: Path) -> None:
    seen = await https(tmp_path, server_tls())
    assert (seen.outcome, seen.detail) == (Outcome.PASS, "")
    assert list(seen.phases) == ["resolve", "connect", "tls", "processing", "transfer"]
    assert (seen.facts["tls_verified"], seen.facts["tls_names"]) == (True, ["127.0.0.1"])
    assert seen.facts["tls_version"] == "TLSv1.3"


BAD_TLS = {
    "expired": (lambda: server_tls(expired=True), Reason.TLS_EXPIRED),
    "wrong name": (lambda: server_tls("api.example.com"), Reason.TLS_NAME),
    "unknown authority": (lambda: server_tls(own_authority=True), Reason.TLS_UNTRUSTED),
}


@pytest.mark.parametrize(("context", "reason"), BAD_TLS.values(), ids=BAD_TLS)
async def test_the_facts_of_a_bad_certificate_are_recorded(tmp_path: Path, context: Any, reason: Reason) -> None:
    seen = await https(tmp_path, context())
    assert (seen.reason, seen.facts["tls_verified"]) == (reason, False)
    assert seen.facts["tls_not_after"] > 0
    skipped = await https(tmp_path, context(), tls={"insecure_skip_verify": True})
    assert (skipped.reason, skipped.facts["tls_verified"]) == (Reason.OK, False)


async def test_server_name_overrides_the_host(tmp_path: Path) -> None:
    seen = await https(tmp_path, server_tls("api.example.com"), tls={"server_name": "api.example.com"})
    assert seen.outcome == Outcome.PASS


async def test_min_version_is_respected(tmp_path: Path) -> None:
    old = server_tls("127.0.0.1", "old.example.com")
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    assert (await https(tmp_path, old)).facts["tls_version"] == "TLSv1.2"
    refused = await https(tmp_path, old, tls={"min_version": "1.3"})
    # With an alert it is `tls`; asyncio's server hangs up before its alert is out.
    assert (refused.reason in {Reason.TLS, Reason.CLOSED}, list(refused.phases)[-1]) == (True, "tls")


async def test_a_client_certificate_is_sent(tmp_path: Path) -> None:
    context = server_tls("127.0.0.1", "mutual.example.com")
    authority().configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    pem = tmp_path / "client.pem"
    authority().issue_cert("prober@example.com").private_key_and_cert_chain_pem.write_to_path(str(pem))
    assert (await https(tmp_path, context, tls={"cert_file": str(pem)})).outcome == Outcome.PASS
    assert (await https(tmp_path, context)).outcome == Outcome.FAIL


async def test_a_missing_ca_file_is_a_probe_error(tmp_path: Path) -> None:
    seen = await https(tmp_path, server_tls(), tls={"ca_file": str(tmp_path / "none.pem")})
    assert (seen.reason, "none.pem" in seen.detail) == (Reason.PROBE_ERROR, True)


async def test_a_redirect_to_https_is_followed(tmp_path: Path) -> None:
    async with (
        serving(Web({"*": response(200)}), server_tls()) as secure,
        serving(Web({"*": to(f"https://{secure}/")})) as address,
    ):
        seen = await get(f"http://{address}/", tls={"ca_file": ca_file(tmp_path)})
    assert (seen.outcome, seen.facts["tls_verified"]) == (Outcome.PASS, True)


# Proxies


class ProxyServer:
    """Forwards, tunnels, and records requests; `refuse` is a status for all of them."""

    def __init__(self, refuse: int | None = None) -> None:
        self.refuse = refuse
        self.seen: list[Seen] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await read_request(reader)
        self.seen.append(request)
        if self.refuse:
            writer.write(response(self.refuse, b"no"))
            await writer.drain()
        elif request.method == "CONNECT":
            host, _, port = request.target.rpartition(":")
            upstream = await asyncio.open_connection(host, int(port))
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(pump(reader, upstream[1]), pump(upstream[0], writer))
        else:
            writer.write(response(200, b"forwarded"))
            await writer.drain()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


async def test_http_is_forwarded_by_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROXY_PASSWORD", "sesame")
    server = ProxyServer()
    async with serving(server) as address:
        proxy = {
            "url": f"http://{address}",
            "username": "me",
            "password": {"env": "PROXY_PASSWORD"},
            "headers": {"X-Team": "platform"},
        }
        seen = await get("http://api.invalid/x?y=1", proxy=proxy, expect={"body": {"matches": "forwarded"}})
    assert (seen.outcome, seen.detail) == (Outcome.PASS, "")
    (request,) = server.seen
    assert (request.target, request.headers["host"]) == ("http://api.invalid/x?y=1", "api.invalid")
    assert base64.b64decode(request.headers["proxy-authorization"].removeprefix("Basic ")) == b"me:sesame"
    assert request.headers["x-team"] == "platform"


async def test_https_is_tunnelled_through_a_proxy(tmp_path: Path) -> None:
    server = ProxyServer()
    web = Web({"*": response(200)})
    async with serving(server) as proxy, serving(web, server_tls()) as address:
        seen = await get(f"https://{address}/", proxy=f"http://{proxy}", tls={"ca_file": ca_file(tmp_path)})
    assert (seen.outcome, seen.detail) == (Outcome.PASS, "")
    assert list(seen.phases) == ["resolve", "connect", "proxy", "tls", "processing", "transfer"]
    assert [request.target for request in server.seen] == [address]


async def test_the_facts_of_a_bad_certificate_behind_a_proxy_are_recorded(tmp_path: Path) -> None:
    server = ProxyServer()
    async with serving(server) as proxy, serving(Web({}), server_tls("other.example.com")) as address:
        seen = await get(f"https://{address}/", proxy=f"http://{proxy}", tls={"ca_file": ca_file(tmp_path)})
    assert (seen.reason, seen.facts["tls_names"]) == (Reason.TLS_NAME, ["other.example.com"])
    assert [request.target for request in server.seen] == [address, address]


REFUSALS = {407: Reason.DENIED, 403: Reason.DENIED, 503: Reason.SERVER_ERROR, 404: Reason.STATUS}


@pytest.mark.parametrize(("status", "reason"), REFUSALS.items())
async def test_a_proxy_that_refuses_is_named(status: int, reason: Reason) -> None:
    async with serving(ProxyServer(status)) as proxy:
        seen = await get("https://api.invalid/", proxy=f"http://{proxy}")
    assert seen.reason == reason
    assert seen.detail == f"proxy {proxy}: refused CONNECT api.invalid:443 with status {status}"


async def test_a_proxy_that_does_not_listen_is_named(unused_tcp_port: int) -> None:
    seen = await get("http://api.invalid/", proxy=f"http://127.0.0.1:{unused_tcp_port}")
    assert seen.reason == Reason.REFUSED
    assert seen.detail.startswith(f"proxy 127.0.0.1:{unused_tcp_port}: nothing listens")


async def test_a_silent_proxy_is_named(tmp_path: Path) -> None:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(silent) as proxy:
        seen = await probe({"kind": "http", "url": "https://api.invalid/", "proxy": f"http://{proxy}"}, timeout=1.0)
    assert (seen.reason, seen.detail) == (Reason.TIMEOUT, f"proxy {proxy}: no answer within 1s in phase proxy")


@pytest.mark.parametrize("no_proxy", [["127.0.0.1"], ["localhost", "127.0.0.1"]])
async def test_no_proxy_hosts_are_reached_directly(no_proxy: list[str], unused_tcp_port: int) -> None:
    async with serving(Web({"*": response(200)})) as address:
        proxy = {"url": f"http://127.0.0.1:{unused_tcp_port}", "no_proxy": no_proxy}
        assert (await get(f"http://{address}/", proxy=proxy)).outcome == Outcome.PASS


async def test_a_proxy_of_the_environment_needs_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ProxyServer()
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with serving(server) as proxy:
        monkeypatch.setenv("http_proxy", f"http://{proxy}")
        assert (await get("http://api.invalid/", proxy="environment")).outcome == Outcome.PASS
        assert "proxy-authorization" not in server.seen[0].headers
    monkeypatch.setenv("http_proxy", "http://no host")
    seen = await get("http://api.invalid/", proxy="environment")
    assert (seen.reason, seen.detail.startswith("the proxy of the environment: ")) == (Reason.PROBE_ERROR, True)


MIXED_UP = {
    "neither source": ({}, "a proxy is exactly one of url and environment: true"),
    "both sources": ({"url": "http://p:1", "environment": True}, "a proxy is exactly one of url and environment: true"),
    "credentials twice": ({"environment": True, "username": "me"}, "come from the environment too"),
    "username without password": (
        {"url": "http://p:1", "username": "me"},
        "a proxy takes username and password, or neither",
    ),
}


@pytest.mark.parametrize("name", MIXED_UP)
def test_bad_proxy_options_are_refused(name: str) -> None:
    options, said = MIXED_UP[name]
    with pytest.raises(ValueError, match=said):
        load("http").model_validate({"kind": "http", "url": "http://a.test/", "proxy": options})


async def test_the_environment_is_used_only_when_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ProxyServer()
    async with serving(server) as proxy, serving(Web({"*": response(200)})) as address:
        monkeypatch.setenv("http_proxy", f"http://me:sesame-street@{proxy}")
        monkeypatch.setenv("no_proxy", "127.0.0.9")
        assert (await get(f"http://{address}/")).outcome == Outcome.PASS
        assert server.seen == []
        assert (await get("http://api.invalid/", proxy="environment")).outcome == Outcome.PASS
        assert base64.b64decode(server.seen[0].headers["proxy-authorization"][6:]) == b"me:sesame-street"
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert (await get(f"http://{address}/", proxy="environment")).outcome == Outcome.PASS
        assert len(server.seen) == 1


# Auth


async def test_basic_and_bearer_credentials_are_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PASSWORD", "sesame")
    (tmp_path / "token").write_text("first\n")
    web = Web({"*": response(200)})
    async with serving(web) as address:
        await get(f"http://{address}/", auth={"basic": {"username": "me", "password": {"env": "PASSWORD"}}})
        bearer = {"bearer": {"file": str(tmp_path / "token")}}
        await get(f"http://{address}/", auth=bearer)
        (tmp_path / "token").write_text("second\n")
        await get(f"http://{address}/", auth=bearer)
        (tmp_path / "token").unlink()
        missing = await get(f"http://{address}/", auth=bearer)
    sent = [request.headers["authorization"] for request in web.seen]
    assert sent == ["Basic " + base64.b64encode(b"me:sesame").decode(), "Bearer first", "Bearer second"]
    assert missing.reason == Reason.PROBE_ERROR


class Tokens:
    """A token server and a target that accepts only its newest token."""

    def __init__(self, lasts: float = 3600) -> None:
        self.lasts = lasts
        self.issued = 0
        self.accepts = ""
        self.web = Web({"/token": self.issue, "*": self.target})

    def issue(self, _request: Seen) -> bytes:
        self.issued += 1
        self.accepts = f"token-{self.issued}-{id(self)}"
        text = f'{{"access_token": "{self.accepts}", "expires_in": {self.lasts}, "token_type": "Bearer"}}'
        return response(200, text.encode())

    def target(self, request: Seen) -> bytes:
        good = request.headers.get("authorization") == f"Bearer {self.accepts}"
        return response(200 if good else 401, request.headers.get("authorization", "").encode())


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


def oauth2(address: str, **more: Any) -> dict[str, Any]:
    options = {"token_url": f"http://{address}/token", "client_id": "me:x", "client_secret": {"env": "CLIENT_SECRET"}}
    return {"oauth2": {**options, **more}}


async def test_an_oauth2_token_is_cached_until_a_401(stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIENT_SECRET", "s/cret")
    tokens, prober = Tokens(), Prober()
    address = await stack.enter_async_context(serving(tokens.web))
    auth = oauth2(address, scopes=["a", "b"], params={"audience": "x"})
    first = await get(f"http://{address}/", prober, auth=auth)
    assert (first.outcome, first.detail) == (Outcome.PASS, "")
    assert list(first.phases) == ["token", "resolve", "connect", "processing", "transfer"]
    request = tokens.web.seen[0]
    assert parse_qs(request.body.decode()) == {
        "grant_type": ["client_credentials"],
        "scope": ["a b"],
        "audience": ["x"],
    }
    assert base64.b64decode(request.headers["authorization"][6:]) == b"me%3Ax:s%2Fcret"
    assert "token" not in (await get(f"http://{address}/", prober, auth=auth)).phases
    tokens.accepts = "another"
    refused = await get(f"http://{address}/", prober, auth=auth)
    assert (refused.reason, refused.detail) == (Reason.DENIED, "status 401, expected 2xx; body: Bearer ***")
    assert (await get(f"http://{address}/", prober, auth=auth)).outcome == Outcome.PASS
    assert tokens.issued == 2


GRANTS: dict[str, tuple[dict[str, Any], dict[str, list[str]]]] = {
    "password": (
        {"username": "anna", "password": {"env": "CLIENT_SECRET"}, "client_secret": None},
        {"grant_type": ["password"], "username": ["anna"], "password": ["s/cret"], "client_id": ["me:x"]},
    ),
    "refresh token": (
        {"refresh_token": {"env": "CLIENT_SECRET"}, "client_secret": None},
        {"grant_type": ["refresh_token"], "refresh_token": ["s/cret"], "client_id": ["me:x"]},
    ),
    "password of a confidential client": (
        {"username": "anna", "password": {"env": "CLIENT_SECRET"}},
        {"grant_type": ["password"], "username": ["anna"], "password": ["s/cret"]},
    ),
}


@pytest.mark.parametrize(("options", "form"), GRANTS.values(), ids=GRANTS)
async def test_the_grants_of_oauth2(
    options: dict[str, Any], form: dict[str, list[str]], stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIENT_SECRET", "s/cret")
    tokens = Tokens()
    address = await stack.enter_async_context(serving(tokens.web))
    auth = oauth2(address, **options)
    auth["oauth2"] = {name: value for name, value in auth["oauth2"].items() if value is not None}
    seen = await get(f"http://{address}/", auth=auth)
    assert (seen.outcome, seen.detail) == (Outcome.PASS, "")
    assert parse_qs(tokens.web.seen[0].body.decode()) == form
    assert ("authorization" in tokens.web.seen[0].headers) == ("client_id" not in form)
    assert 3590 < seen.facts["token_not_after"] - time.time() <= 3600


async def test_a_refresh_token_that_came_with_a_token_is_used_until_it_is_refused(
    stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIENT_SECRET", "s")
    asked: list[str] = []

    def issue(request: Seen) -> bytes:
        form = parse_qs(request.body.decode())
        asked.append(form["grant_type"][0] + ":" + form.get("refresh_token", ["none"])[0])
        if form.get("refresh_token") == ["refresh-2"]:
            return response(400, b'{"error": "invalid_grant"}')
        answer = {"access_token": "the-token", "expires_in": 1, "refresh_token": f"refresh-{len(asked)}"}
        return response(200, json.dumps(answer).encode())

    web, prober = Web({"/token": issue, "*": response(200)}), Prober()
    address = await stack.enter_async_context(serving(web))
    auth = oauth2(address, username="anna", password={"env": "CLIENT_SECRET"})
    for _ in range(3):
        assert (await get(f"http://{address}/", prober, auth=auth)).outcome == Outcome.PASS
    assert asked == ["password:none", "refresh_token:refresh-1", "refresh_token:refresh-2", "password:none"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"username": "anna"}, "username and password go together"),
        ({"client_secret": None}, "give client_secret, username and password, or refresh_token"),
        (
            {"username": "a", "password": {"env": "A"}, "refresh_token": {"env": "B"}},
            "password and refresh_token exclude each other",
        ),
    ],
)
def test_a_grant_that_cannot_be_is_refused(options: dict[str, Any], text: str) -> None:
    auth = oauth2("h", **options)
    auth["oauth2"] = {name: value for name, value in auth["oauth2"].items() if value is not None}
    with pytest.raises(ValidationError, match=text):
        load("http").model_validate({"kind": "http", "url": "http://h/", "auth": auth})


WITH_A_TOKEN: dict[str, dict[str, Any]] = {
    "http": {"url": "http://{}/"},
    "websocket": {"url": "ws://{}/"},
    "promql": {"url": "http://{}/", "query": "up", "expect": {"value": 1}},
    "e2e": {"url": "http://{}/report.xml"},
}


def test_every_kind_with_auth_is_tested_here() -> None:
    by_http = {kind for kind in kinds() if "auth" in load(kind).model_fields} - {"grpc"}  # which test_grpc refuses
    assert WITH_A_TOKEN.keys() == by_http


@pytest.mark.parametrize("kind", WITH_A_TOKEN)
async def test_a_token_that_the_target_refuses_is_fetched_again(
    kind: str, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIENT_SECRET", "s")
    tokens, prober = Tokens(), Prober()
    tokens.web.routes["*"] = response(401)
    address = await stack.enter_async_context(serving(tokens.web))
    options = {"kind": kind, **WITH_A_TOKEN[kind], "auth": oauth2(address)}
    options["url"] = options["url"].format(address)
    for _ in range(2):
        await probe(options, prober=prober)
    assert tokens.issued == 2


async def test_oauth2_tokens_about_to_expire_are_not_cached(
    stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIENT_SECRET", "s")
    tokens, prober = Tokens(lasts=29), Prober()
    address = await stack.enter_async_context(serving(tokens.web))
    for _ in range(2):
        assert (await get(f"http://{address}/", prober, auth=oauth2(address))).outcome == Outcome.PASS
    assert tokens.issued == 2


TOKEN_FAULTS: dict[str, tuple[Answer, Reason, str]] = {
    "refused": (
        response(401, b'{"error":"invalid_client"}'),
        Reason.CREDENTIALS,
        'status 401, expected 200; body: {"error":"invalid_client"}',
    ),
    "broken": (response(503), Reason.CREDENTIALS, "status 503, expected 200"),
    "too many requests": (response(429), Reason.RATE_LIMITED, "status 429, expected 200"),
    "redirected": (to("/elsewhere"), Reason.CREDENTIALS, "status 302"),
    "not JSON": (response(200, b"<html>"), Reason.CREDENTIALS, "the response is not a JSON object: <html>"),
    "no token in it": (response(200, b"{}"), Reason.CREDENTIALS, "the response has no access_token"),
    "not HTTP": (b"SSH-2.0-x\r\n", Reason.CREDENTIALS, "it does not speak HTTP"),
    "cut short": (b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\n{}", Reason.CREDENTIALS, "the peer hung up"),
}


@pytest.mark.parametrize(("answer", "reason", "detail"), TOKEN_FAULTS.values(), ids=TOKEN_FAULTS)
async def test_a_token_server_that_fails_is_credentials(
    answer: Answer, reason: Reason, detail: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIENT_SECRET", "s")
    web = Web({"/token": answer, "*": response(200)})
    async with serving(web) as address:
        seen = await get(f"http://{address}/", auth=oauth2(address))
    assert (seen.outcome, seen.reason) == (Outcome.UNKNOWN, reason)
    assert seen.detail.startswith(f"token server {address}: {detail}")
    assert set(seen.phases) == {"token"}
    assert [request.target for request in web.seen] == ["/token"]


async def test_a_silent_token_server_is_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIENT_SECRET", "s")

    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(silent) as address:
        seen = await probe({"kind": "http", "url": "http://127.0.0.1:1/", "auth": oauth2(address)}, timeout=1.0)
    assert (seen.outcome, seen.reason) == (Outcome.UNKNOWN, Reason.CREDENTIALS)
    assert seen.detail == f"token server {address}: no answer within 1s in phase token"


def jwt(**claims: object) -> str:
    parts = ({"alg": "none"}, claims)
    return ".".join([*(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts), ""])


BEARERS: dict[str, tuple[str, Reason, str]] = {
    "a JWT that has expired": (jwt(exp=1e9), Reason.CREDENTIALS, "the bearer token expired on 2001-09-09 01:46:40 UTC"),
    "a JWT that is valid": (jwt(exp=4e9), Reason.OK, ""),
    "a JWT without an end": (jwt(sub="me"), Reason.OK, ""),
    "a JWT whose end is not a number": (jwt(exp="soon"), Reason.OK, ""),
    "a JWT whose end is too large for a date": (jwt(exp=1e300), Reason.OK, ""),
    "a text with two dots": ("a.b.c", Reason.OK, ""),
    "a text without dots": ("opaque", Reason.OK, ""),
}


@pytest.mark.parametrize(("token", "reason", "detail"), BEARERS.values(), ids=BEARERS)
async def test_a_bearer_token_that_has_expired_is_not_sent(
    token: str, reason: Reason, detail: str, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(token)
    web = Web({"*": response(200)})
    async with serving(web) as address:
        seen = await get(f"http://{address}/", auth={"bearer": {"file": str(tmp_path / "token")}})
    assert (seen.reason, seen.detail) == (reason, detail)
    assert len(web.seen) == (reason == Reason.OK)


def test_hosts_include_the_token_server() -> None:
    options = {"kind": "http", "url": "http://api.example.com/", "auth": oauth2("auth.example.com")}
    assert load("http").model_validate(options).hosts() == ("api.example.com", "auth.example.com")


# Addresses


FAMILIES = {"auto": {Reason.OK}, 4: {Reason.OK}, 6: {Reason.REFUSED, Reason.UNREACHABLE, Reason.PROBE_ERROR}}


@pytest.mark.parametrize(("family", "reasons"), FAMILIES.items())
async def test_ip_family_is_respected(family: object, reasons: set[Reason]) -> None:
    # With name servers given, localhost has both families whatever this machine's files say; the server only
    # IPv4. A machine without IPv6 cannot even ask, which is `probe_error`.
    servers = (HostPort("127.0.0.1", 53),)
    async with serving(Web({"*": response(200)})) as address:
        options = {"kind": "http", "url": f"http://localhost:{address.split(':')[1]}/", "ip_family": family}
        assert (await probe(options, servers=servers)).reason in reasons


async def test_a_secret_in_the_body_is_sent_to_the_first_origin_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "sesame-street")
    other = Web({"*": response(200)})
    async with serving(other) as elsewhere:
        first = Web({"*": to(f"http://{elsewhere}/", 307)})
        async with serving(first) as address:
            secret = {"body": '{"key": "{{key}}"}', "secrets": {"key": {"env": "TOKEN"}}}
            seen = await get(f"http://{address}/", method="POST", **secret)
            plain = await get(f"http://{address}/", method="POST", body="text")
    assert first.seen[0].body == b'{"key": "sesame-street"}'
    assert [request.body for request in other.seen] == [b"text"]
    assert (seen.reason, plain.reason) == (Reason.STATUS, Reason.OK)
    assert "another origin, which must not get the secrets in the body" in seen.detail


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]"])
async def test_a_redirect_to_a_link_local_address_is_not_followed(host: str) -> None:
    async with serving(Web({"*": to(f"http://{host}/latest/meta-data/")})) as address:
        seen = await get(f"http://{address}/")
    assert (seen.reason, "a link-local address, which is not followed" in seen.detail) == (Reason.STATUS, True)


INNER = b'{"status": "down", "inner": "of the intranet"}'


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="status"),
        pytest.param({"expect": {"status": 500, "body": {"matches": "never"}}}, id="content"),
        pytest.param({"identity": {"body": {"matches": "never"}}, "expect": {"status": 500}}, id="identity"),
        pytest.param({"degraded": {"status": 500}}, id="degraded"),
        pytest.param({"degraded": {"body": {"matches": "down"}}, "expect": {"status": 500}}, id="degraded by content"),
    ],
)
async def test_a_body_of_another_origin_is_not_shown(options: dict[str, Any]) -> None:
    body = INNER + b" " * 1000
    async with serving(Web({"*": response(500, body)})) as elsewhere:
        async with serving(Web({"*": to(f"http://{elsewhere}/", 302)})) as address:
            seen = await get(f"http://{address}/", **options)
            expect = {**options.get("expect", {}), "final_host": "^127"}
            trusted = await get(f"http://{address}/", **{**options, "expect": expect})
        direct = await get(f"http://{elsewhere}/", **options)
    assert "intranet" not in f"{seen}"
    assert f"its body is not shown: http://{elsewhere}/ is another origin" in seen.detail
    assert ("intranet" in trusted.detail, "intranet" in direct.detail) == (True, True)


@pytest.mark.parametrize(
    ("to_url", "from_url", "same"),
    [
        ("http://a.test/x", "http://a.test/", True),
        ("https://a.test/", "http://a.test/", True),
        ("http://a.test/", "https://a.test/", False),
        ("https://a.test:8443/", "http://a.test/", False),
        ("http://b.test/", "http://a.test/", False),
        ("https://b.test/", "http://a.test/", False),
    ],
)
def test_https_for_http_is_no_other_origin(to_url: str, from_url: str, same: bool) -> None:
    schemes = ("http", "https")
    assert parse_url(to_url, schemes).upgrades(parse_url(from_url, schemes)) is same
