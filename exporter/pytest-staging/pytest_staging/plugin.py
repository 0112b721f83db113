"""pytest plugin: tests say what they require of staging, and the exporter is asked once per run whether it is there.

`@pytest.mark.staging(requires=["websocket"])`. A test whose requirement is not there fails at once, with the root
cause; `--staging-unavailable` can make it skip or xfail instead, but never silently: the reason names the root cause.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from staging_exporter.client import Client, ClientError

_AVAILABLE = ("up", "degraded", "unknown")  # of what nobody knows the test itself is the evidence
_PREFIX = "Staging environment is not available"  # what the kind e2e takes for the environment's fault by default
_WORKER = "staging_status"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, on the command line and in the ini file."""
    group = parser.getgroup("staging", "staging-exporter")
    group.addoption("--staging-url", help="the exporter that says how staging is, such as http://127.0.0.1:9877")
    group.addoption(
        "--staging-unavailable",
        choices=("fail", "skip", "xfail"),
        help="what becomes of a test whose requirement is not there [fail]",
    )
    parser.addini("staging_url", "as --staging-url; the environment variable STAGING_EXPORTER_URL serves as well")
    parser.addini("staging_unavailable", "as --staging-unavailable", default="fail")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and what is remembered of the run."""
    config.addinivalue_line("markers", "staging(requires): components of the staging environment that the test needs")
    mode = config.getoption("staging_unavailable") or config.getini("staging_unavailable")
    if mode not in ("fail", "skip", "xfail"):
        raise pytest.UsageError(f"staging_unavailable is {mode!r}, expected fail, skip or xfail")
    url = config.getoption("staging_url") or os.environ.get("STAGING_EXPORTER_URL") or config.getini("staging_url")
    staging = _Staging(str(url or ""), mode)
    if (given := getattr(config, "workerinput", {}).get(_WORKER)) is not None:
        staging.answer = _Answer(**json.loads(given))
    config.stash[_STAGING] = staging


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hand the answer to a worker of pytest-xdist, so that all of them decide alike."""
    staging = node.config.stash[_STAGING]
    if staging.url:
        node.workerinput[_WORKER] = json.dumps(vars(staging.ask()))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before anything is set up for a test: is there what it requires?"""
    staging = item.config.stash[_STAGING]
    for marker in item.iter_markers("staging"):
        problem = staging.problem(_required(marker))
        if problem:
            _give_up(f"{_PREFIX}: {problem}", staging.mode)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The verdict, when it was asked for."""
    staging = config.stash[_STAGING]
    if staging.answer is not None:
        terminalreporter.section("staging")
        for line in staging.summary():
            terminalreporter.line(line)
        stats = terminalreporter.stats
        reports = [report for outcome in ("error", "skipped", "xfailed") for report in stats.get(outcome, ())]
        lacking = sum(_PREFIX in f"{report.longrepr} {getattr(report, 'wasxfail', '')}" for report in reports)
        if lacking:
            what = "1 test lacked what it requires" if lacking == 1 else f"{lacking} tests lacked what they require"
            terminalreporter.line(what)


@dataclass
class _Answer:
    """What the exporter said: its status, or why there is none."""

    status: dict[str, Any] = field(default_factory=dict)
    error: str = ""


@dataclass
class _Staging:
    """One test run: whom to ask, and what it answered."""

    url: str
    mode: Literal["fail", "skip", "xfail"]
    answer: _Answer | None = None

    def ask(self) -> _Answer:
        """The answer; asked for once."""
        if self.answer is None:
            try:
                self.answer = _Answer(Client(self.url).status())
            except ClientError as error:
                self.answer = _Answer(error=str(error))
        return self.answer

    def problem(self, required: list[str]) -> str:
        """Why these components are not there; empty when they are. Fails the test for a name that is unknown."""
        if not self.url:
            pytest.fail("no exporter to ask: --staging-url, ini staging_url or STAGING_EXPORTER_URL", pytrace=False)
        answer = self.ask()
        if answer.error:
            return answer.error
        components = answer.status["components"]
        if unknown := [name for name in required if name not in components]:
            pytest.fail(f"no component of {answer.status['environment']}: {', '.join(unknown)}", pytrace=False)
        missing = [name for name in required if components[name]["state"] not in _AVAILABLE]
        return "; ".join(self._why(name, components[name]) for name in missing)

    def _why(self, name: str, component: dict[str, Any]) -> str:
        roots = [root for root in self.ask().status["root_causes"] if root["component"] in component["root_causes"]]
        if not roots:
            return f"{name} is {component['state']} ({component['reason']}): {component['detail']}"
        causes = [f"{root['component']} ({root['reason']}: {root['detail']})" for root in roots]
        return f"{name} is {component['state']}, root cause {' and '.join(causes)}"

    def summary(self) -> Iterator[str]:
        """The verdict for the end of the run."""
        answer = self.ask()
        if answer.error:
            yield answer.error
            return
        status = answer.status
        yield f"{status['environment']} was {status['state']} when the tests began, says {self.url}"
        for root in status["root_causes"]:
            yield f"root cause {root['component']} ({root['priority']}, {root['reason']}): {root['detail']}"


_STAGING = pytest.StashKey[_Staging]()


def _required(marker: pytest.Mark) -> list[str]:
    """`requires=` of a marker, or its plain arguments: one name or several."""
    names = marker.kwargs.get("requires", marker.args)
    return [names] if isinstance(names, str) else list(names)


def _give_up(reason: str, mode: Literal["fail", "skip", "xfail"]) -> None:
    if mode == "skip":
        pytest.skip(reason)
    if mode == "xfail":
        pytest.xfail(reason)
    pytest.fail(reason, pytrace=False)
