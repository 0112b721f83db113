"""Kind `postgres` against a real server, and against hostile peers."""

from __future__ import annotations

import asyncio
import json
import math
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
import uvloop
from staging_exporter.core.model import Outcome, Reason
from staging_exporter.net.address import HostPort
from staging_exporter.net.postgres import plain, reason_of
from staging_exporter.probes import load

from tests.support.peers import Handler, hanging_up, serving, silent, watched
from tests.support.postgres import PASSWORD, Postgres, running_postgres
from tests.support.probing import probe

pytestmark = pytest.mark.usefixtures("password")


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with running_postgres(max_connections="20", superuser_reserved_connections="4") as running:
        running.sql(
            "CREATE ROLE full LOGIN CONNECTION LIMIT 0", "CREATE ROLE banned LOGIN", "CREATE ROLE tlsonly LOGIN"
        )
        running.sql("ALTER ROLE full PASSWORD 'x'", f"ALTER ROLE tlsonly PASSWORD '{PASSWORD}'")
        running.sql("CREATE TABLE secret (id int)", "REVOKE ALL ON secret FROM PUBLIC")
        yield running


@pytest.fixture
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", PASSWORD)
    monkeypatch.setenv("WRONG_PASSWORD", "wrong-secret")


@pytest.fixture(autouse=True)
async def everything_is_closed() -> AsyncIterator[None]:
    """The loop waits until all connections are closed: a TLS peer has a second to answer a close."""
    yield
    async with asyncio.timeout(3):
        while any(c.status != "LISTEN" for c in psutil.Process().net_connections()):
            await asyncio.sleep(0.005)


def check(server: Postgres, **options: Any) -> dict[str, Any]:
    base = {"host": "127.0.0.1", "port": server.port, "database": "postgres", "user": "prober"}
    return {"kind": "postgres", "password": {"env": "DB_PASSWORD"}, **base, **options}


async def test_a_run_logs_in_once_under_its_application_name(server: Postgres) -> None:
    before = server.log().count("connection authorized")
    query = "SELECT current_setting('application_name') || ' ' || current_setting('statement_timeout')"
    seen = await probe(check(server, query=query))
    assert (seen.outcome, seen.detail) == (Outcome.PASS, "")
    name, timeout = seen.facts["value"].split()
    assert name == "staging-exporter"
    assert timeout.endswith("ms") or timeout == "5s"
    assert set(seen.phases) == {"resolve", "connect", "startup", "query"}
    assert seen.facts["ip"] == "127.0.0.1"
    assert server.log().count("connection authorized") == before + 1
    assert "incomplete startup packet" not in server.log()


async def test_a_socket_directory_is_probed(server: Postgres) -> None:
    seen = await probe(check(server, host=str(server.directory), tls={"mode": "require"}))
    assert (seen.outcome, set(seen.phases)) == (Outcome.PASS, {"connect", "startup", "query"})


@pytest.mark.parametrize(
    ("options", "reason", "text"),
    [
        ({"password": {"env": "WRONG_PASSWORD"}}, Reason.DENIED, "28P01"),
        ({"password": {"env": "NOT_SET"}}, Reason.PROBE_ERROR, "NOT_SET is not set"),
        ({"user": "banned"}, Reason.DENIED, "28000"),
        ({"user": "tlsonly"}, Reason.DENIED, "28000"),
        ({"user": "full", "host": "SOCKET"}, Reason.SATURATED, "too many connections for role"),
        ({"database": "absent"}, Reason.STATUS, "3D000"),
        ({"query": "SELECT * FROM secret"}, Reason.DENIED, "42501"),
        ({"query": "SELECT * FROM absent"}, Reason.STATUS, "42P01"),
        ({"query": "SELECT 1/0"}, Reason.SERVER_ERROR, "22012"),
        ({"query": "SELECT pg_terminate_backend(pg_backend_pid())"}, Reason.SERVER_ERROR, "57P01"),
        ({"query": "SELECT 2", "expect": {"value": 1}}, Reason.CONTENT, "query is 2, expected 1"),
        ({"query": "SELECT 1 WHERE false", "expect": {"value": 1}}, Reason.CONTENT, "query is missing, expected 1"),
        ({"query": "SELECT 2.5", "expect": {"value": {"gt": 2, "lt": 3}}}, Reason.OK, ""),
        ({"query": "SELECT 'b'", "expect": {"value": ["a", "b"]}}, Reason.OK, ""),
        ({"host": "/" + "x" * 120}, Reason.PROBE_ERROR, "path too long"),
        ({"tls": {"ca_file": "/absent.pem"}}, Reason.PROBE_ERROR, "/absent.pem"),
        ({"degraded": {"slower_than": "1ms"}}, Reason.SLOW, "expected under 1ms"),
    ],
)
async def test_errors_of_the_server_have_reasons(
    server: Postgres, options: dict[str, Any], reason: Reason, text: str
) -> None:
    if options.get("host") == "SOCKET":
        options = {**options, "host": str(server.directory)}
    seen = await probe(check(server, **options))
    assert (seen.reason, text in seen.detail) == (reason, True), seen.detail
    assert "wrong-secret" not in seen.detail
    assert PASSWORD not in str(seen)


