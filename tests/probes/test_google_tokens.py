"""Tokens and secrets of Google Cloud in the kinds that take them, on servers on loopback."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from staging_exporter.core.model import Observation, Outcome, Reason
from staging_exporter.engine.prober import Prober
from staging_exporter.net.google import GoogleTokens
from staging_exporter.net.resolve import Resolver
from staging_exporter.net.url import parse_url
from staging_exporter.probes import load

from tests.support.peers import silent
from tests.support.probing import probe
from tests.support.tokens import Metadata, claims, document, key_file, write
from tests.support.web import Answer, Seen, Web, response, serving

AUDIENCE = "https://backend.example.run.app"
IDENTITY = {"google_id_token": {"audience": AUDIENCE}}
ACCESS = {"google_access_token": {}}
VALUE = json.dumps({"status": "success", "data": {"resultType": "scalar", "result": [1e9, "1"]}}).encode()


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials but those of a test."""
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    monkeypatch.setenv("GCE_METADATA_HOST", "127.0.0.1:1")


class Cloud(NamedTuple):
    prober: Prober
    metadata: Metadata
    apis: Web


@asynccontextmanager
async def cloud(monkeypatch: pytest.MonkeyPatch, **routes: Answer) -> AsyncIterator[Cloud]:
    """A metadata server, and Google's APIs under one address."""
    metadata, apis = Metadata(), Web({**routes})
    async with serving(metadata) as host, serving(apis) as address:
        monkeypatch.setenv("GCE_METADATA_HOST", host)
        tokens = GoogleTokens(Resolver(), parse_url(f"http://{address}", ("http",)))
        yield Cloud(Prober(google=tokens), metadata, apis)


def options(kind: str, address: str) -> dict[str, Any]:
    url = f"http://{address}/"
    return {
        "http": {"kind": "http", "url": url},
        "websocket": {"kind": "websocket", "url": f"ws://{address}/"},
        "promql": {"kind": "promql", "url": url, "query": "up", "expect": {"value": 1}},
        "grpc": {"kind": "grpc", "address": address},
        "e2e": {"kind": "e2e", "url": url},
    }[kind]


