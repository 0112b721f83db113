"""The pytest plugin, in real runs of pytest against a real exporter."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.live import free_port
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


def run(pytester: pytest.Pytester, *arguments: str, tests: str = TESTS) -> pytest.RunResult:
    pytester.makepyfile(tests)
    others = [
        f"-pno:{plugin}" for plugin in ("asyncio", "hypothesispytest", "playwright", "pytest_cov", "cacheprovider")
    ]
    return pytester.runpytest("--strict-markers", "-ra", *others, *arguments)


def test_all_run_when_all_is_there(pytester: pytest.Pytester, well: Staging) -> None:
    done = run(pytester, f"--staging-url={well.url}")
    done.assert_outcomes(passed=3)
    done.stdout.fnmatch_lines(["*= staging =*", f"staging was * when the tests began, says {well.url}"])


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
            "staging was down when the tests began, says *",
            "root cause backend (P0, refused): nothing listens at *",
            "1 test lacked what it requires",
        ]
    )


@pytest.mark.parametrize(("mode", "outcome"), [("skip", "skipped"), ("xfail", "xfailed")])
def test_another_outcome_may_be_chosen_and_still_says_why(
    pytester: pytest.Pytester, broken: Staging, mode: str, outcome: str
) -> None:
    done = run(pytester, f"--staging-url={broken.url}", f"--staging-unavailable={mode}", "--junitxml=r.xml")
    done.assert_outcomes(passed=2, **{outcome: 1})
    assert WHY in done.stdout.str()
    done.stdout.fnmatch_lines(["1 test lacked what it requires"])
    seen = asyncio.run(probe({"kind": "e2e", "path": str(pytester.path / "r.xml")}))
    assert seen.facts["tests"]["environment_skipped"] == 1


def test_ini_and_environment_serve_as_well(
    pytester: pytest.Pytester, broken: Staging, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makeini(f"[pytest]\nstaging_url = {broken.url}\nstaging_unavailable = skip\n")
    run(pytester).assert_outcomes(passed=2, skipped=1)
    monkeypatch.setenv("STAGING_EXPORTER_URL", f"http://127.0.0.1:{free_port()}")
    run(pytester).assert_outcomes(passed=1, skipped=2)


def test_workers_of_xdist_are_told_by_one_answer(pytester: pytest.Pytester, broken: Staging) -> None:
    done = run(pytester, f"--staging-url={broken.url}", "--staging-unavailable=skip", "-n2")
    done.assert_outcomes(passed=2, skipped=1)
    done.stdout.fnmatch_lines(["staging was down when the tests began, says *", "1 test lacked what it requires"])


def test_it_asks_once_and_only_when_a_test_needs_it(pytester: pytest.Pytester) -> None:
    dead = f"--staging-url=http://127.0.0.1:{free_port()}"
    done = run(pytester, dead)
    done.assert_outcomes(passed=1, errors=2)
    done.stdout.fnmatch_lines(["*Staging environment is not available: no exporter answers at http://127.0.0.1:*"])
    done = run(pytester, dead, tests="def test_needs_nothing(): pass")
    done.assert_outcomes(passed=1)
    assert "staging" not in done.stdout.str().replace("staging-exporter", "")


@pytest.mark.parametrize(
    ("marker", "arguments", "message"),
    [
        ("staging(requires=['websocket'])", [], "no exporter to ask: --staging-url, ini staging_url or *"),
        ("staging('websokket')", ["--staging-url={url}"], "no component of staging: websokket"),
    ],
)
def test_what_is_wrong_with_the_tests_is_no_reason_to_skip(
    pytester: pytest.Pytester, broken: Staging, marker: str, arguments: list[str], message: str
) -> None:
    given = [argument.format(url=broken.url) for argument in arguments]
    tests = f"import pytest\n@pytest.mark.{marker}\ndef test_it(): pass\n"
    done = run(pytester, "--staging-unavailable=skip", *given, tests=tests)
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines([f"*{message}*"])


def test_a_bad_mode_in_the_ini_file_is_a_usage_error(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nstaging_unavailable = hide\n")
    done = run(pytester)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*staging_unavailable is 'hide', expected fail, skip or xfail*"])
