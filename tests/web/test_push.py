"""Pushed test reports: an acknowledged one is never lost, a partial one is never read."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from staging_exporter.evidence.testcases import Unreadable
from staging_exporter.storage.reports import ReportStore

from tests.support.live import EXPORTER, wait_for
from tests.support.suite import TOKEN, Staging, staging

PASSED = b'<testsuite tests="1" time="9"><testcase name="a" time="9"/></testsuite>'
FAILED = b'<testsuite><testcase name="a"><failure message="503"/></testcase></testsuite>'
Answer = tuple[int, str]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staging]:
    with staging(tmp_path_factory.mktemp("push"), up=True) as exporter:
        yield exporter


def push(exporter: Staging, file: Path, *arguments: str, token: str = TOKEN) -> subprocess.CompletedProcess[str]:
    command = [*EXPORTER, "report", "--to", exporter.url, "--token", token, *arguments, str(file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def stored(exporter: Staging) -> list[Path]:
    return sorted((exporter.config.parent / "storage" / "e2e" / "suite").glob("*"))


def put(exporter: Staging, data: bytes, name: str = "suite", *, token: str = TOKEN, chunked: bool = False) -> Answer:
    """Status and text of the answer, also of one that comes before all was sent."""
    connection = http.client.HTTPConnection(exporter.url.removeprefix("http://"), timeout=60)
    headers = {"Authorization": f"Bearer {token}"} | ({"Transfer-Encoding": "chunked"} if chunked else {})
    with contextlib.closing(connection):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request("PUT", f"/api/v1/e2e/{name}", io.BytesIO(data) if chunked else data, headers,
                               encode_chunked=chunked)  # fmt: skip
        response = connection.getresponse()
        return response.status, response.read().decode()


def test_a_report_pushed_by_the_command_decides_the_state_of_the_suite(running: Staging, tmp_path: Path) -> None:
    (tmp_path / "r.xml").write_bytes(PASSED)
    done = push(running, tmp_path / "r.xml", "--component", "suite")
    assert (done.returncode, done.stdout, done.stderr) == (0, "suite: 1 passed.\n", "")
    running.until("suite", state="up")
    (tmp_path / "r.xml").write_bytes(FAILED)
    assert push(running, tmp_path / "r.xml", "--component", "suite").stdout == "suite: 1 failed.\n"
    assert running.until("suite", state="down")["detail"] == "1 of 1 tests failed: a"


def test_reports_of_one_run_are_judged_together(running: Staging, tmp_path: Path) -> None:
    (tmp_path / "1.xml").write_bytes(FAILED)
    (tmp_path / "2.xml").write_bytes(PASSED)
    done = push(running, tmp_path / "2.xml", "--component", "suite")
    running.until("suite", state="up")
    done = push(running, tmp_path / "2.xml", "--component", "suite", str(tmp_path / "1.xml"))
    assert (done.returncode, done.stdout) == (0, "suite: 1 passed, 1 failed.\n")
    assert running.until("suite", state="down")["detail"] == "1 of 2 tests failed: a"
    # The next run, by two jobs: the failing shard is older than the passing one.
    push(running, tmp_path / "2.xml", "--component", "suite")
    running.until("suite", state="up")
    for name in ("1.xml", "2.xml", "2.xml"):
        assert push(running, tmp_path / name, "--component", "suite", "--run", "build-7.1").returncode == 0
    assert running.until("suite", state="down")["detail"] == "1 of 3 tests failed: a"
    push(running, tmp_path / "2.xml", "--component", "suite", "--run", "build-8.1")
    running.until("suite", state="up")


def test_a_run_has_a_plain_id(running: Staging, tmp_path: Path) -> None:
    (tmp_path / "r.xml").write_bytes(PASSED)
    done = push(running, tmp_path / "r.xml", "--component", "suite", "--run", "../../etc")
    assert (done.returncode, "answered 400: run: a run id has at most 64 letters" in done.stderr) == (2, True)


REFUSED: dict[str, tuple[bytes, str, str, int, str]] = {
    "unknown component": (PASSED, "nope", TOKEN, 404, "there is no component 'nope'"),
    "component of another kind": (PASSED, "backend", TOKEN, 409, "backend accepts no reports"),
    "wrong token": (PASSED, "suite", "wrong", 401, "requires an api.token or a user"),
    "incomplete report": (PASSED[:40], "suite", TOKEN, 422, "unreadable report, not stored: XML: unclosed"),
    "binary file": (b"\x89PNG", "suite", TOKEN, 422, "not well-formed"),
    "empty file": (b"", "suite", TOKEN, 422, "the file is empty"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_report_is_refused_and_not_stored(name: str, running: Staging) -> None:
    data, component, token, status, text = REFUSED[name]
    before = stored(running)
    seen = put(running, data, component, token=token)
    assert (seen[0], text in seen[1]) == (status, True), seen
    assert stored(running) == before


def test_the_command_prints_why_a_report_was_refused(running: Staging, tmp_path: Path) -> None:
    (tmp_path / "r.xml").write_bytes(PASSED)
    done = push(running, tmp_path / "r.xml", "--component", "suite", token="wrong")
    refused = "this endpoint requires an api.token or a user: pass --token or set STAGING_EXPORTER_TOKEN."
    assert (done.returncode, done.stderr) == (2, f"{running.url} answered 401: {refused}\n")
    done = push(running, tmp_path / "absent.xml", "--component", "suite")
    assert (done.returncode, done.stderr) == (2, f"{tmp_path}/absent.xml cannot be read: No such file or directory\n")
    with (tmp_path / "big").open("wb") as file:
        file.truncate(20_000_001)
    done = push(running, tmp_path / "big", "--component", "suite")
    assert (done.returncode, "accepts at most 20000000" in done.stderr) == (2, True)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_report_has_at_most_twenty_megabytes(running: Staging, chunked: bool) -> None:
    filling = b"<testsuite><testcase name='a'><system-out>"
    whole = filling + b"x" * (20_000_000 - len(filling) - 37) + b"</system-out></testcase></testsuite>\n"
    assert len(whole) == 20_000_000
    status, text = put(running, whole, chunked=chunked)
    assert (status, json.loads(text)["tests"]["passed"]) == (200, 1)
    assert put(running, whole + b" ", chunked=chunked)[0] == 413


@pytest.mark.parametrize("head", [b"Content-Length: 71", b"Transfer-Encoding: chunked"])
def test_an_interrupted_upload_leaves_no_file(running: Staging, head: bytes) -> None:
    before = stored(running)
    host, port = running.url.removeprefix("http://").split(":")
    sent = b"47\r\n" + PASSED[:40] if head.startswith(b"T") else PASSED[:40]
    with socket.create_connection((host, int(port))) as connection:
        lines = [b"PUT /api/v1/e2e/suite HTTP/1.1", b"Host: x", f"Authorization: Bearer {TOKEN}".encode(), head]
        connection.sendall(b"\r\n".join([*lines, b"", sent]))
        wait_for(lambda: any(path.suffix == ".part" for path in stored(running)), "the upload is under way")
    wait_for(lambda: stored(running) == before, "the partial file is removed")


def test_of_many_concurrent_uploads_the_newest_ten_are_stored(running: Staging) -> None:
    with ThreadPoolExecutor(15) as threads:
        answers = [threads.submit(put, running, PASSED) for _ in range(15)]
    assert {answer.result()[0] for answer in answers} == {200}
    assert [path.suffix for path in stored(running)] == [".report"] * 10
    assert {path.read_bytes() for path in stored(running)} == {PASSED}


def test_reports_survive_a_restart_and_partial_files_are_removed(tmp_path: Path) -> None:
    with staging(tmp_path, up=True) as exporter:
        assert put(exporter, PASSED)[0] == 200
        exporter.until("suite", state="up")
        (stored(exporter)[0].parent / "9.part").write_bytes(PASSED[:9])
    with staging(tmp_path, up=True) as exporter:
        exporter.until("suite", state="up")
        assert [path.suffix for path in stored(exporter)] == [".report"]


@pytest.mark.parametrize(
    ("options", "status", "text"),
    [
        ({"api": ""}, 403, "writes are off: the configuration has no token."),
        ({"storage": False}, 409, "this exporter does not store reports: it runs without --storage.path.\n"),
    ],
)
def test_uploads_are_disabled_without_token_or_storage(
    tmp_path: Path, options: dict[str, Any], status: int, text: str
) -> None:
    with staging(tmp_path, up=True, **options) as exporter:
        assert put(exporter, PASSED)[0] == status
        assert text in put(exporter, PASSED)[1]
        expected = "no report was pushed" if not options.get("api", "x") else "runs without --storage.path"
        assert expected in exporter.component("suite")["detail"]


@contextmanager
def small_disk(directory: Path) -> Iterator[Path]:
    """A file system of one megabyte; mounting it needs root."""
    as_root = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    subprocess.run([*as_root, "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(directory)], check=True)
    try:
        yield directory
    finally:
        subprocess.run([*as_root, "umount", "--lazy", str(directory)], check=True)


def test_a_full_disk_loses_no_acknowledged_report(tmp_path: Path) -> None:
    (tmp_path / "storage").mkdir()
    with small_disk(tmp_path / "storage"), staging(tmp_path, up=True) as exporter:
        assert put(exporter, PASSED)[0] == 200
        large = PASSED.replace(b"/>", b">" + b"x" * 2_000_000 + b"</testcase>")
        status, text = put(exporter, large)
        assert (status, text) == (507, "the report cannot be stored: No space left on device.\n")
        assert [path.read_bytes() for path in stored(exporter)] == [PASSED]
        assert put(exporter, FAILED)[0] == 200
        exporter.until("suite", state="down")


async def test_ten_runs_are_kept_with_all_their_reports(tmp_path: Path) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield PASSED

    store = ReportStore(tmp_path / "e2e")
    for number in range(12):
        for _ in range(3):
            await store.receive("suite", chunks(), lambda file: file, run=f"build-{number}")
    names = sorted(path.name for path in store.directory("suite").iterdir())
    assert len(names) == 30
    assert {name.partition("@")[2] for name in names} == {f"build-{number}.report" for number in range(2, 12)}


async def test_a_report_refused_by_its_reader_is_not_stored(tmp_path: Path) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"x"

    def refuse(_file: Path) -> None:
        raise Unreadable("no")

    store = ReportStore(tmp_path / "e2e")
    with pytest.raises(Unreadable):
        await store.receive("suite", chunks(), refuse)
    assert list(store.directory("suite").iterdir()) == []


def test_uploads_that_trickle_block_no_other(running: Staging, tmp_path: Path) -> None:
    """Twenty that have begun and send nothing more: another one is stored meanwhile, and nothing of them is kept."""
    host, _, port = running.url.removeprefix("http://").partition(":")
    headers = (f"Host: {host}", f"Authorization: Bearer {TOKEN}", "Content-Length: 100000")
    head = "\r\n".join(["PUT /api/v1/e2e/suite HTTP/1.1", *headers, "", ""])
    before = len(stored(running))
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            client = stack.enter_context(socket.create_connection((host, int(port)), timeout=10))
            client.sendall(head.encode() + b"<testsuite>")
        wait_for(lambda: len(stored(running)) >= before + 20, "all of them have begun")
        (tmp_path / "r.xml").write_bytes(PASSED)
        done = push(running, tmp_path / "r.xml", "--component", "suite")
        assert (done.returncode, done.stdout) == (0, "suite: 1 passed.\n")
    wait_for(lambda: not [path for path in stored(running) if path.suffix == ".part"], "partial ones are removed")
