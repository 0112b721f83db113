"""The pytest plugin, in real runs of pytest against a real exporter."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from tests.pytest_staging.documents import STATUS, Reply, answering
from tests.support.ports import free_port
from tests.support.probing import probe
from tests.support.suite import Staging

TESTS = """
import pytest
@pytest.fixture
def costly(): print("set up")
@pytest.mark.staging(requires=["websocket"])
def test_needs_websocket(costly): pass
@pytest.mark.staging(requires=["other"])
def test_needs_other(): pass
def test_needs_nothing(): pass
"""
WHY = "Staging environment is not available: websocket is down, root cause backend (refused: nothing listens at "
OTHERS = [f"-pno:{plugin}" for plugin in ("asyncio", "hypothesispytest", "playwright", "pytest_cov", "cacheprovider")]


def run(pytester: pytest.Pytester, *arguments: str, tests: str = TESTS) -> pytest.RunResult:
    pytester.makepyfile(tests)
    return pytester.runpytest("--strict-markers", "-ra", *OTHERS, *arguments)


def test_all_run_when_all_is_there(pytester: pytest.Pytester, well: Staging) -> None:
    done = run(pytester, f"--staging-url={well.url}")
    done.assert_outcomes(passed=3)
    done.stdout.fnmatch_lines(["*= staging =*", f"staging was * when the run began ({well.url})"])


def test_a_test_whose_requirement_is_down_fails_at_once_and_says_why(
    pytester: pytest.Pytester, broken: Staging
) -> None:
    done = run(pytester, f"--staging-url={broken.url}")
    done.assert_outcomes(passed=2, errors=1)
    said = done.stdout.str()
    assert WHY in said
    assert "set up" not in said
    done.stdout.fnmatch_lines(
        [
            "staging was down when the run began (*)",
            "root cause backend (P0, refused): nothing listens at *",
            "1 test not run: what they require is not available",
        ]
    )


def test_a_journey_may_be_required(pytester: pytest.Pytester, broken: Staging, well: Staging) -> None:
    tests = "import pytest\n@pytest.mark.staging(journey='golden-path')\ndef test_it(): pass\n"
    run(pytester, f"--staging-url={well.url}", tests=tests).assert_outcomes(passed=1)
    done = run(pytester, f"--staging-url={broken.url}", tests=tests)
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*: journey golden-path is blocked at step connect: websocket is down, root cause *"])


@pytest.mark.parametrize(("mode", "outcome"), [("skip", "skipped"), ("xfail", "xfailed")])
def test_another_outcome_may_be_chosen_and_still_says_why(
    pytester: pytest.Pytester, broken: Staging, mode: str, outcome: str
) -> None:
    done = run(pytester, f"--staging-url={broken.url}", f"--staging-unavailable={mode}", "--junitxml=r.xml")
    done.assert_outcomes(passed=2, **{outcome: 1})
    assert WHY in done.stdout.str()
    done.stdout.fnmatch_lines(["1 test not run: what they require is not available"])
    report = pytester.path / "r.xml"
    assert 'property name="staging_unavailable" value="websocket is down, root cause backend ' in report.read_text()
    seen = asyncio.run(probe({"kind": "e2e", "path": str(report)}))
    assert seen.facts["tests"]["environment_skipped"] == 1


def test_runxfail_does_not_run_what_cannot_pass(pytester: pytest.Pytester, broken: Staging) -> None:
    done = run(pytester, f"--staging-url={broken.url}", "--staging-unavailable=xfail", "--runxfail")
    done.assert_outcomes(passed=2, errors=1)


def test_ignore_runs_all_and_asks_nothing(pytester: pytest.Pytester) -> None:
    with answering(lambda path: Reply(200, b"")) as server:
        run(pytester, f"--staging-url={server.url}", "--staging-unavailable=ignore").assert_outcomes(passed=3)
    assert server.requests == []
    run(pytester, "--staging-unavailable=ignore").assert_outcomes(passed=3)


def test_ini_and_environment_serve_as_well(
    pytester: pytest.Pytester, broken: Staging, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makeini(f"[pytest]\nstaging_url = {broken.url}\nstaging_unavailable = skip\n")
    run(pytester).assert_outcomes(passed=2, skipped=1)
    monkeypatch.setenv("STAGING_EXPORTER_URL", f"http://127.0.0.1:{free_port()}")
    run(pytester).assert_outcomes(passed=1, skipped=2)


def test_workers_of_xdist_decide_by_one_answer(pytester: pytest.Pytester) -> None:
    status = STATUS | {"components": STATUS["components"] | {"websocket": STATUS["components"]["backend"]}}
    status["components"]["other"] = STATUS["components"]["frontend"]
    with answering(lambda path: Reply(200, json.dumps(status).encode())) as server:
        done = run(pytester, f"--staging-url={server.url}", "--staging-unavailable=skip", "-n2")
    done.assert_outcomes(passed=2, skipped=1)
    summary = ["staging was down when the run began (*)", "1 test not run: what they require is not available"]
    done.stdout.fnmatch_lines(summary)
    assert len(server.requests) == 1


def test_it_asks_once_and_only_when_a_test_needs_it(pytester: pytest.Pytester) -> None:
    dead = f"--staging-url=http://127.0.0.1:{free_port()}"
    done = run(pytester, dead)
    done.assert_outcomes(passed=1, errors=2)
    done.stdout.fnmatch_lines(["*Staging environment is not available: no exporter answers at http://127.0.0.1:*"])
    done = run(pytester, dead, tests="def test_needs_nothing(): pass")
    done.assert_outcomes(passed=1)
    assert "staging" not in re.sub("pytest-staging|staging-[0-9.]+", "", done.stdout.str())


@pytest.mark.parametrize("distributed", [[], ["-n1"]])
def test_collecting_asks_nothing(pytester: pytest.Pytester, distributed: list[str]) -> None:
    with answering(lambda path: Reply(200, b"")) as server:
        done = run(pytester, "--collect-only", f"--staging-url={server.url}", *distributed)
    assert done.ret == 0
    assert server.requests == []


MISTAKES = {
    "no exporter": ("staging(requires=['websocket'])", [], "no exporter to ask: set --staging-url, STAGING_EXPORTER_*"),
    "a misspelt component": (
        "staging(requires='websokket')",
        ["--staging-url={url}"],
        "staging has no component 'websokket', did you mean 'websocket'?",
    ),
    "a misspelt journey": (
        "staging(journey='golden-pth')",
        ["--staging-url={url}"],
        "staging has no journey 'golden-pth', did you mean 'golden-path'?",
    ),
    "another service at the address": (
        "staging(requires=['websocket'])",
        ["--staging-url={url}/metrics"],
        "no staging-exporter at http*/metrics: it answered 404",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_no_reason_to_skip(pytester: pytest.Pytester, broken: Staging, case: str) -> None:
    marker, arguments, message = MISTAKES[case]
    given = [argument.format(url=broken.url) for argument in arguments]
    tests = f"import pytest\n@pytest.mark.{marker}\ndef test_it(): pass\n"
    done = run(pytester, "--staging-unavailable=skip", *given, tests=tests)
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines([f"*{message}*"])
    assert "another exception" not in done.stdout.str()


BAD_FUNCTIONS = """
import pytest
@pytest.mark.staging(require=["websocket"])
def test_function(): pass
@pytest.mark.parametrize("n", [1, pytest.param(2, marks=pytest.mark.staging(journeys="golden-path"))])
def test_parameter(n): pass
def test_without(): pass
"""
BAD_CLASS = """
import pytest
@pytest.mark.staging
class TestClass:
    def test_one(self): pass
    def test_two(self): pass
