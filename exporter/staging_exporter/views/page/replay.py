"""The environment as it was at a step of an incident: a status document with the configuration of today. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from staging_exporter.core.story import Step
from staging_exporter.core.words import joined, verb
from staging_exporter.views.document_types import (
    ComponentDocument,
    JourneyDocument,
    RootCauseDocument,
    StatusDocument,
)
from staging_exporter.views.page.selection import SMALL

_TROUBLE = ("down", "degraded", "flapping", "starting")


def verdict_of(step: Step) -> str:
    """What was published then, in one sentence."""
    names = [root["component"] for root in step.roots]
    if not names:
        return f"{step.state}, no root cause"
    affected = f", {len(step.symptoms)} affected" if step.symptoms else ""
    return f"{step.state}: {joined(names)} {verb(names, 'is the root cause', 'are the root causes')}{affected}"


def as_it_was(document: StatusDocument, step: Step) -> StatusDocument:
    """The document with the states and root causes of the step; what is not configured any more is left out."""
    components = {name: _component(each, name, step) for name, each in document["components"].items()}
    roots = [_root(root, step) for root in step.roots if root["component"] in components]
    journeys = {name: _journey(each, name, step, roots) for name, each in document["journeys"].items()}
    return {
        **document,
        "state": step.state,
        "pending": False,
        "root_causes": roots,
        "components": components,
        "journeys": journeys,
        "verdict": verdict_of(step),
    }


def drawn_in_replay(document: StatusDocument, steps: Sequence[Step]) -> list[str]:
    """The components of the graph, the same in every step, so that it does not move; in the order of the file.

    All of a small environment, of a large one those that were not up in a step and what explains that.
    """
    if len(document["components"]) <= SMALL:
        return list(document["components"])
    wanted = {name for step in steps for name, state in step.states.items() if state in _TROUBLE}
    wanted |= {root["component"] for step in steps for root in step.roots}
    wanted |= {name for step in steps for by in step.symptoms.values() for name in by[1]}
    return [name for name in document["components"] if name in wanted]


def _component(component: ComponentDocument, name: str, step: Step) -> ComponentDocument:
    seen: Mapping[str, Any] = step.seen.get(name, {})
    roots, explained_by = step.symptoms.get(name, ([], []))
    deployed = component["deployed"]
    return {
        **component,
        "state": step.states.get(name, "unknown").replace("none", "unknown"),
        "reason": seen.get("reason", "ok"),
        "detail": seen.get("detail", ""),
        "root_causes": list(roots),
        "explained_by": list(explained_by),
        "recovering_from": [],
        "conflicts": [],
        "startup_ends": None,
        "certainty": next((root["certainty"] for root in step.roots if root["component"] == name), None),
        "deployed": deployed if deployed and deployed["at"] <= step.at else None,
    }


def _root(root: Mapping[str, Any], step: Step) -> RootCauseDocument:
    name = root["component"]
    return {
        "component": name,
        "layer": root["layer"],
        "priority": root["priority"],
        "state": root["state"],
        "reason": root["reason"],
        "detail": root["detail"],
        "since": root["since"],
        "began": root["began"],
        "certainty": root["certainty"],
        "inferred": root["inferred"],
        "stale": root["stale"],
        "suspects": list(root["suspects"]),
        "coincides_with": [],
        "contradicted_by": [],
        "through": [],
        "not_recovered_from": [],
        "remarks": {},
        "affected": sorted(symptom for symptom, (roots, _) in step.symptoms.items() if name in roots),
        "journeys": list(root["journeys"]),
    }


def _journey(journey: JourneyDocument, name: str, step: Step, roots: list[RootCauseDocument]) -> JourneyDocument:
    return {
        **journey,
        "state": step.journeys.get(name, "unknown").replace("none", "unknown"),
        "blocked_at": step.blocked_at.get(name),
        "root_causes": [root["component"] for root in roots if name in root["journeys"]],
        "steps": [
            {**each, "state": step.states.get(each["component"], "unknown").replace("none", "unknown")}
            for each in journey["steps"]
        ],
    }
