"""The rate limit: how many requests a host gets in a minute, retries and rounds included, and the runs of an hour.

The schedule comes first: confirmations and rounds get the requests that it leaves over in a minute.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from staging_exporter.core.facts import Fact
from staging_exporter.core.model import Component, Observation, Reason
from staging_exporter.options.check import Check

_WINDOW = 60.0  # seconds
_ON_DEMAND = 0.25  # share of the requests that the schedule leaves over, for runs on demand
_HOUR = 3600.0  # seconds
_LONGEST_BAN = 3600.0  # seconds of a Retry-After that are obeyed at most by the check that got it
_LONGEST_OF_HOST = 300.0  # and by the others of the host: it may be about one path

Group = frozenset[str]  # of hosts that count together, in lower case


class RateLimiter:
    """Which component may send a request to its hosts now; without a limit all may, at any time."""

    def __init__(
        self,
        limit: int | None,
        shared: Iterable[Iterable[str]],
        targets: Mapping[str, tuple[Component, Check]],
    ) -> None:
        """`limit` requests per minute for each host; the hosts of a `shared` group count together."""
        self._shared = {host: group for group in map(_group, shared) for host in group}
        self._limit = limit
        self._groups = {
            name: [self._group_of(host) for host in map(str.lower, check.hosts())]
            for name, (_, check) in targets.items()
        }
        self._scheduled: dict[Group, float] = {}
        for name, groups in self._groups.items():
            for group in groups:
                self._scheduled[group] = self._scheduled.get(group, 0.0) + _WINDOW / targets[name][0].interval
        self._sent: dict[Group, deque[float]] = {group: deque() for group in self._scheduled}
        self._extra: dict[Group, deque[float]] = {group: deque() for group in self._scheduled}
        self._demanded: dict[Group, deque[float]] = {group: deque() for group in self._scheduled}
        self._blocked: dict[Group, float] = {}
        self._runs = {
            name: _Runs(most, c.interval) for name, (c, check) in targets.items() if (most := check.most_runs())
        }
        self._blocked_alone: dict[str, float] = {}  # by component

    def inherit(self, old: RateLimiter) -> None:
        """Continue from an earlier configuration: requests sent to its hosts, and the Retry-After of each.

        Where groups differ, each host counts all requests of its former group.
        """
        self._blocked_alone = {name: until for name, until in old._blocked_alone.items() if name in self._groups}
        for group in self._scheduled:
            for before in {old._group_of(host) for host in group} & old._scheduled.keys():
                self._sent[group] = deque(sorted([*self._sent[group], *old._sent[before]]))
                self._extra[group] = deque(sorted([*self._extra[group], *old._extra[before]]))
                self._demanded[group] = deque(sorted([*self._demanded[group], *old._demanded[before]]))
                self._blocked[group] = max(self._blocked.get(group, 0.0), old._blocked.get(before, 0.0))
        for name, runs in self._runs.items():
            if name in old._runs:
                runs.began, runs.extra = old._runs[name].began, old._runs[name].extra

    def _group_of(self, host: str) -> Group:
        return self._shared.get(host, frozenset({host}))

    def reserve(self, name: str, now: float, *, scheduled: bool) -> float:
        """Count a run of this component if it may run now, and return 0; else return the seconds until it may."""
        groups = self._groups[name] if self._limit is not None else []
        runs = self._runs.get(name)
        waits = [self._until_room(group, self._limit or 0, now, scheduled) for group in set(groups)]
        wait = max([*waits, runs.wait(now, scheduled=scheduled) if runs else 0.0])
        if wait <= 0 and runs:
            runs.add(now, scheduled=scheduled)
        if wait <= 0:
            for group in groups:
                self._sent[group].append(now)
                if not scheduled:
                    self._extra[group].append(now)
        return max(0.0, wait)

    def reserve_on_demand(self, name: str, now: float) -> float:
        """Like `reserve`, for a run that somebody asked for: they get a quarter of what the schedule leaves over."""
        groups = set(self._groups[name])
        limit = self._limit
        if limit is None or not groups:
            return self.reserve(name, now, scheduled=False)
        shares = ((group, max(1, int((limit - self._scheduled[group]) * _ON_DEMAND))) for group in groups)
        if wait := max(_until_fewer(self._demanded[group], share, now) for group, share in shares):
            return wait
        wait = self.reserve(name, now, scheduled=False)
        if wait <= 0:
            for group in groups:
                self._demanded[group].append(now)
        return wait

    def note_retry_after(self, seen: Observation) -> None:
        """After a 429 with a Retry-After this check, and for a while all of its host, sends no request there."""
        retry_after = seen.facts.get(Fact.RETRY_AFTER)
        if seen.reason == Reason.RATE_LIMITED and isinstance(retry_after, int | float):
            self.block(seen.component, seen.ended + min(retry_after, _LONGEST_OF_HOST))
            if self._groups[seen.component]:
                self._blocked_alone[seen.component] = seen.ended + min(retry_after, _LONGEST_BAN)

    def block(self, name: str, until: float) -> None:
        """Send no request to the hosts of this component until then."""
        for group in self._groups[name]:
            self._blocked[group] = max(until, self._blocked.get(group, 0.0))

    def blocked_until(self, name: str) -> float:
        """When this component may be probed again, 0 when neither it nor one of its hosts is blocked."""
        of_hosts = (self._blocked.get(group, 0.0) for group in self._groups[name])
        return max(self._blocked_alone.get(name, 0.0), *of_hosts, 0.0)

    def _until_room(self, group: Group, limit: int, now: float, scheduled: bool) -> float:
        wait = _until_fewer(self._sent[group], limit, now)
        if scheduled:
            return wait
        return max(wait, _until_fewer(self._extra[group], int(limit - self._scheduled[group]), now))


@dataclass(slots=True)
class _Runs:
    """The runs of a component that may have at most `most` an hour; the schedule comes first, retries get the rest."""

    most: int
    interval: float
    began: deque[float] = field(default_factory=deque)
    extra: deque[float] = field(default_factory=deque)

    def wait(self, now: float, *, scheduled: bool) -> float:
        """Seconds until a run may begin."""
        wait = _until_fewer(self.began, self.most, now, _HOUR)
        if scheduled:
            return wait
        return max(wait, _until_fewer(self.extra, self.most - int(_HOUR / self.interval), now, _HOUR))

    def add(self, now: float, *, scheduled: bool) -> None:
        """Count a run."""
        self.began.append(now)
        if not scheduled:
            self.extra.append(now)


def _group(hosts: Iterable[str]) -> Group:
    return frozenset(map(str.lower, hosts))


def _until_fewer(sent: deque[float], limit: int, now: float, window: float = _WINDOW) -> float:
    """Seconds until fewer than `limit` were sent within the last `window` seconds."""
    while sent and sent[0] <= now - window:
        sent.popleft()
    if limit <= 0:
        return window
    return 0.0 if len(sent) < limit else sent[-limit] + window - now
