"""The servers that both are pointed at: nginx, dnsmasq, Redis, PostgreSQL, a gRPC server, and a peer that is silent."""

from __future__ import annotations

import datetime
import os
import shutil
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import grpc
import trustme
from grpc_health.v1 import health, health_pb2_grpc
from grpc_health.v1.health_pb2 import HealthCheckResponse

from tests.bench.processes import running
from tests.support.live import wait_for
from tests.support.nginx import config
from tests.support.ports import free_port
from tests.support.postgres import PASSWORD, running_postgres
from tests.support.redis import running_redis

_PROGRAMS = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
_HTTP = """
  default_type text/plain;
  gzip_min_length 1;
  gzip_types text/plain;
  root {directory}/www;
  server {{
    listen 127.0.0.1:{http};
    location / {{ add_header X-Service shop; return 200 'status: healthy'; }}
    location /files/ {{ }}
    location /packed/ {{ alias {directory}/www/files/; gzip on; }}
    location /missing {{ return 404; }}
    location /broken {{ return 503 'unhealthy'; }}
    location /full {{ return 429; }}
    location /one {{ return 301 /; }}
    location /two {{ return 302 /one; }}
    location /three {{ return 307 /two; }}
    location /loop {{ return 302 /loop; }}
    location /secure {{ return 301 https://127.0.0.1:{https}/; }}
    location /basic {{ auth_basic x; auth_basic_user_file {directory}/users; try_files /files/small.txt =404; }}
    location /bearer {{
      if ($http_authorization != "Bearer {token}") {{ return 403; }}
      return 200 'welcome';
    }}
    location /post {{
      if ($request_method != POST) {{ return 405; }}
      return 201 'made';
    }}
  }}
  server {{ listen 127.0.0.1:{http}; server_name other.test; location / {{ return 200 'the other one'; }} }}
  ssl_certificate {directory}/good.pem;
  ssl_certificate_key {directory}/good.pem;
  server {{ listen 127.0.0.1:{https} ssl; location / {{ return 200 'status: healthy'; }} }}
  server {{ listen 127.0.0.1:{expired} ssl; ssl_certificate {directory}/expired.pem;
            ssl_certificate_key {directory}/expired.pem; location / {{ return 200 ok; }} }}
  server {{ listen 127.0.0.1:{named} ssl; ssl_certificate {directory}/named.pem;
            ssl_certificate_key {directory}/named.pem; location / {{ return 200 ok; }} }}
  server {{ listen 127.0.0.1:{mutual} ssl; ssl_client_certificate {directory}/ca.pem; ssl_verify_client on;
            location / {{ return 200 ok; }} }}
"""

_ZONE = (
    "host-record=a.test,10.0.0.1,fd00::1", "host-record=b.test,10.0.0.2", "host-record=b.test,10.0.0.3",
    "cname=alias.test,a.test", "mx-host=a.test,mail.test,10", "txt-record=a.test,hello", "local=/test/",
)  # fmt: skip


@dataclass(frozen=True)
class Targets:
    """Where everything listens on 127.0.0.1, and the files that belong to it."""

    directory: Path
    http: int
    https: int
    expired: int
    named: int
    mutual: int
    silent: int
    nothing: int
    dns: int
    grpc: int
    redis: int
    redis_tls: int
    redis_ca: str
    postgres: int
    token: str

    def file(self, name: str) -> str:
        return str(self.directory / name)


@contextmanager
def all_servers(directory: Path) -> Iterator[Targets]:
    """All of them, ready."""
    with ExitStack() as stack:
        redis = stack.enter_context(running_redis())
        postgres = stack.enter_context(running_postgres())
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        names = ("http", "https", "expired", "named", "mutual", "nothing", "dns")
        targets = Targets(
            directory,
            **{name: free_port() for name in names},
            silent=silent.getsockname()[1],
            grpc=stack.enter_context(_grpc_server()),
            redis=redis.port,
            redis_tls=redis.tls_port,
            redis_ca=str(redis.ca_file),
            postgres=postgres.port,
            token="t0ken-of-the-comparison",
        )
        _write_files(targets)
        stack.enter_context(_nginx(targets))
        stack.enter_context(_dnsmasq(targets))
        yield targets


def _write_files(targets: Targets) -> None:
    directory = targets.directory
    (directory / "www" / "files").mkdir(parents=True)
    (directory / "www" / "files" / "small.txt").write_text("a small file\n")
    (directory / "www" / "files" / "large.txt").write_text("a line of a large file\n" * 20_000)
    os.utime(directory / "www" / "files" / "small.txt", (1.7e9, 1.7e9))
    (directory / "users").write_text("prober:{PLAIN}sesame-open\n")
    for name, text in {"password": "sesame-open", "wrong": "sesame-shut", "token": targets.token}.items():
        (directory / name).write_text(text)
    (directory / "pgpassword").write_text(PASSWORD)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(directory / "ca.pem"))
    past = [datetime.datetime(year, 1, 1, tzinfo=datetime.UTC) for year in (2019, 2020)]
    good = authority.issue_cert("127.0.0.1")
    expired = authority.issue_cert("127.0.0.1", not_before=past[0], not_after=past[1])
    named = authority.issue_cert("named.test")
    for name, certificate in {"good": good, "expired": expired, "named": named}.items():
        certificate.private_key_and_cert_chain_pem.write_to_path(str(directory / f"{name}.pem"))
    client = authority.issue_cert("prober.test")
    client.private_key_pem.write_to_path(str(directory / "client.key"))
    client.cert_chain_pems[0].write_to_path(str(directory / "client.pem"))


@contextmanager
def _nginx(targets: Targets) -> Iterator[None]:
    binary = shutil.which("nginx", path=_PROGRAMS)
    assert binary, "nginx is not installed; tests/install-system-packages installs it"
    ports = {name: getattr(targets, name) for name in ("http", "https", "expired", "named", "mutual")}
    file = targets.directory / "nginx.conf"
    http = _HTTP.format(directory=targets.directory, token=targets.token, **ports)
    file.write_text(config(targets.directory, http, connections=512))
    log = targets.directory / "nginx.log"
    with running([binary, "-e", "stderr", "-p", str(targets.directory), "-c", str(file)], "", log):
        wait_for(lambda: _listens(targets.mutual), f"nginx listens: {log.read_text()}", 20)
        yield


@contextmanager
def _dnsmasq(targets: Targets) -> Iterator[None]:
    binary = shutil.which("dnsmasq", path=_PROGRAMS)
    assert binary, "dnsmasq is not installed; tests/install-system-packages installs it"
    command = [binary, "--no-daemon", "--conf-file=/dev/null", f"--port={targets.dns}", "--listen-address=127.0.0.1"]
    command += ["--bind-interfaces", "--no-resolv", "--no-hosts", "--local-ttl=60", *(f"--{line}" for line in _ZONE)]
    command += ["--user=root"] if os.geteuid() == 0 else []
    log = targets.directory / "dnsmasq.log"
    with running(command, "", log):
        wait_for(lambda: _resolves(targets.dns), f"dnsmasq answers: {log.read_text()}", 20)
        yield


@contextmanager
def _grpc_server() -> Iterator[int]:
    server = grpc.server(ThreadPoolExecutor(2))
    servicer = health.HealthServicer()
    servicer.set("", HealthCheckResponse.SERVING)
    servicer.set("shop.Ill", HealthCheckResponse.NOT_SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _resolves(port: int) -> bool:
    try:
        dns.query.udp(dns.message.make_query("a.test.", "A"), "127.0.0.1", timeout=0.5, port=port)
    except (OSError, dns.exception.DNSException):
        return False
    return True
