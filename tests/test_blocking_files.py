"""No file that an option names can hold up the loop, the exit or a terminal: named pipes, encrypted keys, devices."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import pty
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from pydantic import BaseModel
from staging_exporter.core.model import Observation, Reason
from staging_exporter.options.secrets import FromFile
from staging_exporter.options.tls import TlsOptions
from staging_exporter.probes import kinds, load

from tests.support.live import EXPORTER, wait_for
from tests.support.peers import saying, serving, silent, watched

SECRET = {"file": "PIPE"}
BEARER = {"auth": {"bearer": SECRET}}
HTTP = {"kind": "http", "url": "http://127.0.0.1:PORT/"}
TOKENS = "http://127.0.0.1:PORT/t"
WEBSOCKET = {"kind": "websocket", "url": "ws://127.0.0.1:PORT/"}
UPGRADED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n"
)

# Every place of every kind that takes a secret: path of the option in the models -> a check that reads it.
SECRETS: dict[str, dict[str, Any]] = {
    "e2e auth.basic.password": {
        "kind": "e2e",
        "url": "http://127.0.0.1:PORT/",
        "auth": {"basic": {"username": "u", "password": SECRET}},
    },
    "e2e auth.bearer": {"kind": "e2e", "url": "http://127.0.0.1:PORT/", **BEARER},
    "grpc metadata": {"kind": "grpc", "address": "127.0.0.1:PORT", "metadata": {"x-key": SECRET}},
    "grpc metadata.secret": {
        "kind": "grpc",
        "address": "127.0.0.1:PORT",
        "metadata": {"x-key": {"prefix": "k ", "secret": SECRET}},
    },
    "grpc auth.bearer": {"kind": "grpc", "address": "127.0.0.1:PORT", **BEARER},
    "http secrets": {**HTTP, "url": "http://127.0.0.1:PORT/?k={{k}}", "secrets": {"k": SECRET}},
    "e2e secrets": {"kind": "e2e", "url": "http://127.0.0.1:PORT/?k={{k}}", "secrets": {"k": SECRET}},
    "promql secrets": {
        "kind": "promql",
        "url": "http://127.0.0.1:PORT/{{k}}",
        "query": "up",
        "expect": {"value": 1},
        "secrets": {"k": SECRET},
    },
    "tcp secrets": {
        "kind": "tcp",
        "address": "127.0.0.1:PORT",
        "steps": [{"send": "{{k}}"}],
        "secrets": {"k": SECRET},
    },
    "websocket secrets": {**WEBSOCKET, "url": "ws://127.0.0.1:PORT/?k={{k}}", "secrets": {"k": SECRET}},
    "exec env": {"kind": "exec", "command": ["true"], "env": {"KEY": SECRET}},
    "http auth.basic.password": {**HTTP, "auth": {"basic": {"username": "u", "password": SECRET}}},
    "http auth.digest.password": {**HTTP, "auth": {"digest": {"username": "u", "password": SECRET}}},
    "http auth.bearer": {**HTTP, **BEARER},
    "http auth.oauth2.client_secret": {
        **HTTP,
        "auth": {"oauth2": {"token_url": TOKENS, "client_id": "c", "client_secret": SECRET}},
    },
    "http auth.oauth2.password": {
        **HTTP,
        "auth": {"oauth2": {"token_url": TOKENS, "client_id": "c", "username": "u", "password": SECRET}},
    },
    "http auth.oauth2.refresh_token": {
        **HTTP,
        "auth": {"oauth2": {"token_url": TOKENS, "client_id": "c", "refresh_token": SECRET}},
    },
    "flow secrets": {
        "kind": "flow",
        "steps": [{"name": "s", "http": {"url": "http://127.0.0.1:PORT/?k={{k}}"}}],
        "secrets": {"k": SECRET},
    },
    "http body": {**HTTP, "method": "POST", "body": SECRET},
    "http headers": {**HTTP, "headers": {"X-Key": SECRET}},
    "http headers.secret": {**HTTP, "headers": {"X-Key": {"prefix": "k ", "secret": SECRET}}},
    "http proxy.headers": {**HTTP, "proxy": {"url": "http://127.0.0.1:PORT", "headers": {"X-Key": SECRET}}},
    "http proxy.headers.secret": {
        **HTTP,
        "proxy": {"url": "http://127.0.0.1:PORT", "headers": {"X-Key": {"prefix": "k ", "secret": SECRET}}},
    },
    "http proxy.password": {**HTTP, "proxy": {"url": "http://127.0.0.1:PORT", "username": "u", "password": SECRET}},
    "postgres password": {
        "kind": "postgres",
        "host": "127.0.0.1",
        "port": "PORT",
        "database": "d",
        "user": "u",
        "password": SECRET,
    },
    "promql auth.bearer": {
        "kind": "promql",
        "url": "http://127.0.0.1:PORT",
        "query": "up",
        "expect": {"value": 1},
        **BEARER,
    },
    "redis password": {"kind": "redis", "address": "127.0.0.1:PORT", "password": SECRET},
    "redis username": {"kind": "redis", "address": "127.0.0.1:PORT", "username": SECRET, "password": {"env": "HOME"}},
    "websocket auth.bearer": {**WEBSOCKET, **BEARER},
    "websocket connections.headers": {**WEBSOCKET, "connections": [{"headers": {"X-Key": SECRET}}, {}]},
    "websocket cancel": {**WEBSOCKET, "cancel": SECRET},
    "websocket headers": {**WEBSOCKET, "headers": {"X-Key": SECRET}},
    "websocket subprotocols": {**WEBSOCKET, "subprotocols": [SECRET]},
}
# The same models below another option of the same kind or of another one: one of them is enough.
SAME = {
    "auth": ("http", "auth"),
    "proxy": ("http", "proxy"),
    "headers": ("http", "headers"),
    "subprotocols": ("http", "headers"),
}

TLS = {
    "dns": {"kind": "dns", "name": "a.test", "server": "127.0.0.1:PORT", "protocol": "tls"},
    "domain": {"kind": "domain", "name": "a.localhost", "port": "PORT", "siblings": "none"},
    "e2e": {"kind": "e2e", "url": "https://127.0.0.1:PORT/"},
    "grpc": {"kind": "grpc", "address": "127.0.0.1:PORT"},
    "http": {"kind": "http", "url": "https://127.0.0.1:PORT/"},
    "postgres": {"kind": "postgres", "host": "127.0.0.1", "port": "PORT", "database": "d", "user": "u"},
    "promql": {"kind": "promql", "url": "https://127.0.0.1:PORT", "query": "up", "expect": {"value": 1}},
    "redis": {"kind": "redis", "address": "127.0.0.1:PORT"},
    "tcp": {"kind": "tcp", "address": "127.0.0.1:PORT"},
    "tls": {"kind": "tls", "address": "127.0.0.1:PORT"},
    "websocket": {"kind": "websocket", "url": "wss://127.0.0.1:PORT/"},
}
FILES = ("ca_file", "cert_file", "key_file", "key_passphrase")


def filled(value: Any, **values: Any) -> Any:
    """The options with what the test made instead of the names in capitals."""
    if isinstance(value, dict):
        return {key: filled(item, **values) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, **values) for item in value]
    if value in values:
        return values[value]
    return value.replace("PORT", str(values["PORT"])) if isinstance(value, str) else value


def options_of(model: type[BaseModel], wanted: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[str]:
    """The options below a model whose type has `wanted` in it."""
    for name, field in model.model_fields.items():
        seen: set[Any] = set()
        for found in parts(field.annotation, seen):
            if found is wanted:
                yield ".".join((*path, name))
            elif isinstance(found, type) and issubclass(found, BaseModel) and name not in path:
                yield from options_of(found, wanted, (*path, name))


def parts(annotation: Any, seen: set[Any]) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        if id(part) not in seen:
            seen.add(id(part))
            yield from parts(part, seen)


def covered(kind: str, option: str) -> bool:
    first, _, rest = option.partition(".")
    if f"{kind} {option}" in SECRETS:
        return True
    if first == "connections":  # each has the options of the check itself
        return covered(kind, rest)
    if kind == "flow" and first == "steps":  # each has the options of its kind
        return covered(*rest.split(".", 1))
    if option.startswith("tls."):
        return kind in TLS
    other, name = SAME.get(first, ("", ""))
    return any(case == f"{other} {name}{option.removeprefix(first)}" for case in SECRETS)


def test_every_option_that_takes_a_secret_or_a_file_is_walked() -> None:
    for kind in kinds():
        missing = {option for option in options_of(load(kind), FromFile) if not covered(kind, option)}
        missing -= (
            {"steps.send", "keepalive.send"} if kind == "websocket" else set()
        )  # below: it is read after the handshake
        missing -= {"steps.websocket.steps.send", "steps.websocket.keepalive.send"}
        assert not missing, (kind, missing)
    with_tls = {kind for kind in kinds() if "tls" in load(kind).model_fields}
    assert with_tls == set(TLS)
    assert {name for name in TlsOptions.model_fields if name.endswith("_file")} | {"key_passphrase"} == set(FILES)
    named = {
        f"{kind} {name}" for kind in kinds() for name in load(kind).model_fields if "file" in name or name == "path"
    }
    assert named == {"e2e path"}


@pytest.fixture
def pipe(tmp_path: Path) -> str:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return str(path)


async def look(options: dict[str, Any]) -> Observation:
    """One run that delays no other task."""
    return await watched(options, 0.6)


@pytest.mark.parametrize("case", SECRETS)
async def test_a_secret_file_that_gives_nothing_ends_the_run_in_time(case: str, pipe: str) -> None:
    challenge = b'HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm="r", nonce="n"\r\nContent-Length: 0\r\n\r\n'
    async with serving(saying(challenge) if "digest" in case else silent) as port:
        seen = await look(filled(SECRETS[case], PIPE=pipe, PORT=port))
    assert seen.reason == Reason.PROBE_ERROR
    assert f"the secret file gave nothing in time: {pipe}" in seen.detail


@pytest.mark.parametrize("role", FILES)
@pytest.mark.parametrize("kind", TLS)
async def test_a_tls_file_that_gives_nothing_ends_the_run_in_time(
    kind: str, role: str, pipe: str, tmp_path: Path
) -> None:
    trustme.CA().issue_cert("client@test").private_key_and_cert_chain_pem.write_to_path(tmp_path / "client.pem")
    files = {"cert_file": str(tmp_path / "client.pem")} if role.startswith("key") else {}
    files[role] = {"file": pipe} if role == "key_passphrase" else pipe  # type: ignore[assignment]
    answers = saying(b"S") if kind == "postgres" else silent
    async with serving(answers) as port:
        seen = await look(filled(TLS[kind], PORT=port) | {"tls": files})
    assert seen.reason == Reason.PROBE_ERROR, seen
    assert f"gave nothing in time: {pipe}" in seen.detail
    assert role == "key_passphrase" or f"the {role} gave" in seen.detail


@pytest.mark.parametrize("sends", [{"steps": [{"send": SECRET}]}, {"keepalive": {"every": "1s", "send": SECRET}}])
async def test_a_message_from_a_file_that_gives_nothing_ends_the_run_in_time(sends: dict[str, Any], pipe: str) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = next(line for line in head.splitlines() if line.lower().startswith("sec-websocket-key")).split()[1]
        accept = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest())
        writer.write(UPGRADED % accept)
        await silent(reader, writer)

    async with serving(handler) as port:
        seen = await look(filled(WEBSOCKET | sends, PIPE=pipe, PORT=port))
    assert seen.reason == Reason.PROBE_ERROR
    assert f"the secret file gave nothing in time: {pipe}" in seen.detail


@pytest.mark.parametrize("passphrase", [None, "right", "wrong", "empty"])
@pytest.mark.parametrize("kind", TLS)
async def test_an_encrypted_key_is_a_probe_error_until_its_passphrase_opens_it(
    kind: str, passphrase: str | None, tmp_path: Path
) -> None:
    cert, key = encrypted_key(tmp_path)
    files: dict[str, Any] = {"cert_file": cert, "key_file": key}
    if passphrase is not None:
        (tmp_path / "passphrase").write_text({"right": "geheim\n", "wrong": "offen", "empty": ""}[passphrase])
        files["key_passphrase"] = {"file": str(tmp_path / "passphrase")}
    answers = saying(b"S") if kind == "postgres" else silent
    async with serving(answers) as port:
        seen = await look(filled(TLS[kind], PORT=port) | {"tls": files})
    if passphrase == "right":
        assert seen.reason == (Reason.NO_EVIDENCE if kind in ("e2e", "promql") else Reason.TIMEOUT), seen
        return
    assert seen.reason == Reason.PROBE_ERROR, seen
    assert ("the secret is empty" if passphrase == "empty" else "the key is encrypted") in seen.detail


def encrypted_key(folder: Path) -> tuple[str, str]:
    issued = trustme.CA().issue_cert("client@test")
    cert, key = folder / "client.crt", folder / "client.key"
    cert.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    private = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"geheim"),
        )
    )
    return str(cert), str(key)


async def test_a_pipe_that_is_served_once_is_read_once(pipe: str, tmp_path: Path) -> None:
    authority = trustme.CA()
    files = {"ca_file": pipe}

    def serve() -> None:
        Path(pipe).write_bytes(authority.cert_pem.bytes())

    serving_it = asyncio.create_task(asyncio.to_thread(serve))
    async with serving(silent) as port:
        seen = await look({"kind": "tcp", "address": f"127.0.0.1:{port}", "tls": files})
    await serving_it
    assert seen.reason == Reason.TIMEOUT
    assert "in phase tls" in seen.detail


async def test_a_report_that_is_a_pipe_is_no_report(pipe: str) -> None:
    assert (await look({"kind": "e2e", "path": pipe})).reason == Reason.NO_EVIDENCE


@pytest.mark.parametrize("role", ["ca_file", "cert_file"])
async def test_a_device_without_end_is_refused(role: str) -> None:
    async with serving(silent) as port:
        options = {"kind": "tcp", "address": f"127.0.0.1:{port}", "tls": {role: "/dev/zero"}}
        assert "File too large" in (await look(options)).detail
        options = {"kind": "redis", "address": f"127.0.0.1:{port}", "password": {"file": "/dev/zero"}}
        assert "over 1048576 bytes" in (await look(options)).detail


@pytest.mark.parametrize("name", ["client.key", "client.crt"])
@pytest.mark.parametrize("command", ["run", "check"])
def test_nothing_prompts_on_a_terminal_and_it_stops_in_time(command: str, name: str, pipe: str, tmp_path: Path) -> None:
    cert, key = encrypted_key(tmp_path)
    if name == "client.crt":  # one file with both
        Path(cert).write_bytes(Path(key).read_bytes() + Path(cert).read_bytes())
    files = f"cert_file: {cert}" + (f", key_file: {key}" if name == "client.key" else "")
    config = tmp_path / "config.yml"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        redis = f"{{kind: redis, address: '127.0.0.1:{port}', password: {{file: {pipe}}}}}"
        tls = f"{{kind: tls, address: '127.0.0.1:{port}', tls: {{{files}}}}}"
        config.write_text(
            "environment: t\ndefaults: {interval: 1s, timeout: 1s, fall: 1, retry_interval: 100ms}\n"
            f"api: {{token: {{file: {pipe}}}}}\n"
            "components:\n"
            f"  key: {{layer: test, priority: P2, check: {tls}}}\n"
            f"  pipe: {{layer: test, priority: P2, check: {redis}}}\n"
            '  other: {layer: test, priority: P2, check: {kind: exec, command: ["true"]}}\n'
        )
        child, terminal = pty.fork()
        if child == 0:
            address = ["--web.listen-address", "127.0.0.1:0"] if command == "run" else []
            os.execv(EXPORTER[0], [*EXPORTER, command, "--config.file", str(config), *address])
        try:
            if command == "run":
                seen = read_until(terminal, b"cannot read secret", 20)  # after several runs of each
                stopped = time.monotonic()
                os.kill(child, signal.SIGTERM)
                seen += read_until(terminal, None, 10)
                assert time.monotonic() - stopped < 2.0
            else:
                seen = b" ".join(read_until(terminal, None, 30).split())
                assert b"the key is encrypted" in seen
                assert b"the secret file gave nothing in time" in seen
            assert b"pass phrase" not in seen
        finally:
            os.close(terminal)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def read_until(terminal: int, wanted: bytes | None, seconds: float) -> bytes:
    """What is written until `wanted` came, until the end when it is None."""
    seen, end = b"", time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and (wanted is None or wanted not in seen):
        if select.select([terminal], [], [], left)[0]:
            try:
                data = os.read(terminal, 65536)
            except OSError:  # EIO: the last process has closed it
                return seen
            seen += data
    assert wanted is not None, seen
    assert wanted in seen
    return seen


def test_storage_that_hangs_holds_up_neither_the_probes_nor_the_stop(tmp_path: Path) -> None:
    (tmp_path / "storage").mkdir()
    os.mkfifo(tmp_path / "storage" / "state.json")  # reading it blocks until somebody writes
    config = tmp_path / "config.yml"
    config.write_text(
        "environment: t\ndefaults: {interval: 1s, timeout: 1s}\n"
        'components: {a: {layer: test, priority: P2, check: {kind: exec, command: ["true"]}}}\n'
    )
    options = ["--config.file", config, "--web.listen-address", "127.0.0.1:0", "--storage.path", tmp_path / "storage"]
    with (tmp_path / "log").open("wb") as log:
        child = subprocess.Popen([*EXPORTER, "run", *map(str, options)], stderr=log)
    try:
        wait_for(lambda: b"verdict" in (tmp_path / "log").read_bytes(), "a first run")
        stopped = time.monotonic()
        child.terminate()
        assert child.wait(10) == 0
        assert time.monotonic() - stopped < 2.0
    finally:
        child.kill()
        child.wait()
    assert b"cannot store the last changes in time" in (tmp_path / "log").read_bytes()


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"cert_file": "empty"}, "not PEM, or damaged"),
        ({"ca_file": "empty"}, "not PEM, or damaged"),
        ({"cert_file": "first.pem", "key_file": "second.key"}, "the key is not that of the certificate"),
        ({"ca_file": "nowhere"}, "No such file or directory"),
        ({"ca_file": "."}, "Is a directory"),
    ],
)
async def test_a_tls_file_that_is_of_no_use_is_named_in_words(
    files: dict[str, str], words: str, tmp_path: Path
) -> None:
    (tmp_path / "empty").write_text("")
    for name in ("first", "second"):
        issued = trustme.CA().issue_cert(f"{name}@test")
        issued.private_key_pem.write_to_path(tmp_path / f"{name}.key")
        issued.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
    async with serving(silent) as port:
        tls = {role: str(tmp_path / name) for role, name in files.items()}
        seen = await look({"kind": "tcp", "address": f"127.0.0.1:{port}", "tls": tls})
    assert (seen.reason, words in seen.detail) == (Reason.PROBE_ERROR, True), seen.detail
