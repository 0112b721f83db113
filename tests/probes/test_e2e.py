"""Kind `e2e`: reports of many tools, and files that are not reports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from staging_exporter.core.model import Observation, Outcome, Reason
from staging_exporter.engine.prober import Prober
from staging_exporter.net.resolve import Resolver

from tests.support.peers import saying, serving
from tests.support.probing import probe

PASSED = '<testsuite tests="1" time="9"><testcase classname="a" name="b" time="9"/></testsuite>'


def case(name: str, inside: str = "") -> str:
    return f'<testcase classname="t" name="{name}" time="1.5">{inside}</testcase>'


def suite(*cases: str, attributes: str = "") -> str:
    return f"<testsuites><testsuite name='s' {attributes}>{''.join(cases)}</testsuite></testsuites>"


async def read(tmp_path: Path, text: str | bytes, **options: Any) -> Observation:
    (tmp_path / "report.xml").write_bytes(text.encode() if isinstance(text, str) else text)
    return await probe({"kind": "e2e", "path": str(tmp_path / "*.xml"), **options}, timeout=10)


SKIPPED = '<skipped type="pytest.skip" message="Staging environment is not available"/>'
LOOP = '<failure message="RuntimeError: This event loop is already running">context</failure>'
VERDICTS: dict[str, tuple[str, dict[str, Any], Reason, str]] = {
    "passes": (suite(case("a"), case("b")), {}, Reason.OK, ""),
    "a bare root": (PASSED, {}, Reason.OK, ""),
    "one fails": (
        suite(case("a"), case("b", "<failure message='503'/>")),
        {},
        Reason.FAILED,
        "1 of 2 tests failed: t::b",
    ),
    "an error": (suite(case("a", "<error message='x'/>")), {}, Reason.FAILED, "1 of 1 tests failed: t::a"),
    "all skipped by the environment": (
        suite(case("a", SKIPPED), case("b", SKIPPED)),
        {},
        Reason.NO_EVIDENCE,
        "all 2 tests were skipped: pytest.skip Staging environment is not available",
    ),
    "all skipped otherwise": (suite(case("a", "<skipped/>")), {}, Reason.NO_EVIDENCE, "all 1 tests were skipped"),
    "some skipped": (suite(case("a", SKIPPED), case("b")), {}, Reason.OK, ""),
    "none collected": (suite(attributes='tests="0"'), {}, Reason.NO_EVIDENCE, "0 tests, expected at least 1"),
    "fewer tests than min_tests": (
        suite(case("a")),
        {"min_tests": 2},
        Reason.NO_EVIDENCE,
        "1 tests, expected at least 2",
    ),
    "only the harness": (
        suite(case("a", LOOP), case("b")),
        {},
        Reason.NO_EVIDENCE,
        "1 harness errors, not the environment's: t::a: RuntimeError: This event loop is already running context",
    ),
    "the harness and a failure": (suite(case("a", LOOP), case("b", "<failure/>")), {}, Reason.FAILED, "1 of 2"),
    "another pattern for the harness": (
        suite(case("a", "<failure message='ZAP'/>")),
        {"harness_errors": "ZAP"},
        Reason.NO_EVIDENCE,
        "1 harness errors",
    ),
    "too fast": (
        suite(case("a"), attributes='time="0.27"'),
        {"min_duration": "1s"},
        Reason.NO_EVIDENCE,
        "1 tests took 0.27 s, expected at least 1s",
    ),
    "old by its own timestamp": (
        suite(case("a"), attributes='timestamp="2020-01-01T00:00:00+00:00"'),
        {},
        Reason.NO_EVIDENCE,
        "old, expected at most 1d",
    ),
    "a document of another kind": ("<html></html>", {}, Reason.NO_EVIDENCE, "the root is <html>"),
    "not XML": (suite(case("a")) + "<", {}, Reason.NO_EVIDENCE, "unclosed token"),
    "billion laughs": (
        '<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]>' + PASSED,
        {},
        Reason.NO_EVIDENCE,
        "document type",
    ),
    "external entity": (
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">' + PASSED,
        {},
        Reason.NO_EVIDENCE,
        "document type",
    ),
    "an unknown entity": (suite(case("&secret;")), {}, Reason.NO_EVIDENCE, "undefined entity"),
}


NEWMAN = """<testsuites name="smoke" tests="2" time="0.9">
<testsuite name="open login page" tests="2" failures="0" errors="0"><testcase name="a"/><testcase name="b"/></testsuite>
<testsuite name="place order" tests="0" failures="0" errors="1"><system-err>RequestError: ECONNREFUSED</system-err>
</testsuite></testsuites>"""
OLD_NEWMAN = NEWMAN.replace("system-err>", "error>")
JEST = """<testsuites name="jest tests" tests="1" failures="0" errors="1"><testsuite name="cart" errors="0" tests="1">
<testcase name="a"/></testsuite><testsuite name="checkout" errors="1" tests="0"></testsuite></testsuites>"""
NOT_LOADED = (
    '<testsuites tests="0" errors="2"><testsuite name="a" errors="1"/><testsuite name="b" errors="1"/></testsuites>'
)
IN_1970 = (
    f"<testsuites><testsuite timestamp='{datetime.now(UTC).isoformat()}'><testcase name='total'><failure/></testcase>"
    "</testsuite><testsuite timestamp='1970-01-01T00:00:00'><testcase name='checkout'><error>x</error></testcase>"
    "</testsuite></testsuites>"
)
RETRIED = """<testsuite tests="3" failures="1"><testcase name="steady()"/>
<testcase name="sometimes()"><failure message="timeout"/></testcase><testcase name="sometimes()"/></testsuite>"""
CLAIM = "failures that are not among its test cases"
VERDICTS |= {
    "newman: an error that only the attributes have": (
        NEWMAN,
        {},
        Reason.FAILED,
        f"2 tests, none of which failed, but the attributes of the report claim 1 {CLAIM}",
    ),
    "newman: an error outside of cases": (OLD_NEWMAN, {}, Reason.FAILED, "1 of 3 tests failed: suite place order"),
    "jest: a suite that did not run": (JEST, {}, Reason.FAILED, f"claim 1 {CLAIM}"),
    "no suite could be loaded": (
        NOT_LOADED,
        {},
        Reason.FAILED,
        f"0 tests, none of which failed, but the attributes of the report claim 2 {CLAIM}",
    ),
    "a failure outside of cases, at the top": (
        "<testsuites name='all'><failure message='setup'/>" + PASSED + "</testsuites>",
        {},
        Reason.FAILED,
        "1 of 2 tests failed: suite all",
    ),
    "an error of the harness outside of cases": (
        "<testsuite name='s'><error>ImportError while loading conftest</error><testcase name='a'/></testsuite>",
        {},
        Reason.NO_EVIDENCE,
        "1 harness errors, not the environment's: suite s: ImportError while loading conftest",
    ),
    "more failures claimed than shown": (
        suite(case("a"), case("b"), attributes='tests="40" failures="7"'),
        {},
        Reason.FAILED,
        f"claim 7 {CLAIM}",
    ),
    "failures claimed by an inner suite alone": (
        "<testsuites><testsuite><testsuite failures='2'><testcase name='a'/></testsuite></testsuite></testsuites>",
        {},
        Reason.FAILED,
        f"claim 2 {CLAIM}",
    ),
    "failures that every suite adds up": (
        "<testsuites failures='1'><testsuite failures='1'><testsuite failures='1'>"
        "<testcase name='a'><failure/></testcase></testsuite></testsuite></testsuites>",
        {},
        Reason.FAILED,
        "1 of 1 tests failed: a",
    ),
    "claims that the harness explains": (
        suite(case("a", LOOP), case("b"), attributes='failures="1"'),
        {},
        Reason.NO_EVIDENCE,
        "1 harness errors",
    ),
    "claims that are not numbers": (suite(case("a"), attributes='failures="" errors="-1"'), {}, Reason.OK, ""),
    "a status without a failure": (suite('<testcase name="a" status="failed"/>'), {}, Reason.FAILED, "1 of 1"),
    "a result without a failure": (suite('<testcase name="a" result="FAILURE"/>'), {}, Reason.FAILED, "1 of 1"),
    "fewer tests than min_tests, and one fails": (
        suite(case("a", "<failure/>")),
        {"min_tests": 5},
        Reason.FAILED,
        "1 of 1",
    ),
    "a suite in 1970": (IN_1970, {}, Reason.FAILED, "2 of 2 tests failed: total, checkout"),
    "everything in 1970": (suite(case("a"), attributes='timestamp="1970-01-01T00:00:00Z"'), {}, Reason.OK, ""),
    "in milliseconds, long ago": (
        suite(case("a"), attributes='timestamp="1577836800000"'),
        {},
        Reason.NO_EVIDENCE,
        "old, expected at most 1d",
    ),
    "a retry that passed": (RETRIED, {}, Reason.FAILED, "1 of 2 tests failed: sometimes()"),
    "a retry that passed, which is enough": (RETRIED, {"retries": "pass"}, Reason.OK, ""),
    "another browser is no retry": (
        "<testsuites><testsuite name='a' hostname='chromium'><testcase name='t'><failure/></testcase></testsuite>"
        "<testsuite name='a.spec.ts' hostname='firefox'><testcase name='t'/></testsuite></testsuites>",
        {"retries": "pass"},
        Reason.FAILED,
        "1 of 2 tests failed: t",
    ),
    "the date of Mocha's xunit reporter": (
        "<testsuite tests='1' timestamp='Sun, 30 Oct 2016 02:23:05 GMT'><testcase name='t'/></testsuite>",
        {},
        Reason.NO_EVIDENCE,
        "old, expected at most 1d",
    ),
    "claims without any case": (
        '<testsuites tests="6" failures="5" errors="4"></testsuites>',
        {},
        Reason.FAILED,
        "claim 9",
    ),
    "node:test, cases in the root": (
        '<testsuites><testcase name="sum" time="0.1" classname="test"/><testcase name="breaks &lt;x>" classname="test">'
        '<failure type="testCodeFailure" message="1 == 2">[Error]</failure></testcase></testsuites>',
        {},
        Reason.FAILED,
        "1 of 2 tests failed: test::breaks <x>",
    ),
    "Mocha with a hook that failed": (
        '<testsuites name="Mocha Tests" tests="4" failures="1"><testsuite name="Root Suite" tests="0" failures="0"/>'
        '<testsuite name="goals" tests="4" failures="1"><testcase name="a"/><testcase '
        'name="goals &quot;before each&quot; hook"><failure message="timeout"/></testcase></testsuite></testsuites>',
        {},
        Reason.FAILED,
        '1 of 2 tests failed: goals "before each" hook',
    ),
    "Bun, suites that add up": (
        '<testsuites name="bun test" tests="3" failures="1" skipped="1"><testsuite name="a.test.ts" tests="3" '
        'failures="1" skipped="1"><testsuite name="math" tests="3" failures="1" skipped="1"><testcase name="adds"/>'
        '<testcase name="divides"><failure/></testcase><testcase name="later"><skipped/></testcase>'
        "</testsuite></testsuite></testsuites>",
        {},
        Reason.FAILED,
        "1 of 3 tests failed: divides",
    ),
    "Robot Framework's xunit file": (
        '<testsuite name="Suite" tests="2" errors="0" failures="1" skipped="0" time="0.01"><testcase '
        'classname="Suite.S" name="ok" time="0.00"/><testcase classname="Suite.S" name="bad" time="0.01"><failure '
        'message="x" type="AssertionError"/></testcase></testsuite>',
        {},
        Reason.FAILED,
        "1 of 2 tests failed: Suite.S::bad",
    ),
    "PHPUnit": (
        '<testsuites><testsuite name="CLI" tests="2" assertions="2" errors="1" failures="0" skipped="0"><testsuite '
        'name="CartTest" file="/app/CartTest.php" tests="2" assertions="2" errors="1" failures="0"><testcase '
        'name="testTotal" class="CartTest" classname="CartTest"/><testcase name="testRebate" class="CartTest" '
        'classname="CartTest"><error type="TypeError">x</error></testcase></testsuite></testsuite></testsuites>',
        {},
        Reason.FAILED,
        "1 of 2 tests failed: CartTest::testRebate",
    ),
    "gotestsum, a package that does not build": (
        '<testsuites tests="1" failures="1" errors="1"><testsuite tests="1" failures="1" name="pkg" timestamp="'
        + datetime.now(UTC).isoformat()
        + '"><testcase classname="" name="TestMain"><failure message="Failed"/></testcase></testsuite></testsuites>',
        {},
        Reason.FAILED,
        "1 of 1 tests failed: TestMain; the attributes of the report claim 1 failures",
    ),
    "NUnit's own format": ("<test-run result='Passed'/>", {}, Reason.NO_EVIDENCE, "the root is <test-run>"),
    "TRX": ("<TestRun/>", {}, Reason.NO_EVIDENCE, "the root is <TestRun>"),
    "a teardown that failed is no retry": (
        suite(case("a"), case("a", "<error message='teardown'/>")),
        {"retries": "pass"},
        Reason.FAILED,
        "1 of 2 tests failed: t::a",
    ),
    "a test and its teardown that failed are no retry": (
        suite(case("a", "<failure/>"), case("a", "<error/>"), case("b")),
        {"retries": "pass"},
        Reason.FAILED,
        "1 of 2 tests failed: t::a",
    ),
}


@pytest.mark.parametrize("name", VERDICTS)
async def test_the_report_decides_the_reason(name: str, tmp_path: Path) -> None:
    text, options, reason, detail = VERDICTS[name]
    seen = await read(tmp_path, text, **options)
    assert seen.reason == reason, seen.detail
    assert detail in seen.detail
    assert seen.outcome == {Reason.OK: Outcome.PASS, Reason.FAILED: Outcome.FAIL}.get(reason, Outcome.UNKNOWN)


async def test_a_run_never_begins_after_its_report_was_written(tmp_path: Path) -> None:
    seen = await read(tmp_path, suite(case("a"), attributes='timestamp="2999-01-01T00:00:00+00:00"'))
    assert (seen.reason, seen.facts["run_timestamp"] <= time.time()) == (Reason.OK, True)


@pytest.mark.parametrize("written", [0.0, 7200.0])
async def test_a_file_time_that_is_none_says_nothing(tmp_path: Path, written: float) -> None:
    """Unpacked from an archive without times, or by a clock that is two hours ahead."""
    file = tmp_path / "report.xml"
    written = time.time() + written if written else 0.0

    async def seen(text: str) -> Observation:
        file.write_text(text)
        os.utime(file, (written, written))
        return await probe({"kind": "e2e", "path": str(file)})

    now = datetime.now(UTC).isoformat()
    assert (await seen(suite(case("a"), attributes=f'timestamp="{now}"'))).reason == Reason.OK
    old = await seen(suite(case("a"), attributes='timestamp="2020-01-01T00:00:00Z"'))
    assert (old.reason, "old, expected at most 1d" in old.detail) == (Reason.NO_EVIDENCE, True)
    nothing = await seen(suite(case("a")))
    assert (nothing.reason, nothing.detail) == (
        Reason.NO_EVIDENCE,
        "nothing says when the run began: the times of the file and in it are before 2000 or in the future",
    )
    assert "run_timestamp" not in nothing.facts


async def test_files_of_one_run_are_judged_together(tmp_path: Path) -> None:
    failing, passing, before = tmp_path / "TEST-Checkout.xml", tmp_path / "TEST-Version.xml", tmp_path / "TEST-Old.xml"
    failing.write_text(suite(case("pay", "<failure/>"), case("refund")))
    passing.write_text(PASSED)
    before.write_text(suite(case("old", "<failure/>")))
    now = time.time()
    for path, age in ((passing, 0), (failing, 300), (before, 900)):
        os.utime(path, (now - age, now - age))
    options = {"kind": "e2e", "path": str(tmp_path / "TEST-*.xml")}
    seen = await probe(options)
    assert (seen.reason, seen.detail) == (Reason.FAILED, "1 of 3 tests failed: t::pay")
    assert (seen.facts["report"], seen.facts["run_timestamp"]) == (
        "TEST-Version.xml and 1 more",
        pytest.approx(now - 300),
    )
    assert (await probe({**options, "run_window": "20m"})).detail == "2 of 4 tests failed: t::pay, t::old"
    assert (await probe({**options, "run_window": "1m"})).reason == Reason.OK
    alone = await probe({**options, "run_window": "0s"})
    assert (alone.reason, alone.facts["report"]) == (Reason.OK, "TEST-Version.xml")


async def test_a_file_of_the_run_that_cannot_be_read_is_no_evidence(tmp_path: Path) -> None:
    (tmp_path / "1.xml").write_text(PASSED)
    (tmp_path / "2.xml").write_text("<html/>")
    options = {"kind": "e2e", "path": str(tmp_path / "*.xml")}
    seen = await probe(options)
    assert (seen.reason, "2.xml cannot be read: the root is <html>" in seen.detail) == (Reason.NO_EVIDENCE, True)
    (tmp_path / "1.xml").write_text(suite(case("a", "<failure/>")))
    assert (await probe(options)).reason == Reason.FAILED


async def test_many_files_are_read_once(tmp_path: Path) -> None:
    for number in range(500):
        (tmp_path / f"{number}.xml").write_text(suite(case(f"n{number}")))
    prober = Prober(Resolver())
    options = {"kind": "e2e", "path": str(tmp_path / "*.xml")}
    assert (await probe(options, timeout=10, prober=prober)).facts["tests"]["passed"] == 500
    again = await probe(options, timeout=10, prober=prober)
    assert (again.facts["tests"]["passed"], again.facts["report"].endswith(" and 499 more")) == (500, True)
    assert again.phases["read"] < 1.0
    (tmp_path / "7.xml").write_text(suite(case("n7", "<failure/>")))
    assert (await probe(options, timeout=10, prober=prober)).detail == "1 of 500 tests failed: t::n7"


async def test_a_download_without_a_valid_time_is_aged_by_its_report() -> None:
    later = formatdate(time.time() + 7200, usegmt=True)
    head = f"HTTP/1.1 200 OK\r\nLast-Modified: {later}\r\nContent-Length: {len(PASSED)}\r\n\r\n"
    async with serving(saying(head.encode() + PASSED.encode())) as port:
        seen = await probe({"kind": "e2e", "url": f"http://127.0.0.1:{port}/r.xml"})
    assert (seen.reason, "nothing says when" in seen.detail) == (Reason.NO_EVIDENCE, True)


# Shapes of reports that were found in public repositories.
FOUND: dict[str, tuple[str, Reason, str]] = {
    "the same test fails in three browsers": (
        '<testsuites tests="3" failures="3">'
        + "".join(
            f'<testsuite name="login.spec.ts" hostname="{browser}" tests="1" failures="1"><testcase '
            'classname="login.spec.ts" name="logs in"><failure message="503"/></testcase></testsuite>'
            for browser in ("chromium", "firefox", "webkit")
        )
        + "</testsuites>",
        Reason.FAILED,
        "3 of 3 tests failed: login.spec.ts::logs in",
    ),
    "a test fails in one browser and passes in the next": (
        '<testsuites><testsuite hostname="a"><testcase name="t"><failure/></testcase></testsuite>'
        '<testsuite hostname="b"><testcase name="t"/></testsuite></testsuites>',
        Reason.FAILED,
        "1 of 2 tests failed: t",
    ),
    "two suites have a test of the same name without a class": (
        '<testsuites failures="2"><testsuite name="a"><testcase name="works"><failure/></testcase></testsuite>'
        '<testsuite name="b"><testcase name="works"><failure/></testcase></testsuite></testsuites>',
        Reason.FAILED,
        "2 of 2 tests failed: works",
    ),
    "surefire counts the attempts of a flaky test": (
        '<testsuite tests="3" failures="2"><testcase name="t"><flakyFailure message="x"/><flakyFailure/></testcase>'
        "</testsuite>",
        Reason.OK,
        "",
    ),
    "surefire counts all attempts of a failing test": (
        '<testsuite tests="4" failures="4"><testcase name="t"><failure/><rerunFailure/><rerunFailure/><rerunFailure/>'
        "</testcase></testsuite>",
        Reason.FAILED,
        "1 of 1 tests failed: t",
    ),
    "a test with several failures": (
        '<testsuite tests="2" failures="3"><testcase name="t"><failure/><failure/><failure/></testcase>'
        '<testcase name="u"/></testsuite>',
        Reason.FAILED,
        "1 of 2 tests failed: t",
    ),
    "a claim beyond the attempts of a flaky test": (
        '<testsuite tests="3" failures="3"><testcase name="t"><flakyFailure/><flakyFailure/></testcase></testsuite>',
        Reason.FAILED,
        "1 tests, none of which failed, but the attributes of the report claim 1",
    ),
    "tests without names": (
        "<testsuite><testcase><failure/></testcase><testcase><error/></testcase><testcase/></testsuite>",
        Reason.FAILED,
        "2 of 3 tests failed: a test without a name",
    ),
    "a test inside of a test that fails": (
        '<testsuite><testcase name="outer"><failure/><testcase name="inner"/></testcase></testsuite>',
        Reason.FAILED,
        "1 of 2 tests failed: outer",
    ),
    "an empty line before the declaration": ('\n\n  <?xml version="1.0"?>\n' + PASSED, Reason.OK, ""),
    "Eclipse": (
        '<testrun name="All" tests="2" failures="0" errors="0" ignored="1"><testsuite name="T">'
        '<testcase name="a" classname="T" time="0.1"/><testcase name="b" classname="T" ignored="true"/></testsuite>'
        "</testrun>",
        Reason.OK,
        "",
    ),
    "Maven's time zone": (
        '<testsuite timestamp="2021-03-07T10:36:56 UTC"><testcase name="a"/></testsuite>',
        Reason.NO_EVIDENCE,
        "old, expected at most 1d",
    ),
    "dotnet": (
        '<TestRun xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010"/>',
        Reason.NO_EVIDENCE,
        "the root is <TestRun>, expected <testsuites> or <testsuite>; `dotnet test --logger junit` with the package",
    ),
    "Robot Framework": ("<robot/>", Reason.NO_EVIDENCE, "`robot --xunit FILE` writes that"),
    "NUnit": ("<test-run/>", Reason.NO_EVIDENCE, "NUnit writes that with `--result=FILE;transform=...`"),
}


@pytest.mark.parametrize("case", FOUND)
async def test_reports_of_real_tools_are_judged_right(case: str, tmp_path: Path) -> None:
    text, reason, detail = FOUND[case]
    seen = await read(tmp_path, text)
    assert (seen.reason, detail in seen.detail) == (reason, True), seen.detail
    assert "not among its test cases" in seen.detail or "claim" not in seen.detail, seen.detail


PYTEST: dict[str, tuple[dict[str, Any], Reason, str]] = {
    "a summary alone, of failures": (
        {"exitcode": 1, "summary": {"passed": 42, "failed": 14, "error": 1, "total": 57}},
        Reason.FAILED,
        "15 of 57 tests failed",
    ),
    "a summary alone": (
        {"exitcode": 0, "summary": {"passed": 42, "xfailed": 1, "skipped": 2, "total": 45, "collected": 45}},
        Reason.OK,
        "",
    ),
    "a summary alone, of skipped tests": (
        {"exitcode": 0, "summary": {"skipped": 2, "total": 2}},
        Reason.NO_EVIDENCE,
        "all 2 tests were skipped",
    ),
    "interrupted after a test that passed": (
        {"exitcode": 2, "summary": {"passed": 1, "total": 1}, "tests": [{"nodeid": "t.py::a", "outcome": "passed"}]},
        Reason.NO_EVIDENCE,
        "pytest ended with exit code 2, interrupted",
    ),
    "an internal error": (
        {"exitcode": 3, "summary": {"passed": 1, "total": 1}},
        Reason.NO_EVIDENCE,
        "pytest ended with exit code 3, an internal error",
    ),
    "wrong usage": (
        {"exitcode": 4, "summary": {"total": 0}},
        Reason.NO_EVIDENCE,
        "pytest ended with exit code 4, wrong usage",
    ),
    "interrupted after a failure": (
        {"exitcode": 2, "summary": {"failed": 1}, "tests": [{"nodeid": "t.py::a", "outcome": "failed"}]},
        Reason.FAILED,
        "1 of 1 tests failed: t.py::a",
    ),
    "interrupted by a collection error": (
        {"exitcode": 2, "summary": {}, "collectors": [{"nodeid": "t.py", "outcome": "failed", "longrepr": "x"}]},
        Reason.NO_EVIDENCE,
        "1 harness errors, not the environment's: t.py: collection failure",
    ),
}


@pytest.mark.parametrize("case", PYTEST)
async def test_a_pytest_json_report_is_judged_by_its_summary_and_exit_code_too(case: str, tmp_path: Path) -> None:
    document, reason, detail = PYTEST[case]
    seen = await read(tmp_path, json.dumps(document))
    assert (seen.reason, detail in seen.detail) == (reason, True), seen.detail


COUNTS: dict[str, tuple[str | bytes, dict[str, int]]] = {
    "surefire with reruns": (
        '<testsuite name="A" time="3,600.5" tests="3" errors="0">'
        '<testcase classname="A" name="flaky"><flakyFailure message="x"/></testcase>'
        '<testcase classname="A" name="bad"><failure/><rerunFailure/></testcase>'
        '<testcase classname="A" name="ok"/></testsuite>',
        {"passed": 2, "failed": 1},
    ),
    "jest": (
        '<testsuites name="jest tests" tests="2" failures="1">'
        '<testsuite name="x" timestamp="2026-11-22T10:00:00" tests="2">'
        '<testcase classname="x a" name="a"/><testcase classname="x b" name="b"><failure>Error</failure></testcase>'
        "</testsuite></testsuites>",
        {"passed": 1, "failed": 1},
    ),
    "playwright": (
        '<testsuites id="" tests="2"><testsuite name="login.spec.ts" hostname="chromium">'
        '<testcase name="a" classname="l">'
        "<system-out><![CDATA[<failure>]]></system-out></testcase><testcase name='b' classname='l'>"
        "<properties><property name='skip' value=''/></properties><skipped></skipped></testcase>"
        "</testsuite></testsuites>",
        {"passed": 1, "skipped": 1},
    ),
    "go": (
        '<testsuites><testsuite name="pkg" tests="2">'
        '<properties><property name="go.version" value="1.22"/></properties>'
        '<testcase classname="pkg" name="TestA/sub"/><testcase classname="pkg" name="TestB">'
        '<failure message="Failed" type="">x_test.go:1</failure></testcase></testsuite></testsuites>',
        {"passed": 1, "failed": 1},
    ),
    "gtest": (
        '<testsuites><testsuite name="s"><testcase name="a" status="run"/><testcase name="b" status="notrun"/>'
        "</testsuite></testsuites>",
        {"passed": 1, "skipped": 1},
    ),
    "nested suites": (
        f"<testsuites><testsuite>{case('a')}<testsuite>{case('b')}<testsuite>{case('c')}"
        "</testsuite></testsuite></testsuite></testsuites>",
        {"passed": 3},
    ),
    "fails, and its teardown fails too": (
        suite(case("a", "<failure/>"), case("a", "<error/>"), case("b")),
        {"passed": 1, "failed": 1},
    ),
    "two passes of one name": (suite(case("a"), case("a")), {"passed": 2}),
    "several outcomes in one case": (suite(case("a", "<skipped/><failure/><error/>")), {"error": 1}),
    "wrong totals in the attributes": (suite(case("a"), attributes='tests="99" failures="98"'), {"passed": 1}),
    "negative and invalid times": (
        suite('<testcase name="a" time="-5"/><testcase name="b" time="nan"/>', attributes='time="x" timestamp="never"'),
        {"passed": 2},
    ),
    "colour codes": (
        suite(case("a", "<failure message='\x1b[31mred\x1b[0m \x00'/>"), case("b")),
        {"passed": 1, "failed": 1},
    ),
    "names without a class": (suite("<testcase/><testcase name='x'/>"), {"passed": 2}),
    "a namespace": ('<j:testsuite xmlns:j="urn:j"><j:testcase name="a"/></j:testsuite>', {"passed": 1}),
    "a byte order mark": (b"\xef\xbb\xbf" + PASSED.encode(), {"passed": 1}),
    "UTF-16": (('<?xml version="1.0" encoding="UTF-16"?>' + PASSED).encode("utf-16"), {"passed": 1}),
    "Latin-1, declared": (
        ('<?xml version="1.0" encoding="ISO-8859-1"?>' + suite(case("é"))).encode("latin-1"),
        {"passed": 1},
    ),
}


@pytest.mark.parametrize("name", COUNTS)
async def test_cases_are_counted_by_outcome(name: str, tmp_path: Path) -> None:
    text, expected = COUNTS[name]
    seen = await read(tmp_path, text)
    assert {outcome: count for outcome, count in seen.facts["tests"].items() if count} == expected
    assert seen.facts["run_duration"] >= 0


@pytest.mark.parametrize(
    "text",
    [
        suite(case("é")).encode("latin-1"),
        b'<?xml version="1.0" encoding="utf-99"?>' + PASSED.encode(),
        b"\x89PNG\r\n\x1a\n" + b"\x00" * 100,
        b"",
        b"   \n",
        b"<testsuite>" * 5000,
        b"<testsuite><testcase name='" + b"x" * 5_000_000,
        b"{",
        b"{}",
        b'{"summary": 1}',
        b"[" * 100_000,
    ],
    ids=lambda text: repr(text[:30]),
)
async def test_a_report_without_evidence_is_unknown(text: bytes, tmp_path: Path) -> None:
    seen = await read(tmp_path, text)
    assert (seen.reason, "no report to read" in seen.detail) == (Reason.NO_EVIDENCE, True), seen.detail


async def test_a_report_cut_off_anywhere_never_passes(tmp_path: Path) -> None:
    whole = ('<?xml version="1.0" encoding="utf-8"?>\n' + suite(case("a"), case("é", "<failure>x</failure>"))).encode()
    for end in range(0, len(whole), 10):
        seen = await read(tmp_path, whole[:end])
        assert (seen.reason, "incomplete" in seen.detail) == (Reason.NO_EVIDENCE, True), (end, seen.detail)


async def test_an_incomplete_file_is_ignored_for_a_minute_and_then_unreadable(tmp_path: Path) -> None:
    options = {"kind": "e2e", "path": str(tmp_path / "**" / "*.xml")}
    older, newer = tmp_path / "sub" / "1.xml", tmp_path / "2.xml"
    older.parent.mkdir()
    older.write_text(PASSED)
    newer.write_text(PASSED[:40])
    now = time.time()
    os.utime(older, (now - 600, now - 600))
    seen = await probe(options)
    assert (seen.reason, seen.facts["report"]) == (Reason.OK, "1.xml")
    os.utime(newer, (now - 120, now - 120))
    seen = await probe(options)
    assert (seen.reason, "2.xml is incomplete" in seen.detail) == (Reason.NO_EVIDENCE, True)
    newer.write_text(PASSED)
    assert (await probe(options)).facts["report"] == "2.xml"


async def test_the_age_is_that_of_the_run(tmp_path: Path) -> None:
    file = tmp_path / "report.xml"
    file.write_text(suite(case("a"), attributes='timestamp="2026-01-01T10:00:00"'))
    written = 1767258000.0  # 2026-01-01T09:00:00Z: the suite's clock is an hour east
    os.utime(file, (written, written))
    seen = await probe({"kind": "e2e", "path": str(file), "max_age": "1h"})
    assert (seen.reason, seen.facts["run_timestamp"]) == (Reason.NO_EVIDENCE, written)
    assert (await probe({"kind": "e2e", "path": str(file), "max_age": "1000w"})).reason == Reason.OK


async def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.xml")
    seen = await probe({"kind": "e2e", "path": str(tmp_path / "*.xml")}, timeout=2)
    assert (seen.reason, "no file matches" in seen.detail) == (Reason.NO_EVIDENCE, True)


def pytest_json(**changes: Any) -> bytes:
    crash = {"crash": {"message": "503"}, "longrepr": "x", "outcome": "failed"}
    skip = {"longrepr": "('t.py', 3, 'Skipped: Staging is not available')"}
    tests = [
        {"nodeid": "t.py::a", "outcome": "passed", "call": {"outcome": "passed"}},
        {"nodeid": "t.py::b", "outcome": "failed", "call": crash},
        {"nodeid": "t.py::c", "outcome": "skipped", "setup": skip},
        {"nodeid": "t.py::d", "outcome": "xfailed"},
        {"nodeid": "t.py::e", "outcome": "error", "setup": {"longrepr": "fixture 'page' not found"}},
        {"nodeid": "t.py::f", "outcome": "xpassed"},
    ]
    collectors = [{"nodeid": "u.py", "outcome": "failed", "longrepr": "ModuleNotFoundError"}, {"outcome": "passed"}]
    document = {
        "created": time.time(),
        "duration": 4.5,
        "summary": {"total": 6},
        "collectors": collectors,
        "tests": tests,
    }
    return json.dumps(document | changes).encode()


@pytest.mark.parametrize("report_format", ["auto", "pytest-json"])
async def test_pytest_json_reports_are_read(tmp_path: Path, report_format: str) -> None:
    seen = await read(tmp_path, pytest_json(), format=report_format)
    assert seen.facts["tests"] == {
        "passed": 2,
        "failed": 1,
        "error": 0,
        "skipped": 1,
        "environment_skipped": 1,
        "harness_error": 2,
    }
    assert (seen.facts["run_duration"], seen.facts["failing"]) == (4.5, ["t.py::b"])
    assert (seen.reason, seen.detail) == (Reason.FAILED, "1 of 7 tests failed: t.py::b")


TIMED = (
    '<testcase classname="ws" name="connects" time="2.5"/><testcase classname="ws" name="resumes"><skipped/></testcase>'
    '<testcase classname="login" name="works" time="7"/>'
    '<testcase classname="db" name="x" time="9"><skipped/></testcase>'
)
SLOW: dict[str, tuple[dict[str, Any], Reason, str]] = {
    "no limit": ({}, Reason.OK, ""),
    "the slowest is within the limit": ({"slowest": {"degraded_above": "7s"}}, Reason.OK, ""),
    "the slowest takes longer": (
        {"slowest": {"degraded_above": "6s"}},
        Reason.SLOW,
        "login::works took 7.00 s, degraded above 6s",
    ),
    "other tests are not compared": ({"slowest": {"matches": "^ws", "degraded_above": "6s"}}, Reason.OK, ""),
    "a run without evidence is no slow one": (
        {"slowest": {"degraded_above": "6s"}, "min_tests": 9},
        Reason.NO_EVIDENCE,
        "4 tests, expected at least 9",
    ),
}


@pytest.mark.parametrize("limit", SLOW)
async def test_a_slow_test_is_degraded(tmp_path: Path, limit: str) -> None:
    options, reason, detail = SLOW[limit]
    seen = await read(tmp_path, suite(TIMED), **options)
    assert (seen.reason, seen.detail) == (reason, detail)


async def test_the_slowest_tests_and_those_that_cover_a_component_are_facts(tmp_path: Path) -> None:
    seen = await read(tmp_path, suite(TIMED), covers={"websocket": "^ws::", "auth": "login|token", "mail": "mail"})
    assert list(seen.facts["slowest"].items()) == [("login::works", 7.0), ("ws::connects", 2.5)]
    assert seen.facts["covered"] == {"websocket": {"passed": 1, "skipped": 1}, "auth": {"passed": 1}, "mail": {}}
    assert "covered" not in (await read(tmp_path, suite(TIMED), covers=["websocket"])).facts


async def test_a_test_that_passes_in_the_end_is_counted_as_passed_for_what_it_covers(tmp_path: Path) -> None:
    again = suite(case("a", "<failure message='503'/>"), case("a"))
    for retries, counted in (("fail", {"failed": 1}), ("pass", {"failed": 0, "passed": 1})):
        seen = await read(tmp_path, again, covers={"websocket": "a"}, retries=retries)
        assert seen.facts["covered"] == {"websocket": counted}


async def test_the_files_of_a_run_are_added_up_for_what_they_cover_and_for_the_slowest(tmp_path: Path) -> None:
    for number in range(1, 8):
        text = suite(f'<testcase classname="shard" name="t{number}" time="{number}"/>')
        (tmp_path / f"shard-{number}.xml").write_text(text)
    options = {"covers": {"websocket": "shard"}, "path": str(tmp_path / "shard-*.xml")}
    seen = await probe({"kind": "e2e", **options}, timeout=10)
    assert seen.facts["covered"] == {"websocket": {"passed": 7}}
    assert list(seen.facts["slowest"].values()) == [7.0, 6.0, 5.0, 4.0, 3.0]


async def test_the_times_of_pytest_json_are_those_of_all_stages(tmp_path: Path) -> None:
    stages = {"setup": {"duration": 1.5}, "call": {"duration": 2.0}, "teardown": {"duration": 0.25}}
    tests = [{"nodeid": "t.py::a", "outcome": "passed", **stages}, {"nodeid": "t.py::b", "outcome": "passed"}]
    document = {"created": time.time(), "duration": 4, "summary": {"passed": 2, "total": 2}, "tests": tests}
    seen = await read(tmp_path, json.dumps(document), covers={"websocket": "b$"})
    assert (seen.facts["slowest"], seen.facts["covered"]) == ({"t.py::a": 3.75}, {"websocket": {"passed": 1}})


async def test_pytest_json_may_have_ten_thousand_tests_or_none(tmp_path: Path) -> None:
    tests = [{"nodeid": f"t.py::{n}", "outcome": "passed"} for n in range(10_000)]
    seen = await read(tmp_path, pytest_json(tests=tests, collectors=[]))
    assert (seen.reason, seen.facts["tests"]["passed"]) == (Reason.OK, 10_000)
    seen = await read(tmp_path, pytest_json(tests="none", collectors=None, created="x", duration=[]))
    assert (seen.reason, seen.detail) == (Reason.NO_EVIDENCE, "0 tests, expected at least 1")


async def test_reports_of_a_real_pytest_run_are_read(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import asyncio, pytest\n"
        "def test_skips(): pytest.skip('Staging environment is not available')\n"
        "def test_loop():\n"
        "    async def main(): asyncio.get_running_loop().run_until_complete(None)\n"
        "    asyncio.run(main())\n"
        "def test_fixture(absent): pass\n"
        "@pytest.fixture\n"
        "def bad():\n    yield\n    raise ValueError('teardown')\n"
        "def test_both(bad): assert '503' == '200'\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        "--junitxml=report.xml",
    ]
    subprocess.run([*command, "test_it.py"], cwd=tmp_path, capture_output=True, timeout=60)
    seen = await probe({"kind": "e2e", "path": str(tmp_path / "report.xml")})
    assert seen.facts["tests"] == {
        "passed": 0,
        "failed": 1,
        "error": 0,
        "skipped": 0,
        "environment_skipped": 1,
        "harness_error": 2,
    }, seen.facts
    assert seen.detail == "1 of 4 tests failed: test_it::test_both"
    assert abs(seen.facts["run_timestamp"] - time.time()) < 60


async def test_a_report_is_downloaded() -> None:
    head = b"HTTP/1.1 200 OK\r\nLast-Modified: Thu, 01 Jan 2026 09:00:00 GMT\r\nContent-Length: %d\r\n\r\n" % len(
        PASSED
    )
    async with serving(saying(head + PASSED.encode())) as port:
        options = {"kind": "e2e", "url": f"http://127.0.0.1:{port}/ci/report.xml?x=1", "max_age": "1000w"}
        seen = await probe(options)
    assert (seen.reason, seen.facts["report"], seen.facts["run_timestamp"]) == (Reason.OK, "report.xml", 1767258000.0)
    assert {"connect", "processing", "transfer", "read"} <= set(seen.phases)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "status 404 for the report"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<testsuit", "unclosed token"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n<testsuit", ""),
        (b"", ""),
    ],
)
async def test_a_failed_download_is_no_evidence(answer: bytes, text: str) -> None:
    async with serving(saying(answer, wait=False)) as port:
        seen = await probe({"kind": "e2e", "url": f"http://127.0.0.1:{port}/r.xml"}, timeout=1)
    assert (seen.reason, text in seen.detail) == (Reason.NO_EVIDENCE, True), seen.detail
    seen = await probe({"kind": "e2e", "url": f"http://127.0.0.1:{port}/r.xml"}, timeout=1)
    assert (seen.reason, "nothing listens" in seen.detail) == (Reason.NO_EVIDENCE, True), seen.detail


async def test_a_silent_server_is_no_evidence() -> None:
    from tests.support.peers import silent

    async with serving(silent) as port:
        seen = await probe({"kind": "e2e", "url": f"http://127.0.0.1:{port}/r.xml"}, timeout=0.5)
    assert (seen.reason, seen.outcome) == (Reason.NO_EVIDENCE, Outcome.UNKNOWN)


def test_path_and_url_exclude_each_other() -> None:
    from staging_exporter.probes.e2e import E2e

    for options in ({"path": "x", "url": "http://x/"},):
        with pytest.raises(ValueError, match="path and url exclude each other"):
            E2e.model_validate({"kind": "e2e", **options})


async def test_fifty_megabytes_are_read_in_limited_memory(tmp_path: Path) -> None:
    with (tmp_path / "report.xml").open("w") as file:
        file.write("<testsuite>")
        for n in range(60_000):
            file.write(case(f"n{n}", "<failure>" + "x" * 780 + "</failure>"))
        file.write("</testsuite>")
    assert (tmp_path / "report.xml").stat().st_size > 50e6
    script = (
        "import asyncio, resource, sys\nfrom tests.support.probing import probe\n"
        "import staging_exporter.probes.e2e\nbefore = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "seen = asyncio.run(probe({'kind': 'e2e', 'path': sys.argv[1]}, timeout=60))\n"
        "print(seen.facts['tests']['failed'], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "report.xml")],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[2],
    )
    failed, grown = map(int, done.stdout.split())
    assert failed == 60_000
    assert grown < 50_000  # KiB
