"""URLs: parsed once, checked, shown without their query."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote, urljoin, urlsplit

from staging_exporter.net.address import HostPort
from staging_exporter.net.names import ascii_name

_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_HOST = re.compile(r"[a-z0-9_]([a-z0-9._-]{0,251}[a-z0-9_.])?")
_BAD = re.compile(r"[\x00-\x20\x7f]")
_CREDENTIALS = re.compile(r"^([a-z]+://)[^/?#@]*@", re.IGNORECASE)
_SAFE = "!$%&'()*+,/:;=@~?[]"


class Url(NamedTuple):
    """An absolute URL. `target` is path and query, as in a request line."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def address(self) -> HostPort:
        """Where to connect."""
        return HostPort(self.host, self.port)

    @property
    def secure(self) -> bool:
        """True when the scheme means TLS."""
        return self.scheme in ("https", "wss")

    @property
    def origin(self) -> tuple[str, str, int]:
        """Credentials are sent again only to the same origin: RFC 6454."""
        return self.scheme, self.host, self.port

    def upgrades(self, other: Url) -> bool:
        """True when it has the origin of `other`, or is its host by https instead of http, at the usual ports."""
        upgraded = (other.scheme, self.scheme, other.port, self.port) == ("http", "https", 80, 443)
        return self.origin == other.origin or (upgraded and self.host == other.host)

    @property
    def authority(self) -> str:
        """The value of the `Host` header: the port only when it is not the scheme's own."""
        address = str(self.address)
        return address.rpartition(":")[0] if self.port == _PORTS[self.scheme] else address

    @property
    def shown(self) -> str:
        """For details and logs: without the query, which may hold tokens."""
        return f"{self.scheme}://{self.authority}{self.target.partition('?')[0]}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def parse_url(text: object, schemes: Sequence[str]) -> Url:
    """An absolute URL of one of `schemes`. Raises ValueError with a plain sentence, which never shows credentials."""
    if isinstance(text, Url):
        return text
    example = f"{schemes[-1]}://host/path"
    if not isinstance(text, str) or _BAD.search(text) or "://" not in text:
        raise ValueError(f"{text!r} is not a URL; write it like {example}")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"not a URL: {error}; write it like {example}") from None
    if parts.scheme not in schemes:
        raise ValueError(f"the URL begins with {parts.scheme}://, expected {' or '.join(f'{s}://' for s in schemes)}")
    if "@" in parts.netloc:
        raise ValueError("credentials do not belong in a URL: write them as an option of their own")
    target = _quoted(parts.path or "/") + (f"?{_quoted(parts.query)}" if parts.query else "")
    return Url(parts.scheme, _host(parts.hostname), port or _PORTS[parts.scheme], target)


def join_url(base: Url, location: bytes) -> Url:
    """Where a redirect from `base` leads; bytes that are not ASCII are kept, and credentials left out.

    Raises ValueError when that is not an HTTP URL.
    """
    text = location.strip().replace(b" ", b"%20").decode("utf-8", "surrogateescape")
    return parse_url(_CREDENTIALS.sub(r"\1", urljoin(str(base), text), count=1), ("http", "https"))


def _quoted(text: str) -> str:
    return quote(text, _SAFE, errors="surrogateescape")


def _host(host: str | None) -> str:
    if not host:
        raise ValueError("the URL names no host; write it like https://host/path")
    try:
        if ":" in host:
            return str(ipaddress.IPv6Address(host))
        name = ascii_name(host)
    except ValueError:
        raise ValueError(f"{host!r} is not a host") from None
    if not _HOST.fullmatch(name):
        raise ValueError(f"{host!r} is not a host")
    return name