@pytest.mark.parametrize(
    ("tls", "reason"),
    [
        ({"server_name": "db.test"}, Reason.OK),
        ({"server_name": "other.test"}, Reason.TLS_NAME),
        ({}, Reason.TLS_NAME),
        ({"mode": "require"}, Reason.OK),
        ({"server_name": "db.test", "ca_file": None}, Reason.TLS_UNTRUSTED),
    ],
)
async def test_tls_modes_are_respected(server: Postgres, tls: dict[str, Any], reason: Reason) -> None:
    seen = await probe(check(server, user="tlsonly", tls={"ca_file": str(server.ca_file), **tls}))
    assert seen.reason == reason, seen.detail
    assert seen.facts["tls_names"] == ["db.test"]
    assert seen.facts["tls_verified"] == (reason == Reason.OK and tls.get("mode") != "require")
    assert "tls" in seen.phases


@pytest.mark.parametrize(
    ("versions", "spoken"),
    [({}, "TLSv1.3"), ({"max_version": "1.2"}, "TLSv1.2"), ({"min_version": "1.3"}, "TLSv1.3")],
)
async def test_tls_versions_are_limited(server: Postgres, versions: dict[str, str], spoken: str) -> None:
    seen = await probe(check(server, user="tlsonly", tls={"mode": "require", **versions}))
    assert (seen.reason, seen.facts["tls_version"]) == (Reason.OK, spoken), seen.detail


async def test_a_server_below_the_lowest_tls_version_fails(server: Postgres) -> None:
    server.sql("ALTER SYSTEM SET ssl_max_protocol_version = 'TLSv1.2'", "SELECT pg_reload_conf()")
    try:
        options = check(server, user="tlsonly", tls={"mode": "require", "min_version": "1.3"})
        async with asyncio.timeout(10):
            while (seen := await probe(options)).reason == Reason.OK:
                await asyncio.sleep(0.02)
    finally:
        server.sql("ALTER SYSTEM RESET ssl_max_protocol_version", "SELECT pg_reload_conf()")
    assert seen.reason == Reason.TLS, seen.detail


def test_tls_versions_that_exclude_each_other_are_refused(server: Postgres) -> None:
    with pytest.raises(ValueError, match="max_version is below min_version"):
        load("postgres").model_validate(check(server, tls={"min_version": "1.3", "max_version": "1.2"}))


async def test_the_certificate_is_verified_against_the_name_that_was_resolved(server: Postgres, tmp_path: Path) -> None:
    options = check(server, host="db.localhost", tls={"ca_file": str(server.ca_file)})
    seen = await probe(options)
    assert seen.reason == Reason.TLS_NAME
    assert "db.localhost" in seen.detail


async def test_a_statement_longer_than_the_run_is_cancelled(server: Postgres) -> None:
    seen = await probe(check(server, query="SELECT pg_sleep(60)"), timeout=0.5)
    assert seen.reason == Reason.TIMEOUT
    assert seen.duration < 1.0


@pytest.mark.parametrize("user", ["prober", "monitor"])
@pytest.mark.parametrize(
    ("limits", "outcome", "reason"),
    [
        ({"degraded_above": 0.5, "down_above": 0.9}, Outcome.PASS, Reason.OK),
        ({"degraded_above": 0.1, "down_above": 0.9}, Outcome.DEGRADED, Reason.SATURATED),
        ({"degraded_above": 0.1, "down_above": 0.2}, Outcome.FAIL, Reason.SATURATED),
    ],
)
async def test_connections_in_use_decide_the_reason(
    server: Postgres, user: str, limits: dict[str, float], outcome: Outcome, reason: Reason
) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(5):
            holder = await asyncpg.connect(
                host=str(server.directory), port=server.port, user=server.superuser, database="postgres", ssl=False
            )
            stack.push_async_callback(holder.close)
        seen = await probe(check(server, user=user, connections=limits))
    assert (seen.outcome, seen.reason) == (outcome, reason), seen.detail
    assert seen.facts["connections"]["usable"] == 16
    assert 6 <= seen.facts["connections"]["used"] <= 8
    assert ("active" in seen.facts["connections"]) == (user == "monitor")


