"""Snapshot -> the documents of the API, as JSON values; `document_types` has their types."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from operator import is_
from secrets import token_hex
from typing import NamedTuple

from staging_exporter.core.explain import explain, remarks
from staging_exporter.core.model import Component
from staging_exporter.core.snapshot import ComponentStatus, JourneyStatus, RootCause, Run, Snapshot
from staging_exporter.views.document_types import (
    ComponentDetailDocument,
    ComponentDocument,
    JourneyDocument,
    RecentRuns,
    RootCauseDocument,
    RunDocument,
    StatusDocument,
)
from staging_exporter.views.verdict import verdict


def document(snapshot: Snapshot) -> StatusDocument:
    """The document of `/api/v1/status` and of `check --format json`."""
    return _document(snapshot, {name: _component(snapshot, name) for name in snapshot.components})


class _Kept(NamedTuple):
    """What was made of the status of a component; `text` is the document as JSON, empty until it is asked for."""

    status: ComponentStatus
    document: ComponentDocument
    text: str = ""


class Documents:
    """The documents of one snapshot after the other: what is about a component is kept until its status changes.

    Nobody may change them.
    """

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._last: tuple[str, list[ComponentStatus]] = "", []
        self._version, self._instance = 0, token_hex(4)

    def document(self, snapshot: Snapshot) -> StatusDocument:
        """The same as `document`."""
        return _document(snapshot, {name: self._of(snapshot, name).document for name in snapshot.components})

    def pieces(self, snapshot: Snapshot) -> Iterator[str]:
        """The same as JSON, in pieces."""
        before, after = json.dumps(_document(snapshot, {})).split('"components": {}', 1)
        yield f'{before}"components": {{'
        for number, name in enumerate(snapshot.components):
            kept = self._of(snapshot, name)
            if not kept.text:
                kept = kept._replace(text=f"{json.dumps(name)}: {json.dumps(kept.document)}")
                self._kept[name] = kept
            yield f", {kept.text}" if number else kept.text
        yield f"}}{after}"

    def version(self, snapshot: Snapshot) -> str:
        """A text that differs from the last one when anything but `generated_at` does."""
        rest, statuses = json.dumps(_document(replace(snapshot, generated_at=0.0), {})), [*snapshot.components.values()]
        last, before = self._last
        same = rest == last and len(statuses) == len(before) and all(map(is_, statuses, before))
        self._version += not same
        self._last = rest, statuses
        return f"{self._instance}-{self._version}"

    def _of(self, snapshot: Snapshot, name: str) -> _Kept:
        status, kept = snapshot.components[name], self._kept.get(name)
        if kept is None or kept.status is not status or status.root:  # what is said of a root depends on others
            kept = self._kept[name] = _Kept(status, _component(snapshot, name))
            if len(self._kept) > 2 * len(snapshot.components):
                self._kept = {name: each for name, each in self._kept.items() if name in snapshot.components}
        return kept


def _document(snapshot: Snapshot, components: dict[str, ComponentDocument]) -> StatusDocument:
    return {
        "environment": snapshot.environment,
        "generated_at": snapshot.generated_at,
        "state": str(snapshot.state),
        "pending": snapshot.pending,
        "settled": snapshot.settled,
        "online": snapshot.online,
        "root_causes": [_root_cause(root) for root in snapshot.root_causes],
        "components": components,
        "journeys": {name: _journey(status) for name, status in snapshot.journeys.items()},
        "verdict": verdict(snapshot),
    }


def component_document(snapshot: Snapshot, name: str) -> ComponentDetailDocument:
    """The document of `/api/v1/components/NAME`. Raises KeyError."""
    stats = snapshot.components[name].stats
    return {
        "component": name,
        **_component(snapshot, name),
        "runs": [_run(run) for run in stats.last] if stats else [],
        "failures": [_run(run) for run in stats.last_failures] if stats else [],
    }


def _run(run: Run) -> RunDocument:
    return {
        "started": run.started,
        "duration": run.duration,
        "outcome": str(run.outcome),
        "reason": str(run.reason),
        "detail": run.detail,
        "phases": dict(run.phases),
    }


def _root_cause(root: RootCause) -> RootCauseDocument:
    return {
        "component": root.component,
        "layer": str(root.layer),
        "priority": str(root.priority),
        "state": str(root.state),
        "reason": str(root.reason),
        "detail": root.detail,
        "since": root.since,
        "began": root.began,
        "certainty": str(root.certainty),
        "inferred": root.inferred,
        "stale": root.stale,
        "suspects": list(root.suspects),
        "coincides_with": list(root.coincides_with),
        "contradicted_by": list(root.contradicted_by),
        "through": list(root.through),
        "not_recovered_from": list(root.not_recovered_from),
        "remarks": remarks(root),
        "affected": list(root.affected),
        "journeys": list(root.journeys),
    }


def _component(snapshot: Snapshot, name: str) -> ComponentDocument:
    status = snapshot.components[name]
    component, deployed = status.component, status.deployed
    return {
        "state": str(status.state),
        "reason": str(status.reason),
        "detail": status.detail,
        "since": status.since,
        "last_probe": status.last_probe,
        "kind": component.kind,
        "layer": str(component.layer),
        "priority": str(component.priority),
        "depends_on": _groups(component),
        "optional_depends_on": list(component.optional_depends_on),
        "covers": list(component.covers),
        "interval": component.interval,
        "root_causes": list(status.root_causes),
        "explained_by": list(status.explained_by),
        "through": list(status.through),
        "recovering_from": list(status.recovering_from),
        "recovers_until": status.recovers_until,
        "not_recovered_from": list(status.not_recovered_from),
        "subsided": status.subsided,
        "inferred": status.inferred,
        "certainty": str(status.certainty) if status.root else None,
        "began": status.began,
        "failure_ratio": status.failure_ratio,
        "unnoticed": status.unnoticed,
        "suspects": list(status.suspects),
        "contradicted": bool(status.contradicted_by),
        "contradicted_by": list(status.contradicted_by),
        "conflicts": list(status.conflicts),
        "links": dict(component.links),
        "labels": dict(component.labels),
        "startup_ends": status.startup_ends,
        "deployed": {"at": deployed.at, "revision": deployed.revision} if deployed else None,
        "phases": dict(status.phases),
        "facts": dict(status.facts),
        "recent": _recent(status),
        "explanation": explain(snapshot, name),
    }


def _recent(status: ComponentStatus) -> RecentRuns:
    """Columns instead of objects, because a large environment has thousands of runs."""
    last = status.stats.last if status.stats else ()
    return {"outcomes": [str(run.outcome) for run in last], "durations": [round(run.duration, 4) for run in last]}


def _groups(component: Component) -> list[str | list[str]]:
    """The dependencies as in the configuration: a name, or a list of names of which any one is enough."""
    return [group[0] if len(group) == 1 else list(group) for group in component.depends_on]


def _journey(status: JourneyStatus) -> JourneyDocument:
    return {
        "state": str(status.state),
        "priority": str(status.priority),
        "blocked_at": status.blocked_at,
        "root_causes": list(status.root_causes),
        "steps": [{"name": step.name, "component": step.component, "state": str(step.state)} for step in status.steps],
    }
