"""Kind `grpc` against a real gRPC server, and against hostile peers."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import h2.config
import h2.connection
import h2.events
import pytest
import trustme
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from pydantic import ValidationError
from staging_exporter.core.model import Observation, Outcome, Reason
from staging_exporter.engine.prober import Prober
from staging_exporter.net.grpchealth import grpc_status
from staging_exporter.net.resolve import Resolver
from staging_exporter.probes import load

from tests.support import peers
from tests.support.probing import probe
from tests.support.web import Web, response, serving

STATUS = health_pb2.HealthCheckResponse


class Refusing(health_pb2_grpc.HealthServicer):
    """Ends every call with one status."""

    def __init__(self, code: grpc.StatusCode, said: str) -> None:
        self.code, self.said = code, said

    async def Check(self, _request: Any, context: Any) -> Any:
        await context.abort(self.code, self.said)


def serving_health() -> Any:
    servicer = health.aio.HealthServicer()
    for service, state in {"": STATUS.SERVING, "a.Good": STATUS.SERVING, "a.Bad": STATUS.NOT_SERVING}.items():
        servicer._server_status[service] = state
    return servicer


@asynccontextmanager
async def grpc_server(servicer: Any, authority: trustme.CA | None = None) -> AsyncIterator[str]:
    server = grpc.aio.server()
    if servicer is not None:
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    if authority is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        leaf = authority.issue_cert("127.0.0.1")
        pair = (leaf.private_key_pem.bytes(), b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


async def asked(servicer: Any, **options: Any) -> Observation:
    async with grpc_server(servicer) as address:
        return await probe({"kind": "grpc", "address": address, **options})


async def test_a_serving_server_passes() -> None:
    seen = await asked(serving_health())
    assert (seen.outcome, seen.detail) == (Outcome.PASS, "")
    assert set(seen.phases) == {"resolve", "connect", "check"}
    assert (seen.facts["health"], seen.facts["grpc_status"]) == ("SERVING", 0)


@pytest.mark.parametrize(
    ("service", "reason", "said"),
    [
        ("a.Good", Reason.OK, ""),
        ("a.Bad", Reason.CONTENT, "the health of a.Bad is NOT_SERVING, expected SERVING"),
        ("a.Unknown", Reason.STATUS, "gRPC status NOT_FOUND, expected OK"),
    ],
)
async def test_the_health_of_a_service_decides_the_reason(service: str, reason: Reason, said: str) -> None:
    seen = await asked(serving_health(), service=service)
    assert (seen.reason, seen.detail) == (reason, said)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (grpc.StatusCode.UNAVAILABLE, Reason.SERVER_ERROR),
        (grpc.StatusCode.INTERNAL, Reason.SERVER_ERROR),
        (grpc.StatusCode.PERMISSION_DENIED, Reason.DENIED),
        (grpc.StatusCode.UNAUTHENTICATED, Reason.DENIED),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Reason.SATURATED),
        (grpc.StatusCode.DEADLINE_EXCEEDED, Reason.TIMEOUT),
        (grpc.StatusCode.CANCELLED, Reason.CLOSED),
        (grpc.StatusCode.FAILED_PRECONDITION, Reason.STATUS),
    ],
)
async def test_each_status_has_a_reason(code: grpc.StatusCode, reason: Reason) -> None:
    seen = await asked(Refusing(code, "größer wird's nicht\n"))
    assert seen.reason == reason
    assert seen.detail == f"gRPC status {code.name}, expected OK: größer wird's nicht"
    assert seen.facts["grpc_status"] == code.value[0]


class Guarded(health_pb2_grpc.HealthServicer):
    """Wants metadata, and keeps what it was sent."""

    def __init__(self) -> None:
        self.seen: dict[str, str | bytes] = {}

    async def Check(self, _request: Any, context: Any) -> Any:
        self.seen = dict(context.invocation_metadata())
        if self.seen.get("authorization") != "Bearer open sesame":
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you?")
        return STATUS(status=STATUS.SERVING)


async def test_metadata_and_credentials_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "open sesame")
    monkeypatch.setenv("KEY", "k-17")
    guarded = Guarded()
    metadata = {"x-tenant": "staging", "x-api-key": {"env": "KEY"}, "trace-bin": "AAEC"}
    seen = await asked(guarded, auth={"bearer": {"env": "TOKEN"}}, metadata=metadata)
    assert (seen.outcome, seen.detail) == (Outcome.PASS, "")
    assert {"x-tenant": "staging", "x-api-key": "k-17", "trace-bin": b"\x00\x01\x02"}.items() <= guarded.seen.items()
    without = await asked(guarded)
    assert (without.reason, without.detail) == (
        Reason.DENIED,
        "gRPC status UNAUTHENTICATED, expected OK: who are you?",
    )


async def test_a_token_is_fetched_first_and_again_once_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "s")
    tokens = iter(["old", "open sesame"])
    web = Web({"*": lambda _: response(200, json.dumps({"access_token": next(tokens), "expires_in": 3600}).encode())})
    prober = Prober(Resolver())
    async with serving(web) as server, grpc_server(Guarded()) as address:
        oauth2 = {"token_url": f"http://{server}/token", "client_id": "me", "client_secret": {"env": "SECRET"}}
        options = {"kind": "grpc", "address": address, "auth": {"oauth2": oauth2}}
        seen = [await probe(options, prober=prober) for _ in range(3)]
        check = load("grpc").model_validate(options)
    assert [run.reason for run in seen] == [Reason.DENIED, Reason.OK, Reason.OK]
    assert ("token" in seen[0].phases, len(web.seen)) == (True, 2)
    assert check.hosts() == ("127.0.0.1", "127.0.0.1")


async def test_a_value_that_cannot_be_sent_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "gehe\u00efm")
    seen = await asked(serving_health(), metadata={"x-api-key": {"env": "KEY"}})
    assert seen.reason == Reason.PROBE_ERROR
    assert seen.detail == "metadata x-api-key holds characters that gRPC does not allow"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metadata": {"X-Tenant": "a"}}, "'X-Tenant' is not a name for metadata"),
        ({"metadata": {"grpc-timeout": "1S"}}, "'grpc-timeout' is not a name for metadata"),
        ({"metadata": {"authorization": "Bearer x"}}, "a secret does not belong in this file"),
        ({"auth": {"digest": {"username": "me", "password": {"env": "Y"}}}}, "digest"),
        (
            {"metadata": {"authorization": {"env": "X"}}, "auth": {"bearer": {"env": "Y"}}},
            "auth and metadata authorization exclude each other",
        ),
    ],
)
def test_bad_metadata_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        load("grpc").model_validate({"kind": "grpc", "address": "localhost:1", **options})


async def test_a_server_without_the_health_service_is_protocol() -> None:
    seen = await asked(None)
    assert seen.reason == Reason.PROTOCOL
    assert seen.detail.startswith("gRPC status UNIMPLEMENTED, expected OK")


async def test_tls_is_verified(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    async with grpc_server(serving_health(), authority) as address:
        trusted = await probe({"kind": "grpc", "address": address, "tls": {"ca_file": str(tmp_path / "ca.pem")}})
        untrusted = await probe({"kind": "grpc", "address": address, "tls": {}})
        plain = await probe({"kind": "grpc", "address": address})
    assert (trusted.outcome, trusted.facts["tls_names"]) == (Outcome.PASS, ["127.0.0.1"])
    assert "tls" in trusted.phases
    assert untrusted.reason == Reason.TLS_UNTRUSTED
    assert plain.reason in (Reason.CLOSED, Reason.PROTOCOL)


async def test_h2_is_offered_by_alpn(tmp_path: Path) -> None:
    """Servers of newer gRPC libraries refuse a client that does not."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    context.set_alpn_protocols(["h2"])
    chosen: list[str | None] = []

    async def note(_reader: Any, writer: Any) -> None:
        chosen.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())

    async with serving(note, context) as address:
        await probe({"kind": "grpc", "address": address, "tls": {"ca_file": str(tmp_path / "ca.pem")}})
    assert chosen == ["h2"]


