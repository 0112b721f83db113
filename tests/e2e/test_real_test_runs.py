"""F40 to F43: real runs of pytest leave reports, pipelines push them, and they are worth what they are worth."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from staging_exporter.cli import main

from tests.support.live import fetch, wait_for
from tests.support.suite import TOKEN, Staging, staging

SKIPS = """
import pytest, socket
@pytest.fixture(autouse=True)
def environment():
    with socket.socket() as connection:
        if connection.connect_ex(("127.0.0.1", {port})):
            pytest.skip("Staging environment is not available")
@pytest.mark.parametrize("number", range(7))
def test_golden_path(number): pass
"""
MOCKS = """
import pytest
from unittest.mock import Mock
@pytest.mark.parametrize("number", range(7))
def test_agent_answers(number):
    websocket = Mock(**{"connect.return_value": "welcome"})
    assert websocket.connect() == "welcome"
"""
LOOPS = """
import asyncio
def test_agent_answers():
    async def conversation():
        asyncio.get_running_loop().run_until_complete(asyncio.sleep(0))
    asyncio.run(conversation())
"""
FAILS = "def test_answers(): assert 41 == 42\n"
NOTHING = "def helper(): pass\n"


def run_and_push(directory: Path, exporter: Staging, tests: str) -> str:
    """Run pytest on these tests, push what it wrote; returns what `report` result."""
    (directory / "test_suite.py").write_text(tests.replace("{port}", str(exporter.port)))
    report = directory / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", "--rootdir", "."]
    subprocess.run([*command, f"--junitxml={report}"], cwd=directory, capture_output=True, timeout=60)
    arguments = ["report", "--to", exporter.url, "--token", TOKEN, "--component", "suite", str(report)]
    return CliRunner().invoke(main, arguments, catch_exceptions=False).output


def roots(exporter: Staging) -> list[str]:
    return [root["component"] for root in exporter.status()["root_causes"]]


def metric(exporter: Staging, start: str) -> float:
    (line,) = [line for line in fetch(f"{exporter.url}/metrics").splitlines() if line.startswith(start)]
    return float(line.rpartition(" ")[2])


def suite(exporter: Staging, says: str = "", **expected: Any) -> dict[str, Any]:
    """The suite, once it says that and looks like that."""
    wait_for(lambda: says in exporter.component("suite")["detail"], says)
    return exporter.until("suite", **expected)


def test_f40_a_skipped_suite_is_no_evidence(tmp_path: Path, broken: Staging) -> None:
    assert run_and_push(tmp_path, broken, SKIPS) == "suite: 7 environment_skipped.\n"
    suite(broken, "all 7 tests were skipped: pytest.skip Staging env", state="unknown", reason="no_evidence")
    assert roots(broken) == ["backend"]


def test_f41_a_suite_that_passes_against_mocks_is_a_conflict(tmp_path: Path, broken: Staging) -> None:
    assert run_and_push(tmp_path, broken, MOCKS) == "suite: 7 passed.\n"
    seen = suite(broken, state="up")
    assert seen["conflicts"] == ["websocket"]
    assert roots(broken) == ["backend"]
    assert metric(broken, 'staging_test_conflict{component="suite",environment="staging"}') == 1
    assert metric(broken, 'staging_test_run_duration_seconds{component="suite",environment="staging"}') < 2
    result = CliRunner().invoke(main, ["check", "--from", broken.url])
    assert result.exit_code == 1
    assert result.output.splitlines()[2:4] == [
        "Conflicting evidence:",
        "  suite passes although websocket is down: it does not test what it claims to",
    ]


def test_only_passing_tests_that_cover_what_is_down_are_a_conflict(tmp_path: Path) -> None:
    covers = "{websocket: 'test_suite::', backend: 'test_backend', other: 'test_suite::'}"
    with staging(tmp_path, covers=covers) as broken:
        assert run_and_push(tmp_path, broken, MOCKS) == "suite: 7 passed.\n"
        seen = suite(broken, state="up")
        assert seen["facts"]["covered"] == {"websocket": {"passed": 7}, "backend": {}, "other": {"passed": 7}}
        assert seen["conflicts"] == ["websocket"]
        result = CliRunner().invoke(main, ["check", "--from", broken.url])
    assert result.output.splitlines()[2:4] == [
        "Conflicting evidence:",
        "  websocket is down although 7 tests of suite that cover it pass",
    ]


def test_f42_an_error_of_the_harness_is_not_a_fault_of_the_environment(
    tmp_path: Path, broken: Staging, well: Staging
) -> None:
    for exporter, expected in ((broken, ["backend"]), (well, [])):
        assert run_and_push(tmp_path, exporter, LOOPS) == "suite: 1 harness_error.\n"
        seen = suite(exporter, "1 harness errors, not the environment's", state="unknown", reason="no_evidence")
        assert "event loop is already running" in seen["detail"]
        assert roots(exporter) == expected


def test_f43_no_tests_are_no_evidence(tmp_path: Path, broken: Staging) -> None:
    assert run_and_push(tmp_path, broken, NOTHING) == "suite: no tests.\n"
    suite(broken, "0 tests, expected at least 1", state="unknown", reason="no_evidence")
    assert roots(broken) == ["backend"]


def test_a_failing_suite_while_everything_is_up_points_to_the_application_or_itself(
    tmp_path: Path, well: Staging
) -> None:
    assert run_and_push(tmp_path, well, FAILS) == "suite: 1 failed.\n"
    seen = suite(well, state="down")
    assert seen["detail"] == "1 of 1 tests failed: test_suite::test_answers"
    assert (
        "Nothing that it covers is failing, so check the application, or the tests themselves." in seen["explanation"]
    )
    assert roots(well) == ["suite"]
    assert run_and_push(tmp_path, well, SKIPS) == "suite: 7 passed.\n"
    suite(well, state="up", conflicts=[])
