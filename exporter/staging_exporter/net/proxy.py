"""A connection to the host of a URL, directly or by way of an HTTP proxy whose own faults are told apart."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import unquote
from urllib.request import getproxies_environment, proxy_bypass

from pydantic import BeforeValidator, Field, model_validator

from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.connect import Connection, connect
from staging_exporter.net.exchange import Exchange, Request, status_reason
from staging_exporter.net.trace import Trace
from staging_exporter.options.payload import Text, reveal
from staging_exporter.options.types import HostPort, IpFamily, Listed, Model, Secret, Tls
from staging_exporter.options.url import ProxyUrl, Url, parse_url

ENVIRONMENT = "environment"


class Proxy(Model):
    """An HTTP proxy; a bare URL is short for `{url: URL}`, the word `environment` for `{environment: true}`."""

    url: ProxyUrl | None = Field(None, description="http://host:port")
    environment: bool = Field(False, description="use HTTP_PROXY, HTTPS_PROXY and NO_PROXY instead of url")
    username: str | None = None
    password: Secret | None = None
    headers: dict[str, Text] = Field(default_factory=dict, description="sent to the proxy alone")
    no_proxy: Listed[str] = Field((), description="hosts and domains that are reached directly")

    @model_validator(mode="after")
    def _one_source(self) -> Proxy:
        if self.environment == (self.url is not None):
            raise ValueError("a proxy is exactly one of url and environment: true")
        if self.environment and {"username", "password", "no_proxy"} & self.model_fields_set:
            raise ValueError("with environment: true, credentials and exceptions come from the environment too")
        if (self.username is None) != (self.password is None):
            raise ValueError("a proxy takes username and password, or neither")
        return self

    def route(self, trace: Trace, url: Url) -> tuple[HostPort, dict[str, str]] | None:
        """Address of the proxy and the headers for it; None when `url` is reached directly. Raises ProbeFailed."""
        if self.environment:
            return _from_environment(trace, url)
        if self.url is None or proxy_bypass(str(url.address), {"no": ",".join(self.no_proxy)}):
            return None
        headers = {name: reveal(trace, value) for name, value in self.headers.items()}
        if self.username is not None and self.password is not None:
            headers["Proxy-Authorization"] = basic(trace, self.username, trace.reveal(self.password))
        return self.url.address, headers


def _short(value: object) -> object:
    if value == ENVIRONMENT:
        return {"environment": True}
    return {"url": value} if isinstance(value, str) else value


ProxyOption = Annotated[Proxy, BeforeValidator(_short)]


def basic(trace: Trace, username: str, password: str) -> str:
    """The value of an Authorization header by RFC 7617, masked from now on."""
    token = base64.b64encode(f"{username}:{password}".encode()).decode()
    trace.secrets.add(token)
    return f"Basic {token}"


def _from_environment(trace: Trace, url: Url) -> tuple[HostPort, dict[str, str]] | None:
    proxies = getproxies_environment()
    found = proxies.get({"ws": "http", "wss": "https"}.get(url.scheme, url.scheme))
    if not found or proxy_bypass(str(url.address), proxies):
        return None
    credentials, _, host = found.rpartition("://")[2].rpartition("@")
    try:
        address = parse_url(f"http://{host}", ("http",)).address
    except ValueError as error:
        raise ProbeFailed(Reason.PROBE_ERROR, f"the proxy of the environment: {error}") from None
    if not credentials:
        return address, {}
    username, _, password = unquote(credentials).partition(":")
    trace.secrets.add(password)
    return address, {"Proxy-Authorization": basic(trace, username, password)}


@dataclass(frozen=True, slots=True)
class Way:
    """An open connection to the host of a URL; `headers` are for the proxy that reads the requests on it, if any."""

    connection: Connection
    forwarded: bool
    headers: dict[str, str]


@asynccontextmanager
async def open_way(
    trace: Trace, url: Url, tls: Tls | None = None, proxy: Proxy | None = None, family: IpFamily = "auto"
) -> AsyncIterator[Way]:
    """Connect to the host of `url`, with TLS when its scheme says so; phases resolve, connect, proxy, tls.

    By a proxy, `http` URLs are forwarded, all others are tunnelled. Raises ProbeFailed, OSError, ssl.SSLError.
    """
    secured = (tls or Tls()) if url.secure else None
    route = proxy.route(trace, url) if proxy else None
    if route is None:
        async with connect(trace, url.address, secured, family) as connection:
            yield Way(connection, False, {})
        return
    address, headers = route
    tunnelled = url.scheme != "http"
    async with AsyncExitStack() as stack:
        with trace.blaming(f"proxy {address}"):
            connection = await stack.enter_async_context(connect(trace, address, None, family))
            if tunnelled:
                await _tunnel(trace, connection, url.address, headers)
        if secured:
            await _secure(trace, connection, address, url, headers, secured, family)
        yield Way(connection, not tunnelled, headers)


async def _secure(
    trace: Trace,
    connection: Connection,
    proxy: HostPort,
    url: Url,
    headers: dict[str, str],
    tls: Tls,
    family: IpFamily,
) -> None:
    async def ask(again: Connection) -> None:
        await _tunnel(Trace(2.0, trace.resolver), again, url.address, headers)

    named = tls.model_copy(update={"server_name": tls.server_name or url.host})
    await connection.start_tls(trace, proxy, named, family, ask, asked=True)


async def _tunnel(trace: Trace, connection: Connection, target: HostPort, headers: dict[str, str]) -> None:
    """CONNECT, RFC 9110 section 9.3.6, as phase `proxy`. Raises ProbeFailed when the proxy refuses."""
    items = [("Host", str(target)), *headers.items()]
    response = await Exchange(connection).ask(trace, Request("CONNECT", str(target), items), ("proxy", "proxy"))
    if not 200 <= response.status <= 299:
        detail = f"refused CONNECT {target} with status {response.status}"
        raise ProbeFailed(status_reason(response.status), detail)
