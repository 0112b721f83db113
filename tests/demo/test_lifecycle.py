"""The demo's process: starts, twice and side by side, and leaves nothing behind however it ends."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from staging_exporter.demo import DemoEnvironment, DemoError

from tests.demo.running import Running, demo
from tests.support.live import EXPORTER, fetch


def eventually(condition: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]


def gone(processes: list[psutil.Process]) -> bool:
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)


def servers(state: Path) -> list[Path]:
    return [Path(line) for line in (state / "servers").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_demo_and_its_servers(tmp_path: Path, number: signal.Signals) -> None:
    with demo("--state-dir", str(tmp_path)) as running:
        started = family(running.process)
        directories = servers(tmp_path)
        assert len(started) > 3, "PostgreSQL and Redis have processes"
        assert all(directory.is_dir() for directory in directories)
        running.process.send_signal(number)
        assert running.process.wait(10) == 0
        assert gone(started)
        assert not any(directory.exists() for directory in directories)


def test_the_demo_ends_with_its_parent_and_removes_its_temporary_directory() -> None:
    with demo() as running:
        started = family(running.process)
        assert running.config.is_file()
        assert running.process.stdin is not None
        running.process.stdin.close()
        assert running.process.wait(10) == 0
        assert gone(started)
        assert not running.config.parent.exists()


def test_a_signal_during_the_start_ends_the_demo(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "staging_exporter.demo", "--state-dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        eventually((tmp_path / "servers").exists)
        eventually(lambda: len(family(process)) > 1)
        started = family(process)
        process.terminate()
        assert process.wait(10) == 0
        eventually(lambda: gone(started))
        assert not any(directory.exists() for directory in servers(tmp_path))


def test_a_killed_demo_leaves_no_server(tmp_path: Path) -> None:
    with demo("--state-dir", str(tmp_path)) as running:
        started = family(running.process)
        running.process.kill()
        eventually(lambda: gone(started))
        eventually(lambda: not any(directory.exists() for directory in servers(tmp_path)))


def test_the_demo_starts_after_everything_was_killed(tmp_path: Path) -> None:
    with demo("--state-dir", str(tmp_path)) as running:
        started = family(running.process)
        left = servers(tmp_path)
        guards = [process for process in started if process.name() == "sh"]
        assert len(guards) == 2
        for process in (*guards, started[0]):  # the guards first: the servers stay
            process.kill()
        eventually(lambda: gone([*guards, started[0]]))
        assert not gone(started)
        assert all(directory.is_dir() for directory in left)
    with demo("--state-dir", str(tmp_path)) as running:
        eventually(lambda: gone(started))
        assert not any(directory.exists() for directory in left)
        assert_healthy(running)


def assert_healthy(running: Running) -> None:
    report = running.config.parent / "e2e-report.xml"
    assert 'failures="0"' in report.read_text(encoding="utf-8")
    assert running.ask("GET", "/")[1]["on"] == []


def test_two_demos_run_side_by_side_and_note_their_ports() -> None:
    with demo() as one, demo() as other:
        assert one.control != other.control
        assert one.config.parent != other.config.parent
        assert any(note.startswith("control: port 18099 is in use") for note in (*one.notes, *other.notes))
        for running in (one, other):
            assert_healthy(running)


async def test_a_state_directory_has_one_demo(tmp_path: Path) -> None:
    async with DemoEnvironment(tmp_path) as running:
        assert json.loads(running.ready())["config"] == str(tmp_path / "demo.yml")
        with pytest.raises(DemoError, match="another demo runs in"):
            async with DemoEnvironment(tmp_path):
                pass


async def test_the_demo_runs_twice_in_one_process_with_initial_faults(tmp_path: Path) -> None:
    for faults in ((), ("F12",)):
        async with DemoEnvironment(tmp_path, faults, scale=0.2) as running:
            assert running.board.on == list(faults)
            assert (tmp_path / "secrets" / "postgres-password").exists() is not bool(faults)


def test_without_redis_a_minimal_responder_is_used(tmp_path: Path) -> None:
    with demo("--state-dir", str(tmp_path), PATH=str(tmp_path)) as running:
        assert "redis: using a minimal responder, redis-server is not installed" in running.notes
        assert_healthy(running)


def test_an_unusable_temporary_directory_is_named(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 80)
    deep.mkdir()
    command = [sys.executable, "-m", "staging_exporter.demo", "--state-dir", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "TMPDIR": str(deep)}, timeout=20)
    assert ended.returncode == 1
    assert f"{deep} cannot be used: set TMPDIR" in ended.stderr


def test_the_demo_runs_as_another_account() -> None:
    """Root becomes nobody, who may read the interpreter of the tests wherever it is; anybody else is no root anyway."""
    caps = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *caps) if os.geteuid() == 0 else ()
    with demo(prefix=nobody) as running:
        assert all(process.uids().effective != 0 for process in family(running.process))
        assert running.ask("GET", "/")[1]["on"] == []


def test_the_list_of_faults_marks_those_that_are_on() -> None:
    with demo("--fault", "F07") as running:
        lines = fetch(f"{running.control}/faults").splitlines()
    assert "F07* /ws/health answers 200 with a body that says unhealthy" in lines
    assert [line for line in lines if line.startswith("F03 ")]


def test_the_control_api_reports_mistakes() -> None:
    with demo("--fault", "F07") as running:
        assert running.ask("GET", "/")[1]["on"] == ["F07"]
        status, text = running.ask("PUT", "/faults/F02")
        assert (status, text.startswith("there is no 'F02'; choose F01, F03")) == (404, True)
        status, text = running.ask("PUT", "/switches/redis-proxy", {"mode": "explode"})
        assert (status, text) == (400, "redis-proxy has no mode 'explode'; it has ok, close, timeout, refuse, slow\n")
        status, text = running.ask("PUT", "/switches/redis-proxy", {"mode": "slow", "seconds": -1, "colour": "red"})
        assert status == 400
        assert "seconds: " in text
        assert "colour: " in text
        status, state = running.ask("PUT", "/switches/redis-proxy", {"mode": "slow", "seconds": 2})
        assert (status, state["switches"]["redis-proxy"]) == (200, {"mode": "slow", "seconds": 2})
        there = running.ask("GET", "/")[1]
        assert there["faults"]["F07"]["on"]
        assert there["switches"]["redis-proxy"]["setting"] == {"mode": "slow", "seconds": 2}
        assert "redis-proxy" not in running.ask("DELETE", "/switches")[1]["switches"]
        assert running.ask("DELETE", "/faults")[1]["on"] == []


def test_the_demo_ends_when_its_terminal_is_closed() -> None:
    master, terminal = pty.openpty()
    command = [*EXPORTER, "demo", "--web.listen-address", "127.0.0.1:0"]
    child = subprocess.Popen(
        ["setsid", "--ctty", "--wait", *command],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    shown = b""
    while b"Press Ctrl-C to stop." not in shown:
        shown += os.read(master, 4096)
    started = family(child)
    assert any("staging_exporter.demo" in " ".join(process.cmdline()) for process in started)
    os.close(master)
    try:
        eventually(lambda: gone(started), 30.0)
    finally:
        for process in started:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
    child.wait(10)
