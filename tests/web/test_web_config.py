"""`--web.config.file` of exporter-toolkit, against the real process: TLS, users, headers, rate limit, refusals."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median

import aiohttp
import bcrypt
import pytest
import trustme
from staging_exporter.config.problems import ConfigError
from staging_exporter.config.web_file import load_web_config
from staging_exporter.web.failures import FailedLogins
from staging_exporter.web.users import PasswordUsers, stand_in

from tests.support.live import EXPORTER, answers, fetch, process, staging_exporter, wait_for
from tests.support.ports import free_port

CONFIG = """
environment: test
api: {users: {writer: [read, write]}}
components: {other: {layer: service, priority: P1, check: {kind: exec, command: ["true"]}}}
"""
HASH = bcrypt.hashpw(b"sesame", bcrypt.gensalt(4)).decode()
SLOW = bcrypt.hashpw(b"sesame", bcrypt.gensalt(10)).decode()


@contextmanager
def running(directory: Path, text: str) -> Iterator[int]:
    """An exporter with this web configuration file; yields its port."""
    (directory / "config.yml").write_text(CONFIG)
    (directory / "web.yml").write_text(text)
    port, log = free_port(), directory / "log"
    command = [*EXPORTER, "run", str(directory / "config.yml"), "--web.config.file", str(directory / "web.yml")]
    with process([*command, "--web.listen-address", f"127.0.0.1:{port}"], log):
        wait_for(lambda: "msg=listening" in log.read_text(), "the exporter listens")
        yield port


def basic(user: str, password: str = "sesame") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def status(url: str, method: str = "GET", headers: dict[str, str] | None = None, data: bytes | None = None) -> int:
    try:
        fetch(url, method, headers, data)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    return 200


def certificates(directory: Path) -> tuple[trustme.CA, trustme.CA]:
    """Of the server, with its files, and of clients."""
    server, clients = trustme.CA(), trustme.CA()
    issued = server.issue_cert("127.0.0.1", "localhost")
    issued.private_key_pem.write_to_path(str(directory / "server.key"))
    (directory / "server.crt").write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    server.cert_pem.write_to_path(str(directory / "ca.pem"))
    clients.cert_pem.write_to_path(str(directory / "clients.pem"))
    return server, clients


def connected(port: int, context: ssl.SSLContext) -> str:
    """The answer of `/-/healthy`, or what went wrong."""
    try:
        with urllib.request.urlopen(f"https://127.0.0.1:{port}/-/healthy", timeout=10, context=context) as response:
            return str(response.read().decode())
    except OSError as error:
        return f"failed: {getattr(error, 'reason', error)}"


TLS = "tls_server_config: {cert_file: server.crt, key_file: server.key}\n"
MUTUAL = """tls_server_config:
  cert_file: server.crt
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: clients.pem
  client_allowed_sans: [prometheus.test]
  min_version: TLS13
