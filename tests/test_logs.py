"""The log of the running exporter: it holds up nobody, and no client writes in it."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest
from staging_exporter.logs import BackgroundHandler

from tests.support.live import EXPORTER, process, wait_for
from tests.support.ports import free_port


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    file = tmp_path / "config.yml"
    check = "{layer: service, priority: P1, check: {kind: exec, command: ['true']}}"
    (tmp_path / "token").write_text("open")
    file.write_text(f"environment: test\napi: {{token: {{file: token}}}}\ncomponents: {{a: {check}}}\n")
    return [*EXPORTER, "run", "--config.file", str(file), "--log.level", "debug", "--web.listen-address"]


def healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/healthy", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def deploy(port: int, revision: str) -> None:
    body = json.dumps({"components": ["a"], "revision": revision}).encode()
    url, headers = f"http://127.0.0.1:{port}/api/v1/deploys", {"Authorization": "Bearer open"}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=5) as response:
        assert response.status == 200


def _drained(pipe: int) -> bool:
    try:
        return os.read(pipe, 1_000_000) == b""
    except BlockingIOError:
        return True


def test_a_reader_of_the_log_that_stops_reading_holds_up_nobody(command: list[str]) -> None:
    port = free_port()
    reading, writing = os.pipe()
    with subprocess.Popen([*command, f"127.0.0.1:{port}"], stderr=writing) as child:
        try:
            wait_for(lambda: healthy(port), "the exporter serves")
            for _ in range(400):  # lines of 250 bytes, where 65,536 fill the pipe
                deploy(port, "x" * 200)
            assert healthy(port)
            child.send_signal(signal.SIGTERM)
            assert child.wait(10) == 0
        finally:
            child.kill()
            os.close(reading)
            os.close(writing)


def test_what_does_not_fit_is_dropped_and_counted() -> None:
    reading, writing = os.pipe()
    stream = os.fdopen(writing, "w")
    handler, before = BackgroundHandler(stream), BackgroundHandler.dropped
    for number in range(20_000):
        handler.handle(logging.makeLogRecord({"msg": f"line {number}"}))
    assert 0 < BackgroundHandler.dropped - before < 10_000
    os.set_blocking(reading, False)
    wait_for(lambda: _drained(reading) and not handler.waiting, "the rest is written once somebody reads")
    stream.close()
    os.close(reading)


def test_a_request_that_is_malformed_leaves_nothing_of_it_in_the_log(command: list[str], tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    with process([*command, f"127.0.0.1:{port}"], log) as child:
        wait_for(lambda: healthy(port), "the exporter serves")
        for request in (b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer TOKEN\0\r\n\r\n", b"TOKEN\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", port), 5) as client:
                client.sendall(request)
                assert client.recv(100).startswith(b"HTTP/1.0 400") or client.recv(100) == b""
        deploy(port, "after it")
        wait_for(lambda: "after it" in log.read_text(), "what was logged after it")
        child.send_signal(signal.SIGTERM)
        child.wait(10)
    assert "TOKEN" not in log.read_text()
    assert "Traceback" not in log.read_text()
