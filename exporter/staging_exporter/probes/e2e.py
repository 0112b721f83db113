"""Kind `e2e`: the newest report of a test suite."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path, PurePath
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from staging_exporter.core.durations import format_duration
from staging_exporter.core.facts import Fact
from staging_exporter.core.model import ProbeDegraded, ProbeFailed, Reason, Trait
from staging_exporter.evidence.reports import Format, read_file, read_report
from staging_exporter.evidence.runs import Files, Run, began_at, newest_run
from staging_exporter.evidence.testcases import MAX_NAMES, Report, Rules, Unreadable
from staging_exporter.net.background import in_background
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.exchange import status_reason
from staging_exporter.net.failures import as_evidence
from staging_exporter.net.http import HttpRequest, Transport
from staging_exporter.options.addresses import HttpUrl
from staging_exporter.options.auth import Auth, fetch_as, hosts_asked
from staging_exporter.options.check import Check
from staging_exporter.options.model import Duration, Listed, Model, PositiveDuration
from staging_exporter.options.patterns import Pattern, compile_pattern
from staging_exporter.options.placeholders import Placeholders, check_placeholders, fill_url
from staging_exporter.options.tls import Tls

MAX_DOWNLOAD = 20 * 1024 * 1024
_ACCEPT = 30.0  # seconds that reading a pushed report may take
_MARGIN = 0.2  # seconds of the run that are left after reading, to judge

ENVIRONMENT_SKIPS = (
    r"(?i)\b(environment|staging|services?|servers?|backend|api|database|redis|websocket)\b[^\n]{0,80}"
    r"\b(not|un)[ -]?(available|reachable|running|healthy|accessible|responding)\b|could not connect|connection refused"
)
HARNESS_ERRORS = (
    r"(?i)event loop is (already running|closed)|running event loop|attached to a different loop"
    r"|no current event loop|collection failure|error(s)? (during|while) (collect|import)|ImportError while"
    r"|fixture '[^']*' not found|ScopeMismatch|recursive dependency involving fixture"
)


class Slowest(Model):
    """How long a single test may take."""

    matches: Pattern = Field("", description="RE2 on the names of the tests that are compared; all by default")
    degraded_above: PositiveDuration = Field(description="a test that passes but takes longer: degraded, reason `slow`")


class E2e(Check):
    """Reads the newest report and judges it; it runs no tests."""

    phase_names: ClassVar[tuple[str, ...]] = ("token", "resolve", "connect", "tls", "processing", "transfer", "read")
    thresholds: ClassVar[Mapping[str, int]] = {
        "fall": 1,
        "rise": 1,
    }  # the same report would fail again: one run is enough

    traits: ClassVar[frozenset[Trait]] = frozenset({Trait.JUDGES_TESTS})
    covers_option: ClassVar[str | None] = "covers"

    kind: Literal["e2e"]
    path: str | None = None
    url: HttpUrl | None = None
    secrets: Placeholders
    auth: Auth | None = None
    tls: Tls | None = None
    format: Format = "auto"
    max_age: PositiveDuration = 86400.0
    min_tests: int = Field(1, ge=1)
    min_duration: PositiveDuration | None = None
    environment_skips: Pattern = ENVIRONMENT_SKIPS
    harness_errors: Pattern = HARNESS_ERRORS
    covers: Listed[str] | dict[str, Pattern] = Field(
        (), description="components that the suite tests, or each with an RE2 pattern of the names of its tests"
    )
    slowest: Slowest | None = None
    run_window: Duration = Field(
        600.0, description="files that match path and are at most this much older than the newest belong to its run"
    )
    run_id: Pattern | None = Field(
        None, description="with one group: what files of one run have in common in their path, instead of run_window"
    )
    retries: Literal["fail", "pass"] = Field("fail", description="of a test that fails and then passes in one report")

    @model_validator(mode="after")
    def _at_most_one_source(self) -> E2e:
        if self.path is not None and self.url is not None:
            raise ValueError("path and url exclude each other")
        if self.run_id is not None and compile_pattern(self.run_id).groups != 1:
            raise ValueError("run_id has one group, around the id of the run: build-(\\d+)")
        check_placeholders(self.secrets, self.url)
        return self

    def hosts(self) -> tuple[str, ...]:
        """The host of the URL, and that of the token server."""
        return hosts_asked(self.url, self.auth) if self.url else ()

    async def run(self, context: ProbeContext) -> None:
        """Read and judge. Raises ProbeFailed (`failed`, `no_evidence`, of a URL also other inconclusive ones)."""
        try:
            async with context.until_deadline(_MARGIN / 2):
                run = await (self._download(context, self.url) if self.url else self._read(context))
        except (Unreadable, OSError, EOFError, ProbeFailed) as error:
            raise _no_report(error, context) from None
        report, more = run.report, len(run.names) - 1
        context.facts.update(
            {
                Fact.REPORT: run.names[0] + (f" and {more} more" if more else ""),
                Fact.TESTS: report.counts,
                Fact.RUN_DURATION: report.duration,
                Fact.FAILING: report.failing,
                Fact.SLOWEST: {name: took for took, name in reversed(report.slowest)},
            }
        )
        if isinstance(self.covers, dict):
            context.facts[Fact.COVERED] = {name: report.covered.get(name, {}) for name in self.covers}
        if run.began is not None:
            context.facts[Fact.RUN_TIMESTAMP] = run.began
        if report.claimed is not None and report.claimed != report.total:
            context.log(f"the attributes claim {report.claimed} tests, {report.total} were counted")
        self._judge(run)

    def report_reader(self) -> Callable[[Path], Report] | None:
        """Reads a pushed report; None for a check that downloads its reports."""
        return None if self.url else self._accept

    def _accept(self, file: Path) -> Report:
        """What a pushed report says. Raises Unreadable, OSError."""
        return read_file(file, self.format, self._rules(), time.monotonic() + _ACCEPT)

    def _rules(self) -> Rules:
        covers = tuple(self.covers.items()) if isinstance(self.covers, dict) else ()
        timed = self.slowest.matches if self.slowest else ""
        return Rules(self.environment_skips, self.harness_errors, self.retries == "pass", covers, timed)

    async def _read(self, context: ProbeContext) -> Run:
        with context.phase("read"):
            if self.path is None and context.pushed is None:
                raise Unreadable("no report can be pushed: this exporter runs without --storage.path")
            rules, files = self._rules(), Files(self.path, context.pushed, self.run_window, self.run_id)
            read = partial(read_file, report_format=self.format, rules=rules, deadline=context.deadline - _MARGIN)
            return await context.in_background(
                "the report",
                self.path or "pushed",
                lambda: newest_run(files, rules, read, context.cache),
                ("report", self.path, context.pushed),
            )

    async def _download(self, context: ProbeContext, url: HttpUrl) -> Run:
        request = HttpRequest(await fill_url(context, url, self.secrets))
        response = await fetch_as(self.auth, context, request, Transport(self.tls), max_body=MAX_DOWNLOAD)
        if response.status != 200:
            raise ProbeFailed(status_reason(response.status), f"status {response.status} for the report, expected 200")
        if response.fault is not None:
            raise Unreadable(str(response.fault))
        name = PurePath(url.target.partition("?")[0]).name
        deadline = context.deadline - _MARGIN
        with context.phase("read"):
            report = await in_background(lambda: read_report([response.body], self.format, self._rules(), deadline))
        return Run(report, began_at(report, context.facts.get(Fact.LAST_MODIFIED, time.time())), [name])

    def _judge(self, run: Run) -> None:
        report, counts = run.report, run.report.counts
        if run.began is None:
            _unknown(
                "nothing says when the run began: the times of the file and in it are before 2000 or in the future"
            )
        elif (age := time.time() - run.began) > self.max_age:
            _unknown(f"the run is {format_duration(round(age))} old, expected at most {format_duration(self.max_age)}")
        _require_no_failures(report)
        if run.problem:
            _unknown(run.problem)
        if counts["harness_error"]:
            _unknown(f"{counts['harness_error']} harness errors, not the environment's: {report.harness}")
        if report.cut_off:
            _unknown(report.cut_off)
        if report.total < self.min_tests:
            _unknown(f"{report.total} tests, expected at least {self.min_tests}")
        if not counts["passed"]:
            _unknown(
                f"all {report.total} tests were skipped{report.environment_skip and f': {report.environment_skip}'}"
            )
        if self.min_duration is not None and report.duration < self.min_duration:
            took, wanted = f"{report.duration:.2f} s", format_duration(self.min_duration)
            _unknown(f"{report.total} tests took {took}, expected at least {wanted}")
        if self.slowest and report.slowest and report.slowest[-1][0] > self.slowest.degraded_above:
            seconds, name = report.slowest[-1]
            limit = format_duration(self.slowest.degraded_above)
            raise ProbeDegraded(Reason.SLOW, f"{name} took {seconds:.2f} s, degraded above {limit}")


def _no_report(error: Exception, context: ProbeContext) -> ProbeFailed:
    """The server or file that holds the report is not the component: when it fails there is no evidence."""
    reason, detail = (Reason.NO_EVIDENCE, str(error)) if isinstance(error, Unreadable) else as_evidence(error, context)
    return ProbeFailed(reason, f"no report to read: {detail}")


def _unknown(detail: str) -> None:
    raise ProbeFailed(Reason.NO_EVIDENCE, detail)


def _require_no_failures(report: Report) -> None:
    """Raises ProbeFailed (`failed`) for failing cases, and for failures that the report only claims."""
    bad = report.counts["failed"] + report.counts["error"]
    claims = f"the attributes of the report claim {report.unseen} failures that are not among its test cases"
    if bad:
        names = ", ".join(report.failing) + (", ..." if bad > len(report.failing) == MAX_NAMES else "")
        more = f"; {claims}" if report.unseen else ""
        raise ProbeFailed(Reason.FAILED, f"{bad} of {report.total} tests failed{names and f': {names}'}{more}")
    if report.unseen:
        raise ProbeFailed(Reason.FAILED, f"{report.total} tests, none of which failed, but {claims}")
