"""Cookies of one run, kept from hop to hop as a browser does: by domain, path, `Secure` and expiry (RFC 6265)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from email.message import Message
from functools import cached_property
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.request import Request

from staging_exporter.net.url import Url

_DOMAIN = re.compile(r";\s*domain\s*=\s*([^;\s]*)", re.IGNORECASE)
_MAX_VALUES = 32 * 1024  # characters of values that are masked in outputs
_MAX_COOKIES = 50  # of one response: the jar parses each with regular expressions


class Cookies:
    """The cookies that a run has received so far."""

    @cached_property
    def _jar(self) -> CookieJar:
        """Made with the first cookie: most runs see none."""
        policy = DefaultCookiePolicy(
            rfc2965=False, strict_ns_domain=DefaultCookiePolicy.DomainStrictNonDomain, secure_protocols=("https", "wss")
        )
        return CookieJar(policy)

    def take(self, url: Url, headers: Sequence[tuple[str, str]]) -> None:
        """Keep the cookies of a response from `url`; those that it may not set are ignored."""
        found = [_host_only(value, url.host) for name, value in headers if name == "set-cookie"][:_MAX_COOKIES]
        if found:
            self._jar.extract_cookies(_Response(found), _request(url))  # type: ignore[arg-type]

    def value(self, name: str) -> str | None:
        """The value of a cookie of that name, None without one."""
        return next((cookie.value for cookie in self._jar if cookie.name == name), None)

    def values(self) -> list[str]:
        """The values of all cookies, as long as they are 32 KiB together."""
        values, left = [cookie.value for cookie in self._jar if cookie.value], _MAX_VALUES
        return [value for value in values if (left := left - len(value)) >= 0]

    def header(self, url: Url, own: str | None = None) -> str | None:
        """The value of `Cookie` in a request for `url`, None without cookies.

        Those of `own`, the configured value, give way to newer ones of the same name.
        """
        if "_jar" not in vars(self):
            return own or None
        request = _request(url)
        self._jar.add_cookie_header(request)
        received = request.get_header("Cookie") or ""
        names = {pair.partition("=")[0].strip() for pair in received.split(";")}
        kept = [pair.strip() for pair in (own or "").split(";") if pair.partition("=")[0].strip() not in names]
        return "; ".join([*filter(None, kept), *filter(None, [received])]) or None

    def copy(self) -> Cookies:
        """The same cookies."""
        other = Cookies()
        other.update(self)
        return other

    def update(self, other: Cookies) -> None:
        """Take over the cookies of another one."""
        for cookie in other._jar:
            self._jar.set_cookie(cookie)

    def added_to(self, headers: Mapping[str, str], url: Url) -> Mapping[str, str]:
        """The headers of a request for `url`, with the cookies for it."""
        own = next((value for name, value in headers.items() if name.lower() == "cookie"), None)
        if (value := self.header(url, own)) is None:
            return headers
        return {name: item for name, item in headers.items() if name.lower() != "cookie"} | {"Cookie": value}


class _Response:
    """What the jar asks of a response."""

    def __init__(self, values: Sequence[str]) -> None:
        self._message = Message()
        for value in values:
            self._message["Set-Cookie"] = value.replace("\r", "").replace("\n", "")

    def info(self) -> Message:
        return self._message


def _host_only(value: str, host: str) -> str:
    """Without the domain of a host that has no parent, such as `localhost`, which the jar would refuse."""
    found = _DOMAIN.search(value)
    if "." in host or not found or found[1].lower().strip(".") != host:
        return value
    return value.replace(found[0], "")


def _request(url: Url) -> Request:
    return Request(str(url))  # noqa: S310  # it is never sent
