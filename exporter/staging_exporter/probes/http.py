"""Kind `http`: the expected service answers in time, with the expected content."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from staging_exporter.core.blackbox import BlackboxNames, Gauge, fact, failed_by_content, number, present
from staging_exporter.core.durations import format_duration
from staging_exporter.core.facts import Fact
from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.address import IpFamily
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.event_stream import MEDIA_TYPE
from staging_exporter.net.exchange import Exchange, Response
from staging_exporter.net.http import MAX_BODY, HttpRequest, Transport
from staging_exporter.options.addresses import HttpUrl
from staging_exporter.options.answers import (
    Answer,
    Expected,
    FactPaths,
    Matchers,
    Statuses,
    degrade_on_any,
    record_facts,
    require_all,
    require_evidence,
    require_identity,
    require_not_starting,
    require_status,
    status_in,
    trust_final_host,
)
from staging_exporter.options.auth import Auth, fetch_as, hosts_asked
from staging_exporter.options.check import Check, Degraded
from staging_exporter.options.each_address import each_address
from staging_exporter.options.event_stream import StreamEvents, Wanted, is_event_stream, read_events
from staging_exporter.options.model import Size
from staging_exporter.options.next_commands import for_url
from staging_exporter.options.payload import Body, Form, Headers, Json, check_headers, is_secret
from staging_exporter.options.placeholders import Placeholders, check_placeholders, fill, fill_url
from staging_exporter.options.proxy import Proxy
from staging_exporter.options.tls import Tls

# Names that `facts` may not take: all that the exporter gives a meaning to, but the uptime of the server.
_RESERVED_FACTS = frozenset(value for name, value in vars(Fact).items() if name.isupper()) - {Fact.UPTIME}
_MEDIA: dict[type, str] = {Json: "application/json", Form: "application/x-www-form-urlencoded"}


class HttpDegraded(Degraded, Matchers):
    """What makes a passing response a degraded one; one match is enough."""

    status: Statuses = Field((), description="statuses that are accepted, but degraded")


class Http(Check):
    """Sends one request on a new connection, follows redirects, and judges the response."""

    phase_names: ClassVar[tuple[str, ...]] = (
        "token",
        "resolve",
        "connect",
        "proxy",
        "tls",
        "processing",
        "first_event",
        "transfer",
    )

    blackbox: ClassVar[BlackboxNames] = BlackboxNames(
        "probe_http_duration_seconds",
        {phase: phase for phase in ("resolve", "connect", "tls", "processing", "transfer")},
        (
            Gauge("probe_http_status_code", "The status of the response, 0 without one.", number(Fact.STATUS)),
            Gauge(
                "probe_http_content_length",
                "Length of the body by its header, -1 without that.",
                lambda seen: float(seen.facts.get(Fact.CONTENT_LENGTH, -1 if Fact.STATUS in seen.facts else 0)),
            ),
            Gauge("probe_http_uncompressed_body_length", "Length of the body, decompressed.", number(Fact.BODY_LENGTH)),
            Gauge("probe_http_redirects", "How many redirects were followed.", number(Fact.REDIRECTS)),
            Gauge("probe_http_ssl", "Whether TLS was spoken.", present(Fact.TLS_VERSION)),
            Gauge("probe_http_version", "The HTTP version of the response.", number(Fact.HTTP_VERSION)),
            Gauge("probe_http_last_modified_timestamp_seconds", "Last-Modified, Unix time.", fact(Fact.LAST_MODIFIED)),
            failed_by_content(),
        ),
    )

    startup_option: ClassVar[str | None] = "startup_when"

    kind: Literal["http"]
    url: HttpUrl
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    headers: Headers = Field(default_factory=dict)
    body: Body | None = None
    auth: Auth | None = None
    tls: Tls | None = None
    proxy: Proxy | None = None
    ip_family: IpFamily | Literal["both"] = Field("auto", description="both: each family must pass")
    resolve: Literal["one", "all"] = Field("one", description="all: every address must pass")
    secrets: Placeholders
    follow_redirects: bool = True
    stream: Literal["sse"] | None = Field(None, description="the body is a stream of Server-Sent Events")
    events: StreamEvents | None = Field(None, description="events that the stream must bring, in this order")
    cookies: bool = Field(True, description="keep cookies from hop to hop of a run")
    max_body: Size = Field(MAX_BODY, gt=0, le=16 * 1024 * 1024)
    expect: Expected = Expected()
    identity: Matchers = Matchers()
    degraded: HttpDegraded = HttpDegraded()
    facts: FactPaths = Field(default_factory=dict, description="fact to JSONPath, at most 10")
    startup_when: Answer | None = Field(None, exclude=True, description="set from the component's `startup.when`")

    @model_validator(mode="after")
    def _checked(self) -> Http:
        self._check_placeholders()
        if self._several and self.proxy is not None:
            raise ValueError("ip_family: both and resolve: all work without a proxy, which resolves the name itself")
        if self.events is not None and self.stream is None:
            raise ValueError("events goes with stream: sse")
        if taken := sorted(_RESERVED_FACTS & set(self.facts)):
            raise ValueError(f"facts: {', '.join(taken)} is a name that the exporter itself uses; write another one")
        return self

    def _check_placeholders(self) -> None:
        """Raises ValueError for one without a secret; a step of a flow has values of other sources."""
        check_headers(
            self.headers, self.auth is not None and self.auth.is_authorization, placeholders=bool(self.secrets)
        )
        check_placeholders(self.secrets, self.url, self.body, *self.headers.values())

    def hosts(self) -> tuple[str, ...]:
        """The host of the URL, and that of the token server; with several addresses the host at least twice."""
        return hosts_asked(self.url, self.auth) * (2 if self._several else 1)

    @property
    def _several(self) -> bool:
        return self.ip_family == "both" or self.resolve == "all"

    def next_command(self, reason: Reason) -> str | None:
        """curl, or what shows the name, the port or the certificate."""
        return for_url(self.url, reason)

    async def run(self, context: ProbeContext) -> None:
        """Send the request and judge the response. Raises ProbeFailed, ProbeDegraded, OSError, ssl.SSLError."""
        if not self._several:
            await self._run_once(context)
            return
        families: tuple[IpFamily, ...] = (4, 6) if self.ip_family == "both" else (self.ip_family,)
        await each_address(context, self.url.address, families, self._run_once, every=self.resolve == "all")

    async def _run_once(self, context: ProbeContext) -> None:
        family: IpFamily = "auto" if self.ip_family == "both" else self.ip_family
        transport = Transport(self.tls, self.proxy, family)
        request, follow = await self._request(context), self.follow_redirects
        read = self._read_events if self.stream else None
        response = await fetch_as(
            self.auth,
            context,
            request,
            transport,
            follow=follow,
            max_body=self.max_body,
            cookies=self.cookies,
            read=read,
        )
        trust_final_host(response, self.expect)
        record_facts(context, response, self.facts)
        self._judge(context, response)

    async def _request(self, context: ProbeContext) -> HttpRequest:
        headers = {name: await fill(context, value, self.secrets) for name, value in self.headers.items()}
        private = {name.lower() for name, value in self.headers.items() if is_secret(value) or value != headers[name]}
        media = _MEDIA.get(type(self.body))
        if media is not None and "content-type" not in {name.lower() for name in headers}:
            headers["Content-Type"] = media
        if self.stream:
            headers = {"Accept": MEDIA_TYPE, "Accept-Encoding": "identity", "Cache-Control": "no-cache"} | headers
        body = b"" if self.body is None else (await fill(context, self.body, self.secrets)).encode()
        url = await fill_url(context, self.url, self.secrets)
        return HttpRequest(url, self.method, headers, body, frozenset(private))

    async def _read_events(self, context: ProbeContext, exchange: Exchange, response: Response) -> None:
        """Read what is expected of the stream; a response that its status refuses is read as usual."""
        if not status_in(self.expect.status + self.degraded.status, response.status):
            await exchange.read_body(context, response, self.max_body)
            return
        content = [matchers for matchers in (self.expect, self.identity, self.degraded) if matchers.on_body]
        matchers = self.expect.model_copy(update={"header": {}}) if self.expect.on_body else None
        wanted = Wanted(matchers, self.events, any_event=bool(content or self.facts))
        await read_events(context, exchange, response, wanted, self.max_body)

    def _explained(self, context: ProbeContext, response: Response, fault: Exception) -> Exception:
        """The fault of a body, with what to do about one that never ends."""
        if isinstance(fault, TimeoutError) and is_event_stream(response):
            limit = format_duration(context.timeout)
            detail = f"the body did not end within {limit}: it is {MEDIA_TYPE}, which `stream: sse` reads"
            return ProbeFailed(Reason.TIMEOUT, detail)
        return fault

    def _judge(self, context: ProbeContext, response: Response) -> None:
        require_not_starting(response, self.startup_when)
        require_status(response, self.expect.status + self.degraded.status)
        if response.fault is not None:
            raise self._explained(context, response, response.fault)
        require_identity(context, response, self.identity, self.expect)
        degrade_on_any(response, self.degraded, self.degraded.status)
        require_all(response, self.expect, Reason.CONTENT)
        require_evidence(response, self.degraded)
