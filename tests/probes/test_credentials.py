"""Our own credentials: when they end, and that a failure after that is not the target's."""

from __future__ import annotations

import asyncio
import base64
import datetime
import json
import ssl
import time
from pathlib import Path
from typing import Any

import pytest
import trustme
from staging_exporter.core.model import Observation, Outcome, Reason
from staging_exporter.net.tokens import token_end

from tests.support.probing import probe
from tests.support.web import Web, read_request, response, serving


def jwt(**claims: object) -> str:
    parts = ({"alg": "none"}, claims)
    return ".".join([*(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts), ""])


ENDS: dict[str, tuple[str, float | None]] = {
    "a JWT": (jwt(exp=4e9), 4e9),
    "behind a scheme": (f"Bearer {jwt(exp=4000000000)}", 4e9),
    "without an end": (jwt(sub="me"), None),
    "an end that is no number": (jwt(exp="soon"), None),
    "an end that is true": (jwt(exp=True), None),
    "an end after the last year": (jwt(exp=1e300), None),
    "an endless end": (jwt(exp=float("inf")), None),
    "a list": (f"a.{base64.urlsafe_b64encode(b'[1]').decode()}.c", None),
    "two dots": ("a.b.c", None),
    "opaque": ("hunter2", None),
    "white space": ("  ", None),
}


@pytest.mark.parametrize("case", ENDS)
def test_a_token_says_when_it_ends(case: str) -> None:
    token, end = ENDS[case]
    assert token_end(token) == end


PLACES: dict[str, dict[str, Any]] = {
    "bearer": {"auth": {"bearer": {"env": "TOKEN"}}},
    "header": {"headers": {"Authorization": {"prefix": "Bearer ", "secret": {"env": "TOKEN"}}}},
    "api key": {"headers": {"X-Api-Key": {"env": "TOKEN"}}},
    "body": {"method": "POST", "body": {"env": "TOKEN"}},
}


async def asked(place: str, status: int, **options: Any) -> Observation:
    async with serving(Web({"*": response(status)})) as address:
        return await probe({"kind": "http", "url": f"http://{address}/", **PLACES[place], **options})


@pytest.mark.parametrize("place", PLACES)
async def test_the_end_of_a_token_is_a_fact(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", jwt(exp=4e9))
    assert (await asked(place, 200)).facts["credential_not_after"] == 4e9
    assert (await asked(place, 401)).reason == Reason.DENIED


@pytest.mark.parametrize("place", PLACES)
async def test_a_refusal_of_an_expired_token_is_ours(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", jwt(exp=1e9))
    seen = await asked(place, 401)
    assert (seen.outcome, seen.reason) == (Outcome.UNKNOWN, Reason.CREDENTIALS)
    assert "token expired on 2001-09-09 01:46:40 UTC" in seen.detail


@pytest.mark.parametrize(("status", "reason"), [(200, Reason.OK), (503, Reason.SERVER_ERROR)])
async def test_what_an_expired_token_does_not_cause_is_the_targets(
    status: int, reason: Reason, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", jwt(exp=1e9))
    assert (await asked("header", status)).reason == reason


async def test_a_probe_that_expects_the_refusal_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", jwt(exp=1e9))
    assert (await asked("header", 401, expect={"status": 401})).reason == Reason.OK


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("expired", [True, False])
async def test_an_expired_client_certificate_is_ours(expired: bool, version: Any, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    now = datetime.datetime.now(datetime.UTC)
    end = now + datetime.timedelta(days=-1 if expired else 1)
    issued = authority.issue_cert("client@test", not_before=now - datetime.timedelta(days=9), not_after=end)
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "client.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(response())
        await writer.drain()

    async with serving(handler, context) as address:
        tls = {"ca_file": str(tmp_path / "ca.pem"), "cert_file": str(tmp_path / "client.pem"), "max_version": version}
        seen = await probe({"kind": "http", "url": f"https://{address}/", "tls": tls})
    assert seen.facts["credential_not_after"] == pytest.approx(end.timestamp(), abs=1)
    assert seen.reason == (Reason.CREDENTIALS if expired else Reason.OK), seen.detail
    assert ("the client certificate expired on" in seen.detail) is expired


async def test_ten_users_of_a_dead_token_server_are_unknown_and_name_it() -> None:
    auth = {
        "oauth2": {"token_url": "http://127.0.0.1:1/token", "client_id": "prober", "client_secret": {"env": "HOME"}}
    }
    began = time.monotonic()
    checks = [probe({"kind": "http", "url": f"http://127.0.0.1:{port}/", "auth": auth}) for port in range(2, 12)]
    for seen in await asyncio.gather(*checks):
        assert (seen.outcome, seen.reason) == (Outcome.UNKNOWN, Reason.CREDENTIALS)
        assert seen.detail.startswith("token server 127.0.0.1:1: ")
    assert time.monotonic() - began < 5