@pytest.mark.parametrize(
    ("sqlstate", "message", "reason"),
    [
        ("57P03", "the database system is starting up", Reason.STARTING),
        ("57P03", "the database system is in recovery mode", Reason.STARTING),
        ("57P03", "the database system is shutting down", Reason.SERVER_ERROR),
        ("53300", "sorry, too many clients already", Reason.SATURATED),
        ("53100", "disk full", Reason.SATURATED),
        ("57014", "canceling statement due to statement timeout", Reason.TIMEOUT),
        ("08P01", "unsupported startup parameter", Reason.PROTOCOL),
        ("08003", "connection was closed", Reason.CLOSED),
        ("28000", "no pg_hba.conf entry", Reason.DENIED),
        ("XX000", "internal error", Reason.SERVER_ERROR),
    ],
)
def test_each_sqlstate_has_a_reason(sqlstate: str, message: str, reason: Reason) -> None:
    assert reason_of(sqlstate, message) == reason


def test_values_are_json_values() -> None:
    assert [plain(b"x"), plain(None), plain(True), plain(Decimal("2.50"))] == ["b'x'", None, True, 2.5]
    assert plain(timedelta(hours=3)) == 10800.0
    # Numbers that JSON lacks: matchers recognise them, facts leave them out.
    assert math.isnan(plain(float("nan")))
    assert math.isnan(plain(Decimal("nan")))
    assert plain(Decimal("inf")) == math.inf


@pytest.mark.parametrize(
    ("query", "value", "reason", "said"),
    [
        ("SELECT 'NaN'::float8", {"ne": 0}, Reason.NO_EVIDENCE, "query is NaN, expected ne 0"),
        ("SELECT 'NaN'::numeric", {"lt": 1}, Reason.NO_EVIDENCE, "query is NaN"),
        ("SELECT 'inf'::numeric", {"lt": 1}, Reason.CONTENT, "query is Infinity, expected lt 1"),
        ("SELECT interval '3 hours'", {"lt": 300}, Reason.CONTENT, "query is 10800.0, expected lt 300"),
        ("SELECT interval '3 minutes'", {"lt": 300}, Reason.OK, ""),
        ("SELECT lag FROM (VALUES (1), (9000)) AS replicas (lag)", {"lt": 60}, Reason.CONTENT, "query, row 2, is 9000"),
        ("SELECT lag FROM (VALUES (1), (2)) AS replicas (lag)", {"lt": 60}, Reason.OK, ""),
        ("SELECT lag FROM (VALUES (1), (9000)) AS r (lag)", {"nodes": "any", "lt": 60}, Reason.OK, ""),
        ("SELECT 1 WHERE false", {"ne": 2}, Reason.CONTENT, "query is missing, expected ne 2"),
        ("SELECT 1 WHERE false", {"ne": 2, "empty": "pass"}, Reason.OK, ""),
        ("SELECT generate_series(1, 1001)", {"gt": 0}, Reason.CONTENT, "more than 1000 rows"),
        (
            "SELECT (now() AT TIME ZONE 'Asia/Tokyo') - interval '3 h'",
            {"max_age": "5m"},
            Reason.CONTENT,
            "in the future",
        ),
        ("SELECT now() - interval '3 h'", {"max_age": "5m"}, Reason.CONTENT, "3h old), expected max_age 5m"),
        ("SELECT now()", {"max_age": "5m"}, Reason.OK, ""),
        ("SELECT extract(epoch FROM now())::bigint * 1000", {"max_age": "5m"}, Reason.OK, ""),
    ],
)
async def test_every_row_is_compared(server: Postgres, query: str, value: Any, reason: Reason, said: str) -> None:
    seen = await probe(check(server, query=query, expect={"value": value}))
    assert seen.reason == reason, seen.detail
    assert said in seen.detail
    json.dumps(dict(seen.facts), allow_nan=False)


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def error(sqlstate: str, text: str) -> bytes:
    return message(b"E", f"SFATAL\0VFATAL\0C{sqlstate}\0M{text}\0\0".encode())


LOGGED_IN = message(b"R", struct.pack("!i", 0)) + message(b"S", b"server_version\x0015.0\0") + message(b"Z", b"I")


