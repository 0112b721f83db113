"""Where to connect: a host and a port, or a unix socket."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from staging_exporter.net.names import ascii_name

IpFamily = Literal["auto", 4, 6]


class HostPort(NamedTuple):
    """A name or an IP address, and a port. A host that begins with `/` is a unix socket."""

    host: str
    port: int

    @property
    def unix(self) -> bool:
        """True for a unix socket."""
        return self.host.startswith("/")

    @property
    def hosts(self) -> tuple[str, ...]:
        """The host that a connection goes to, as `Check.hosts` wants it; empty for a unix socket."""
        return () if self.unix else (self.host,)

    def __str__(self) -> str:
        if self.unix:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_host_port(text: object) -> HostPort:
    """`host:port`, `[v6]:port` or `/unix/socket` -> HostPort. Raises ValueError."""
    if isinstance(text, HostPort):
        return text
    if isinstance(text, str) and text.startswith("/"):
        return HostPort(text, 0)
    match = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([^\s:\[\]/@]+)):(\d{1,5})", text) if isinstance(text, str) else None
    if not match or not 0 < int(match[3]) < 65536:
        raise ValueError(f"{text!r} is not an address; write it like db.internal:5432 or [::1]:5432")
    return HostPort(match[1] or ascii_name(match[2]), int(match[3]))
