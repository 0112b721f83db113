"""How many notifications people get: the generated rules and routes as a pure function of what scrapes saw.

A rule per priority fires while its component is a root cause of that priority, and `keep_firing_for` after. Nobody is
notified of a lower priority while a more urgent alert of the same component fires. Alertmanager has one group per
environment and priority; a notification that brings nothing new is not counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from staging_exporter.core.model import Priority

from tests.simulation.seen import Root

KEEP_FIRING = 300.0
GROUP_WAIT = {Priority.P0: 5.0, Priority.P1: 30.0, Priority.P2: 300.0}
GROUP_INTERVAL = {Priority.P0: 30.0, Priority.P1: 300.0, Priority.P2: 600.0}
Scrapes = Iterable[tuple[float, Sequence[Root]]]


@dataclass
class Alert:
    """Fires from `begins` until before `ends`; `joins` are components whose notification it is part of."""

    component: str
    priority: Priority
    begins: float
    ends: float
    joins: frozenset[str] = frozenset()


def alerts(scrapes: Scrapes) -> list[Alert]:
    """The alerts that fired, in the order in which they began."""
    fired: list[Alert] = []
    firing: dict[tuple[str, Priority], Alert] = {}
    for now, roots in scrapes:
        firing = {key: alert for key, alert in firing.items() if now < alert.ends}
        for root in sorted(roots, key=lambda one: (one.priority, one.name)):
            alert = firing.get((root.name, root.priority))
            if alert is None:
                if any((root.name, other) in firing for other in Priority if other < root.priority):
                    continue
                alert = Alert(root.name, root.priority, now, now)
                firing[root.name, root.priority] = alert
                fired.append(alert)
            alert.ends = now + KEEP_FIRING
            alert.joins |= frozenset(root.coincides_with)
    return fired


def notifications(fired: Sequence[Alert]) -> int:
    """Notifications that bring a new alert; one that coincides with what was sent already is an update of that."""
    own = [alert for alert in fired if not _joins(alert, fired)]
    return sum(_of_a_group(priority, [a for a in own if a.priority == priority]) for priority in Priority)


def _joins(alert: Alert, fired: Sequence[Alert]) -> bool:
    """True when the root cause is marked as coinciding with one that fires already."""
    earlier = fired[: fired.index(alert)]
    return any(other.component in alert.joins and alert.begins < other.ends for other in earlier)


def _of_a_group(priority: Priority, members: Sequence[Alert]) -> int:
    """A group waits before it sends, then sends at each interval, and ends with its last alert."""
    waiting = sorted(members, key=lambda alert: alert.begins)
    sent = 0
    present: list[Alert] = []
    unsent: list[Alert] = []
    flush = 0.0
    while waiting or present:
        if not present:
            present, unsent = [waiting[0]], [waiting.pop(0)]
            flush = present[0].begins + GROUP_WAIT[priority]
        while waiting and waiting[0].begins <= flush:
            present.append(waiting[0])
            unsent.append(waiting.pop(0))
        sent += any(alert.ends > flush for alert in unsent)
        present, unsent = [alert for alert in present if alert.ends > flush], []
        flush += GROUP_INTERVAL[priority]
    return sent


def pages(scrapes: Scrapes) -> int:
    """Notifications for what these scrapes saw."""
    return notifications(alerts(scrapes))