def pretending(*answers: bytes, stay: bool = False) -> Handler:
    """A peer without TLS that answers the startup packet, and each later one, with the next of `answers`."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(await reader.read(65536)) == 8:  # an SSLRequest
            writer.write(b"N")
            await reader.read()
            return
        for answer in answers:
            writer.write(answer)
            await writer.drain()
            if not await reader.read(65536):
                return
        if stay:
            await reader.read()

    return handler


async def web_server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(8)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await writer.drain()


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(8)
    writer.transport.abort()


PEERS: dict[str, tuple[Handler, Reason, str]] = {
    "accepts and closes": (hanging_up, Reason.CLOSED, ""),
    "resets": (reset, Reason.CLOSED, ""),
    "is silent": (silent, Reason.TIMEOUT, "in phase startup"),
    "is a web server": (web_server, Reason.PROTOCOL, "HTTP/1.1 400"),
    "closes at startup": (pretending(), Reason.CLOSED, "08003"),
    "is starting up": (
        pretending(error("57P03", "the database system is starting up")), Reason.STARTING, "starting up (57P03)",
    ),
    "is full": (pretending(error("53300", "sorry, too many clients already")), Reason.SATURATED, "53300"),
    "asks for an unknown auth": (pretending(message(b"R", struct.pack("!i", 99))), Reason.PROTOCOL, "99"),
    "sends a length of 2 GB": (pretending(b"R\x7f\xff\xff\xff", stay=True), Reason.TIMEOUT, ""),
    "sends a negative length": (pretending(b"R\xff\xff\xff\xff" + b"x" * 20), Reason.PROTOCOL, ""),
    "greets without a version": (
        pretending(message(b"R", struct.pack("!i", 0)) + message(b"Z", b"I")), Reason.PROTOCOL, "server_version",
    ),
    "hangs up at the query": (pretending(LOGGED_IN), Reason.CLOSED, ""),
    "is silent at the query": (pretending(LOGGED_IN, b"", stay=True), Reason.TIMEOUT, "in phase query"),
    "answers the query with garbage": (pretending(LOGGED_IN, message(b"!", b"xx")), Reason.TIMEOUT, "in phase query"),
}  # fmt: skip


@pytest.mark.parametrize("name", PEERS)
async def test_a_hostile_peer_gets_a_reason(name: str) -> None:
    handler, reason, text = PEERS[name]
    async with serving(handler) as port:
        options = {"kind": "postgres", "host": "127.0.0.1", "port": port, "database": "d", "user": "u"}
        seen = await watched(options, 0.5)
    assert (seen.reason, text in seen.detail) == (reason, True), seen.detail


def requests(code: int) -> bytes:
    return message(b"R", struct.pack("!i", code))


NOTICE = message(b"N", b"SNOTICE\0C00000\0Mhello\0\0")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param([requests(3)], id="at once"),
        pytest.param([NOTICE + requests(3)], id="after a notice"),
        pytest.param([message(b"R", struct.pack("!i", 5) + b"salt"), requests(3)], id="after it asked for a hash"),
        pytest.param([message(b"R", struct.pack("!i", 5) + b"salt") + requests(3)], id="together with a hash"),
    ],
)
async def test_no_password_in_clear_text_without_tls(answer: list[bytes]) -> None:
    heard: list[bytes] = []
    options = {
        "kind": "postgres",
        "host": "127.0.0.1",
        "database": "d",
        "user": "u",
        "password": {"env": "DB_PASSWORD"},
    }
    async with serving(recorded(heard, *answer)) as port:
        seen = await watched({**options, "port": port}, 2.0)
        assert (seen.reason, "asks for the password in clear text" in seen.detail) == (Reason.TLS, True), seen.detail
        assert PASSWORD.encode() not in b"".join(heard)
        await watched({**options, "port": port, "tls": {"mode": "disable", "allow_cleartext": True}}, 2.0)
        assert PASSWORD.encode() in b"".join(heard)


async def test_a_login_in_single_bytes_is_understood() -> None:
    heard: list[bytes] = []
    options = {
        "kind": "postgres",
        "host": "127.0.0.1",
        "database": "d",
        "user": "u",
        "password": {"env": "DB_PASSWORD"},
    }
    async with serving(recorded(heard, NOTICE + requests(3), slowly=True)) as port:
        seen = await watched({**options, "port": port}, 2.0)
    assert seen.reason == Reason.TLS, seen.detail
    assert PASSWORD.encode() not in b"".join(heard)


def test_the_login_is_watched_on_uvloop_too(server: Postgres) -> None:
    async def both() -> tuple[Reason, Reason]:
        async with serving(recorded([], requests(3))) as port:
            return (await probe(check(server))).reason, (await probe({**check(server), "port": port})).reason

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(both()) == (Reason.OK, Reason.TLS)


def recorded(heard: list[bytes], *answers: bytes, slowly: bool = False) -> Handler:
    """Like `pretending`, and keeps what it reads."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(65536))
        if len(heard[-1]) == 8:  # an SSLRequest
            writer.write(b"N")
            await reader.read()
            return
        for answer in answers:
            for part in [bytes([byte]) for byte in answer] if slowly else [answer]:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0)
            heard.append(await reader.read(65536))

    return handler


