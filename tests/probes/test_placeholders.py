"""Secrets inside of URLs, bodies, headers, messages and `tcp` steps."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from pydantic import ValidationError
from staging_exporter.core.model import Reason
from staging_exporter.probes import load

from tests.support.peers import serving as raw_serving
from tests.support.probing import probe
from tests.support.web import Web, response, serving

SECRET = 'a b&c="ü"/%'
ENCODED = "a%20b%26c%3D%22%C3%BC%22%2F%25"
SECRETS = {"secrets": {"key": {"env": "PLACEHOLDER_KEY"}}}


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACEHOLDER_KEY", SECRET)


async def test_a_secret_in_a_url_is_encoded_and_masked() -> None:
    web = Web({"*": response(500, f"no such key: {SECRET} {ENCODED}".encode())})
    async with serving(web) as address:
        url = f"http://{address}/{{{{key}}}}/x?key={{{{key}}}}&a=b"
        seen = await probe({"kind": "http", "url": url, **SECRETS})
    assert web.seen[0].target == f"/{ENCODED}/x?key={ENCODED}&a=b"
    assert seen.reason == Reason.SERVER_ERROR
    assert "no such key" in seen.detail
    assert SECRET not in str(seen)
    assert ENCODED not in str(seen)


BODIES: dict[str, tuple[Any, str]] = {
    "text": ("key={{key}}&a={{other}", f"key={SECRET}&a={{{{other}}"),
    "json": ({"json": {"auth": {"key": "Key {{key}}"}, "n": [1, "{{key}}"]}}, ""),
}


@pytest.mark.parametrize("case", BODIES)
async def test_a_secret_in_a_body_and_a_header(case: str) -> None:
    body, text = BODIES[case]
    web = Web({"*": response()})
    headers = {"X-Check": "ok", "X-Trace": "probe"}
    async with serving(web) as address:
        options = {"kind": "http", "url": f"http://{address}/", "method": "POST", "body": body, "headers": headers}
        assert (await probe(options | SECRETS)).reason == Reason.OK
    got = web.seen[0].body.decode()
    if case == "text":
        assert got == text
    else:
        assert json.loads(got) == {"auth": {"key": f"Key {SECRET}"}, "n": [1, SECRET]}


async def test_a_secret_in_a_header_is_for_the_first_origin_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACEHOLDER_KEY", "hunter2")
    there = Web({"*": response()})
    async with serving(there) as other:
        web = Web({"*": response(302, headers={"Location": f"http://{other}/"})})
        async with serving(web) as address:
            options = {"kind": "http", "url": f"http://{address}/", "headers": {"X-Custom": "k={{key}}"}}
            assert (await probe(options | SECRETS)).reason == Reason.OK
    assert web.seen[0].headers["x-custom"] == "k=hunter2"
    assert "x-custom" not in there.seen[0].headers


async def test_a_secret_in_a_tcp_step() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readline()).decode()
        writer.write(b"535 no: " + line.encode())
        await writer.drain()

    async with raw_serving(handler) as port:
        steps = [{"send": "AUTH {{key}}\r\n"}, {"expect": "^235 "}]
        seen = await probe({"kind": "tcp", "address": f"127.0.0.1:{port}", "steps": steps, **SECRETS})
    assert seen.reason == Reason.CONTENT
    assert "535 no: AUTH ***" in seen.detail


async def test_braces_without_secrets_are_text() -> None:
    web = Web({"*": response()})
    async with serving(web) as address:
        options = {"kind": "http", "url": f"http://{address}/", "method": "POST", "body": "{{key}}"}
        assert (await probe(options)).reason == Reason.OK
    assert web.seen[0].body == b"{{key}}"


HTTP = {"kind": "http", "url": "http://a.test/"}
WRONG: list[tuple[dict[str, Any], str]] = [
    (HTTP | {"url": "http://a.test/?k={{key}}"}, r"\{\{key\}\} has no secret; write secrets: \{key: \{env: NAME\}\}"),
    (HTTP | SECRETS, r"secrets: nothing contains \{\{key\}\}"),
    (HTTP | SECRETS | {"body": "{{key}} {{kye}}"}, r"\{\{kye\}\} has no secret"),
    (HTTP | {"url": "http://{{key}}/", **SECRETS}, "is not a host"),
    (HTTP | {"secrets": {"key": "hunter2"}}, "a secret does not belong in this file"),
    (
        {"kind": "tcp", "address": "a.test:1", "steps": [{"send": "x"}], **SECRETS},
        r"secrets: nothing contains \{\{key\}\}",
    ),
    (
        {"kind": "websocket", "url": "ws://a.test/", "steps": [{"send": {"json": {"a": ["{{keys}}"]}}}], **SECRETS},
        r"\{\{keys\}\} has no secret",
    ),
]


@pytest.mark.parametrize(("options", "error"), WRONG)
def test_placeholders_and_secrets_must_fit(options: dict[str, Any], error: str) -> None:
    with pytest.raises(ValidationError, match=error):
        load(options["kind"]).model_validate(options)
