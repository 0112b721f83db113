"""Tokens of Google Cloud, from servers on loopback: google-auth runs as it is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.google import GoogleTokens
from staging_exporter.net.google_transport import readable_by_others
from staging_exporter.net.resolve import Resolver
from staging_exporter.net.url import parse_url

from tests.support.tokens import (
    ACCOUNT,
    FLAVOR,
    Metadata,
    TokenApis,
    claims,
    document,
    federation_file,
    key_file,
    write,
)
from tests.support.web import Answer, Web, response, serving

AUDIENCE = "https://backend.example.run.app"


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials but those of a test."""
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GCE_METADATA_ROOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    monkeypatch.setenv("GCE_METADATA_HOST", "127.0.0.1:1")


class Place(NamedTuple):
    tokens: GoogleTokens
    apis: TokenApis


@asynccontextmanager
async def cloud(monkeypatch: pytest.MonkeyPatch, metadata: Web | None = None, **routes: Answer) -> AsyncIterator[Place]:
    apis = TokenApis(**routes)
    async with AsyncExitStack() as stack:
        if metadata is not None:
            monkeypatch.setenv("GCE_METADATA_HOST", await stack.enter_async_context(serving(metadata)))
        address = await stack.enter_async_context(serving(apis))
        yield Place(GoogleTokens(Resolver(), parse_url(f"http://{address}", ("http",))), apis)


async def failure(tokens: GoogleTokens, timeout: float = 5.0, audience: str = "") -> str:
    """The detail, of a failure that kept its deadline."""
    began = time.monotonic()
    with pytest.raises(ProbeFailed) as caught:
        await (tokens.id_token(audience, timeout) if audience else tokens.access_token(timeout))
    assert time.monotonic() - began < timeout + 0.5
    assert caught.value.reason == Reason.CREDENTIALS
    return caught.value.detail


# The metadata server


async def test_the_metadata_server_gives_both_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = Metadata()
    async with cloud(monkeypatch, metadata) as place:
        assert (await place.tokens.access_token(5.0)).startswith("access-")
        assert claims(await place.tokens.id_token(AUDIENCE, 5.0))["aud"] == AUDIENCE
    assert {seen.headers["metadata-flavor"].lower() for seen in metadata.seen} == {"google"}


async def test_a_token_is_fetched_once_for_all_who_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = Metadata()
    async with cloud(monkeypatch, metadata) as place:
        found = await asyncio.gather(*(place.tokens.access_token(5.0) for _ in range(60)))
        found.append(await place.tokens.access_token(5.0))
    assert len(set(found)) == len(metadata.asked("token")) == 1


async def test_audiences_have_tokens_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    async with cloud(monkeypatch, Metadata()) as place:
        found = [claims(await place.tokens.id_token(name, 5.0))["aud"] for name in ("one", "two", "one")]
    assert found == ["one", "two", "one"]


async def test_a_token_near_its_end_is_used_until_there_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    async with cloud(monkeypatch, Metadata(lifetime=200.0)) as place:
        first = await place.tokens.access_token(5.0)
        assert first == await place.tokens.access_token(5.0)


async def test_a_token_that_has_ended_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with cloud(monkeypatch, Metadata(lifetime=5.0)) as place:
        first = await place.tokens.access_token(5.0)
        assert first != await place.tokens.access_token(5.0)


async def test_a_refused_token_is_fetched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with cloud(monkeypatch, Metadata()) as place:
        first = await place.tokens.access_token(5.0)
        place.tokens.refused(first)
        assert await place.tokens.access_token(5.0) != first


HTML = response(200, b"<html>sign in</html>", {"Content-Type": "text/html"})
REFUSALS: dict[str, tuple[Answer, str]] = {
    "403": (
        response(403, b"no scopes", FLAVOR),
        "metadata server HOST: status 403, expected 200: no scopes",
    ),
    "404, no service account is attached": (
        response(404, b"", FLAVOR),
        "metadata server HOST: status 404, expected 200: no body",
    ),
    "500": (
        response(500, b"later", FLAVOR),
        "metadata server HOST: status 500, expected 200: later",
    ),
    "429": (
        response(429, b"too many", FLAVOR),
        "metadata server HOST: status 429, expected 200: too many",
    ),
    "HTML of something else": (
        HTML,
        "metadata server HOST: something else answers in its place (text/html, "
        "without the header Metadata-Flavor: Google): not on Google Cloud?",
    ),
    "JSON that is none": (
        response(200, b"{", FLAVOR | {"Content-Type": "application/json"}),
        "google-auth: RefreshError: Received invalid JSON from the Google Compute Engine metadata service: {",
    ),
    "a number": (
        document(7, headers=FLAVOR),
        "google-auth: TypeError: argument of type 'int' is not iterable",
    ),
    "an object without what is needed": (
        document({"scopes": []}, headers=FLAVOR),
        "google-auth: RefreshError: Unexpected response from metadata server: "
        "service account info is missing 'email' field.",
    ),
}