class TestOther:
    @pytest.mark.staging("other")
    def test_three(self): pass
"""
OF_FUNCTIONS = [
    "*:2: test_function: staging(require=...): unknown keyword 'require', did you mean 'requires'?",
    "*: staging(journeys=...): unknown keyword 'journeys', did you mean 'journey'?",
]
OF_CLASSES = [
    '*: TestClass.test_one: staging() requires nothing; write staging(requires=[[]"COMPONENT"]) or *',
    "*: TestOther.test_three: staging('other'): names must be keyword arguments; write staging(requires=[[]'other'])",
]


@pytest.mark.parametrize("distributed", [[], ["-n1"], ["--continue-on-collection-errors"]])
def test_a_marker_that_guards_nothing_is_an_error_of_collection(
    pytester: pytest.Pytester, well: Staging, distributed: list[str]
) -> None:
    pytester.makepyfile(test_classes=BAD_CLASS)
    done = run(pytester, f"--staging-url={well.url}", *distributed, tests=BAD_FUNCTIONS)
    done.assert_outcomes(errors=3)
    done.stdout.fnmatch_lines_random(OF_FUNCTIONS + OF_CLASSES)
    assert done.stdout.str().count("requires nothing") == 1
    assert done.ret != 0


def test_a_bad_marker_of_a_module_lets_nothing_run(pytester: pytest.Pytester, well: Staging) -> None:
    tests = "import pytest\npytestmark = pytest.mark.staging\nclass TestIt:\n def test_it(self): pass\n"
    done = run(pytester, f"--staging-url={well.url}", "--continue-on-collection-errors", tests=tests)
    done.assert_outcomes(errors=1)


def test_a_marker_that_a_conftest_adds_is_checked_as_well(pytester: pytest.Pytester, well: Staging) -> None:
    pytester.makeconftest(
        "import pytest\ndef pytest_collection_modifyitems(items): items[0].add_marker(pytest.mark.staging(require='x'))"
    )
    done = run(pytester, f"--staging-url={well.url}", "--staging-unavailable=skip")
    done.assert_outcomes(passed=2, errors=1)
    done.stdout.fnmatch_lines(["*unknown keyword 'require', did you mean 'requires'?"])


def test_markers_of_module_class_and_function_add_up(pytester: pytest.Pytester, broken: Staging) -> None:
    tests = """