"""


def test_tls_with_files_beside_the_configuration_and_a_new_certificate_without_a_restart(tmp_path: Path) -> None:
    server, _ = certificates(tmp_path)
    with running(tmp_path, TLS) as port:
        context = ssl.create_default_context()
        server.configure_trust(context)
        assert "healthy" in connected(port, context)
        assert f"url=https://127.0.0.1:{port}" in (tmp_path / "log").read_text()
        assert connected(port, ssl.create_default_context()).startswith("failed: ")
        renewed, _ = certificates(tmp_path)
        other = ssl.create_default_context()
        renewed.configure_trust(other)
        wait_for(lambda: "healthy" in connected(port, other), "the new certificate is served")
        (tmp_path / "server.crt").write_text("broken")
        line = "cannot use the web configuration file, keeping the previous"
        wait_for(lambda: line in (tmp_path / "log").read_text(), "the broken file is logged")
        assert "healthy" in connected(port, other)


def test_a_silent_client_in_its_handshake_is_closed_and_holds_up_nobody(tmp_path: Path) -> None:
    server, _ = certificates(tmp_path)
    context = ssl.create_default_context()
    server.configure_trust(context)
    with running(tmp_path, TLS) as port:
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(50)]
        began = time.monotonic()
        assert "healthy" in connected(port, context)
        assert time.monotonic() - began < 5
        for client in silent:
            client.settimeout(20)
            with suppress(ConnectionResetError):
                assert client.recv(1) == b""
            client.close()
        assert time.monotonic() - began < 15


def test_client_certificates_are_verified_by_authority_and_name(tmp_path: Path) -> None:
    server, clients = certificates(tmp_path)
    with running(tmp_path, MUTUAL) as port:
        for issuer, name, allowed in (
            (clients, "prometheus.test", True),
            (clients, "other.test", False),
            (trustme.CA(), "prometheus.test", False),
            (None, "", False),
        ):
            context = ssl.create_default_context()
            server.configure_trust(context)
            if issuer:
                issuer.issue_cert(name).configure_cert(context)
            assert ("healthy" in connected(port, context)) is allowed, name
        old = ssl.create_default_context()
        server.configure_trust(old)
        clients.issue_cert("prometheus.test").configure_cert(old)
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        assert connected(port, old).startswith("failed: ")


def test_users_read_and_those_listed_write_and_health_needs_nobody(tmp_path: Path) -> None:
    with running(tmp_path, f"basic_auth_users: {{reader: {HASH}, writer: {HASH}}}\n") as port:
        url = f"http://127.0.0.1:{port}"
        body = json.dumps({"components": ["other"], "duration": "1m"}).encode()
        as_json = {"Content-Type": "application/json"}
        assert [status(f"{url}{path}") for path in ("/-/healthy", "/metrics", "/", "/api/v1/status")] == [
            200,
            401,
            401,
            401,
        ]
        assert status(f"{url}/metrics", headers=basic("reader")) == 200
        assert status(f"{url}/metrics", headers=basic("reader", "wrong")) == 401
        assert status(f"{url}/metrics", headers=basic("nobody")) == 401
        announce = f"{url}/api/v1/maintenance"
        assert status(announce, "POST", basic("reader") | as_json, body) == 403
        assert status(announce, "POST", basic("writer") | as_json, body) == 200
        # What a page of another origin can make a browser with cached credentials send:
        assert status(announce, "POST", basic("writer") | {"Content-Type": "text/plain"}, body) == 403
        assert status(announce, "POST", basic("writer") | as_json | {"Origin": "https://evil.example.com"}, body) == 403
        assert status(announce, "POST", basic("writer") | as_json | {"Sec-Fetch-Site": "cross-site"}, body) == 403
        assert status(f"{url}/-/reload", "POST", basic("writer") | {"Sec-Fetch-Site": "same-site"}) == 403
        assert status(announce, "POST", basic("writer") | as_json | {"Origin": url}, body) == 200
        with pytest.raises(urllib.error.HTTPError) as caught:
            fetch(f"{url}/metrics")
        with caught.value as error:
            assert error.headers.get_all("WWW-Authenticate") == ["Basic", "Bearer"]
        assert 'by="writer at 127.0.0.1"' in (tmp_path / "log").read_text()


def test_prometheus_scrapes_with_tls_a_client_certificate_and_a_password(tmp_path: Path) -> None:
    _, clients = certificates(tmp_path)
    issued = clients.issue_cert("prometheus.test")
    issued.private_key_pem.write_to_path(str(tmp_path / "client.key"))
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "client.crt"))
    (tmp_path / "password").write_text("sesame")
    binary = shutil.which("prometheus")
    assert binary, "prometheus is not installed; tests/install-system-packages installs it"
    with running(tmp_path, MUTUAL + f"basic_auth_users: {{prom: {HASH}}}\n") as port:
        (tmp_path / "prometheus.yml").write_text(f"""
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: staging
    scheme: https
    tls_config: {{ca_file: ca.pem, cert_file: client.crt, key_file: client.key}}
    basic_auth: {{username: prom, password_file: password}}
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
""")
        web = f"127.0.0.1:{free_port()}"
        command = [binary, f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/tsdb"]
        with process([*command, f"--web.listen-address={web}"], tmp_path / "prometheus.log"):
            wait_for(lambda: answers(f"http://{web}/-/ready"), "Prometheus is ready")
            query = f"http://{web}/api/v1/query?query=staging_component_up"
            wait_for(lambda: status(query) == 200 and '"component":"other"' in fetch(query), "a scraped sample")


def test_headers_and_rate_limit(tmp_path: Path) -> None:
    text = """http_server_config:
  http2: true
  headers: {Strict-Transport-Security: max-age=60, X-Frame-Options: deny}
