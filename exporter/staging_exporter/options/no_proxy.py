"""Hosts that are reached without the proxy: names, suffixes, addresses, networks and ports."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator

from staging_exporter.net.address import HostPort
from staging_exporter.net.names import ascii_name

_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_PORT = re.compile(r"(.*?)(?::(\d{1,5}))?")
EXAMPLES = "example.com, .svc, *.svc, 10.0.0.7, 10.0.0.0/8, host:8443 or *"


def bypasses(entries: Sequence[str], address: HostPort) -> bool:
    """True when one of the entries covers the address. Raises ValueError for an entry that is none."""
    return any(_covers(entry, address) for entry in entries)


def check_entry(text: str) -> str:
    """The entry. Raises ValueError when it is none, since it would have no effect."""
    _covers(text, HostPort("localhost", 80))
    return text


NoProxyEntry = Annotated[str, AfterValidator(check_entry)]


def _covers(text: str, address: HostPort) -> bool:
    entry = text.strip()
    if entry == "*":
        return True
    if (network := _network(entry)) is not None:
        return _inside(network, address.host)
    host, port = _split(entry)
    if (network := _network(host)) is not None and "/" not in host:
        return _inside(network, address.host) and port in (None, address.port)
    name = ascii_name(host.removeprefix("*").removeprefix(".").removesuffix("."))
    if not _NAME.fullmatch(name) or (host.startswith("*") and not host.startswith("*.")) or _is_number(name):
        raise ValueError(f"{text!r} is no host that a proxy can leave out; write it like {EXAMPLES}")
    if port not in (None, address.port):
        return False
    seen = ascii_name(address.host.removesuffix("."))
    return seen.endswith(f".{name}") or (seen == name and not host.startswith("*"))


def _split(entry: str) -> tuple[str, int | None]:
    """Host and port; `[v6]:port` too."""
    if match := re.fullmatch(r"\[([^\]]+)\](?::(\d{1,5}))?", entry):
        return match[1], int(match[2]) if match[2] else None
    match = _PORT.fullmatch(entry)
    assert match is not None, "it matches anything"
    return match[1], int(match[2]) if match[2] else None


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _inside(network: ipaddress.IPv4Network | ipaddress.IPv6Network, host: str) -> bool:
    try:
        return ipaddress.ip_address(host) in network
    except ValueError:
        return False


def _is_number(name: str) -> bool:
    """True for `127.1` or `10.0`, which would never match a name."""
    return name.replace(".", "").isdecimal()
