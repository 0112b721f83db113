"""The commands with closed streams, signals, and servers that are not an exporter."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from staging_exporter.client import Client, ClientError

from tests.support.live import EXPORTER, gone, process, staging_exporter, wait_for


class _Strange(BaseHTTPRequestHandler):
    """Sends the responses of its server, each once and the last one repeatedly; a body of None is endless."""

    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        self.server.asked.append(f"{self.command} {self.path} {self.headers.get('Authorization')}")
        status, body = self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0]
        self.send_response(status)
        if 300 <= status < 400 and body:
            self.send_header("Location", body.decode())
        self.end_headers()
        try:
            while body is None and not self.server.over.wait(0.05):
                self.wfile.write(b" ")
            self.wfile.write(body or b"")
        except ConnectionError:
            self.close_connection = True

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""


class _Server(ThreadingHTTPServer):
    answers: list[tuple[int, bytes | None]]
    asked: list[str]
    over: threading.Event


@contextmanager
def serving(*answers: tuple[int, bytes | None], asked: list[str] | None = None) -> Iterator[str]:
    """The address of such a server; `asked` collects its requests."""
    with _Server(("127.0.0.1", 0), _Strange) as server:
        server.answers, server.over = list(answers), threading.Event()
        server.asked = [] if asked is None else asked
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.over.set()
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_check_that_is_ended_by_a_signal_leaves_no_program(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    mark, file = tmp_path / "pid", tmp_path / "config.yml"
    file.write_text(
        "environment: test\ncomponents:\n  target:\n    {layer: service, priority: P1, interval: 100s, timeout: 90s, "
        f'check: {{kind: exec, command: [sh, -c, "echo $$ > {mark}; exec sleep 100"]}}}}\n'
    )
    with process([*EXPORTER, "check", "--config.file", str(file)], tmp_path / "log") as child:
        wait_for(lambda: mark.exists() and mark.read_text().strip(), "the check runs")
        child.send_signal(number)
        assert child.wait(10) == status
    assert gone(int(mark.read_text()))


@pytest.mark.parametrize(
    ("redirections", "status"),
    [("| true", 141), ("> /dev/full", 70), ("<&-", 1), (">&-", 1), ("2>&-", 1), ("<&- >&- 2>&-", 1)],
)
def test_only_a_root_cause_exits_1_wherever_the_output_goes(tmp_path: Path, redirections: str, status: int) -> None:
    file = tmp_path / "config.yml"
    file.write_text(
        "environment: test\ndefaults: {retry_interval: 10ms}\n"
        'components: {target: {layer: service, priority: P1, check: {kind: exec, command: ["false"]}}}\n'
    )
    command = f"set -o pipefail; {shlex.join([*EXPORTER, 'check', '--config.file', str(file)])} {redirections}"
    assert subprocess.run(["bash", "-c", command], capture_output=True, timeout=60).returncode == status


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (200, b"null", "is not a staging-exporter"),
        (200, b"[1, 2]", "is not a staging-exporter"),
        (200, b'{"components": {}, "pending": false}', "is not a staging-exporter"),
        (200, b"[" * 200_000, "cannot reach an exporter"),
        (200, b"<html>", "cannot reach an exporter"),
        (200, b"\xff", "cannot reach an exporter"),
        (500, b"\x1b[31mboom", "answered 500: [31mboom"),
    ],
    ids=["null", "a list", "other keys", "nested too deeply", "a page", "not UTF-8", "an error with an escape"],
)
def test_check_exits_2_when_the_server_is_not_an_exporter(status: int, body: bytes, message: str) -> None:
    with serving((status, body)) as url:
        done = staging_exporter("check", "--from", url)
    assert (done.returncode, message in done.stderr, "\x1b" in done.stderr) == (2, True, False)


def status_document() -> dict[str, object]:
    flags = dict.fromkeys(("pending", "settled", "online"), True)
    named: dict[str, object] = {"root_causes": [], "components": {}, "journeys": {}}
    return {"environment": "test", "generated_at": 1.0, "state": "up", "verdict": "all is up", **flags, **named}


@pytest.mark.parametrize("key", sorted(status_document()))
@pytest.mark.parametrize("value", [None, [[]], {"a": "b"}, [{"component": "a"}]], ids=repr)
def test_a_status_with_another_type_is_not_one(key: str, value: object) -> None:
    body = json.dumps(status_document() | {key: value}).encode()
    with serving((200, body)) as url, pytest.raises(ClientError, match="is not a staging-exporter"):
        Client(url).status()


def test_no_text_of_an_exporter_moves_the_terminal() -> None:
    moved = status_document() | {"verdict": "one\x1b]8;;http://elsewhere\x07two\nthree"}
    with serving((200, json.dumps(moved).encode())) as url:
        assert Client(url).status()["verdict"] == "one ]8;;http://elsewhere two\nthree"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed_and_no_token_goes_elsewhere(status: int) -> None:
    reached: list[str] = []
    with serving((200, b"{}"), asked=reached) as other, serving((status, f"{other}/there".encode())) as url:
        done = staging_exporter(
            *("maintenance", "--component", "db", "--duration", "1m", "--to", url, "--token", "secret")
        )
    assert (done.returncode, reached) == (2, [])
    assert f"answered {status}: it points at {other}/there, which is not followed" in done.stderr


def test_the_client_waits_for_the_exporter_behind_a_proxy() -> None:
    status = status_document()
    with serving((503, b"no backend"), (502, b""), (200, json.dumps(status).encode())) as url:
        assert Client(url).wait_for_status(lambda _: True, 30.0) == status


def test_the_client_stops_reading_an_endless_response() -> None:
    with serving((200, None)) as url, pytest.raises(ClientError, match="takes too long"):
        Client(url, timeout=0.3).status()
