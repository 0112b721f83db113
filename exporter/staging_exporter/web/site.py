"""Where the exporter is reached: the URL that people use, and the prefix of its routes behind a proxy."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from staging_exporter.net.address import HostPort

_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104


@dataclass(frozen=True, slots=True)
class Site:
    """`external` has no slash at its end, and is empty when not configured; `prefix` is empty or like `/staging`."""

    external: str = ""
    prefix: str = ""

    @property
    def origin(self) -> str:
        """Host and port of the external URL, empty without one."""
        return urlsplit(self.external).netloc


def site(external: str = "", prefix: str | None = None) -> Site:
    """By the values of --web.external-url and --web.route-prefix. Raises ValueError."""
    parts = urlsplit(external)
    if external and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment):
        raise ValueError(f"{external!r} is not a URL to reach it at; write it like https://example.com/staging")
    if '"' in external or "'" in external or not external.isprintable() or " " in external:
        raise ValueError("a URL has no quotes and no blanks")
    path = (parts.path if prefix is None else prefix).strip("/")
    return Site(external.rstrip("/"), f"/{path}" if path else "")


def url_of(listener: socket.socket, *, tls: bool = False) -> str:
    """Where this socket can be reached from this machine."""
    return _url(listener, "127.0.0.1", tls=tls)


def external_url(where: Site, listener: socket.socket, *, tls: bool = False) -> str:
    """The configured URL, or else a guess by the name of this machine."""
    return where.external or _url(listener, socket.gethostname(), tls=tls) + where.prefix


def _url(listener: socket.socket, everywhere: str, *, tls: bool) -> str:
    if listener.family == socket.AF_UNIX:
        return f"unix:{listener.getsockname()}"
    host, port = listener.getsockname()[:2]
    return f"{'https' if tls else 'http'}://{HostPort(everywhere if host in _EVERYWHERE else host, port)}"