@pytest.mark.parametrize("mode", ["require", "verify-full"])
def test_a_password_in_clear_text_is_no_question_with_tls(mode: str) -> None:
    options = {"kind": "postgres", "host": "h", "database": "d", "user": "u"}
    with pytest.raises(ValueError, match="allow_cleartext goes with mode: disable"):
        load("postgres").model_validate({**options, "tls": {"mode": mode, "allow_cleartext": True}})


async def test_required_tls_that_the_server_does_not_offer_fails() -> None:
    async with serving(pretending()) as port:
        options = {"kind": "postgres", "host": "127.0.0.1", "port": port, "database": "d", "user": "u", "tls": {}}
        seen = await probe(options)
    assert (seen.reason, seen.detail) == (Reason.TLS, "the server offers no TLS, expected TLS")


async def test_a_missing_socket_and_an_unknown_name_have_reasons() -> None:
    options = {"kind": "postgres", "host": "/absent", "database": "d", "user": "u"}
    assert (await probe(options)).reason == Reason.REFUSED
    silent_resolver = (HostPort("127.0.0.1", 9),)
    seen = await probe({**options, "host": "db.test"}, timeout=0.5, servers=silent_resolver)
    assert seen.reason == Reason.RESOLVER


def pooler(server: Postgres, error: str, seen: list[bytes]) -> Handler:
    """What PgBouncer does as shipped: it refuses a start-up parameter that it does not know, and relays the rest."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readexactly(8)
            length, code = struct.unpack("!ii", head)
            rest = await reader.readexactly(length - 8)
            if code != 80877103:
                break
            writer.write(b"N")
        if b"statement_timeout" in rest:
            message = f"SFATAL\0VFATAL\0{error}\0\0".encode()
            writer.write(b"E" + struct.pack("!i", len(message) + 4) + message)
            await writer.drain()
            return
        behind, out = await asyncio.open_connection("127.0.0.1", server.port)
        out.write(head + rest)

        async def relay(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                seen.append(data)
                target.write(data)

        try:
            await asyncio.wait(
                [asyncio.create_task(relay(reader, out)), asyncio.create_task(relay(behind, writer))],
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            out.transport.abort()

    return handler


POOLERS = {
    "PgBouncer": "C08P01\0Munsupported startup parameter: statement_timeout",
    "RDS Proxy": "C0A000\0MFeature not supported: RDS Proxy currently does not support the option statement_timeout",
}


@pytest.mark.parametrize("name", POOLERS)
async def test_a_pooler_that_refuses_a_parameter_is_asked_without_it(server: Postgres, name: str) -> None:
    seen: list[bytes] = []
    async with serving(pooler(server, POOLERS[name], seen)) as port:
        fine = await probe(check(server, port=port, connections={}))
        slow = await probe(check(server, port=port, query="SELECT pg_sleep(30)"), timeout=0.5)
    assert (fine.reason, fine.facts["value"]) == (Reason.OK, 1), fine.detail
    sent = b"".join(seen)
    assert sent.index(b"BEGIN") < sent.index(b"SET LOCAL statement_timeout") < sent.index(b"COMMIT")
    assert slow.reason == Reason.TIMEOUT


POOLER_ERRORS = {
    "no such database: nowhere": Reason.STATUS,
    "bouncer config error": Reason.STATUS,
    "no more connections allowed (max_client_conn)": Reason.SATURATED,
    "query_wait_timeout": Reason.SATURATED,
    "password authentication failed": Reason.DENIED,
    "server login has been failing, try again later (server_login_retry)": Reason.SERVER_ERROR,
    "pgbouncer cannot connect to server": Reason.SERVER_ERROR,
    "something else": Reason.PROTOCOL,
}


@pytest.mark.parametrize("error", POOLER_ERRORS)
async def test_what_a_pooler_says_itself_has_its_reason(server: Postgres, error: str) -> None:
    async with serving(pooler(server, f"C08P01\0M{error}", [])) as port:
        assert (await probe(check(server, port=port))).reason == POOLER_ERRORS[error]
