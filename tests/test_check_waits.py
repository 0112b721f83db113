"""`check --wait`: until it passes, or until waiting is useless; on a terminal and in a log."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyte
import pytest
from click.testing import CliRunner, Result
from staging_exporter.cli import main

from tests.support.live import EXPORTER, process
from tests.support.ports import free_port

PANE = Path(__file__).parent / "recorded" / "check-wait.txt"
COLUMNS, LINES = 100, 30
CONFIG = """
environment: staging
defaults: {{interval: 1s, timeout: 1s, retry_interval: 50ms}}
components:
  backend:
    layer: application
    priority: P0
    startup: {{budget: {budget}, when: {{status: [503]}}}}
    check: {{kind: http, url: "http://127.0.0.1:{port}/"}}
  other: {{layer: service, priority: P1, check: {{kind: exec, command: ["{other}"]}}}}
journeys: {{golden-path: {{priority: P0, steps: {{use: backend}}}}}}
"""


class Backend(ThreadingHTTPServer):
    """Answers 503 while `starting`, then 200."""

    starting = True


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Backend)
        self.send_response(503 if self.server.starting else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""


@pytest.fixture
def backend() -> Iterator[Backend]:
    with Backend(("127.0.0.1", 0), _Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def config(directory: Path, backend: Backend, budget: str = "5m", other: str = "true") -> Path:
    file = directory / "staging.yml"
    file.write_text(CONFIG.format(port=backend.server_port, budget=budget, other=other))
    return file


@contextmanager
def checking(*arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """`check` as a pipeline runs it."""
    command = [*EXPORTER, "check", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


def until_line(child: subprocess.Popen[str], line: str) -> None:
    """Wait for this line on standard error."""
    assert child.stderr
    while line not in (seen := child.stderr.readline()):
        assert seen, f"it ended without the line {line}"


def test_exit_0_once_everything_is_up(tmp_path: Path, backend: Backend) -> None:
    with checking("--config.file", config(tmp_path, backend), "--wait", "1m") as child:
        until_line(child, "starting: backend\n")
        backend.starting = False
        until_line(child, "all 2 are up\n")
        out, _ = child.communicate(timeout=30)
    assert (child.returncode, out.splitlines()[-1]) == (0, "check passed")
    assert out.startswith("staging is up: all 2 checks pass\n")


def check(*arguments: str | Path) -> Result:
    """`check` in this process, to its end."""
    return CliRunner().invoke(main, ["check", *map(str, arguments)])


def test_exit_1_as_soon_as_the_startup_budget_is_spent(tmp_path: Path, backend: Backend) -> None:
    done = check("--config.file", config(tmp_path, backend, budget="1s"), "--wait", "10m")
    assert done.exit_code == 1
    assert [line.split("s  ")[1] for line in done.stderr.splitlines()] == ["starting: backend", "down: backend"]
    assert done.stdout.splitlines()[-1] == "check failed: backend is a root cause"


def test_exit_3_when_the_wait_is_over(tmp_path: Path, backend: Backend) -> None:
    done = check("--config.file", config(tmp_path, backend), "--wait", "5s")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (3, "check undetermined: backend is starting")


def test_components_that_are_not_required_are_ignored(tmp_path: Path, backend: Backend) -> None:
    done = check("--config.file", config(tmp_path, backend), "--wait", "1m", "--require", "other")
    assert (done.exit_code, done.stderr.split("s  ")[1]) == (0, "all 1 are up\n")
    backend.starting = False
    done = check("--config.file", config(tmp_path, backend, other="false"), "--journey", "golden-path")
    assert "other is the root cause" in done.stdout
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "check passed")
    not_judged = "failure_ratio: not judged, since it needs 20 scheduled probes of a running exporter"
    assert done.stdout.splitlines()[-2] == not_judged


MAINTENANCE = """
maintenance: [{components: [backend], start: 2020-01-01T00:00:00Z, end: 2120-01-01T00:00:00Z}]
"""
PASSES = (0, "check passed")
FAILING = (3, "check undetermined: backend is in maintenance, and its last probe failed")
IN_MAINTENANCE = {
    "nothing is required": ((), PASSES),
    "another component is required": (("--require", "other"), PASSES),
    "the component is required": (("--require", "backend"), FAILING),
    "its journey is required": (("--journey", "golden-path"), FAILING),
}


@pytest.mark.parametrize("case", IN_MAINTENANCE)
def test_a_component_fails_during_its_maintenance(case: str, tmp_path: Path) -> None:
    arguments, expected = IN_MAINTENANCE[case]
    file = tmp_path / "staging.yml"
    file.write_text(CONFIG.format(port=free_port(), budget="5m", other="true") + MAINTENANCE)
    done = check("--config.file", file, *arguments)
    assert (done.exit_code, done.stdout.splitlines()[-1]) == expected


def test_a_required_component_may_pass_during_its_maintenance(tmp_path: Path, backend: Backend) -> None:
    backend.starting = False
    file = config(tmp_path, backend)
    file.write_text(file.read_text() + MAINTENANCE)
    assert check("--config.file", file, "--require", "backend").exit_code == 0


def test_a_running_exporter_is_asked_until_its_evidence_is_new(tmp_path: Path, backend: Backend) -> None:
    url, log = f"http://127.0.0.1:{free_port()}", tmp_path / "log"
    file = config(tmp_path, backend)
    address = url.removeprefix("http://")
    with checking("--from", url, "--wait", "1m") as child:  # the exporter starts later
        with process([*EXPORTER, "run", "--config.file", str(file), "--web.listen-address", address], log):
            until_line(child, "starting: backend\n")
            backend.starting = False
            out, _ = child.communicate(timeout=30)
        assert (child.returncode, out.splitlines()[-1]) == (0, "check passed")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "or the variable STAGING_EXPORTER_CONFIG; or --from URL\n"),
        (["--config.file", "x.yml", "--from", "http://127.0.0.1:1"], "give either --config.file or --from\n"),
        (
            ["--from", "localhost"],
            "'localhost' is not the address of an exporter; write it like http://127.0.0.1:9877 "
            "or unix:/run/staging-exporter/socket\n",
        ),
        (
            ["--from", "http://127.0.0.1:1"],
            "cannot reach an exporter at http://127.0.0.1:1: Connection refused\n",
        ),
        (
            ["--config.file", "{file}", "--require", "bakend"],
            "there is no component 'bakend', did you mean 'backend'?\n",
        ),
        (
            ["--config.file", "{file}", "--wait", "soon"],
            "'soon' is not a duration; write it like 500ms, 15s or 1m30s\n",
        ),
    ],
)
def test_exit_2_and_one_line_for_a_mistake(
    arguments: list[str], message: str, tmp_path: Path, backend: Backend
) -> None:
    file = config(tmp_path, backend)
    done = check(*(argument.format(file=file) for argument in arguments))
    assert (done.exit_code, done.stderr.endswith(message)) == (2, True), done.stderr


def test_github_gets_annotations_and_a_step_summary(
    tmp_path: Path, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    step_summary = tmp_path / "summary.md"
    step_summary.write_text("# before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(step_summary))
    file = config(tmp_path, backend, other="false")
    done = check("--config.file", file, "--format", "github")
    assert done.exit_code == 1
    assert done.stdout.startswith("::error title=other is the root cause (P1%2C failed)::exit status 1, expected 0")
    assert step_summary.read_text().startswith("# before\n## ❌ staging is down: other is the root cause\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "absent" / "summary.md"))
    done = check("--config.file", file, "--format", "github")
    assert (done.exit_code, done.stderr.startswith("cannot write the step summary ")) == (1, True)


def watch(command: list[str], shown: Callable[[pyte.Screen], None]) -> pyte.Screen:
    """Run a command on a terminal to its end; `shown` is called with the screen whenever it changed."""
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    child, terminal = pty.fork()
    if child == 0:
        os.execv(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    try:
        while select.select([terminal], [], [], 60)[0]:
            stream.feed(os.read(terminal, 65536))
            shown(screen)
    except OSError:  # on Linux, the other end of the terminal is closed
        pass
    finally:
        os.close(terminal)
        os.waitpid(child, 0)
    return screen


def test_the_progress_on_a_terminal(tmp_path: Path, backend: Backend) -> None:
    waiting = []

    def shown(screen: pyte.Screen) -> None:
        if "starting: backend" in screen.display[0] and "waiting" in screen.display[1]:
            waiting.append("\n".join(line.rstrip() for line in screen.display).rstrip())
            backend.starting = False

    screen = watch([*EXPORTER, "check", "--config.file", str(config(tmp_path, backend)), "--wait", "1m"], shown)
    pane = "\n".join(line.rstrip() for line in screen.display).rstrip()
    seen = re.sub(r" *\b\d+s\b", " 0s", f"while it waits:\n\n{waiting[0]}\n\nin the end:\n\n{pane}\n")
    assert seen.replace("confirming, ", "") == PANE.read_text()


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_a_terminal_has_colours_unless_no_color_is_set(
    tmp_path: Path, backend: Backend, monkeypatch: pytest.MonkeyPatch, no_color: str, coloured: bool
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    command = [*EXPORTER, "check", "--config.file", str(config(tmp_path, backend, other="false"))]
    screen = watch(command, lambda _: None)
    assert screen.display[0].startswith("staging is down: other is the root cause")
    assert any(cell.fg != "default" for row in screen.buffer.values() for cell in row.values()) is coloured
