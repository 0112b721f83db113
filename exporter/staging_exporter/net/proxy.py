"""A connection to the host of a URL, directly or through an HTTP proxy whose own failures are named as such."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from staging_exporter.core.model import ProbeFailed
from staging_exporter.net.address import HostPort, IpFamily
from staging_exporter.net.connect import Connection, connect
from staging_exporter.net.context import Helper, ProbeContext
from staging_exporter.net.exchange import Exchange, Response, WireRequest, status_reason
from staging_exporter.net.tls import TlsSettings, client_context
from staging_exporter.net.url import Url

_OF_PROXY = ("x-squid-error", "proxy-authenticate")  # a forwarding proxy sends them with an answer of its own


class ProxyServer(NamedTuple):
    """Where a proxy is, and the headers that it alone must see."""

    address: HostPort
    headers: dict[str, str]


class Proxy(Protocol):
    """Decides which requests go through a proxy."""

    async def server_for(self, context: ProbeContext, url: Url) -> ProxyServer | None:
        """The proxy that requests for `url` go through; None when it is reached directly. Raises ProbeFailed."""


def basic(context: ProbeContext, username: str, password: str) -> str:
    """The value of an Authorization header by RFC 7617, masked from now on."""
    token = base64.b64encode(f"{username}:{password}".encode()).decode()
    context.secrets.add(token)
    return f"Basic {token}"


@dataclass(frozen=True, slots=True)
class Route:
    """An open connection to the host of a URL.

    `forwarded` is the proxy that reads the requests on it, None without one; `headers` are for that proxy.
    """

    connection: Connection
    forwarded: HostPort | None
    headers: dict[str, str]

    def name_proxy(self, context: ProbeContext) -> AbstractContextManager[None]:
        """While a request is answered: details of failures inside begin with the proxy that it was forwarded to."""
        return context.helper(f"proxy {self.forwarded}") if self.forwarded else nullcontext()

    def name_proxy_of(self, context: ProbeContext, response: Response) -> None:
        """Details of failures after a forwarded response name the proxy: first, when the response is its own."""
        if self.forwarded is None:
            return
        own = next((value for name in _OF_PROXY if (value := response.header(name))), None)
        if own is not None or response.status == 407:
            context.helpers.append(Helper(f"proxy {self.forwarded}", None))
            context.hint = f"; {own[:100]}" if own else ""
        else:
            context.hint = f"; through the proxy {self.forwarded}"


@asynccontextmanager
async def open_route(
    context: ProbeContext,
    url: Url,
    tls: TlsSettings | None = None,
    proxy: Proxy | None = None,
    family: IpFamily = "auto",
) -> AsyncIterator[Route]:
    """Connect to the host of `url`, with TLS when its scheme says so; phases resolve, connect, proxy, tls.

    Through a proxy, `http` URLs are forwarded, all others are tunnelled. Raises ProbeFailed, OSError, ssl.SSLError.
    """
    secured = (tls or TlsSettings()) if url.secure else None
    server = await proxy.server_for(context, url) if proxy else None
    if server is None:
        async with connect(context, url.address, secured, family) as connection:
            yield Route(connection, None, {})
        return
    address, headers = server
    # Named here, since the connection's own address is the proxy's.
    named = replace(secured, server_name=secured.server_name or url.host) if secured else None
    made = await client_context(context, named) if named else None
    tunnelled = url.scheme != "http"
    async with AsyncExitStack() as stack:
        with context.helper(f"proxy {address}"):
            connection = await stack.enter_async_context(connect(context, address, None, family))
            if tunnelled:
                await _tunnel(context, connection, url.address, headers)
        if named:

            async def ask(again: Connection) -> None:
                await _tunnel(context.for_another_request(2.0), again, url.address, headers)

            context.hint = f"; through the proxy {address}"
            await connection.start_tls(context, address, named, family, ask, asked=True, made=made)
        yield Route(connection, None if tunnelled else address, headers)


async def _tunnel(context: ProbeContext, connection: Connection, target: HostPort, headers: dict[str, str]) -> None:
    """CONNECT, RFC 9110 section 9.3.6, as phase `proxy`. Raises ProbeFailed when the proxy refuses."""
    items = [("Host", str(target)), *headers.items()]
    response = await Exchange(connection).ask(context, WireRequest("CONNECT", str(target), items), ("proxy", "proxy"))
    if not 200 <= response.status <= 299:
        detail = f"refused CONNECT {target} with status {response.status}"
        raise ProbeFailed(status_reason(response.status), detail)
