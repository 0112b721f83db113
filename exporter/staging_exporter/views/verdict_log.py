"""Snapshot -> log lines: the verdict when it changed, and the root causes that began, changed or ended."""

from __future__ import annotations

import logging

from staging_exporter.core.explain import explain
from staging_exporter.core.snapshot import RootCause, Snapshot
from staging_exporter.logs import event

log = logging.getLogger("exporter")


class VerdictLog:
    """Remembers what was logged, so that a long outage does not fill the log with what is known."""

    def __init__(self) -> None:
        self._logged: dict[str, tuple[object, ...]] = {}

    def __call__(self, snapshot: Snapshot) -> None:
        """Log one line for the verdict, and one per root cause that is new, changed or over."""
        roots = {root.component: root for root in snapshot.root_causes}
        event(
            log,
            "verdict",
            state=snapshot.state,
            root_causes=list(roots) or "none",
            settled=snapshot.settled,
            **({} if snapshot.online else {"online": False}),
        )
        for name, root in roots.items():
            if self._logged.get(name) != _aspects(root):
                _log_root_cause(snapshot, root)
        for name in self._logged.keys() - roots.keys():
            event(log, "root cause ended", component=name)
        self._logged = {name: _aspects(root) for name, root in roots.items()}


def _aspects(root: RootCause) -> tuple[object, ...]:
    """What makes a new line; the detail and what is affected change all the time."""
    return (root.state, root.reason, root.priority, root.certainty)


def _log_root_cause(snapshot: Snapshot, root: RootCause) -> None:
    event(
        log,
        "root cause",
        logging.WARNING,
        component=root.component,
        priority=root.priority,
        layer=root.layer,
        reason=root.reason,
        detail=root.detail,
        certainty=root.certainty,
        affected=root.affected,
        journeys=root.journeys,
        explanation=explain(snapshot, root.component),
    )
