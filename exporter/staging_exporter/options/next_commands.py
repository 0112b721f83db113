"""Commands for people that look at what a check looks at, ready to be pasted into a shell; never with a secret."""

from __future__ import annotations

from shlex import join

from staging_exporter.core.model import Reason
from staging_exporter.net.url import Url

_TLS = frozenset({Reason.TLS, Reason.TLS_NAME, Reason.TLS_EXPIRED, Reason.TLS_UNTRUSTED})
_TIMES = (
    "name %{time_namelookup} s, connect %{time_connect} s, TLS %{time_appconnect} s, "
    "first byte %{time_starttransfer} s, status %{http_code}\\n"
)


def for_url(url: Url, reason: Reason) -> str:
    """What shows the same failure at this URL, which is shown without its query."""
    shown = url.shown.replace("ws", "http", 1) if url.scheme in ("ws", "wss") else url.shown
    if reason in (Reason.SLOW, Reason.TIMEOUT, Reason.UNSTABLE):
        return join(["curl", "-sSo", "/dev/null", "-m", "20", "-w", _TIMES, shown])
    return for_failed_connection(url.host, url.port, reason) or join(["curl", "-sSi", "-m", "20", shown])


def for_address(host: str, port: int, reason: Reason) -> str:
    """What shows the same failure at this port."""
    if host.startswith("/"):
        return join(["nc", "-vzU", host])
    return for_failed_connection(host, port, reason) or join(["nc", "-vz", "-w", "5", host, str(port)])


def for_failed_connection(host: str, port: int, reason: Reason) -> str | None:
    """What shows that a name, a port or a certificate is at fault; None when it is none of these."""
    if host.startswith("/"):
        return None
    if reason == Reason.DNS:
        return join(["dig", "+noall", "+answer", "+comments", host])
    if reason in _TLS:
        opened = join(["openssl", "s_client", "-connect", f"{host}:{port}", "-servername", host])
        return f"{opened} </dev/null | openssl x509 -noout -subject -issuer -dates -ext subjectAltName"
    if reason in (Reason.REFUSED, Reason.UNREACHABLE):
        return join(["nc", "-vz", "-w", "5", host, str(port)])
    return None
