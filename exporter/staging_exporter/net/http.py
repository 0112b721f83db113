"""The HTTP client of the kinds: one new connection per hop, redirects followed, facts recorded as they come in."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from functools import cache
from importlib.metadata import version
from time import time

from staging_exporter.core.facts import Fact
from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.address import IpFamily
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.cookies import Cookies
from staging_exporter.net.exchange import Exchange, Response, WireRequest
from staging_exporter.net.proxy import Proxy, open_route
from staging_exporter.net.tls import TlsSettings
from staging_exporter.net.url import Url, join_url

MAX_REDIRECTS = 10
MAX_BODY = 1024 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CREDENTIALS = frozenset({"authorization", "cookie", "x-api-key", "x-auth-token", "x-serverless-authorization"})
_PRIVATE = _CREDENTIALS | {"host"}


@cache
def user_agent() -> str:
    """`staging-exporter/VERSION`."""
    return f"staging-exporter/{version('staging-exporter')}"


@dataclass(frozen=True, slots=True)
class Transport:
    """How requests reach their host: TLS, proxy and address family."""

    tls: TlsSettings | None = None
    proxy: Proxy | None = None
    ip_family: IpFamily = "auto"

    def elsewhere(self) -> Transport:
        """The same for another host, without the TLS settings that are meant for the first one alone."""
        if self.tls is None:
            return self
        return replace(
            self, tls=replace(self.tls, server_name=None, cert_file=None, key_file=None, key_passphrase=None)
        )


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request by URL. `private` are lower-case names of headers that no other origin may see."""

    url: Url
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    private: frozenset[str] = frozenset()

    @property
    def has_credentials(self) -> bool:
        """True when it has a header that no other origin may see."""
        return any(name.lower() in _CREDENTIALS | self.private for name in self.headers)

    def redirected(self, url: Url, status: int) -> HttpRequest:
        """The request that follows a redirect: RFC 9110 section 15.4, without credentials for another origin."""
        method, body = self.method, self.body
        if (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST"):
            method, body = "GET", b""
        dropped = set() if url.origin == self.url.origin else _PRIVATE | self.private
        if method != self.method:
            dropped = dropped | {"content-type"}
        headers = {name: value for name, value in self.headers.items() if name.lower() not in dropped}
        return HttpRequest(url, method, headers, body, self.private)


BodyReader = Callable[[ProbeContext, Exchange, Response], Awaitable[None]]


async def fetch(
    context: ProbeContext,
    request: HttpRequest,
    transport: Transport,
    *,
    follow: bool = True,
    max_body: int = MAX_BODY,
    cookies: bool = True,
    read: BodyReader | None = None,
) -> Response:
    """Send a request, follow up to 10 redirects with the cookies that they set, read the body.

    Phases resolve, connect, proxy, tls, processing, transfer, summed over the hops. Facts: `status`, `http_version`,
    `final_host`, `redirects`, `content_length`, `body_length`, `last_modified` (Unix seconds), `server`, `via`,
    `retry_after` (seconds). A body cut short is the `fault` of the response, so that its status can be judged first.
    `read` reads the body instead, such as that of a stream.
    Raises ProbeFailed, OSError, ssl.SSLError.
    """
    asked, first, jar = request.url, request.url.address, context.cookies or Cookies()
    for redirects in range(MAX_REDIRECTS + 1):
        context.facts.update({Fact.FINAL_HOST: request.url.host, Fact.REDIRECTS: redirects})
        hop = transport if request.url.address == first else transport.elsewhere()
        async with open_route(context, request.url, hop.tls, hop.proxy, hop.ip_family) as route:
            exchange = Exchange(route.connection)
            extra = route.headers if route.forwarded else {}
            target = str(request.url) if route.forwarded else request.url.target
            with route.name_proxy(context):
                headers = wire_headers(request, extra, jar if cookies else None)
                response = await exchange.ask(context, WireRequest(request.method, target, headers, request.body))
            route.name_proxy_of(context, response)
            context.log(f"{request.method} {request.url.shown}: status {response.status}")
            response.url, response.foreign = request.url, not request.url.upgrades(asked)
            record_head(context, response)
            jar.take(request.url, response.headers)
            location = response.location if follow and response.status in _REDIRECTS else None
            if location is None:
                await (read(context, exchange, response) if read else exchange.read_body(context, response, max_body))
                context.facts[Fact.BODY_LENGTH] = len(response.body)
                context.response = response
                return response
        try:
            following = request.redirected(join_url(request.url, location), response.status)
        except ValueError as error:
            raise ProbeFailed(Reason.PROTOCOL, f"status {response.status} has a bad Location: {error}") from None
        _refuse_leak(context, request, following)
        if request.has_credentials and not following.has_credentials:
            context.hint += f"; the credentials were left out, since {following.url.shown} is another origin"
        request = following
    raise ProbeFailed(Reason.STATUS, f"redirected more than {MAX_REDIRECTS} times, at last to {request.url.shown}")


def _refuse_leak(context: ProbeContext, request: HttpRequest, following: HttpRequest) -> None:
    """Raises ProbeFailed for a redirect that would send a secret to another origin, or ask our own machine's cloud."""
    if following.url.origin == request.url.origin:
        return
    shown = following.url.shown
    if any(secret.encode() in following.body for secret in context.secrets):
        why = "another origin, which must not get the secrets in the body"
        raise ProbeFailed(Reason.STATUS, f"redirected to {shown}, {why}")
    if _is_link_local(following.url.host) and not _is_link_local(request.url.host):
        raise ProbeFailed(Reason.STATUS, f"redirected to {shown}, a link-local address, which is not followed")


def _is_link_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_link_local
    except ValueError:
        return False


def wire_headers(
    request: HttpRequest, extra: Mapping[str, str], cookies: Cookies | None = None
) -> list[tuple[str, str]]:
    """All headers of a request: our own, unless it overrides them, its own, and the cookies of the run."""
    own = {
        "Host": request.url.authority,
        "User-Agent": user_agent(),
        "Accept": "*/*",
        "Accept-Encoding": "gzip, deflate",
    }
    given = {name.lower() for name in request.headers}
    headers = [(name, value) for name, value in own.items() if name.lower() not in given]
    if request.body or request.method in ("POST", "PUT", "PATCH"):
        headers.append(("Content-Length", str(len(request.body))))
    its_own = list(request.headers.items())
    if cookies is not None:
        configured = next((value for name, value in its_own if name.lower() == "cookie"), None)
        if value := cookies.header(request.url, configured):
            its_own = [(name, value) for name, value in its_own if name.lower() != "cookie"] + [("Cookie", value)]
    return [*headers, ("Connection", "close"), *its_own, *extra.items()]


def record_head(context: ProbeContext, response: Response) -> None:
    """Facts of the head of a response."""
    facts: dict[str, object] = {Fact.STATUS: response.status, Fact.HTTP_VERSION: response.version}
    if (length := response.header("content-length")) and length.isdecimal():
        facts[Fact.CONTENT_LENGTH] = int(length)
    for name in ("server", "via"):
        if value := response.header(name):
            facts[name] = value[:200]
    if modified := response.header("last-modified"):
        with suppress(ValueError, TypeError, OverflowError):
            facts[Fact.LAST_MODIFIED] = parsedate_to_datetime(modified).timestamp()
    if (wait := retry_after(response)) is not None:
        facts[Fact.RETRY_AFTER] = wait
    context.facts.update(facts)


def retry_after(response: Response) -> float | None:
    """Seconds that the peer asks us to stay away, at most a day; RFC 9110 section 10.2.3: seconds or a date."""
    text = (response.header("retry-after") or "").strip()
    if not text:
        return None
    try:
        seconds = float(text) if text.isdecimal() else parsedate_to_datetime(text).timestamp() - time()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), 86400.0)