rate_limit: {interval: 1h, burst: 3}
"""
    with running(tmp_path, text) as port:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
            assert (response.headers["Strict-Transport-Security"], response.headers["X-Frame-Options"]) == (
                "max-age=60",
                "deny",
            )
        found = [status(f"http://127.0.0.1:{port}/metrics") for _ in range(3)]
        assert found == [200, 200, 429]


REFUSED = {
    "unknown: 1": "unknown key",
    "basic_auth_users: {a: sesame}": "basic_auth_users.a: the password is not a bcrypt hash",
    "basic_auth_users: {a: x, a: y}": "duplicate key",
    "tls_server_config: {cert_file: a}": "TLS needs a certificate and a key",
    "tls_server_config: {cert_file: a, key_file: b, client_auth_type: RequestClientCert}": "without verifying them",
    "tls_server_config: {cert_file: a, key_file: b, client_auth_type: RequireAnyClientCert}": "without verifying them",
    "tls_server_config: {cert_file: a, key_file: b, client_auth_type: Other}": "'Other' is not NoClientCert",
    "tls_server_config: {cert_file: a, key_file: b, client_ca_file: c}": "needs client_auth_type",
    "tls_server_config: {cert_file: a, key_file: b, curve_preferences: [X25519, CurveP256]}": "at most 1 item",
    "tls_server_config: {cert_file: a, key_file: b, cipher_suites: [TLS_AES_128_GCM_SHA256]}": "a suite of TLS 1.3",
    "tls_server_config: {cert_file: a, key_file: b, cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]}": "is not a cipher",
    "tls_server_config: {cert_file: a, key_file: b, min_version: TLS9}": "min_version",
    "http_server_config: {headers: {X-Other: a}}": "'X-Other' is not a header that can be set",
    "http_server_config: {headers: {X-Frame-Options: DENY}}": "X-Frame-Options is 'DENY', expected deny or sameorigin",
    "rate_limit: {interval: 1s}": "an interval without a burst refuses every request",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_done_is_refused_by_its_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "web.yml"
    file.write_text(f"# a comment\n{text}\n")
    with pytest.raises(ConfigError) as caught:
        load_web_config(file)
    assert REFUSED[text] in str(caught.value)
    assert str(caught.value).startswith(f"{file}:2: ")
    assert "sesame" not in str(caught.value)


def test_a_file_that_cannot_be_used_ends_the_start(tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text(CONFIG)
    (tmp_path / "web.yml").write_text(TLS)
    command = ("run", tmp_path / "config.yml", "--web.listen-address", "127.0.0.1:0", "--web.config.file")
    done = staging_exporter(*command, tmp_path / "web.yml")
    assert (done.returncode, done.stderr) == (2, f"{tmp_path}/web.yml: No such file or directory\n")
    assert staging_exporter(*command, tmp_path / "nowhere.yml").returncode == 2


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "basic_auth_users:\n", "tls_server_config: {min_version: TLS13}\n"]
)
def test_an_empty_file_is_plain_http_without_users(tmp_path: Path, text: str) -> None:
    (tmp_path / "web.yml").write_text(text)
    config = load_web_config(tmp_path / "web.yml")
    assert (config.tls_server_config.on, dict(config.basic_auth_users)) == (False, {})


def test_a_password_of_more_than_72_bytes_is_cut_as_by_go() -> None:
    password = "x" * 80
    hashed = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()
    users = PasswordUsers(lambda: {"a": hashed}, FailedLogins())
    assert asyncio.run(users.known(basic("a", password)["Authorization"], "here")) == "a"
    assert asyncio.run(users.known(basic("a", "\0")["Authorization"], "here")) is None


def test_a_flood_of_wrong_logins_is_limited_before_the_hash_and_leaves_the_loop_alone(tmp_path: Path) -> None:
    with running(tmp_path, f"basic_auth_users: {{reader: '{SLOW}'}}\n") as port:
        url = f"http://127.0.0.1:{port}"
        assert status(f"{url}/metrics", headers=basic("reader")) == 200
        cpu = _cpu(port)
        found, took = asyncio.run(_flood(url))
        spent = _cpu(port) - cpu
        assert found.count(429) > 900, (found.count(401), found.count(429))
        assert 0 < found.count(401) < 60, "each is a hash of 60 ms"
        assert took < 0.5, "a known user from the same address still passes"
        metrics = _metrics(url)
        assert float(metrics.rpartition("staging_exporter_logins_failed_total{")[2].split()[1]) == 1000
        assert spent < 30
        assert (tmp_path / "log").read_text().count('msg="login failed"') == 1


def _metrics(url: str) -> str:
    return fetch(f"{url}/metrics", headers=basic("reader"))


def _cpu(port: int) -> float:
    metrics = _metrics(f"http://127.0.0.1:{port}")
    return float(next(line for line in metrics.splitlines() if line.startswith("process_cpu_seconds_total")).split()[1])


async def _flood(url: str) -> tuple[list[int], float]:
    """1,000 wrong logins in two seconds; the statuses, and the median of how long right ones took meanwhile."""
    async with aiohttp.ClientSession() as session:
        right: list[float] = []

        async def wrong(number: int) -> int:
            await asyncio.sleep(number / 500)
            async with session.get(
                f"{url}/api/v1/status", headers=basic(f"u{number % 7}", f"guess-{number}")
            ) as response:
                return response.status

        tasks = [asyncio.create_task(wrong(number)) for number in range(1000)]
        while not all(task.done() for task in tasks):
            began = time.monotonic()
            async with session.get(f"{url}/-/ready") as response:
                await response.read()
            async with session.get(f"{url}/api/v1/status", headers=basic("reader")) as response:
                assert response.status == 200
                await response.read()
            right.append(time.monotonic() - began)
            await asyncio.sleep(0.05)
        return [task.result() for task in tasks], median(right)


def test_an_unknown_user_is_compared_as_slowly_as_the_slowest_known_one() -> None:
    hashes = [bcrypt.hashpw(b"x", bcrypt.gensalt(cost)).decode() for cost in (4, 6)]
    against = stand_in(hashes)
    assert against.startswith("$2b$06$")
    assert not bcrypt.checkpw(b"x", against.encode())
