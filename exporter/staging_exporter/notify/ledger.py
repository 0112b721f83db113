"""Which alerts fire, and which ended: a state machine over snapshots, without I/O.

An alert begins with the published root cause. It ends when that was absent from all verdicts for some time, so that a
root cause that comes back is not another page; until every check has run after a start nothing ends. A root cause that
becomes more urgent is another alert, one that becomes less urgent stays the one it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from staging_exporter.core.model import Priority
from staging_exporter.core.snapshot import RootCause, Snapshot
from staging_exporter.generate.options import AlertingOptions
from staging_exporter.notify.alert import Alert, labels_of, page_of, texts


@dataclass(frozen=True, slots=True)
class _Firing:
    alert: Alert
    priority: Priority
    gone: float | None = None  # since when it is no root cause any more


class Ledger:
    """The alerts of one environment."""

    def __init__(self) -> None:
        self._firing: dict[str, _Firing] = {}

    @property
    def firing(self) -> list[Alert]:
        """The alerts that fire now."""
        return [entry.alert for entry in self._firing.values()]

    def adopt(self, found: Iterable[tuple[Mapping[str, str], Mapping[str, str], float]]) -> list[Alert]:
        """Take over labels, annotations and starts of alerts that an earlier process sent.

        Returns those that ended, since a more urgent one of the same component fires.
        """
        ended = []
        for given, said, starts in sorted(found, key=lambda one: one[0].get("priority", "")):
            priority = Priority(given["priority"])
            alert = Alert(given, said, starts)
            known = self._firing.get(given["component"])
            if known is None:
                self._firing[given["component"]] = _Firing(alert, priority)
            elif known.priority == priority:
                merged = replace(known.alert, starts=min(known.alert.starts, starts))
                self._firing[given["component"]] = replace(known, alert=merged)
            elif known.alert.labels != given:
                ended.append(replace(alert, ends=known.alert.starts if known.alert.starts > starts else starts))
        return ended

    def update(self, snapshot: Snapshot, options: AlertingOptions, page: str, hold: float) -> list[Alert]:
        """Follow a snapshot in which every check has run; returns the alerts that ended.

        Those end whose root cause has been absent for `hold` seconds.
        """
        roots = {root.component: root for root in snapshot.root_causes}
        ended = [alert for root in roots.values() for alert in self._fire(snapshot, root, options, page)]
        for component in [*(self._firing.keys() - roots.keys())]:
            entry = self._firing[component]
            gone = snapshot.generated_at if entry.gone is None else entry.gone
            if snapshot.generated_at - gone < hold:
                self._firing[component] = replace(entry, gone=gone)
            else:
                ended.append(replace(self._firing.pop(component).alert, ends=gone))
        return ended

    def _fire(self, snapshot: Snapshot, root: RootCause, options: AlertingOptions, page: str) -> list[Alert]:
        """Note a root cause; returns the alert that it ends by becoming more urgent."""
        known, at = self._firing.get(root.component), snapshot.generated_at
        priority = min(known.priority, root.priority) if known else root.priority
        escalated = known is not None and priority != known.priority
        starts = at if escalated else known.alert.starts if known else root.since or at
        own = labels_of(snapshot, root, priority, options.external_labels)
        said = texts(snapshot, root, priority, options, page)
        self._firing[root.component] = _Firing(Alert(own, said, starts, None, page_of(page, root.component)), priority)
        return [replace(known.alert, ends=at)] if known and escalated else []