@pytest.mark.parametrize(("answer", "detail"), REFUSALS.values(), ids=REFUSALS)
@pytest.mark.parametrize("audience", ["", AUDIENCE], ids=["access", "identity"])
async def test_a_metadata_server_that_refuses(
    answer: Answer, detail: str, audience: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = Web({"*": answer})
    async with serving(metadata) as host:
        monkeypatch.setenv("GCE_METADATA_HOST", host)
        seen = await failure(GoogleTokens(Resolver()), 5.0, audience)
    if audience and detail.startswith("google-auth"):
        assert seen.startswith("google-auth: ")
    else:
        assert seen == detail.replace("HOST", host)


@asynccontextmanager
async def silent() -> AsyncIterator[str]:
    async def wait(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()
        await asyncio.Event().wait()

    async with serving(wait) as address:
        yield address


async def test_a_silent_metadata_server_is_left_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    async with silent() as host:
        monkeypatch.setenv("GCE_METADATA_HOST", host)
        detail = await failure(GoogleTokens(Resolver()), 0.4)
    assert detail == f"the metadata server {host} does not answer: not on Google Cloud? (no answer within 400ms)"


async def test_nothing_listens_where_the_metadata_server_should() -> None:
    detail = await failure(GoogleTokens(Resolver()))
    seen = "nothing listens at 127.0.0.1:1: connection refused"
    assert detail == f"the metadata server 127.0.0.1:1 does not answer: not on Google Cloud? ({seen})"


async def test_what_a_slow_metadata_server_gives_late_serves_the_next_run(monkeypatch: pytest.MonkeyPatch) -> None:
    inner, release = Metadata(), asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        await inner(reader, writer)

    async with serving(slow) as host:
        monkeypatch.setenv("GCE_METADATA_HOST", host)
        tokens = GoogleTokens(Resolver())
        await failure(tokens, 0.2)
        release.set()
        assert (await tokens.access_token(5.0)).startswith("access-")
    assert len(inner.asked("token")) == 1


async def test_cancelling_one_who_waits_leaves_the_fetch_to_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    async with cloud(monkeypatch, Metadata()) as place:
        first = asyncio.create_task(place.tokens.access_token(5.0))
        second = asyncio.create_task(place.tokens.access_token(5.0))
        await asyncio.sleep(0)
        first.cancel()
        assert (await second).startswith("access-")


# Files


async def test_the_key_of_a_service_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", write(tmp_path, key_file()))
    async with cloud(monkeypatch) as place:
        assert await place.tokens.access_token(5.0, ["scope-a", "scope-b"]) == "of-key scope-a scope-b"
        assert claims(await place.tokens.id_token(AUDIENCE, 5.0))["aud"] == AUDIENCE


async def test_the_login_of_a_person_is_refreshed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    info = {"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "of-a-person"}
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", write(tmp_path, info))
    async with cloud(monkeypatch) as place:
        assert await place.tokens.access_token(5.0) == "refreshed of-a-person"
        assert place.tokens.quota_headers == {}
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", write(tmp_path, {**info, "quota_project_id": "netra-staging"}))
    async with cloud(monkeypatch) as place:
        await place.tokens.access_token(5.0)
        assert place.tokens.quota_headers == {"X-Goog-User-Project": "netra-staging"}


async def test_the_login_of_gcloud_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "gcloud").mkdir()
    path = tmp_path / "gcloud" / "application_default_credentials.json"
    Path(write(tmp_path, key_file())).rename(path)
    async with cloud(monkeypatch) as place:
        assert await place.tokens.access_token(5.0, ["s"]) == "of-key s"


async def test_federation_exchanges_the_token_of_the_platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "subject").write_text("subject-token")
    for impersonated, expected in ((False, "federated-subject-token"), (True, "impersonated by Bearer federated-")):
        info = federation_file({"file": str(tmp_path / "subject")}, impersonated=impersonated)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", write(tmp_path, info))
        async with cloud(monkeypatch) as place:
            assert (await place.tokens.access_token(5.0)).startswith(expected)


async def test_federation_asks_the_address_of_the_file_for_the_token(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    platform = Web({"/token?audience=x": document({"value": "from-url"})})
    async with serving(platform) as host:
        source = {
            "url": f"http://{host}/token?audience=x",
            "headers": {"Authorization": "Bearer runner"},
            "format": {"type": "json", "subject_token_field_name": "value"},
        }
        info = federation_file(source, impersonated=False)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", write(tmp_path, info))
        async with cloud(monkeypatch) as place:
            assert await place.tokens.access_token(5.0) == "federated-from-url"
    assert platform.seen[0].headers["authorization"] == "Bearer runner"


async def test_federation_gets_identity_tokens_by_generate_id_token(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "subject").write_text("subject-token")
    info = federation_file({"file": str(tmp_path / "subject")})
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", write(tmp_path, info))
    async with cloud(monkeypatch) as place:
        found = claims(await place.tokens.id_token(AUDIENCE, 5.0))
    assert (found["aud"], found["email"]) == (AUDIENCE, ACCOUNT)
    assert found["by"] == "Bearer federated-subject-token"  # not as the account on itself
    assert [seen.target for seen in place.apis.seen][-1].endswith(f"/{ACCOUNT}:generateIdToken")


async def test_an_account_is_impersonated_by_option(monkeypatch: pytest.MonkeyPatch) -> None:
    async with cloud(monkeypatch, Metadata()) as place:
        token = await place.tokens.access_token(5.0, ["s"], account="other@x.iam.gserviceaccount.com")
        found = claims(await place.tokens.id_token(AUDIENCE, 5.0, account="other@x.iam.gserviceaccount.com"))
    assert token.startswith("impersonated by Bearer access-")
    assert str(found["by"]).startswith("Bearer access-")
    assert all("/other@x.iam.gserviceaccount.com:" in seen.target for seen in place.apis.seen)


async def test_an_account_is_impersonated_by_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    info = {
        "type": "impersonated_service_account",
        "service_account_impersonation_url": federation_file({})["service_account_impersonation_url"],
        "source_credentials": key_file(),
        "delegates": ["projects/-/serviceAccounts/between@x.iam.gserviceaccount.com"],
    }
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", write(tmp_path, info))
    async with cloud(monkeypatch) as place:
        assert (await place.tokens.access_token(5.0)).startswith("impersonated by Bearer of-key ")
        found = claims(await place.tokens.id_token(AUDIENCE, 5.0))
    assert str(found["by"]).startswith("Bearer of-key ")
    assert b"between@x" in place.apis.seen[-1].body


FILES: dict[str, tuple[object, str, str]] = {
    "a file that is not there": (None, "", "credentials file PATH: No such file or directory"),
    "not JSON": ("x", "", "credentials file PATH is not a JSON object"),
    "JSON that is no object": ([1], "", "credentials file PATH is not a JSON object"),
    "an unknown type": ({"type": "new"}, "", "credentials of type 'new' are not supported"),
    "a key without a key": (
        {**key_file(), "private_key": "x"},
        "",
        "credentials file PATH: private_key is not a private key in PEM",
    ),
    "identity for a person": (
        {"type": "authorized_user", "client_id": "a", "client_secret": "b", "refresh_token": "c"},
        AUDIENCE,
        "the login of a person has no identity tokens: name a service account to impersonate",
    ),
    "identity for a federated identity without an account": (
        federation_file({"file": "/nowhere"}, impersonated=False),
        AUDIENCE,
        "a federated identity has no identity tokens of its own: name a service account to impersonate",
    ),
    "a token of the platform that is not there": (
        federation_file({"file": "/nowhere"}),
        "",
        "google-auth: RefreshError: File '/nowhere' was not found.",
    ),
}


@pytest.mark.parametrize(("content", "audience", "detail"), FILES.values(), ids=FILES)
async def test_a_file_that_gives_nothing(
    content: object, audience: str, detail: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = write(tmp_path, content) if content is not None else str(tmp_path / "missing")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", path)
    async with cloud(monkeypatch) as place:
        seen = await failure(place.tokens, 5.0, audience)
    assert seen.startswith(detail.replace("PATH", path))
    assert "PRIVATE KEY" not in seen


async def test_a_token_server_that_is_down_or_refuses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", write(tmp_path, key_file()))
    tokens = GoogleTokens(Resolver(), parse_url("http://127.0.0.1:1", ("http",)))
    seen = "nothing listens at 127.0.0.1:1: connection refused"
    assert await failure(tokens) == f"the token server oauth2.googleapis.com does not answer ({seen})"
    answer = document({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, 400)
    async with cloud(monkeypatch, **{"/token": answer}) as place:
        expected = "token server oauth2.googleapis.com: status 400, expected 200: invalid_grant: Invalid JWT Signature."
        assert await failure(place.tokens) == expected


# Endpoints


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("https://apis.internal", False),
        ("http://127.0.0.1:9", False),
        ("http://localhost:9", False),
        ("http://10.0.0.9:8080", True),
        ("http://emulator.test", True),
    ],
)
def test_plain_http_to_another_machine_gets_no_token(endpoint: str, expected: bool) -> None:
    assert readable_by_others(parse_url(endpoint, ("http", "https"))) == expected
