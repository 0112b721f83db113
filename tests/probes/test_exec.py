"""Kind `exec` with real programs, on asyncio's loop and on uvloop."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import uvloop
from staging_exporter.core.model import Observation, Outcome, Reason
from staging_exporter.probes import load

from tests.support.live import gone, wait_for
from tests.support.probing import probe


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[..., Observation]:
    def once(*command: str, timeout: float = 10.0, **options: Any) -> Observation:
        with asyncio.Runner(loop_factory=request.param) as runner:
            return runner.run(probe({"kind": "exec", "command": list(command), **options}, timeout=timeout))

    return once


@pytest.mark.parametrize(
    ("script", "outcome", "reason", "detail"),
    [
        ("echo fine", Outcome.PASS, Reason.OK, ""),
        ("echo a; echo b >&2; exit 1", Outcome.FAIL, Reason.FAILED, "exit status 1, expected 0; output: a b"),
        ("echo so-so; exit 2", Outcome.DEGRADED, Reason.FAILED, "exit status 2, expected 0; output: so-so"),
        ("exit 3", Outcome.UNKNOWN, Reason.PROBE_ERROR, "exit status 3, expected 0; output: none"),
        ("kill -9 $$", Outcome.UNKNOWN, Reason.PROBE_ERROR, "killed by signal 9, expected 0; output: none"),
    ],
)
def test_the_exit_status_decides_the_reason(
    run: Callable[..., Observation], script: str, outcome: Outcome, reason: Reason, detail: str
) -> None:
    seen = run("sh", "-c", script)
    assert (seen.outcome, seen.reason, seen.detail) == (outcome, reason, detail)
    assert set(seen.phases) == {"run"}


NAGIOS = {
    "ok": ("echo 'DISK OK | /=9MB'; exit 0", Outcome.PASS, Reason.OK, ""),
    "warning": ("echo 'DISK WARNING - / 9%'; exit 1", Outcome.DEGRADED, Reason.FAILED, "DISK WARNING - / 9%"),
    "critical": ("echo 'DISK CRITICAL - / 0%'; exit 2", Outcome.FAIL, Reason.FAILED, "DISK CRITICAL - / 0%"),
    "unknown": (
        "echo 'DISK UNKNOWN - no mount'; exit 3",
        Outcome.UNKNOWN,
        Reason.NO_EVIDENCE,
        "DISK UNKNOWN - no mount",
    ),
    "only the first line": ("printf 'CRITICAL\nlong text\n'; exit 2", Outcome.FAIL, Reason.FAILED, "CRITICAL"),
    "without output": ("exit 2", Outcome.FAIL, Reason.FAILED, "exit status 2, without output"),
    "another status": ("echo x; exit 127", Outcome.UNKNOWN, Reason.PROBE_ERROR, "exit status 127: x"),
    "a signal": (
        "kill -9 $$",
        Outcome.UNKNOWN,
        Reason.PROBE_ERROR,
        "killed by signal 9: exit status -9, without output",
    ),
}


@pytest.mark.parametrize("name", NAGIOS)
def test_a_plugin_for_nagios_is_understood(run: Callable[..., Observation], name: str) -> None:
    script, outcome, reason, detail = NAGIOS[name]
    seen = run("sh", "-c", script, exit_codes="nagios")
    assert (seen.outcome, seen.reason, seen.detail) == (outcome, reason, detail)


def test_performance_data_are_facts(run: Callable[..., Observation]) -> None:
    line = "OK - load | load1=0.210;5.0;10;0; 'C: used %%'=81%%;80;90 time=-1.5s undefined=U\\nmore | 'it''s'=3c"
    seen = run("sh", "-c", f'printf "{line}\\n"', exit_codes="nagios")
    assert seen.facts["performance"] == {"load1": 0.21, "C: used %": 81.0, "time": -1.5, "it's": 3.0}


def test_exit_codes_can_be_named(run: Callable[..., Observation]) -> None:
    codes = {"up": [0, 3], "degraded": 4, "down": [1, 5], "unknown": 6}
    seen = {code: run("sh", "-c", f"exit {code}", exit_codes=codes) for code in range(8)}
    outcomes = {code: observation.outcome for code, observation in seen.items()}
    assert outcomes == {
        **dict.fromkeys((0, 3), Outcome.PASS),
        4: Outcome.DEGRADED,
        **dict.fromkeys((1, 5), Outcome.FAIL),
        **dict.fromkeys((2, 6, 7), Outcome.UNKNOWN),
    }
    assert (seen[6].reason, seen[7].reason) == (Reason.NO_EVIDENCE, Reason.PROBE_ERROR)
    assert seen[1].detail == "exit status 1, expected 0 or 3; output: none"


@pytest.mark.parametrize("codes", ["nagios2", {"up": 1}, {"down": [1, 1]}, {"down": 256}, {"warning": 1}])
def test_contradicting_exit_codes_are_refused(codes: Any) -> None:
    with pytest.raises(ValueError):
        load("exec").model_validate({"kind": "exec", "command": ["true"], "exit_codes": codes})


@pytest.mark.parametrize(("command", "text"), [("/absent/program", "No such file"), ("/etc/passwd", "ermission")])
def test_a_program_that_cannot_be_run_is_a_probe_error(
    run: Callable[..., Observation], command: str, text: str
) -> None:
    seen = run(command)
    assert (seen.reason, text in seen.detail) == (Reason.PROBE_ERROR, True), seen.detail


def test_the_deadline_kills_the_children_too(run: Callable[..., Observation], tmp_path: Path) -> None:
    script = f"sleep 61 & echo $! > {tmp_path}/child; echo waiting; sleep 62"
    seen = run("sh", "-c", script, timeout=2.0)
    assert seen.reason == Reason.TIMEOUT
    assert seen.facts["output"] == "waiting"
    assert seen.duration < 2.5
    assert gone(int((tmp_path / "child").read_text()))


def test_a_background_child_is_killed_and_does_not_delay_the_run(
    run: Callable[..., Observation], tmp_path: Path
) -> None:
    seen = run("sh", "-c", f"sleep 61 & echo $! > {tmp_path}/child; echo done")
    assert (seen.outcome, seen.facts["output"]) == (Outcome.PASS, "done")
    assert seen.duration < 2.0
    assert gone(int((tmp_path / "child").read_text()))


def test_a_child_in_another_process_group_does_not_delay_the_run(
    run: Callable[..., Observation], tmp_path: Path
) -> None:
    seen = run("sh", "-c", f"setsid sleep 61 & echo $! > {tmp_path}/child; echo done")
    assert seen.facts["output"] == "done"
    assert seen.duration < 2.0
    assert gone(int((tmp_path / "child").read_text()))


@pytest.mark.parametrize("end", ["exit 0", "sleep 62"])
def test_daemons_that_a_run_leaves_behind_are_killed(run: Callable[..., Observation], tmp_path: Path, end: str) -> None:
    daemon = f"(setsid sh -c 'echo $$ >> {tmp_path}/children; exec sleep 61' </dev/null >/dev/null 2>&1 &)"
    ready = f'until [ "$(wc -l < {tmp_path}/children)" = 3 ]; do :; done 2>/dev/null'
    other = subprocess.Popen(["sleep", "61"])
    try:
        run("sh", "-c", f"{daemon}; {daemon}; {daemon}; {ready}; {end}", timeout=2.0)
        children = [int(line) for line in (tmp_path / "children").read_text().split()]
        assert len(children) == 3
        wait_for(lambda: all(map(gone, children)), "all daemons are gone", 2.0)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_endless_output_is_cut_off(run: Callable[..., Observation]) -> None:
    before = psutil.Process().memory_info().rss
    seen = run(sys.executable, "-c", "import sys\nwhile True: sys.stdout.write('x' * 65536)", timeout=1.0)
    assert seen.reason == Reason.TIMEOUT
    assert len(seen.facts["output"]) < 500
    assert psutil.Process().memory_info().rss - before < 20e6


def test_the_command_gets_only_its_own_environment(
    run: Callable[..., Observation], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OF_THE_EXPORTER", "not-for-you")
    (tmp_path / "token").write_text("secret-token\n")
    env = {"PLAIN": "text", "TOKEN": {"file": str(tmp_path / "token")}}
    seen = run("sh", "-c", 'echo "$PLAIN" "$TOKEN" "[$OF_THE_EXPORTER]"; exit 1', env=env)
    assert seen.detail == "exit status 1, expected 0; output: text *** []"
    assert seen.facts["output"] == "text *** []"


@pytest.mark.parametrize("command", [[], "ls -l", [1]])
def test_a_command_must_be_a_list_of_texts(command: Any) -> None:
    from staging_exporter.probes.exec import Exec

    with pytest.raises(ValueError, match="command"):
        Exec.model_validate({"kind": "exec", "command": command})


def test_a_run_closes_no_file_of_others(run: Callable[..., Observation]) -> None:
    """A descriptor is free for others from the moment it is closed: closing it again closes what they opened."""
    over, broken = threading.Event(), []

    def open_and_close() -> None:
        while not over.is_set():
            opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(4)]
            for descriptor in opened:
                try:
                    os.close(descriptor)
                except OSError as error:
                    broken.append(error)

    others = [threading.Thread(target=open_and_close) for _ in range(2)]
    for thread in others:
        thread.start()
    try:
        for _ in range(60):
            assert run("true").outcome == Outcome.PASS
    finally:
        over.set()
        for thread in others:
            thread.join()
    assert broken == []
