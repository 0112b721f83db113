"""Asking the exporter over HTTP: credentials, redirects, and answers that are no status."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from pytest_staging.exporter import AddressError, Away, Exporter, Refused

from tests.pytest_staging.documents import STATUS, Reply, answering
from tests.support.ports import free_port

BODY = json.dumps(STATUS).encode()
TOKEN = {"STAGING_EXPORTER_TOKEN": "sesame"}
PATH = "/api/v1/status"


def test_a_status_is_read() -> None:
    with answering(lambda path: Reply(200, BODY)) as server:
        status = Exporter(server.url + "/", {}).status()
    assert (status["environment"], status["state"]) == ("staging", "down")
    assert [path for path, _ in server.requests] == [PATH]
    assert "Authorization" not in server.requests[0][1]


def test_the_address_may_have_a_path() -> None:
    with answering(lambda path: Reply(200, BODY)) as server:
        Exporter(server.url + "/exporter/", {}).status()
    assert [path for path, _ in server.requests] == ["/exporter" + PATH]


@pytest.mark.parametrize(
    ("user", "environ", "expected"),
    [
        ("", TOKEN, {"Authorization": "Bearer sesame"}),
        ("", {"STAGING_EXPORTER_TOKEN": " sesame\n"}, {"Authorization": "Bearer sesame"}),
        ("", {"STAGING_EXPORTER_TOKEN": "\n"}, {}),
        ("me:p%40ss@", {}, {"Authorization": "Basic bWU6cEBzcw=="}),
        ("me:pass@", TOKEN, {"Authorization": "Bearer sesame"}),
        (
            "",
            {"STAGING_EXPORTER_HEADERS": "X-Key: a:b\n\nauthorization: Basic eA=="},
            {"X-Key": "a:b", "Authorization": "Basic eA=="},
        ),
        (
            "",
            {**TOKEN, "STAGING_EXPORTER_HEADERS": "Proxy-Authorization: Bearer p"},
            {"Authorization": "Bearer sesame", "Proxy-Authorization": "Bearer p"},
        ),
    ],
)
def test_credentials_are_sent(user: str, environ: dict[str, str], expected: dict[str, str]) -> None:
    with answering(lambda path: Reply(200, BODY)) as server:
        exporter = Exporter(server.url.replace("//", f"//{user}"), environ)
        exporter.status()
    assert exporter.url == server.url
    sent = {name: value for name, value in server.requests[0][1].items() if name in {*expected, "Authorization"}}
    assert sent == expected


ADDRESS = "the address of the exporter is invalid, expected one like http://127.0.0.1:9877"
BAD: dict[str, tuple[str, dict[str, str], str]] = {
    "no scheme": ("localhost:9877", {}, ADDRESS),
    "another scheme": ("ftp://me:secret@host", {}, ADDRESS),
    "no host": ("http://", {}, ADDRESS),
    "a port out of range": ("http://h:99999", {}, "the address of the exporter is invalid: Port out of range 0-65535"),
    "a header without a colon": (
        "http://h",
        {"STAGING_EXPORTER_HEADERS": "X-A: b\nsecret"},
        "STAGING_EXPORTER_HEADERS, line 2: expected NAME: VALUE",
    ),
    "a token that is no header": (
        "http://h",
        {"STAGING_EXPORTER_TOKEN": "a\r\nX-Evil: b"},
        "STAGING_EXPORTER_TOKEN and STAGING_EXPORTER_HEADERS must be printable ASCII",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_address_or_header_shows_no_secret(case: str) -> None:
    url, environ, message = BAD[case]
    with pytest.raises(AddressError) as caught:
        Exporter(url, environ)
    assert str(caught.value) == message


def test_credentials_are_not_sent_to_another_host() -> None:
    with answering(lambda path: Reply(200, BODY)) as other:
        elsewhere = Reply(302, b"", {"Location": other.url.replace("//", "//me:there@") + PATH})
        with answering(lambda path: elsewhere) as server, pytest.raises(Refused) as caught:
            Exporter(server.url, TOKEN).status()
        assert str(caught.value) == (
            f"{server.url} redirects to {other.url}: credentials are not sent there, configure that address if it is"
            " the exporter's"
        )
        assert other.requests == []


def test_without_credentials_a_redirect_is_followed() -> None:
    with answering(lambda path: Reply(200, BODY)) as other:
        elsewhere = Reply(302, b"", {"Location": other.url + PATH})
        with answering(lambda path: elsewhere) as server:
            assert Exporter(server.url, {}).status()["environment"] == "staging"


def test_credentials_go_along_on_the_same_host() -> None:
    def reply(path: str) -> Reply:
        return Reply(200, BODY) if path == "/moved" else Reply(302, b"", {"Location": "/moved"})

    with answering(reply) as server:
        Exporter(server.url, TOKEN).status()
    assert [headers["Authorization"] for _, headers in server.requests] == ["Bearer sesame"] * 2


HTML = {"Content-Type": "text/html; charset=utf-8"}
ANSWERS: dict[str, tuple[Reply, type[Exception], str]] = {
    "a login page": (
        Reply(200, b"<html>Sign in</html>", HTML),
        Refused,
        "no staging-exporter at {url}: the answer is text/html, not its status",
    ),
    "JSON of another service": (
        Reply(200, b'{"status": "healthy"}', {"Content-Type": "application/json"}),
        Refused,
        "no staging-exporter at {url}: the answer is application/json, not its status",
    ),
    "JSON without end": (
        Reply(200, b"[" * 200_000),
        Refused,
        "no staging-exporter at {url}: the answer is text/plain, not its status",
    ),
    "bytes that are no text": (
        Reply(200, b"\xff\xfe\xfa"),
        Refused,
        "no staging-exporter at {url}: the answer is text/plain, not its status",
    ),
    "no such page": (Reply(404), Refused, "no staging-exporter at {url}: it answered 404"),
    "an error": (Reply(500), Refused, "no staging-exporter at {url}: it answered 500"),
    "without credentials": (
        Reply(401),
        Refused,
        "{url} answered 401; credentials are read from STAGING_EXPORTER_TOKEN and STAGING_EXPORTER_HEADERS",
    ),
    "a proxy without an exporter": (Reply(502), Away, "no exporter answers at {url}: status 502"),
    "an answer that is cut off": (
        Reply(200, b"{", {"Content-Length": "9"}),
        Away,
        "no exporter answers at {url}: IncompleteRead(1 bytes read, 8 more expected)",
    ),
    "a redirect to a file": (
        Reply(302, b"", {"Location": "ftp://host/file"}),
        Refused,
        "{url} redirects to ftp://host: not an HTTP address",
    ),
    "a redirect without end": (
        Reply(302, b"", {"Location": PATH}),
        Refused,
        "{url} redirects to /api/v1/status: "
        "The HTTP server returned a redirect error that would lead to an infinite loop.",
    ),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_that_is_no_status_says_what_it_is(case: str) -> None:
    reply, kind, message = ANSWERS[case]
    with answering(lambda path: reply) as server, pytest.raises(kind) as caught:
        Exporter(server.url, {}).status()
    assert str(caught.value) == message.format(url=server.url)


def test_nobody_listens() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Away, match=f"^no exporter answers at {url}: .*Connection refused"):
        Exporter(url, {}).status()


@pytest.mark.parametrize("make", [lambda: "http://[::1]:9877/", lambda: "HTTP://[::1]:9877"])
def test_an_address_of_ipv6_is_shown_as_written(make: Callable[[], str]) -> None:
    assert Exporter(make(), {}).url == "http://[::1]:9877"
