"""A real redis-server in a directory of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.support.ports import free_port


@dataclass(frozen=True)
class Redis:
    """A running server on 127.0.0.1: `port` in plain text, `tls_port` with a certificate for `redis.test`, a socket."""

    port: int
    tls_port: int
    socket: Path
    ca_file: Path


@contextmanager
def running_redis(*arguments: str) -> Iterator[Redis]:
    """A server with further command line `arguments`, such as `"--requirepass", "x"`."""
    base = Path(tempfile.mkdtemp(prefix="redis-"))
    server = Redis(free_port(), free_port(), base / "redis.sock", base / "ca.pem")
    authority = trustme.CA()
    certificate = authority.issue_cert("redis.test")
    authority.cert_pem.write_to_path(server.ca_file)
    certificate.private_key_and_cert_chain_pem.write_to_path(base / "server.pem")
    process = subprocess.Popen(
        ["redis-server", "--bind", "127.0.0.1", "--port", str(server.port), "--tls-port", str(server.tls_port),
         "--tls-cert-file", str(base / "server.pem"), "--tls-key-file", str(base / "server.pem"),
         "--tls-ca-cert-file", str(server.ca_file), "--tls-auth-clients", "no", "--dir", str(base), "--save", "",
         "--unixsocket", str(server.socket), *arguments],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_until_it_listens(process, server.tls_port)
        _wait_until_it_listens(process, server.port)
        yield server
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(base)


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.01)
    raise AssertionError(f"redis-server does not listen: exit status {process.poll()}")
