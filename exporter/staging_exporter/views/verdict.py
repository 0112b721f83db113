"""Snapshot -> the verdict in one sentence, the first line of the report and of the status page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from staging_exporter.core.model import State
from staging_exporter.core.rules import FAILS
from staging_exporter.core.snapshot import ComponentStatus, Snapshot
from staging_exporter.core.words import joined, verb

_NAMED = 3  # components that are listed by name
_UNDETERMINED = {State.STARTING: "still starting", State.UNKNOWN: "unknown"}


def verdict(snapshot: Snapshot) -> str:
    """`staging is down: postgres is the root cause`, or why no root cause is named."""
    return f"{snapshot.environment} is {snapshot.state}: {_reason(snapshot)}"


def _reason(snapshot: Snapshot) -> str:
    roots = [root.component for root in snapshot.root_causes]
    if roots:
        return f"{_list(roots)} {verb(roots, 'is the root cause', 'are root causes')}"
    checked = {name: each for name, each in snapshot.components.items() if not each.component.latent}
    if snapshot.state == State.UP:
        return _passing(checked)
    if not snapshot.online and not _in(checked, State.UP):
        return "the exporter is offline"
    if snapshot.state == State.DEGRADED:
        return _without_root_cause(checked)
    names = sorted(_in(checked, snapshot.state), key=lambda name: checked[name].component.priority)
    return f"{_list(names)} {verb(names)} {_UNDETERMINED[snapshot.state]}"


def _passing(checked: Mapping[str, ComponentStatus]) -> str:
    """How many checks pass, and what is not known or in maintenance."""
    unknown, in_maintenance = _in(checked, State.UNKNOWN), len(_in(checked, State.MAINTENANCE))
    count = len(checked) - len(unknown) - in_maintenance
    passing = f"{count} checks pass" if count != 1 else "1 check passes"
    every = passing if count == 1 else f"all {passing}"
    parts = [f"{passing}, {_list(unknown)} {verb(unknown)} unknown" if unknown else every]
    return ", ".join([*parts, *([f"{in_maintenance} in maintenance"] if in_maintenance else [])])


def _in(checked: Mapping[str, ComponentStatus], state: State) -> list[str]:
    return [name for name, each in checked.items() if each.state == state]


def _without_root_cause(checked: Mapping[str, ComponentStatus]) -> str:
    """Why failing components have no root cause: a start, a maintenance, a recovery, or nothing is known yet."""
    failing = [name for name, each in checked.items() if each.state in FAILS]
    starting = _in(checked, State.STARTING)
    if starting:
        return f"{_list(starting)} {verb(starting)} still starting, {len(failing)} {verb(failing)} waiting for that"
    explaining = {other for name in failing for other in checked[name].explained_by}
    in_maintenance = sorted(other for other in explaining if _is_in_maintenance(checked.get(other)))
    if in_maintenance:
        return f"{_list(failing)} {verb(failing)} waiting for {_list(in_maintenance)}, in maintenance"
    recovered = sorted({root for name in failing for root in checked[name].recovering_from})
    if recovered:
        return f"{_list(failing)} {verb(failing)} still recovering from {_list(recovered)}"
    return f"{_list(failing)} {verb(failing)} failing, no root cause identified"


def _is_in_maintenance(status: ComponentStatus | None) -> bool:
    return status is not None and status.state == State.MAINTENANCE


def _list(names: Sequence[str]) -> str:
    if len(names) > _NAMED + 1:
        names = [*names[:_NAMED], f"{len(names) - _NAMED} more"]
    return joined(names)
