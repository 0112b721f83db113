"""The hooks of pytest: options, errors at collection, the check before each test, the summary.

`@pytest.mark.staging(requires=["websocket"])`. A test whose requirement is not available fails at once, with the root
cause; `--staging-unavailable` can make it skip or xfail instead, but never silently: the reason names the root cause.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest

from pytest_staging.exporter import AddressError, Exporter
from pytest_staging.marker import MARKER, MarkerError, Requirement
from pytest_staging.run import MODES, PREFIX, Misused, Run

_URL = "STAGING_EXPORTER_URL"
_SHARED = "staging_answer"  # from the controller of pytest-xdist to its workers
_PROPERTY = "staging_unavailable"  # of a test, in reports
_RUN = pytest.StashKey[Run]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, on the command line and in the ini file."""
    group = parser.getgroup("staging", "staging environment (pytest-staging)")
    group.addoption(
        "--staging-url", metavar="URL", help=f"address of the exporter, such as http://127.0.0.1:9877 [${_URL}]"
    )
    group.addoption(
        "--staging-unavailable",
        choices=MODES,
        help="outcome of a test whose requirement is not available; ignore runs it without asking the exporter [fail]",
    )
    parser.addini("staging_url", f"default of --staging-url; ${_URL} takes precedence")
    parser.addini("staging_unavailable", "default of --staging-unavailable", default="fail")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and read the settings. Raises UsageError."""
    text = 'the test needs these components and this journey of staging; staging(requires=["api"], journey="login")'
    config.addinivalue_line("markers", f"{MARKER}(requires, journey): {text}")
    mode = config.getoption("staging_unavailable") or config.getini("staging_unavailable")
    if mode not in MODES:
        raise pytest.UsageError(f"staging_unavailable is {mode!r}, expected {', '.join(MODES[:-1])} or {MODES[-1]}")
    url = config.getoption("staging_url") or os.environ.get(_URL) or config.getini("staging_url")
    try:
        run = Run(Exporter(str(url), os.environ) if url else None, mode)
    except AddressError as error:
        raise pytest.UsageError(str(error)) from None
    if (shared := getattr(config, "workerinput", {}).get(_SHARED)) is not None:
        run.take(shared)
    config.stash[_RUN] = run


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hand the answer to a worker of pytest-xdist, so that the exporter is asked once and all workers decide alike."""
    run = node.config.stash[_RUN]
    if run.exporter is not None and run.mode != "ignore":
        node.workerinput[_SHARED] = run.share()


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A marker that cannot be read is an error of collection: it would guard nothing."""
    report = yield
    wrong: dict[str, str] = {}
    for item in report.result or ():
        if isinstance(item, pytest.Item):
            try:
                _requirement(item)
            except MarkerError as error:
                path, line, name = item.location
                place = path if line is None else f"{path}:{line + 1}"
                wrong.setdefault(str(error), f"{place}: {name}: {error}")
    if wrong:
        return pytest.CollectReport(collector.nodeid, "failed", "\n".join(wrong.values()), [])
    return report


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Check what the test requires, before its fixtures and after `skip` and `skipif`."""
    run = item.config.stash[_RUN]
    mistake, problem = "", ""
    try:
        required = _requirement(item)
        problem = run.problem(required) if required and run.mode != "ignore" else ""
    except (MarkerError, Misused) as error:
        mistake = str(error)
    if mistake:
        pytest.fail(mistake, pytrace=False)
    if problem:
        item.user_properties.append((_PROPERTY, problem))
        _end(f"{PREFIX}: {problem}", run.mode)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The state of the environment, when it was asked for."""
    if not (lines := list(config.stash[_RUN].summary())):
        return
    terminalreporter.section("staging")
    for line in lines:
        terminalreporter.line(line)
    reports = [
        report for outcome in ("error", "skipped", "xfailed") for report in terminalreporter.stats.get(outcome, ())
    ]
    count = sum(
        _PROPERTY in dict(getattr(report, "user_properties", ())) and report.when == "setup" for report in reports
    )
    if count:
        terminalreporter.line(f"{count} test{'s' * (count > 1)} not run: what they require is not available")


def _requirement(item: pytest.Item) -> Requirement | None:
    """What all markers of a test require together; None without a marker. Raises MarkerError."""
    marks = list(item.iter_markers(MARKER))
    return Requirement.of(marks) if marks else None


def _end(reason: str, mode: str) -> None:
    if mode == "skip":
        pytest.skip(reason)
    if mode == "xfail":
        pytest.xfail(reason)
    pytest.fail(reason, pytrace=False)  # also with --runxfail, where pytest.xfail does nothing
