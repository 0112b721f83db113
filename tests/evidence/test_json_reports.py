"""Reports of Playwright and of pytest-benchmark, in the shapes of real ones."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from staging_exporter.evidence.reports import Format, read_report
from staging_exporter.evidence.testcases import Report, Rules, Unreadable

RULES = Rules("not available", "event loop")
STARTED = "2026-03-22T11:49:10.000Z"


def read(document: object, report_format: Format = "auto", rules: Rules = RULES) -> Report:
    data = json.dumps(document).encode()
    chunks = [data[at : at + 7] for at in range(0, len(data), 7)]
    return read_report(chunks, report_format, rules, time.monotonic() + 60)


def attempt(status: str, message: str = "", duration: int = 1500) -> dict[str, Any]:
    """As `results` has it; steps have titles and errors of their own."""
    error = {"message": message, "stack": f"Error: {message}"}
    steps = [{"title": "goto", "duration": 3, "error": {"message": "of a step"}}]
    return {"workerIndex": 0, "status": status, "duration": duration, "retry": 0, "steps": steps,
            "startTime": "2026-03-22T11:49:11.100Z", "attachments": [{"name": "trace", "contentType": "x"}],
            **({"error": error, "errors": [error]} if message else {"errors": []})}  # fmt: skip


def playwright_test(status: str, *results: dict[str, Any], project: str = "chromium", **more: Any) -> dict[str, Any]:
    return {"timeout": 30000, "annotations": [], "expectedStatus": "passed", "projectId": project,
            "projectName": project, "results": list(results), "status": status, **more}  # fmt: skip


def playwright(*tests: dict[str, Any], stats: dict[str, int] | None = None, **more: Any) -> dict[str, Any]:
    """One file with one describe block, in which each test is a spec, and a test outside of it."""
    specs = [{"title": f"test {n}", "ok": True, "tests": [test], "id": str(n)} for n, test in enumerate(tests)]
    outer = {"title": "alone", "ok": True, "tests": [playwright_test("expected", attempt("passed"))]}
    block = {"title": "Login", "file": "login.spec.ts", "line": 5, "specs": specs}
    suite = {"title": "login.spec.ts", "file": "login.spec.ts", "specs": [outer], "suites": [block]}
    found = {"config": {"projects": [{"name": "chromium"}]}, "suites": [suite], "errors": [], **more}
    times = {"startTime": STARTED, "duration": 12500.5}
    return found if stats is None else {**found, "stats": {**times, "skipped": 0, "flaky": 0, **stats}}


NO_STAGING = {"annotations": [{"type": "skip", "description": "staging is not available"}]}
TESTS: dict[str, tuple[dict[str, Any], str]] = {
    "passes": (playwright_test("expected", attempt("passed")), "passed"),
    "fails": (playwright_test("unexpected", attempt("failed", "503")), "failed"),
    "takes too long": (playwright_test("unexpected", attempt("timedOut", "Test timeout of 30000ms")), "failed"),
    "fails as expected": (
        playwright_test("expected", attempt("failed", "503"), expectedStatus="failed"), "passed"),
    "passes against expectation": (
        playwright_test("unexpected", attempt("passed"), expectedStatus="failed"), "failed"),
    "is skipped": (playwright_test("skipped", attempt("skipped"), expectedStatus="skipped"), "skipped"),
    "is skipped for the environment": (playwright_test("skipped", attempt("skipped"), **NO_STAGING),
        "environment_skipped"),
    "did not run": (playwright_test("skipped"), "skipped"),
    "fails by its harness": (playwright_test("unexpected", attempt("failed", "event loop")), "harness_error"),
    "passes at the second attempt": (
        playwright_test("flaky", attempt("failed", "503"), attempt("passed")), "failed"),
    "says nothing of its outcome": (playwright_test("", attempt("failed", "503")), "failed"),
}  # fmt: skip


@pytest.mark.parametrize("case", TESTS)
def test_a_test_of_playwright(case: str) -> None:
    test, outcome = TESTS[case]
    report = read(playwright(test))
    counts = {name: count for name, count in report.counts.items() if count}
    assert counts == ({"passed": 2} if outcome == "passed" else {"passed": 1, outcome: 1})
    assert report.failing == (["login.spec.ts › Login › test 0"] if outcome == "failed" else [])


def test_a_flaky_test_of_playwright_passes_where_retries_do() -> None:
    test = TESTS["passes at the second attempt"][0]
    report = read(playwright(test, stats={"expected": 1, "unexpected": 0, "flaky": 1}), rules=Rules("x^", "x^", True))
    assert (report.counts["passed"], report.counts["failed"], report.flaky, report.unseen) == (2, 0, 1, 0)


def test_names_times_and_claims_of_playwright() -> None:
    failing = playwright_test("unexpected", attempt("failed", "503"), attempt("failed", "503", 2500))
    rules = Rules("x^", "x^", covers=(("auth", "login.spec.ts › Login"),))
    report = read(playwright(failing, stats={"expected": 1, "unexpected": 1}), rules=rules)
    assert report.started
    assert (report.started.seconds, report.duration, report.claimed) == (1774180150.0, 12.5005, 2)
    assert (report.unseen, report.covered) == (0, {"auth": {"failed": 1}})
    assert report.slowest == [(1.5, "login.spec.ts › alone")]
    assert read(playwright(failing)).duration == 5.5, "without stats, the attempts are added up"


def test_the_same_test_in_two_browsers_is_two_cases() -> None:
    document = playwright(playwright_test("unexpected", attempt("failed", "503")))
    spec = document["suites"][0]["suites"][0]["specs"][0]
    spec["tests"].append(playwright_test("unexpected", attempt("failed", "503"), project="webkit"))
    report = read(document)
    assert (report.counts["failed"], report.failing) == (2, ["login.spec.ts › Login › test 0"])


def test_what_fails_outside_of_tests_of_playwright_counts() -> None:
    report = read(playwright(errors=[{"message": "Error: No tests found", "stack": "x"}]))
    assert (report.counts["error"], report.failing) == (1, ["the run itself"])
    claimed = read(playwright(stats={"expected": 1, "unexpected": 2}))
    assert claimed.unseen == 2
    assert read(playwright(playwright_test("skipped", attempt("interrupted")))).cut_off == "the run was interrupted"


def benchmarks(**medians: float) -> dict[str, Any]:
    found = [
        {"group": None, "name": name, "fullname": f"tests/test_speed.py::{name}", "extra_info": {},
         "options": {"min_rounds": 5, "timer": "perf_counter"},
         "stats": {"min": 0.1, "max": 9.0, "mean": 5.0, "median": median, "rounds": 5, "total": 2.5,
                   "data": [0.1, 9.0]}}
        for name, median in medians.items()
    ]  # fmt: skip
    return {"machine_info": {"node": "ci", "cpu": {"count": 2}}, "commit_info": {"id": "unknown"},
            "benchmarks": found, "datetime": "2026-03-22T11:49:10.000000+00:00", "version": "5.1.0"}  # fmt: skip


def test_benchmarks_pass_and_take_their_median() -> None:
    report = read(benchmarks(test_login=0.25, test_chat=1.5))
    assert (report.counts["passed"], report.total, report.duration) == (2, 2, 5.0)
    assert report.slowest == [(0.25, "tests/test_speed.py::test_login"), (1.5, "tests/test_speed.py::test_chat")]
    assert report.started
    assert report.started.seconds == 1774180150.0


@pytest.mark.parametrize(
    ("document", "report_format", "message"),
    [
        ({"config": {}, "suites": {}}, "auto", "JSON without suites is no report of Playwright"),
        ({"machine_info": {}, "benchmarks": {}}, "auto", "JSON without benchmarks is no report of pytest-benchmark"),
        ({"a": 1}, "auto", "JSON without a summary is no pytest-json-report"),
        ([], "auto", "XML: syntax error"),
        (benchmarks(a=1.0), "playwright-json", "JSON without suites is no report of Playwright"),
        (playwright(), "pytest-benchmark", "JSON without benchmarks is no report of pytest-benchmark"),
    ],
)
def test_json_of_another_shape_is_unreadable(document: object, report_format: Format, message: str) -> None:
    with pytest.raises(Unreadable, match=message):
        read(document, report_format)


def test_the_format_may_be_given_whatever_comes_first() -> None:
    turned = dict(reversed(playwright(stats={"expected": 1, "unexpected": 0}).items()))
    assert read(turned, "playwright-json").counts["passed"] == 1
    assert read(turned).counts["passed"] == 1
    assert read({"extra": 1, **benchmarks(a=1.0)}, "pytest-benchmark").counts["passed"] == 1
