"""Snapshot -> the verdict in one sentence, the first line of the report and of the status page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from staging_exporter.core.journeys import waits_for_start
from staging_exporter.core.model import State
from staging_exporter.core.rules import FAILS
from staging_exporter.core.snapshot import ComponentStatus, Snapshot
from staging_exporter.core.words import joined, verb
from staging_exporter.views.undetermined import PHRASES

_NAMED = 3  # components that are listed by name


def verdict(snapshot: Snapshot) -> str:
    """`staging is down: postgres is the root cause`, or why no root cause is named."""
    return f"{snapshot.environment} is {snapshot.state}: {_reason(snapshot)}"


def _reason(snapshot: Snapshot) -> str:
    roots = [root.component for root in snapshot.root_causes]
    checked = {name: each for name, each in snapshot.components.items() if not each.component.latent}
    if roots:
        hidden = {n: c for n, c in _of(checked, State.UNKNOWN).items() if n not in roots and c.reason in PHRASES}
        return "; ".join([f"{_list(roots)} {verb(roots, 'is the root cause', 'are root causes')}", *_unknown(hidden)])
    if snapshot.state == State.UP:
        return _passing(checked)
    if not snapshot.online and not _in(checked, State.UP):
        return "the exporter is offline"
    if snapshot.state == State.DEGRADED:
        return _without_root_cause({n: c for n, c in checked.items() if not waits_for_start(n, snapshot.components)})
    found = _of(checked, snapshot.state)
    if snapshot.state == State.UNKNOWN:
        return ", ".join(_unknown(found))
    names = sorted(found, key=lambda name: checked[name].component.priority)
    waiting = [name for name in checked if waits_for_start(name, snapshot.components)]
    wait = [f"{len(waiting)} {verb(waiting)} waiting for that"] if waiting else []
    return ", ".join([f"{_list(names)} {verb(names)} still starting", *wait])


def _passing(checked: Mapping[str, ComponentStatus]) -> str:
    """How many checks pass, and what is not known or in maintenance."""
    unknown, in_maintenance = _of(checked, State.UNKNOWN), len(_in(checked, State.MAINTENANCE))
    count = len(checked) - len(unknown) - in_maintenance
    passing = f"{count} checks pass" if count != 1 else "1 check passes"
    every = passing if count == 1 else f"all {passing}"
    parts = [passing if unknown else every, *_unknown(unknown)]
    return ", ".join([*parts, *([f"{in_maintenance} in maintenance"] if in_maintenance else [])])


def _unknown(found: Mapping[str, ComponentStatus]) -> Iterator[str]:
    """One phrase for each reason, the most urgent components first: `backend is unknown (rate limited, 429)`."""
    by_phrase: dict[str, list[str]] = {}
    for name in sorted(found, key=lambda name: found[name].component.priority):
        by_phrase.setdefault(PHRASES.get(found[name].reason, ""), []).append(name)
    for phrase, names in by_phrase.items():
        yield f"{_list(names)} {verb(names)} unknown" + (f" ({phrase})" if phrase else "")


def _in(checked: Mapping[str, ComponentStatus], state: State) -> list[str]:
    return list(_of(checked, state))


def _of(checked: Mapping[str, ComponentStatus], state: State) -> dict[str, ComponentStatus]:
    return {name: each for name, each in checked.items() if each.state == state}


def _without_root_cause(checked: Mapping[str, ComponentStatus]) -> str:
    """Why failing components have no root cause: a maintenance, a recovery, or nothing is known yet."""
    failing = [name for name, each in checked.items() if each.state in FAILS]
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
