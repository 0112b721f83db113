"""Reviews of all checks: the requests that each host gets, names that mix dots and dashes, matchers that changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pydantic import BaseModel

from staging_exporter.config.problems import TreePath, clip
from staging_exporter.core.model import Component
from staging_exporter.generate.receiver_options import Opsgenie, Receiver, Receivers
from staging_exporter.net.tls import TlsSettings
from staging_exporter.options.check import Check
from staging_exporter.options.jsonpath import selects_several
from staging_exporter.options.matchers import Comparison

_EVERY = "every node of `{}` must now be so, formerly one was enough; write `nodes: all`, or `nodes: any` for one"
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


def too_many_runs(checks: Mapping[str, Check], components: Mapping[str, Component]) -> Iterator[tuple[str, str]]:
    """(component, sentence) where the schedule alone needs more runs an hour than are allowed."""
    for name, check in checks.items():
        most, scheduled = check.most_runs(), 3600 / components[name].interval
        if most is not None and scheduled > most:
            yield name, f"{most} runs an hour are fewer than the {scheduled:.4g} of the interval; use a longer interval"


def warnings_of(checks: Mapping[str, Check], receivers: Receivers | None) -> Iterator[tuple[TreePath, str]]:
    """(path, sentence) of everything that is allowed and yet doubtful."""
    for text in ending_services(receivers.all if receivers else ()):
        yield ("alerting", "receivers"), text
    for name, text in mixed_names(checks):
        yield ("components", name, "check"), text
    for name, check in checks.items():
        for text in weak_tls(check):
            yield ("components", name, "check", "tls"), text
        yield from all_instead_of_any(check, ("components", name, "check"))


def mixed_names(checks: Mapping[str, Check]) -> Iterator[tuple[str, str]]:
    """(component, sentence) where a host differs from another only in dots and dashes: often one does not exist."""
    forms: dict[str, str] = {}
    for name, check in checks.items():
        for host in map(str.lower, check.names()):
            other = forms.setdefault(host.replace("-", "."), host)
            if other != host:
                yield name, f"{clip(host)} and {clip(other)} differ only in dots and dashes; are both names correct?"


def all_instead_of_any(check: BaseModel, at: TreePath) -> Iterator[tuple[TreePath, str]]:
    """(path, sentence) of each matcher whose JSONPath can select several nodes, and that does not say how many count.

    Formerly one node was enough.
    """
    one_is_enough = ("degraded", getattr(check, "startup_option", None))
    for name, field in type(check).model_fields.items():
        value, place = getattr(check, name), (*at, field.alias or name)
        if name in one_is_enough:
            continue
        if name == "json_" and isinstance(value, dict):
            for path, wanted in value.items():
                if selects_several(path) and not (isinstance(wanted, Comparison) and wanted.says_how_many):
                    yield (*place, path), _EVERY.format(clip(path))
        elif isinstance(value, BaseModel):
            yield from all_instead_of_any(value, place)
        elif isinstance(value, tuple):
            for number, item in enumerate(value):
                if isinstance(item, BaseModel):
                    yield from all_instead_of_any(item, (*place, number))


def weak_tls(check: Check) -> Iterator[str]:
    """One sentence for each option that lets TLS be weaker than it should be."""
    for step in getattr(check, "steps", ()):
        inner = getattr(step, "check", None)
        yield from weak_tls(inner) if isinstance(inner, Check) else ()
    tls = getattr(check, "tls", None)
    if tls is None:
        return
    if min(tls.min_version, tls.max_version or tls.min_version) < "1.2":
        text = "accepts TLS 1.0 or 1.1 (RFC 8996), weak keys and SHA-1"
        yield f"min_version {tls.min_version} {text}; who is on the path can read and change it"
    if isinstance(tls, TlsSettings) and tls.legacy_renegotiation:
        yield "legacy_renegotiation accepts a server without RFC 5746; who is on the path can insert a beginning"


def ending_services(receivers: Iterable[Receiver]) -> Iterator[str]:
    """One sentence for each service whose vendor ends it."""
    if any(isinstance(each, Opsgenie) for each in receivers):
        yield "Opsgenie ends on 5 April 2027; Jira Service Management takes its alerts, at an api_url of its own"


def _too_many(hosts: tuple[str, ...], rates: Mapping[str, float], limit: int) -> str:
    most = sorted(rates.items(), key=lambda item: -item[1])
    largest = ", ".join(f"{name} {rate:.4g}" for name, rate in most[:3])
    others = f" and {len(most) - 3} more" if len(most) > 3 else ""
    total = sum(rates.values())
    together = f"{', '.join(map(clip, hosts))}{' together' if len(hosts) > 1 else ''}"
    return f"{together}: {total:.4g} requests a minute, over the limit of {limit}; the largest: {largest}{others}"
