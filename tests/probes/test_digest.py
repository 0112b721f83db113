"""Digest credentials: the examples of RFC 7616 and RFC 2069, and a server that checks them."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest
from pydantic import ValidationError
from staging_exporter.core.model import Observation, Reason
from staging_exporter.net import digest
from staging_exporter.net.digest import find_challenge
from staging_exporter.probes import load

from tests.support.probing import probe
from tests.support.web import Seen, Web, response, serving

PASSWORD = "Circle of Life"
NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
RFC7616 = f'realm="http-auth@example.org", qop="auth, auth-int", nonce="{NONCE}", opaque="FQhe/qaU925kfnzjCev0ciny7QMk"'


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
    ],
)
def test_the_examples_of_rfc_7616(algorithm: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest.secrets, "token_hex", lambda _: CNONCE)
    challenge = find_challenge([("www-authenticate", f"Digest {RFC7616}, algorithm={algorithm}")])
    assert challenge is not None
    answer = challenge.answer("GET", "/dir/index.html", b"", "Mufasa", PASSWORD)
    assert f'response="{expected}"' in answer
    assert 'opaque="FQhe/qaU925kfnzjCev0ciny7QMk"' in answer


FOUND: dict[str, tuple[list[str], str | None]] = {
    "alone": (['Digest realm="a", nonce="n"'], "MD5"),
    "after another scheme": (['Basic realm="x, y", Digest realm="a", nonce="n", algorithm=SHA-256'], "SHA-256"),
    "before another scheme": (['Digest realm="a", nonce="n", Basic realm="b"'], "MD5"),
    "the first that is known": (
        ['Digest realm="a", nonce="n", algorithm=SHA-3', 'Digest realm="a", nonce="n", algorithm="sha-256-sess"'],
        "SHA-256-SESS",
    ),
    "in one header": (['Digest realm="a", nonce="n", algorithm=X, Digest realm="a", nonce="n", algorithm=MD5'], "MD5"),
    "in lower case": (["digest realm=a,nonce=n"], "MD5"),
    "none": (['Basic realm="Digest x"'], None),
    "negotiate": (["Negotiate", "NTLM"], None),
}


@pytest.mark.parametrize("case", FOUND)
def test_the_challenge_is_found(case: str) -> None:
    values, algorithm = FOUND[case]
    challenge = find_challenge([("server", "x"), *(("www-authenticate", value) for value in values)])
    assert (challenge and challenge.algorithm) == algorithm
    assert challenge is None or challenge.parameters["realm"] == "a"


def checking(algorithm: str, qop: str) -> Web:
    """A server that checks the answer by the formula of RFC 7616 section 3.4.1, spelt out here again."""
    name = {"MD5": "md5", "SHA-256": "sha256"}[algorithm.removesuffix("-sess")]

    def h(text: str) -> str:
        return hashlib.new(name, text.encode()).hexdigest()

    def answer(request: Seen) -> bytes:
        given = dict(re.findall(r'(\w+)="?([^",]*)"?', request.headers.get("authorization", "")))
        asks = f'Digest realm="r", nonce="abc", algorithm={algorithm}' + (f', qop="{qop}"' if qop else "")
        if not given:
            return response(401, headers={"WWW-Authenticate": asks})
        a1 = h(f"prober:r:{PASSWORD}")
        if algorithm.endswith("-sess"):
            a1 = h(f"{a1}:abc:{given['cnonce']}")
        a2 = h(f"{request.method}:{request.target}" + (f":{h(request.body.decode())}" if qop == "auth-int" else ""))
        middle = f"abc:{given['nc']}:{given['cnonce']}:{qop}" if qop else "abc"
        right = given["response"] == h(f"{a1}:{middle}:{a2}") and given["uri"] == request.target
        return response(200 if right else 403)

    return Web({"*": answer})


async def asked(web: Web, url: str = "http://ADDRESS/x?y=1", **options: Any) -> Observation:
    auth = {"digest": {"username": "prober", "password": {"env": "DIGEST_PASSWORD"}}}
    async with serving(web) as address:
        return await probe({"kind": "http", "url": url.replace("ADDRESS", address), "auth": auth, **options})


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGEST_PASSWORD", PASSWORD)


@pytest.mark.parametrize("qop", ["", "auth", "auth-int"])
@pytest.mark.parametrize("algorithm", ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess"])
async def test_the_challenge_is_answered(algorithm: str, qop: str) -> None:
    seen = await asked(checking(algorithm, qop), method="POST", body="hello")
    assert seen.reason == Reason.OK, seen.detail


async def test_a_wrong_password_is_denied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGEST_PASSWORD", "wrong-password")
    seen = await asked(checking("MD5", "auth"))
    assert seen.reason == Reason.DENIED


async def test_no_answer_goes_to_another_origin() -> None:
    other = checking("MD5", "auth")
    async with serving(other) as there:
        seen = await asked(Web({"*": response(302, headers={"Location": f"http://{there}/"})}))
    assert seen.reason == Reason.DENIED
    assert [request.headers.get("authorization") for request in other.seen] == [None]


async def test_a_server_that_asks_for_nothing_gets_nothing() -> None:
    web = Web({"*": response(200)})
    assert (await asked(web)).reason == Reason.OK
    assert "authorization" not in web.seen[0].headers


def test_it_counts_two_requests_and_is_refused_where_there_is_one() -> None:
    auth = {"digest": {"username": "u", "password": {"env": "P"}}}
    http = load("http").model_validate({"kind": "http", "url": "http://a.test/", "auth": auth})
    assert http.hosts() == ("a.test", "a.test")
    for kind, where in (("websocket", {"url": "ws://a.test/"}), ("grpc", {"address": "a.test:1"})):
        with pytest.raises(ValidationError, match=r"auth\.digest works with the kinds http, promql and e2e"):
            load(kind).model_validate({"kind": kind, **where, "auth": auth})
