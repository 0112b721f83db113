"""Report files: read once until they change, in limited memory, whatever they contain."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from staging_exporter.evidence.reports import read_file, read_report
from staging_exporter.evidence.runs import Files, newest_run
from staging_exporter.evidence.testcases import Incomplete, Report, Rules, Unreadable
from staging_exporter.net.context import Cache

RULES = Rules("not available", "event loop")
PASSED = b'<testsuite><testcase name="a"/></testsuite>'
JSON = json.dumps(
    {
        "created": 1.5,
        "summary": {"total": 2},
        "collectors": [{"nodeid": "", "outcome": "passed"}],
        "tests": [
            {"nodeid": "t.py::é", "outcome": "passed", "metadata": {"deep": [1, {"tests": []}]}},
            {"nodeid": "t.py::b", "outcome": "failed", "call": {"crash": {"message": "503"}, "longrepr": "x"}},
        ],
    },
    ensure_ascii=False,
).encode()


def read(data: bytes, seconds: float = 60.0) -> Report:
    chunks = (data[at : at + 65536] for at in range(0, len(data), 65536))
    return read_report(chunks, "auto", RULES, time.monotonic() + seconds)


def newest(pattern: str | None, pushed: Path | None = None, cache: Cache | None = None) -> tuple[str, list[str]]:
    """The newest file, and the files that were read to find it."""
    opened: list[str] = []

    def opening(path: Path) -> Report:
        opened.append(path.name)
        return read_file(path, "auto", RULES, time.monotonic() + 60)

    run = newest_run(Files(pattern, pushed, 0.0), RULES, opening, cache or Cache())
    return run.names[0], opened


def test_json_cut_off_anywhere_is_incomplete() -> None:
    assert read(JSON).counts["failed"] == 1
    for end in range(0, len(JSON), 10):
        with pytest.raises(Incomplete):
            read(JSON[:end])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"a": x}', "JSON: lexical error: invalid char in json text."),
        (b'{"summary": {}} {', "JSON: parse error: trailing garbage"),
        (b'{"summary": {"total": ' + b"9" * 10_000 + b"}}", "JSON: parse error: integer overflow"),
        (b'{"summary": [{}]}', "JSON without a summary is no pytest-json-report"),
        (b'{"tests": ' + b"[" * 10_000_000, "nested more than 100 deep"),
        (b'{"tests": ["' + b"x" * 6_000_000 + b'"]', "a single value of more than 4 MiB"),
        (b'{"tests": [' + (b'"' + b"x" * 3_000_000 + b'",') * 23, "more than 64 MiB of JSON"),
        (b"{\xff}", "JSON: lexical error: invalid char in json text."),
    ],
    ids=lambda value: str(value[:30]),
)
def test_json_that_is_not_a_report_is_unreadable(data: bytes, message: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(data)
    assert str(caught.value) == message


def test_reading_ends_at_the_deadline() -> None:
    with pytest.raises(Unreadable, match="longer than the timeout allows"):
        read(PASSED, seconds=-1)


def test_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    file = tmp_path / "r.xml"
    file.write_bytes(PASSED)
    cache = Cache()
    assert newest(str(file), None, cache) == ("r.xml", ["r.xml"])
    assert newest(str(file), None, cache) == ("r.xml", [])
    os.utime(file, (1, 1))
    assert newest(str(file), None, cache) == ("r.xml", ["r.xml"])
    file.write_bytes(PASSED.replace(b"a", b"b"))
    assert newest(str(file), None, cache) == ("r.xml", ["r.xml"])


def test_an_unchanged_unreadable_file_has_the_same_error_again(tmp_path: Path) -> None:
    file = tmp_path / "r.xml"
    file.write_bytes(b"<html/>")
    said, cache = [], Cache()
    for _ in range(2):
        with pytest.raises(Unreadable) as caught:
            newest(str(file), None, cache)
        said.append((str(caught.value), len(caught.traceback)))
    assert said[0][0] == "r.xml cannot be read: the root is <html>, expected <testsuites> or <testsuite>"
    assert said[1][0] == said[0][0]
    assert said[1][1] <= said[0][1]


def test_the_newest_of_path_and_pushed_reports_is_used(tmp_path: Path) -> None:
    pushed = tmp_path / "[pushed]"
    with pytest.raises(Unreadable, match=r"^no report was pushed$"):
        newest(None, pushed)
    with pytest.raises(Unreadable, match=r"^no file matches .*, and no report was pushed$"):
        newest(str(tmp_path / "*.xml"), pushed)
    pushed.mkdir()
    for name, written in (("1.report", 100), ("2.report", 300), ("3.part", 500)):
        (pushed / name).write_bytes(PASSED)
        os.utime(pushed / name, (written, written))
    assert newest(None, pushed)[0] == "2.report"
    (tmp_path / "r.xml").write_bytes(PASSED)
    assert newest(str(tmp_path / "*.xml"), pushed)[0] == "r.xml"
    os.utime(tmp_path / "r.xml", (200, 200))
    assert newest(str(tmp_path / "*.xml"), pushed)[0] == "2.report"


def test_fifty_megabytes_of_hostile_json_are_read_in_limited_memory(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    with file.open("wb") as out:
        out.write(b'{"summary": {}, "junk": [')
        out.write(b"{},[1]," * 2_000_000 + b"0")
        out.write(b'], "tests": [')
        for number in range(60_000):
            out.write(b'{"nodeid": "t%d", "outcome": "failed", "call": {"longrepr": "%s"}},' % (number, b"x" * 600))
        out.write(b"{}]}")
    assert file.stat().st_size > 50e6
    script = (
        "import resource, sys, time\nfrom staging_exporter.evidence.reports import read_file\n"
        "from staging_exporter.evidence.testcases import Rules\nfrom pathlib import Path\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "report = read_file(Path(sys.argv[1]), 'auto', Rules('x', 'y'), time.monotonic() + 90)\n"
        "print(report.counts['failed'], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(file)], capture_output=True, text=True, timeout=120)
    failed, grown = map(int, done.stdout.split())
    assert failed == 60_000
    assert grown < 50_000, grown  # KiB
