"""Kind `redis` against a real redis-server, and against hostile peers."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
from staging_exporter.core.model import Outcome, Reason

from tests.support.live import wait_for
from tests.support.peers import Handler, hanging_up, saying, serving, silent, streaming, watched
from tests.support.ports import free_port
from tests.support.probing import probe
from tests.support.redis import Redis, running_redis


@pytest.fixture(scope="module")
def server() -> Iterator[Redis]:
    with running_redis("--requirepass", "open-sesame", "--user", "prober", "on", ">probers-word", "+ping") as running:
        yield running


@pytest.fixture(autouse=True)
async def everything_is_closed() -> AsyncIterator[None]:
    """The loop waits until all connections are closed: a TLS peer has a second to answer a close."""
    yield
    async with asyncio.timeout(3):
        while any(c.status != "LISTEN" for c in psutil.Process().net_connections()):
            await asyncio.sleep(0.005)


class Login(NamedTuple):
    """The secrets of a login; a configuration only says where they are."""

    password: str
    username: str | None = None

    def options(self, folder: Path) -> dict[str, Any]:
        """The options of the check, with the secrets in files of `folder`."""
        options = {}
        for name, value in self._asdict().items():
            if value is not None:
                (folder / name).write_text(value)
                options[name] = {"file": str(folder / name)}
        return options


DEFAULT_USER = Login("open-sesame")


@pytest.mark.parametrize(
    ("login", "by_socket", "reason", "text", "phases"),
    [
        (DEFAULT_USER, False, Reason.OK, "", {"resolve", "connect", "auth", "ping"}),
        (Login("probers-word", "prober"), False, Reason.OK, "", None),
        (Login("open-sesame", "prober"), False, Reason.DENIED, "WRONGPASS", None),
        (Login("wrong-word"), False, Reason.DENIED, "WRONGPASS", {"resolve", "connect", "auth"}),
        (None, False, Reason.DENIED, "NOAUTH", {"resolve", "connect", "ping"}),
        (DEFAULT_USER, True, Reason.OK, "", {"connect", "auth", "ping"}),
    ],
)
async def test_the_login_decides_the_reason(
    server: Redis,
    tmp_path: Path,
    login: Login | None,
    by_socket: bool,
    reason: Reason,
    text: str,
    phases: set[str] | None,
) -> None:
    address = str(server.socket) if by_socket else f"127.0.0.1:{server.port}"
    seen = await probe({"kind": "redis", "address": address, **(login.options(tmp_path) if login else {})})
    assert (seen.reason, text in seen.detail) == (reason, True), seen.detail
    assert phases is None or set(seen.phases) == phases
    assert "wrong-word" not in str(seen)


@pytest.mark.parametrize(
    ("tls", "reason"),
    [
        ({"server_name": "redis.test"}, Reason.OK),
        ({}, Reason.TLS_NAME),
        ({"server_name": "redis.test", "ca_file": None}, Reason.TLS_UNTRUSTED),
        ({"insecure_skip_verify": True}, Reason.OK),
    ],
)
async def test_tls_is_verified(server: Redis, tmp_path: Path, tls: dict[str, Any], reason: Reason) -> None:
    tls = {"ca_file": str(server.ca_file), **tls}
    login = DEFAULT_USER.options(tmp_path)
    seen = await probe({"kind": "redis", "address": f"127.0.0.1:{server.tls_port}", "tls": tls, **login})
    assert seen.reason == reason, seen.detail
    assert seen.facts["tls_names"] == ["redis.test"]


def accepted(port: int) -> socket.socket | None:
    """A connection that the server serves; None while it still counts others that were closed."""
    client = socket.create_connection(("127.0.0.1", port))
    with suppress(ConnectionError):
        client.sendall(b"PING\r\n")
        if client.recv(100) == b"+PONG\r\n":
            return client
    client.close()
    return None


async def test_a_full_server_is_always_saturated(tmp_path: Path) -> None:
    login = DEFAULT_USER.options(tmp_path)
    with running_redis("--maxclients", "2") as full, ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(wait_for(lambda: accepted(full.port), "the server has room for a client"))
        for _ in range(30):
            seen = await probe({"kind": "redis", "address": f"127.0.0.1:{full.port}", **login})
            assert (seen.outcome, seen.reason) == (Outcome.FAIL, Reason.SATURATED), seen.detail


def address(server: Redis) -> dict[str, Any]:
    return {"kind": "redis", "address": f"127.0.0.1:{server.port}"}


async def replicates(server: Redis) -> None:
    async with asyncio.timeout(10):
        while (await probe({**address(server), "role": "replica"})).reason != Reason.OK:
            await asyncio.sleep(0.05)


async def test_the_role_is_asked_for(tmp_path: Path) -> None:
    with running_redis() as master, running_redis("--replicaof", "127.0.0.1", str(master.port)) as replica:
        await replicates(replica)
        for server, role, reason, text in (
            (master, "master", Reason.OK, ""),
            (master, "replica", Reason.CONTENT, "the role is master, expected replica"),
            (replica, "master", Reason.CONTENT, f"the role is replica of 127.0.0.1:{master.port}, expected master"),
            (replica, None, Reason.OK, ""),
        ):
            seen = await probe({**address(server), **({"role": role} if role else {})})
            assert (seen.reason, seen.detail) == (reason, text)
        assert (await probe({**address(replica), "role": "replica"})).facts["role"] == "replica"


async def test_a_replica_without_its_master_is_no_replica() -> None:
    with running_redis("--replicaof", "127.0.0.1", "1") as replica:
        seen = await probe({**address(replica), "role": "replica"})
    assert (seen.reason, seen.detail) == (
        Reason.SERVER_ERROR,
        "the link to its master 127.0.0.1:1 is down, expected up",
    )


async def test_the_state_of_the_cluster_is_asked_for(server: Redis, tmp_path: Path) -> None:
    with running_redis("--cluster-enabled", "yes", "--cluster-port", str(free_port())) as cluster:
        seen = await probe({**address(cluster), "cluster": True})
        assert (seen.reason, seen.facts["cluster_state"]) == (Reason.SERVER_ERROR, "fail")
        assert seen.detail == "the state of the cluster is fail, expected ok; 0 of 16384 slots are served"
        slots = ["redis-cli", "-p", str(cluster.port), "cluster", "addslotsrange", "0", "16383"]
        subprocess.run(slots, check=True, capture_output=True, timeout=10)
        async with asyncio.timeout(10):
            while (await probe({**address(cluster), "cluster": True})).reason != Reason.OK:
                await asyncio.sleep(0.05)
    login = DEFAULT_USER.options(tmp_path)
    alone = await probe({**address(server), **login, "cluster": True})
    assert (alone.reason, "cluster support disabled" in alone.detail) == (Reason.CONTENT, True)


async def test_memory_in_use_decides() -> None:
    with running_redis("--maxmemory", "1mb", "--maxmemory-policy", "noeviction") as small:
        seen = await probe({**address(small), "memory": {"degraded_above": 0.1}})
        assert (seen.outcome, seen.reason) == (Outcome.DEGRADED, Reason.SATURATED)
        assert "of 1048576 bytes of memory are in use, expected at most 10%; policy noeviction" in seen.detail
        assert seen.facts["memory"]["max"] == 1048576
    with running_redis() as large:
        assert (await probe({**address(large), "memory": {}})).reason == Reason.OK


async def test_an_acl_that_forbids_the_question_is_denied(server: Redis, tmp_path: Path) -> None:
    login = Login("probers-word", "prober").options(tmp_path)
    seen = await probe({**address(server), **login, "role": "master"})
    assert (seen.reason, "NOPERM" in seen.detail) == (Reason.DENIED, True)


def test_a_username_needs_a_password() -> None:
    from staging_exporter.probes.redis import Redis as Kind

    with pytest.raises(ValueError, match="needs a password"):
        Kind.model_validate({"kind": "redis", "address": "r:1", "username": {"env": "X"}})


PEERS: dict[str, tuple[Handler, Reason, str]] = {
    "accepts and closes": (hanging_up, Reason.CLOSED, ""),
    "is silent": (silent, Reason.TIMEOUT, "in phase ping"),
    "claims 10^12 bytes": (saying(b"$1000000000000\r\n"), Reason.PROTOCOL, "$1000000000000"),
    "streams without a line": (streaming(b"+", b"x" * 65536), Reason.PROTOCOL, "no line in 64 KiB"),
    "is loading": (saying(b"-LOADING Redis is loading the dataset in memory\r\n"), Reason.STARTING, "LOADING"),
    "lost its master": (saying(b"-MASTERDOWN Link with MASTER is down\r\n"), Reason.SERVER_ERROR, "MASTERDOWN"),
    "demands a password as before Redis 6": (saying(b"-ERR invalid password\r\n"), Reason.DENIED, "invalid"),
    "is a web server": (saying(b"HTTP/1.1 400 Bad Request\r\n"), Reason.PROTOCOL, "HTTP/1.1 400"),
    "claims a reply without end": (saying(b"+PONG\r\n$99999999\r\n"), Reason.PROTOCOL, "INFO replication"),
    "hangs up within the reply": (saying(b"+PONG\r\n$90\r\nrole:master\r\n", wait=False), Reason.CLOSED, ""),
    "has no role": (saying(b"+PONG\r\n$5\r\n# nil\r\n"), Reason.CONTENT, "the role is not reported"),
    "hangs up within the line": (saying(b"+PO", wait=False), Reason.CLOSED, ""),
    "sends bytes that are not text": (saying(b"\xff\xfe\x00\r\n"), Reason.PROTOCOL, ""),
}


@pytest.mark.parametrize("name", PEERS)
async def test_a_hostile_peer_gets_a_reason(name: str) -> None:
    handler, reason, text = PEERS[name]
    async with serving(handler) as port:
        seen = await watched({"kind": "redis", "address": f"127.0.0.1:{port}", "role": "master"}, 0.4)
    assert (seen.reason, text in seen.detail) == (reason, True), seen.detail