def answering(*steps: tuple[Any, ...], ends: bool = False) -> peers.Handler:
    """A peer that speaks HTTP/2: each step is a method of the library and what comes after the number of the stream."""

    async def handler(reader: Any, writer: Any) -> None:
        http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        http.initiate_connection()
        stream = 0
        while not stream and (data := await reader.read(65536)):
            stream = max(e.stream_id for e in http.receive_data(data) if isinstance(e, h2.events.StreamEnded))
        for method, *arguments in steps:
            getattr(http, method)(*([] if method == "close_connection" else [stream]), *arguments)
        writer.write(http.data_to_send())
        await writer.drain()
        if not ends:
            await reader.read()

    return handler


def head(status: str = "200", end_stream: bool = False) -> tuple[Any, ...]:
    return ("send_headers", [(":status", status), ("content-type", "application/grpc")], end_stream)


def message(data: bytes) -> tuple[Any, ...]:
    return ("send_data", data)


def trailers(status: str) -> tuple[Any, ...]:
    return ("send_headers", [("grpc-status", status)], True)


SERVES = message(b"\0\0\0\0\x02\x08\x01")
PEERS: dict[str, tuple[peers.Handler, Reason, str]] = {
    "accepts and closes": (peers.hanging_up, Reason.CLOSED, "the peer hung up"),
    "floods after a valid beginning": (
        peers.streaming(b"\0\0\0\x04\0\0\0\0\0", b"\0\0\x08\x06\0\0\0\0\0pingping" * 4000),
        Reason.PROTOCOL,
        "the answer to the health check is over 65536 bytes",
    ),
    "is silent": (peers.silent, Reason.TIMEOUT, "no answer within 500ms in phase check"),
    "speaks HTTP/1.1": (peers.saying(response(400), wait=False), Reason.PROTOCOL, "not HTTP/2"),
    "floods": (peers.streaming(b"", b"a" * 65536), Reason.PROTOCOL, "not HTTP/2"),
    "serves": (answering(head(), SERVES, trailers("0")), Reason.OK, ""),
    "leaves the default out": (answering(head(), message(bytes(5)), trailers("0")), Reason.CONTENT, "is UNKNOWN"),
    "sends another message": (
        answering(head(), message(b"\0\0\0\0\x01x"), trailers("0")),
        Reason.PROTOCOL,
        "not a HealthCheckResponse",
    ),
    "sends no status": (answering(head(end_stream=True)), Reason.PROTOCOL, "response without grpc-status"),
    "sends a strange status": (answering(head(), SERVES, trailers("99")), Reason.STATUS, "gRPC status 99"),
    "answers 503": (answering(head("503", True)), Reason.SERVER_ERROR, "HTTP status 503"),
    "resets the request": (answering(head(), ("reset_stream", 7)), Reason.CLOSED, "the peer reset the request"),
    "ends the connection": (answering(("close_connection", 1)), Reason.CLOSED, "the peer ended the connection"),
    "hangs up in the middle": (answering(head(), ends=True), Reason.CLOSED, "bytes into its response"),
    "sends more than asked": (
        answering(head(), *[message(b"x" * 3000)] * 20, trailers("0")),
        Reason.PROTOCOL,
        "not a HealthCheckResponse",
    ),
}


