"""The commands that ask a running exporter: over a unix socket, with TLS, users, tokens and headers."""

from __future__ import annotations

import asyncio
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import bcrypt
import pytest
import trustme

from tests.support.live import EXPORTER, process, staging_exporter, wait_for
from tests.support.ports import free_port
from tests.support.tokens import Metadata, claims
from tests.support.web import serving

CONFIG = """
environment: test
components: {other: {layer: service, priority: P1, check: {kind: exec, command: ["true"]}}}
"""
HASH = bcrypt.hashpw(b"sesame", bcrypt.gensalt(4)).decode()


@contextmanager
def exporter(directory: Path, *options: str, api: str = "") -> Iterator[None]:
    (directory / "config.yml").write_text(CONFIG + api)
    log = directory / "log"
    with process([*EXPORTER, "run", str(directory / "config.yml"), *options], log):
        wait_for(lambda: "msg=listening" in log.read_text(), "the exporter listens")
        yield


def test_every_command_speaks_over_a_unix_socket(tmp_path: Path) -> None:
    url = f"unix:{tmp_path}/socket"
    with exporter(tmp_path, "--web.listen-address", url):
        done = staging_exporter("maintenance", "--to", url, "--component", "other", "--duration", "1h")
        assert (done.returncode, done.stdout, done.stderr) == (0, "other: in maintenance for 1h.\n", "")
        done = staging_exporter("maintenance", "--to", url, "--component", "other", "--duration", "0s")
        assert done.returncode == 0
        assert staging_exporter("deploy", "--to", url, "--component", "other").returncode == 0
        assert staging_exporter("check", "--from", url, "--wait", "30s").returncode == 0
        assert staging_exporter("explain", "other", "--from", url).stdout.startswith("other is up")
        assert staging_exporter("suggest", "--from", url).returncode == 0
        assert staging_exporter("validate", tmp_path / "config.yml", "--from", url).returncode == 0
    done = staging_exporter("check", "--from", url)
    assert (done.returncode, done.stderr) == (2, f"cannot reach an exporter at {url}: No such file or directory\n")


