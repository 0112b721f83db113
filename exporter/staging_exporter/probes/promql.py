"""Kind `promql`: the result of a query to a Prometheus-compatible server."""

from __future__ import annotations

import math
import re
from typing import ClassVar, Literal
from urllib.parse import urlencode

from pydantic import Field, model_validator

from staging_exporter.clock import now
from staging_exporter.core.durations import format_duration
from staging_exporter.core.facts import Fact
from staging_exporter.core.model import ProbeDegraded, ProbeFailed, Reason
from staging_exporter.evidence.query_results import Sample, incomplete, samples
from staging_exporter.net.address import IpFamily
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.exchange import Response, status_reason
from staging_exporter.net.failures import as_evidence
from staging_exporter.net.http import HttpRequest, Transport
from staging_exporter.options.addresses import HttpUrl
from staging_exporter.options.answers import snippet
from staging_exporter.options.auth import Auth, fetch_as, hosts_asked
from staging_exporter.options.check import Check, Degraded
from staging_exporter.options.jsonpath import Selection
from staging_exporter.options.matchers import Comparison, Wanted, judge
from staging_exporter.options.model import Model, PositiveDuration
from staging_exporter.options.next_commands import for_url
from staging_exporter.options.placeholders import Placeholders, check_placeholders, fill_url
from staging_exporter.options.proxy import Proxy
from staging_exporter.options.tls import Tls

_MARGIN = 0.05  # seconds before the deadline when waiting ends, since a silent server says nothing about the component
_RANGE = re.compile(r"\]\s*(offset\s+\w+\s*)?$")


class PromqlExpect(Model):
    """What every series that the query selects must be."""

    value: Wanted


class PromqlDegraded(Degraded):
    """What makes the result a degraded one; one series is enough."""

    value: Wanted = Field(None, description="what the value of a series is then")


