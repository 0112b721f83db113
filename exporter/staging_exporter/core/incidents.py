"""Incidents: when the first root cause appeared, when they changed, when the last one ended. A pure fold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from staging_exporter.core.snapshot import RootCause
from staging_exporter.core.words import rfc3339

KEPT = 200


@dataclass(frozen=True, slots=True)
class IncidentRootCause:
    """A root cause within an incident, published from `since` until `until` (None while it is), Unix seconds.

    `detail` is what was seen when its reason was published, so that texts about it do not change with every probe.
    `began` is the onset of its trouble; `contradicted_by` are dependents that were up, `through` components between it
    and its symptoms whose checks noticed nothing.
    """

    component: str
    layer: str
    priority: str
    reason: str
    detail: str
    since: float
    until: float | None = None
    began: float | None = None
    contradicted_by: tuple[str, ...] = ()
    through: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Incident:
    """From the first root cause to the end of the last; `moved` are the times at which the set of roots changed."""

    began: float
    ended: float | None
    roots: tuple[IncidentRootCause, ...]
    moved: tuple[float, ...] = ()

    @property
    def names(self) -> list[str]:
        """The components that were root causes, each once, in the order in which they became so."""
        return list(dict.fromkeys(root.component for root in self.roots))

    def lasted(self, now: float) -> float:
        """Seconds from its beginning to its end, or until now."""
        return (now if self.ended is None else self.ended) - self.began


@dataclass(frozen=True, slots=True)
class Note:
    """What the person `by` wrote on an incident at `at` (Unix seconds); `sort` is one of those below."""

    at: float
    by: str
    sort: str
    text: str


@dataclass(frozen=True, slots=True)
class Query:
    """Which incidents: of a component, of a priority, open or over (None: both), older than that id."""

    component: str | None = None
    priority: str | None = None
    open: bool | None = None
    before: str | None = None
    limit: int = 50


NOTE, ACKNOWLEDGED = "note", "acknowledged"


def acknowledgement(notes: Iterable[Note]) -> Note | None:
    """The first one, None without any."""
    return next((note for note in notes if note.sort == ACKNOWLEDGED), None)


def incident_id(incident: Incident | float) -> str:
    """The name of an incident, from when it began: `20260131T094107.123Z`; in the order of time."""
    began = incident.began if isinstance(incident, Incident) else incident
    return rfc3339(began).replace("-", "").replace(":", "")


def follow(incidents: tuple[Incident, ...], roots: Iterable[RootCause], now: float) -> tuple[Incident, ...]:
    """The incidents after the verdict `roots` at `now`, newest last, at most `KEPT` of them, and of moves in each."""
    current_roots = {root.component: root for root in roots}
    open_one = incidents[-1] if incidents and incidents[-1].ended is None else None
    if open_one is None:
        if not current_roots:
            return incidents
        began = Incident(now, None, tuple(_incident_root_cause(root, now) for root in current_roots.values()))
        return (*incidents, began)[-KEPT:]
    known = {cause.component for cause in open_one.roots if cause.until is None}
    kept = [_renewed(cause, current_roots, now) for cause in open_one.roots]
    added = [_incident_root_cause(root, now) for name, root in current_roots.items() if name not in known]
    moved = open_one.moved if known == set(current_roots) or not current_roots else (*open_one.moved, now)[-KEPT:]
    changed = replace(open_one, ended=None if current_roots else now, roots=_newest((*kept, *added)), moved=moved)
    return (*incidents[:-1], changed)


def with_announced(incidents: Sequence[Incident], roots: Iterable[RootCause]) -> tuple[RootCause, ...]:
    """The root causes, each with the detail that it had when its reason was published."""
    current = incidents[-1].roots if incidents else ()
    details = {(cause.component, cause.reason): cause.detail for cause in current if cause.until is None}
    return tuple(replace(r, announced=details.get((r.component, r.reason), r.detail)) for r in roots)


def unnoticed(incidents: Sequence[Incident]) -> frozenset[str]:
    """The components whose checks did not notice the last incident."""
    return frozenset(name for cause in incidents[-1].roots for name in cause.through) if incidents else frozenset()


def _newest(roots: tuple[IncidentRootCause, ...]) -> tuple[IncidentRootCause, ...]:
    """The current ones, and the last of the others: a root may come and go for weeks beside one that nobody fixes."""
    over = [index for index, cause in enumerate(roots) if cause.until is not None]
    dropped = set(over[:-KEPT])
    return tuple(cause for index, cause in enumerate(roots) if index not in dropped) if dropped else roots


def _incident_root_cause(root: RootCause, now: float) -> IncidentRootCause:
    return IncidentRootCause(
        root.component,
        root.layer,
        root.priority,
        root.reason,
        root.detail,
        now,
        began=root.began,
        contradicted_by=root.contradicted_by,
        through=root.through,
    )


def _renewed(cause: IncidentRootCause, current_roots: dict[str, RootCause], now: float) -> IncidentRootCause:
    if cause.until is not None:
        return cause
    root = current_roots.get(cause.component)
    if root is None:
        return replace(cause, until=now)
    return replace(
        cause,
        priority=root.priority,
        reason=root.reason,
        detail=cause.detail if cause.reason == root.reason else root.detail,
        contradicted_by=_merged(cause.contradicted_by, root.contradicted_by),
        through=_merged(cause.through, root.through),
    )


def _merged(old: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    return old if set(new) <= set(old) else tuple(sorted({*old, *new}))