@pytest.mark.parametrize("name", PEERS)
async def test_a_hostile_peer_gets_a_reason(name: str) -> None:
    handler, reason, said = PEERS[name]
    async with peers.serving(handler) as port:
        seen = await peers.watched({"kind": "grpc", "address": f"127.0.0.1:{port}"}, 0.5)
    assert seen.reason == reason, seen.detail
    assert said in seen.detail


async def test_a_unix_socket_is_probed(tmp_path: Path) -> None:
    server = grpc.aio.server()
    health_pb2_grpc.add_HealthServicer_to_server(serving_health(), server)
    server.add_insecure_port(f"unix:{tmp_path / 's'}")
    await server.start()
    try:
        seen = await probe({"kind": "grpc", "address": str(tmp_path / "s")})
    finally:
        await server.stop(None)
    assert (seen.outcome, seen.detail) == (Outcome.PASS, "")


async def test_ip_family_is_respected() -> None:
    seen = await asked(serving_health(), ip_family=6)
    assert seen.reason == Reason.DNS


def test_a_status_must_be_a_small_number() -> None:
    assert grpc_status({"grpc-status": "14"}) == 14


@pytest.mark.parametrize("service", ["a" * 128, "grüße", "a b"])
def test_an_invalid_service_name_is_refused(service: str) -> None:
    with pytest.raises(ValidationError):
        load("grpc").model_validate({"kind": "grpc", "address": "a.test:1", "service": service})


def test_the_host_is_that_of_the_address() -> None:
    assert load("grpc").model_validate({"kind": "grpc", "address": "a.test:1"}).hosts() == ("a.test",)
    assert load("grpc").model_validate({"kind": "grpc", "address": "/run/s"}).hosts() == ()