class Promql(Check):
    """An instant query. The server is not what is judged: when it fails there is no evidence."""

    phase_names: ClassVar[tuple[str, ...]] = ("token", "resolve", "connect", "proxy", "tls", "processing", "transfer")

    kind: Literal["promql"]
    url: HttpUrl
    secrets: Placeholders
    query: str = Field(min_length=1)
    partial: Literal["no_evidence", "accept"] = Field(
        "no_evidence", description="an answer with warnings, as Thanos gives"
    )
    auth: Auth | None = None
    tls: Tls | None = None
    proxy: Proxy | None = None
    ip_family: IpFamily = "auto"
    max_age: PositiveDuration | None = Field(None, description="how old the newest sample may be")
    samples: str | None = Field(None, description="a query of a range, whose samples `max_age` judges")
    expect: PromqlExpect
    degraded: PromqlDegraded = PromqlDegraded()

    @model_validator(mode="after")
    def _plain(self) -> Promql:
        check_placeholders(self.secrets, self.url)
        if "?" in self.url.target:
            raise ValueError("url is that of the server; the query is an option of its own")
        if self.max_age is None and self.samples is not None:
            raise ValueError("samples goes with max_age")
        if self.max_age is not None and not _RANGE.search(self.samples or self.query):
            where = "samples" if self.samples else "query"
            raise ValueError(
                f"max_age needs samples with their times: {where} must end in a range such as [10m]; "
                "where the query computes, write the range under `samples`"
            )
        return self

    def hosts(self) -> tuple[str, ...]:
        """The host of the URL, and that of the token server."""
        return hosts_asked(self.url, self.auth)

    def next_command(self, reason: Reason) -> str | None:
        """curl, or what shows the name, the port or the certificate."""
        return for_url(self.url, reason)

    async def run(self, context: ProbeContext) -> None:
        """Query and judge. Raises ProbeFailed, ProbeDegraded."""
        aged = [] if self.max_age is None else await self._samples(context, self.samples or self.query, ranges=True)
        fresh = self._fresh(context, aged)
        series = fresh if self.max_age and not self.samples else await self._samples(context, self.query)
        context.facts["series"] = len(series)
        if not series and not _on_existence(self.expect.value):
            raise ProbeFailed(Reason.NO_EVIDENCE, "the query selects no series")
        if series and math.isfinite(series[0].value):  # JSON has no NaN
            context.facts[Fact.VALUE] = series[0].value
        self._judge(series)

    async def _samples(self, context: ProbeContext, query: str, *, ranges: bool = False) -> list[Sample]:
        response = await self._answer(context, query)
        found = samples(response, ranges=ranges)
        if (warning := incomplete(response)) and self.partial == "no_evidence":
            raise ProbeFailed(Reason.NO_EVIDENCE, f"the answer is incomplete: {warning}")
        return found

    def _fresh(self, context: ProbeContext, aged: list[Sample]) -> list[Sample]:
        """The samples that are young enough; fact `age` is that of the newest. Raises ProbeFailed without one."""
        ages = [max(0.0, now() - sample.at) for sample in aged if sample.at is not None]
        if not ages or self.max_age is None:
            if self.samples is not None:
                raise ProbeFailed(Reason.NO_EVIDENCE, "samples selects no series")
            return []
        context.facts["age"] = round(min(ages), 3)
        if min(ages) > self.max_age:
            seen = f"the newest sample is {format_duration(round(min(ages)))} old"
            raise ProbeFailed(Reason.NO_EVIDENCE, f"{seen}, max_age is {format_duration(self.max_age)}")
        return [sample for sample, age in zip(aged, ages, strict=True) if age <= self.max_age]

    def _judge(self, series: list[Sample]) -> None:
        values = [int(one.value) if one.value.is_integer() else one.value for one in series]  # as Prometheus shows them
        found = Selection("the result", values, lambda at: series[at].series)
        degraded = None
        if "value" in self.degraded.model_fields_set:
            degraded = judge(found, self.degraded.value, every=False)
            if degraded.holds:
                raise ProbeDegraded(Reason.CONTENT, f"{degraded.seen}, degraded when {degraded.wanted}")
        expected = judge(found, self.expect.value)
        if expected.holds is False:
            seen = expected.seen if series else "the query selects no series"
            raise ProbeFailed(Reason.CONTENT, f"{seen}, expected {expected.wanted}")
        for result in (expected, degraded):
            if result is not None and result.holds is None:
                raise ProbeFailed(Reason.NO_EVIDENCE, f"{result.seen}, expected {result.wanted}")

    async def _answer(self, context: ProbeContext, query: str) -> Response:
        """The successful response. Raises ProbeFailed with an inconclusive reason for any failure."""
        address = f"{self.url.shown.rstrip('/')}/api/v1/query"
        try:
            async with context.until_deadline(_MARGIN):
                response = await self._ask(context, query)
            if response.status != 200:
                # Prometheus answers 400 to a query that it cannot parse: the fault is in the configuration.
                reason = Reason.PROBE_ERROR if response.status == 400 else status_reason(response.status)
                raise ProbeFailed(reason, f"status {response.status}, expected 200{snippet(response)}")
        except (OSError, EOFError, ProbeFailed) as error:
            reason, detail = as_evidence(error, context)
            raise ProbeFailed(reason, f"{address}: {detail}") from None
        return response

    async def _ask(self, context: ProbeContext, text: str) -> Response:
        transport = Transport(self.tls, self.proxy, self.ip_family)
        query = urlencode({"query": text, "timeout": f"{max(1, round(context.remaining * 1000))}ms"})
        url = self.url._replace(target=f"{self.url.target.rstrip('/')}/api/v1/query?{query}")
        request = HttpRequest(await fill_url(context, url, self.secrets))
        response = await fetch_as(self.auth, context, request, transport)
        if response.fault is not None:
            raise response.fault
        return response


def _on_existence(wanted: Wanted) -> bool:
    """True when the absence of series decides."""
    return isinstance(wanted, Comparison) and (wanted.exists is not None or wanted.empty == "pass")
