"""Snapshot -> the document of `/api/v1/status` and `check --format json`: JSON values, the contract's names."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from staging_exporter.core.explain import explain
from staging_exporter.core.model import Component
from staging_exporter.core.snapshot import ComponentStatus, JourneyStatus, RootCause, Run, Snapshot
from staging_exporter.views.verdict import verdict


def document(snapshot: Snapshot) -> dict[str, Any]:
    """The whole snapshot as JSON values; times are Unix seconds, None where nothing was seen yet."""
    return {
        "environment": snapshot.environment,
        "generated_at": snapshot.generated_at,
        "state": str(snapshot.state),
        "pending": snapshot.pending,
        "settled": snapshot.settled,
        "online": snapshot.online,
        "root_causes": [_root(root) for root in snapshot.root_causes],
        "components": {name: _explained(snapshot, name) for name in snapshot.components},
        "journeys": {name: _journey(status) for name, status in snapshot.journeys.items()},
        "verdict": verdict(snapshot),
    }


def component_document(snapshot: Snapshot, name: str) -> dict[str, Any]:
    """One component as in `document`, and its last 30 runs and last 10 failures, newest last. Raises KeyError."""
    stats = snapshot.components[name].stats
    return {
        "component": name,
        **_explained(snapshot, name),
        "runs": [_run(run) for run in stats.last] if stats else [],
        "failures": [_run(run) for run in stats.last_failures] if stats else [],
    }


def _explained(snapshot: Snapshot, name: str) -> dict[str, Any]:
    return _component(snapshot.components[name]) | {"explanation": explain(snapshot, name)}


def _run(run: Run) -> dict[str, Any]:
    return {
        "started": run.started,
        "duration": run.duration,
        "outcome": str(run.outcome),
        "reason": str(run.reason),
        "detail": run.detail,
        "phases": dict(run.phases),
    }


def _root(root: RootCause) -> dict[str, Any]:
    return {
        "component": root.component,
        "layer": str(root.layer),
        "priority": str(root.priority),
        "state": str(root.state),
        "reason": str(root.reason),
        "detail": root.detail,
        "since": root.since,
        "inferred": root.inferred,
        "stale": root.stale,
        "suspects": list(root.suspects),
        "affected": list(root.affected),
        "journeys": list(root.journeys),
    }


def _component(status: ComponentStatus) -> dict[str, Any]:
    component = status.component
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
        "recovering_from": list(status.recovering_from),
        "suspects": list(status.suspects),
        "contradicted": bool(status.contradicted_by),
        "contradicted_by": list(status.contradicted_by),
        "conflicts": list(status.conflicts),
        "links": dict(component.links),
        "deployed": asdict(status.deployed) if status.deployed else None,
        "phases": dict(status.phases),
        "facts": dict(status.facts),
        "recent": _recent(status),
    }


def _recent(status: ComponentStatus) -> dict[str, list[Any]]:
    """Outcomes and durations (seconds) of the last runs, oldest first, as columns: a fleet has thousands of runs."""
    last = status.stats.last if status.stats else ()
    return {"outcomes": [str(run.outcome) for run in last], "durations": [round(run.duration, 4) for run in last]}


def _groups(component: Component) -> list[str | list[str]]:
    """As written in the configuration: a name, or a list of names of which any one will do."""
    return [group[0] if len(group) == 1 else list(group) for group in component.depends_on]


def _journey(status: JourneyStatus) -> dict[str, Any]:
    return {
        "state": str(status.state),
        "priority": str(status.priority),
        "blocked_at": status.blocked_at,
        "root_causes": list(status.root_causes),
        "steps": [{"name": step.name, "component": step.component, "state": str(step.state)} for step in status.steps],
    }