import pytest, unittest
pytestmark = pytest.mark.staging(requires="other")
class TestOne:
    def test_module_only(self): pass
@pytest.mark.staging(requires="websocket")
class TestTwo:
    @pytest.mark.staging(requires="backend")
    def test_all_three(self): pass
@pytest.mark.staging(requires="websocket")
class TestThree(unittest.TestCase):
    def test_of_unittest(self): pass
"""
    done = run(pytester, f"--staging-url={broken.url}", tests=tests)
    done.assert_outcomes(passed=1, errors=2)
    done.stdout.fnmatch_lines(["*not available: backend is down (refused): *; websocket is down, root cause backend *"])


def test_skips_of_the_test_itself_come_first(pytester: pytest.Pytester) -> None:
    tests = """
import pytest
pytestmark = pytest.mark.staging(requires="websocket")
@pytest.mark.skip(reason="flaky")
def test_skipped(): pass
@pytest.mark.skipif(True, reason="elsewhere")
def test_skipped_here(): pass
@pytest.mark.xfail(run=False)
def test_not_run(): pass
"""
    run(pytester, tests=tests).assert_outcomes(skipped=2, xfailed=1)


def test_the_token_is_sent_and_shown_nowhere(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGING_EXPORTER_TOKEN", "sesame")
    with answering(lambda path: Reply(403)) as server:
        done = run(pytester, f"--staging-url={server.url.replace('//', '//me:pass@')}", "-n1")
    done.assert_outcomes(passed=1, errors=2)
    done.stdout.fnmatch_lines([f"*{server.url} answered 403; credentials are read from STAGING_EXPORTER_TOKEN and *"])
    shown = done.stdout.str() + done.stderr.str()
    assert "sesame" not in shown
    assert ":pass" not in shown
    assert server.requests[0][1]["Authorization"] == "Bearer sesame"


USAGE = {
    "staging_unavailable = hide": "*staging_unavailable is 'hide', expected fail, skip, xfail or ignore*",
    "staging_url = localhost:9877": "*the address of the exporter is invalid, expected one like http://127.0.0.1:9877*",
}


@pytest.mark.parametrize("setting", USAGE)
def test_a_bad_setting_is_a_usage_error(pytester: pytest.Pytester, setting: str) -> None:
    pytester.makeini(f"[pytest]\n{setting}\n")
    done = run(pytester)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines([USAGE[setting]])


def test_markers_and_options_are_explained(pytester: pytest.Pytester) -> None:
    run(pytester, "--markers").stdout.fnmatch_lines(
        [
            "@pytest.mark.staging(requires, journey): the test needs these components and this journey of staging; "
            'staging(requires=[[]"api"], journey="login")'
        ]
    )
    run(pytester, "--help").stdout.fnmatch_lines(["staging environment (pytest-staging):", "*--staging-url=URL*"])
