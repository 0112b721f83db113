"""Reviews of all checks together: the requests that each host gets, names that mix dots and dashes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from staging_exporter.config.problems import clip
from staging_exporter.options.check import Check

Requests = tuple[str, Check, float]  # name, check, interval in seconds


def over_limit(limit: int, shared: Iterable[Iterable[str]], requests: Iterable[Requests]) -> Iterator[str]:
    """One sentence per host, or group of hosts that count together, that gets more than `limit` requests a minute."""
    groups = {host.lower(): tuple(group) for group in shared for host in group}
    rates: dict[tuple[str, ...], dict[str, float]] = {}
    for name, check, interval in requests:
        for host in map(str.lower, check.hosts()):
            group = rates.setdefault(groups.get(host, (host,)), {})
            group[name] = group.get(name, 0.0) + 60 / interval
    for hosts, by_name in rates.items():
        if sum(by_name.values()) > limit:
            yield _too_many(hosts, by_name, limit)


def mixed_names(checks: Mapping[str, Check]) -> Iterator[tuple[str, str]]:
    """(component, sentence) where a host differs from another only in dots and dashes: often one does not exist."""
    forms: dict[str, str] = {}
    for name, check in checks.items():
        for host in map(str.lower, check.names()):
            other = forms.setdefault(host.replace("-", "."), host)
            if other != host:
                yield name, f"{clip(host)} and {clip(other)} differ only in dots and dashes; are both names correct?"


def _too_many(hosts: tuple[str, ...], rates: Mapping[str, float], limit: int) -> str:
    most = sorted(rates.items(), key=lambda item: -item[1])
    largest = ", ".join(f"{name} {rate:.4g}" for name, rate in most[:3])
    others = f" and {len(most) - 3} more" if len(most) > 3 else ""
    total = sum(rates.values())
    together = f"{', '.join(map(clip, hosts))}{' together' if len(hosts) > 1 else ''}"
    return f"{together}: {total:.4g} requests a minute, over the limit of {limit}; the largest: {largest}{others}"
