"""The option `proxy`: an HTTP proxy of the configuration, or the one that the environment variables name."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import unquote
from urllib.request import getproxies_environment

from pydantic import BeforeValidator, Field, model_validator

from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.proxy import ProxyServer, basic
from staging_exporter.net.url import Url, parse_url
from staging_exporter.options.addresses import ProxyUrl
from staging_exporter.options.model import Listed, Model
from staging_exporter.options.no_proxy import EXAMPLES, NoProxyEntry, bypasses
from staging_exporter.options.payload import Text, reveal
from staging_exporter.options.secrets import Secret

ENVIRONMENT = "environment"


class ProxyOptions(Model):
    """An HTTP proxy; a bare URL is short for `{url: URL}`, the word `environment` for `{environment: true}`."""

    url: ProxyUrl | None = Field(None, description="http://host:port")
    environment: bool = Field(False, description="use HTTP_PROXY, HTTPS_PROXY and NO_PROXY instead of url")
    username: str | None = None
    password: Secret | None = None
    headers: dict[str, Text] = Field(default_factory=dict, description="sent to the proxy alone")
    no_proxy: Listed[NoProxyEntry] = Field((), description=f"reached without the proxy: {EXAMPLES}")

    @model_validator(mode="after")
    def _one_source(self) -> ProxyOptions:
        if self.environment == (self.url is not None):
            raise ValueError("a proxy is exactly one of url and environment: true")
        if self.environment and {"username", "password", "no_proxy"} & self.model_fields_set:
            raise ValueError("with environment: true, credentials and exceptions come from the environment too")
        if (self.username is None) != (self.password is None):
            raise ValueError("a proxy takes username and password, or neither")
        return self

    async def server_for(self, context: ProbeContext, url: Url) -> ProxyServer | None:
        """The proxy that requests for `url` go through; None when it is reached directly. Raises ProbeFailed."""
        if self.environment:
            return _from_environment(context, url)
        if self.url is None or bypasses(self.no_proxy, url.address):
            return None
        headers = {name: await reveal(context, value) for name, value in self.headers.items()}
        if self.username is not None and self.password is not None:
            password = await context.reveal(self.password)
            headers["Proxy-Authorization"] = basic(context, self.username, password)
        return ProxyServer(self.url.address, headers)


def _short(value: object) -> object:
    if value == ENVIRONMENT:
        return {"environment": True}
    return {"url": value} if isinstance(value, str) else value


Proxy = Annotated[ProxyOptions, BeforeValidator(_short)]


def _from_environment(context: ProbeContext, url: Url) -> ProxyServer | None:
    proxies = getproxies_environment()
    found = proxies.get({"ws": "http", "wss": "https"}.get(url.scheme, url.scheme)) or proxies.get("all")
    if not found or _excepted(context, proxies.get("no", ""), url):
        return None
    scheme, _, rest = found.rpartition("://")
    credentials, _, host = rest.rpartition("@")
    if scheme.lower() not in ("", "http"):
        seen = f"the proxy of the environment is {scheme}://{host}"
        raise ProbeFailed(Reason.PROBE_ERROR, f"{seen}, which is not supported; only http:// proxies are")
    try:
        address = parse_url(f"http://{host}", ("http",)).address
    except ValueError as error:
        raise ProbeFailed(Reason.PROBE_ERROR, f"the proxy of the environment: {error}") from None
    if not credentials:
        return ProxyServer(address, {})
    username, _, password = unquote(credentials).partition(":")
    context.secrets.add(password)
    return ProxyServer(address, {"Proxy-Authorization": basic(context, username, password)})


def _excepted(context: ProbeContext, no_proxy: str, url: Url) -> bool:
    """True when NO_PROXY covers the URL; entries that are not understood are named when the run fails."""
    odd = []
    for entry in no_proxy.replace(",", " ").split():
        try:
            if bypasses([entry], url.address):
                return True
        except ValueError:
            odd.append(entry)
    if odd:
        context.hint += f"; NO_PROXY has entries that are not understood: {', '.join(odd)[:100]}"
    return False
