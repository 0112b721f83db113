"""Snapshot -> the verdict in one sentence: what the report and the page begin with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from staging_exporter.core.model import State
from staging_exporter.core.rules import FAILS
from staging_exporter.core.snapshot import ComponentStatus, Snapshot
from staging_exporter.core.words import joined, verb

_NAMED = 3  # components that are named when no root cause is
_UNTOLD = {State.STARTING: "still starting", State.UNKNOWN: "not known"}


def verdict(snapshot: Snapshot) -> str:
    """`staging is down: postgres is the root cause`, or why there is no root cause."""
    return f"{snapshot.environment} is {snapshot.state}: {_because(snapshot)}"


def _because(snapshot: Snapshot) -> str:
    roots = [root.component for root in snapshot.root_causes]
    if roots:
        return f"{_list(roots)} {verb(roots, 'is the root cause', 'are root causes')}"
    if not snapshot.online:
        return "the exporter itself is offline"
    checked = {name: each for name, each in snapshot.components.items() if not each.component.latent}
    if snapshot.state == State.UP:
        resting = sum(each.state == State.MAINTENANCE for each in checked.values())
        passing = f"all {len(checked) - resting} checks pass"
        return f"{passing}, {resting} in maintenance" if resting else passing
    if snapshot.state == State.DEGRADED:
        return _unblamed(checked)
    names = [name for name, each in checked.items() if each.state == snapshot.state]
    return f"{_list(names)} {verb(names)} {_UNTOLD[snapshot.state]}"


def _unblamed(checked: Mapping[str, ComponentStatus]) -> str:
    """Of failing components without a root cause: they wait for a start or a maintenance, recover, or are new."""
    failing = [name for name, each in checked.items() if each.state in FAILS]
    starting = [name for name, each in checked.items() if each.state == State.STARTING]
    if starting:
        waiting = f"{len(failing)} {verb(failing, 'waits', 'wait')}"
        return f"{_list(starting)} {verb(starting)} still starting, {waiting} for that"
    resting = sorted({other for name in failing for other in checked[name].explained_by if _rests(checked.get(other))})
    if resting:
        return f"{_list(failing)} {verb(failing, 'waits', 'wait')} for {_list(resting)}, in maintenance"
    gone = sorted({root for name in failing for root in checked[name].recovering_from})
    if gone:
        return f"{_list(failing)} {verb(failing)} still recovering from {_list(gone)}"
    return f"{_list(failing)} {verb(failing)} not well, and nothing is blamed for it"


def _rests(status: ComponentStatus | None) -> bool:
    return status is not None and status.state == State.MAINTENANCE


def _list(names: Sequence[str]) -> str:
    if len(names) > _NAMED + 1:
        names = [*names[:_NAMED], f"{len(names) - _NAMED} more"]
    return joined(names)