def test_without_a_token_the_refusal_says_how_to_enable_writes(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    with exporter(tmp_path, "--web.listen-address", address):
        to = ("--to", f"http://{address}", "--component", "other", "--duration", "1h")
        done = staging_exporter("maintenance", *to)
    assert done.returncode == 2
    assert "answered 403: writes are off: the configuration has no token. Add `api: {token: " in done.stderr
    assert "--to unix:/PATH" in done.stderr


def test_authorities_certificates_and_users(tmp_path: Path) -> None:
    server, clients = trustme.CA(), trustme.CA()
    issued, own = server.issue_cert("127.0.0.1"), clients.issue_cert("ci.test")
    issued.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    server.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    clients.cert_pem.write_to_path(str(tmp_path / "clients.pem"))
    own.private_key_pem.write_to_path(str(tmp_path / "own.key"))
    own.cert_chain_pems[0].write_to_path(str(tmp_path / "own.crt"))
    (tmp_path / "web.yml").write_text(f"""
tls_server_config: {{cert_file: server.pem, key_file: server.pem, client_ca_file: clients.pem,
                    client_auth_type: RequireAndVerifyClientCert}}
basic_auth_users: {{alice: {HASH}}}
""")
    address = f"127.0.0.1:{free_port()}"
    options = ("--web.listen-address", address, "--web.config.file", str(tmp_path / "web.yml"))
    with exporter(tmp_path, *options, api="api: {users: {alice: [read, write]}}"):
        asked = ("explain", "other", "--from", f"https://{address}")
        files = (
            "--ca-file",
            tmp_path / "ca.pem",
            "--cert-file",
            tmp_path / "own.crt",
            "--key-file",
            tmp_path / "own.key",
        )
        assert staging_exporter(*asked, *files, "--user", "alice:sesame").returncode == 0
        assert staging_exporter(*asked, *files, env={"STAGING_EXPORTER_USER": "alice:sesame"}).returncode == 0
        assert "answered 401" in staging_exporter(*asked, *files, "--user", "alice:wrong").stderr
        assert staging_exporter(*asked, *files[:2], "--user", "alice:sesame").returncode == 2
        assert "certificate verify failed" in staging_exporter(*asked, *files[2:], "--user", "alice:sesame").stderr
        to = ("maintenance", "--to", f"https://{address}", "--component", "other", "--duration", "1h")
        assert staging_exporter(*to, *files, "--user", "alice:sesame").returncode == 0
        done = staging_exporter(*asked, "--ca-file", tmp_path / "nowhere")
        assert (done.returncode, done.stderr) == (2, "cannot use the certificates: No such file or directory\n")


class _Echo(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.dumps({"duration": "1h", "headers": dict(self.headers)}).encode()
        seen.append(dict(self.headers))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""


seen: list[dict[str, str]] = []


@pytest.fixture
def echo() -> Iterator[str]:
    """A server that notes the headers that it is sent."""
    seen.clear()
    server: socketserver.TCPServer = HTTPServer(("127.0.0.1", 0), _Echo)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--token", "t"], {"Authorization": "Bearer t"}),
        (["--token-file", "{file}"], {"Authorization": "Bearer from-a-file"}),
        (["--user", "a:b"], {"Authorization": "Basic YTpi"}),
        (["--user", "a:b", "--token", "t"], {"Authorization": "Basic YTpi", "X-Staging-Exporter-Token": "t"}),
        (
            ["--header", "Authorization: Bearer iap", "--header", "X-A: b: c", "--token", "t"],
            {"Authorization": "Bearer iap", "X-A": "b: c", "X-Staging-Exporter-Token": "t"},
        ),
    ],
)
def test_credentials_become_headers(tmp_path: Path, echo: str, options: list[str], expected: dict[str, str]) -> None:
    (tmp_path / "token").write_text("from-a-file\n")
    given = [option.format(file=tmp_path / "token") for option in options]
    done = staging_exporter("maintenance", "--to", echo, "--component", "a", "--duration", "1h", *given)
    assert done.returncode == 0, done.stderr
    assert seen[0].items() >= expected.items()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--header", "s3cret"], "--header: write it like 'Name: value'"),
        (["--header", "A: s3cret\r\nX: y"], "--header: write it like 'Name: value'"),
        (["--token-file", "/nowhere"], "cannot read the token in /nowhere: No such file or directory"),
        (["--token-file", "/dev/null"], "the token in /dev/null is empty"),
    ],
)
def test_credentials_that_are_none_exit_2_and_are_not_quoted(options: list[str], message: str) -> None:
    done = staging_exporter("check", "--from", "http://127.0.0.1:1", *options)
    assert (done.returncode, done.stderr) == (2, message + "\n")


async def test_an_identity_token_of_google_leaves_the_other_header_to_the_token(tmp_path: Path, echo: str) -> None:
    command = ("maintenance", "--to", echo, "--component", "a", "--duration", "1h", "--token", "t")
    own = {"CLOUDSDK_CONFIG": str(tmp_path), "GOOGLE_APPLICATION_CREDENTIALS": ""}
    async with serving(Metadata()) as metadata:
        env = {**own, "GCE_METADATA_HOST": metadata}
        run = partial(staging_exporter, *command, "--google-id-token", "https://e.com", env=env)
        done = await asyncio.to_thread(run)
    assert (done.returncode, done.stderr) == (0, "")
    scheme, _, token = seen[0]["Authorization"].partition(" ")
    assert (scheme, claims(token)["aud"], seen[0]["X-Staging-Exporter-Token"]) == ("Bearer", "https://e.com", "t")
    env = {**own, "GCE_METADATA_HOST": "127.0.0.1:1"}
    done = staging_exporter(*command, "--google-id-token", "https://e.com", env=env)
    assert (done.returncode, done.stderr.startswith("--google-id-token: ")) == (2, True)
