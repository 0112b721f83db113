"""Forms of one host name that people mix up."""

from __future__ import annotations

# RFC 6761, 6762, 8375 and ICANN's resolution of 2024 on `internal`: nobody can register names there.
_PRIVATE = frozenset({"test", "example", "invalid", "localhost", "local", "internal", "arpa", "lan"})


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
