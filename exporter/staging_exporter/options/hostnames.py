"""Host names: the option type, and the variants of one name that people mix up."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from staging_exporter.net.names import ascii_name, tls_name

# RFC 6761, 6762, 8375 and ICANN's resolution of 2024 on `internal`: nobody can register names there.
_PRIVATE = frozenset({"test", "example", "invalid", "localhost", "local", "internal", "arpa", "lan"})

_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)+\.?", re.IGNORECASE)


def _host_name(given: str) -> str:
    text = ascii_name(given)
    if not _NAME.fullmatch(text) or len(text) > 253:
        raise ValueError(f"{given[:100]!r} is not a host name; write it like api.staging.example.com")
    return text


HostName = Annotated[str, AfterValidator(_host_name)]
ServerName = Annotated[str, AfterValidator(tls_name)]


def siblings(name: str) -> tuple[str, ...]:
    """The dot and dash variants of a host name: `api-staging.x.y` and `api.staging.x.y` are siblings.

    A variant that would be another registered domain (`staging.x.y` -> `staging-x.y`) is nobody's sibling.
    """
    first, *rest = name.rstrip(".").split(".")
    parts = first.split("-")
    found = [
        ".".join(["-".join(parts[:cut]), "-".join(parts[cut:]), *rest])
        for cut in range(1, len(parts))
        if parts[cut - 1] and parts[cut] and rest
    ]
    if len(rest) > 2 or (len(rest) == 2 and rest[-1] in _PRIVATE):
        found.insert(0, ".".join([f"{first}-{rest[0]}", *rest[1:]]))
    return tuple(found)