@pytest.mark.parametrize("auth", [IDENTITY, ACCESS], ids=["identity", "access"])
@pytest.mark.parametrize("kind", ["http", "websocket", "promql", "e2e"])
async def test_the_token_is_sent(kind: str, auth: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    target = Web({"*": response(200, VALUE)})
    async with cloud(monkeypatch) as google, serving(target) as address:
        await probe({**options(kind, address), "auth": auth}, prober=google.prober)
    scheme, _, token = target.seen[0].headers["authorization"].partition(" ")
    assert scheme == "Bearer"
    assert claims(token)["aud"] == AUDIENCE if auth is IDENTITY else token.startswith("access-")


async def test_without_a_token_grpc_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    target = Web({"*": response(200)})
    async with serving(target) as address:
        seen = await probe({**options("grpc", address), "auth": IDENTITY})
    assert (seen.reason, target.seen) == (Reason.CREDENTIALS, [])


async def test_the_token_of_cloud_run_goes_beside_that_of_the_application(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_TOKEN", "of-the-application")
    own = {"Authorization": {"prefix": "Bearer ", "secret": {"env": "APP_TOKEN"}}}
    target = Web({"*": response(200)})
    async with cloud(monkeypatch) as google, serving(target) as address:
        auth = {**IDENTITY, "header": "X-Serverless-Authorization"}
        seen = await probe({**options("http", address), "headers": own, "auth": auth}, prober=google.prober)
    sent = target.seen[0].headers
    assert (seen.reason, sent["authorization"]) == (Reason.OK, "Bearer of-the-application")
    assert claims(sent["x-serverless-authorization"].removeprefix("Bearer "))["aud"] == AUDIENCE


async def test_another_origin_does_not_get_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    other = Web({"*": response(200)})
    async with cloud(monkeypatch) as google, serving(other) as elsewhere:
        first = Web({"*": response(302, headers={"Location": f"http://{elsewhere}/"})})
        async with serving(first) as address:
            auth = {**IDENTITY, "header": "X-Serverless-Authorization"}
            await probe({**options("http", address), "auth": auth}, prober=google.prober)
    assert "x-serverless-authorization" in first.seen[0].headers
    assert "x-serverless-authorization" not in other.seen[0].headers


async def test_runs_share_a_token_until_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [response(200), response(401), response(200)]
    target = Web({"*": lambda _: answers.pop(0)})
    async with cloud(monkeypatch) as google, serving(target) as address:
        for reason in (Reason.OK, Reason.DENIED, Reason.OK):
            assert (await probe({**options("http", address), "auth": ACCESS}, prober=google.prober)).reason == reason
    first, second, third = (seen.headers["authorization"] for seen in target.seen)
    assert first == second != third


async def test_the_project_of_the_quota_goes_with_access_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_QUOTA_PROJECT", "netra-staging")
    target = Web({"*": response(200)})
    async with cloud(monkeypatch) as google, serving(target) as address:
        for auth in (ACCESS, IDENTITY):
            await probe({**options("http", address), "auth": auth}, prober=google.prober)
    assert [seen.headers.get("x-goog-user-project") for seen in target.seen] == ["netra-staging", None]


async def failed(auth: dict[str, Any], timeout: float = 5.0) -> Observation:
    """A run whose token cannot be had: the target is not asked, and is not down."""
    target = Web({"*": response(200)})
    async with serving(target) as address:
        seen = await probe({**options("http", address), "auth": auth}, timeout=timeout)
    assert (seen.outcome, seen.reason, target.seen) == (Outcome.UNKNOWN, Reason.CREDENTIALS, [])
    assert seen.duration < timeout + 0.5
    return seen


@pytest.mark.parametrize("auth", [IDENTITY, ACCESS], ids=["identity", "access"])
async def test_a_silent_metadata_server_is_credentials(auth: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(silent) as host:
        monkeypatch.setenv("GCE_METADATA_HOST", host)
        seen = await failed(auth, timeout=0.6)
    assert seen.detail.startswith(f"the metadata server {host} does not answer: not on Google Cloud?")


@pytest.mark.parametrize("auth", [IDENTITY, ACCESS], ids=["identity", "access"])
async def test_nothing_in_place_of_the_metadata_server_is_credentials(auth: dict[str, Any]) -> None:
    assert (await failed(auth)).detail.startswith("the metadata server 127.0.0.1:1 does not answer: not on Google")


async def test_a_token_server_that_is_down_is_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    info = {**key_file(), "token_uri": "http://127.0.0.1:1/token"}
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", write(tmp_path, info))
    assert (await failed(ACCESS)).detail.startswith("the token server 127.0.0.1:1 does not answer (nothing listens")


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "two ways": ({**IDENTITY, **ACCESS}, "auth is exactly one of basic, digest, bearer, oauth2, google_id_token, goo"),
    "a header alone": ({"header": "X-Serverless-Authorization"}, "auth is exactly one of"),
    "another header": ({**IDENTITY, "header": "X-Token"}, "Input should be 'Authorization' or 'X-Serverless-Auth"),
    "no audience": ({"google_id_token": {}}, "Field required"),
    "an account that is none": (
        {"google_id_token": {"audience": "a", "service_account": "me"}},
        "should match pattern",
    ),
}


@pytest.mark.parametrize(("auth", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_the_options(auth: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load("http").model_validate({**options("http", "a.test"), "auth": auth})


@pytest.mark.parametrize("auth", [IDENTITY, ACCESS, {"bearer": {"google_secret": "projects/p/secrets/s"}}])
def test_without_the_extra_the_configuration_says_what_is_missing(
    auth: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "google", None)  # what a machine without google-auth finds
    with pytest.raises(ValueError, match=r"need the extra gcp: pip install 'staging-exporter\[gcp\]'"):
        load("http").model_validate({**options("http", "a.test"), "auth": auth})


def test_without_the_extra_the_kinds_of_google_cloud_say_so_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google", None)
    check = {"kind": "gcp_sql", "instance": "i", "project": "p"}
    with pytest.raises(ValueError, match="need the extra gcp"):
        load("gcp_sql").model_validate(check)
    load("gcp_sql").model_validate({**check, "endpoint": "http://127.0.0.1:1"})


# Secrets


def version(value: bytes = b"geheim\n", status: int = 200) -> bytes:
    return document({"name": "n", "payload": {"data": base64.b64encode(value).decode()}}, status)


NAME = "projects/netra-staging/secrets/app-token"
LATEST = f"/v1/{NAME}/versions/latest:access"


async def with_secret(google: Cloud, name: str = NAME) -> tuple[Observation, str]:
    target = Web({"*": response(200)})
    async with serving(target) as address:
        check = {**options("http", address), "auth": {"bearer": {"google_secret": name}}}
        seen = await probe(check, prober=google.prober)
    return seen, target.seen[0].headers["authorization"] if target.seen else ""


async def test_a_secret_of_secret_manager_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    async with cloud(monkeypatch, **{LATEST: version()}) as google:
        for _ in range(2):
            seen, sent = await with_secret(google)
    assert (seen.reason, sent, len(google.apis.seen)) == (Reason.OK, "Bearer geheim", 1)
    assert google.apis.seen[0].headers["host"] == "secretmanager.googleapis.com"
    assert google.apis.seen[0].headers["authorization"].startswith("Bearer access-")


PLACES = {
    f"{NAME}/versions/7": ("secretmanager.googleapis.com", f"/v1/{NAME}/versions/7:access"),
    "projects/p/locations/europe-west1/secrets/s": (
        "secretmanager.europe-west1.rep.googleapis.com",
        "/v1/projects/p/locations/europe-west1/secrets/s/versions/latest:access",
    ),
}


@pytest.mark.parametrize(("name", "place"), PLACES.items(), ids=PLACES)
async def test_versions_and_regions_of_secrets(
    name: str, place: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cloud(monkeypatch, **{"*": version()}) as google:
        await with_secret(google, name)
    assert (google.apis.seen[0].headers["host"], google.apis.seen[0].target) == place


DENIED = {"error": {"code": 403, "message": "Permission denied on resource.", "status": "PERMISSION_DENIED"}}
FAILURES: dict[str, tuple[Answer, Reason, str]] = {
    "no permission": (
        document(DENIED, 403),
        Reason.CREDENTIALS,
        "status 403, expected 200: PERMISSION_DENIED Permission denied on resource.",
    ),
    "no such secret": (response(404), Reason.CREDENTIALS, "status 404, expected 200: no body"),
    "HTML": (response(200, b"<html>"), Reason.CREDENTIALS, "the answer has no payload"),
    "a payload that is not base64": (document({"payload": {"data": "!"}}), Reason.CREDENTIALS, "has no payload"),
    "an empty secret": (version(b"\n"), Reason.PROBE_ERROR, "the secret is empty"),
    "bytes": (version(b"\xff\xfe\xfd"), Reason.PROBE_ERROR, "not UTF-8 text"),
}


@pytest.mark.parametrize(("answer", "reason", "detail"), FAILURES.values(), ids=FAILURES)
async def test_a_secret_that_cannot_be_had(
    answer: Answer, reason: Reason, detail: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cloud(monkeypatch, **{LATEST: answer}) as google:
        seen, sent = await with_secret(google)
    assert (seen.outcome, seen.reason, sent) == (Outcome.UNKNOWN, reason, "")
    assert detail in seen.detail
    assert NAME in seen.detail


async def test_a_refused_token_is_renewed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(request: Seen) -> bytes:
        refused.append(request.headers["authorization"])
        return response(401) if len(refused) == 1 else version()

    refused: list[str] = []
    async with cloud(monkeypatch, **{LATEST: answer}) as google:
        seen, _ = await with_secret(google)
    assert seen.reason == Reason.OK
    assert refused[0] != refused[1]


async def test_a_silent_secret_manager_ends_with_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = Metadata()
    async with serving(metadata) as host, serving(silent) as address:
        monkeypatch.setenv("GCE_METADATA_HOST", host)
        prober = Prober(google=GoogleTokens(Resolver(), parse_url(f"http://{address}", ("http",))))
        check = {"kind": "redis", "address": "127.0.0.1:1", "password": {"google_secret": NAME}}
        seen = await probe(check, timeout=0.6, prober=prober)
    assert (seen.outcome, seen.reason) == (Outcome.UNKNOWN, Reason.CREDENTIALS)
    assert seen.detail.startswith(f"Google secret {NAME}: no answer within ")


PLACED: dict[str, Callable[[dict[str, str]], dict[str, Any]]] = {
    "a header": lambda secret: {"headers": {"X-Key": secret}},
    "the end of a header": lambda secret: {"headers": {"X-Key": {"prefix": "k ", "secret": secret}}},
    "a body": lambda secret: {"method": "POST", "body": secret},
    "the URL": lambda secret: {"secrets": {"k": secret}},
}


@pytest.mark.parametrize("place", PLACED)
async def test_a_secret_is_read_wherever_one_can_be_and_masked(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target = Web({"*": lambda seen: response(500, f"{seen.target} {seen.headers} {seen.body!r}".encode())})
    async with cloud(monkeypatch, **{LATEST: version(b"geheimnis")}) as google, serving(target) as address:
        check = {**options("http", address), **PLACED[place]({"google_secret": NAME})}
        if "secrets" in check:
            check["url"] += "?k={{k}}"
        seen = await probe(check, prober=google.prober)
    request = target.seen[0]
    assert "geheimnis" in f"{request.target} {request.headers} {request.body!r}"
    assert (seen.reason, "geheimnis" in seen.detail) == (Reason.SERVER_ERROR, False)


@pytest.mark.parametrize("name", ["app-token", "projects/p", "projects/p/secrets/s/versions/", "p/secrets/s", ""])
def test_a_name_that_is_none(name: str) -> None:
    with pytest.raises(ValueError, match="should match pattern"):
        load("http").model_validate({**options("http", "a.test"), "auth": {"bearer": {"google_secret": name}}})
