"""The part of `/api/v1/status` that the plugin reads, and what it says of a requirement; no I/O."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypedDict

from pytest_staging.marker import Requirement, did_you_mean

_AVAILABLE = frozenset({"up", "degraded", "unknown"})  # of an unknown component the test itself is the evidence


class Component(TypedDict):
    """A component as published."""

    state: str
    reason: str
    detail: str
    root_causes: list[str]


class RootCause(TypedDict):
    """A component that is the root cause of others' failures."""

    component: str
    priority: str
    reason: str
    detail: str


class Step(TypedDict):
    """A step of a journey and the component that it needs."""

    name: str
    component: str


class Journey(TypedDict):
    """A journey as published."""

    state: str
    steps: list[Step]


class Status(TypedDict):
    """An environment as published; components and journeys by name."""

    environment: str
    state: str
    components: dict[str, Component]
    journeys: dict[str, Journey]
    root_causes: list[RootCause]


def read_status(document: Any) -> Status:
    """The parts of the JSON document that are used here. Raises ValueError when it is another document."""
    try:
        status: Status = {
            "environment": _text(document["environment"]),
            "state": _text(document["state"]),
            "components": {str(name): _component(seen) for name, seen in document["components"].items()},
            "journeys": {str(name): _journey(seen) for name, seen in document["journeys"].items()},
            "root_causes": [_root_cause(seen) for seen in document["root_causes"]],
        }
        for journey in status["journeys"].values():
            for step in journey["steps"]:
                _ = status["components"][step["component"]]
        return status
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"not the status of an environment: {error!r}") from None


def unknown_names(status: Status, required: Requirement) -> Iterator[str]:
    """One sentence for each name that the environment does not have."""
    components, journeys, environment = status["components"], status["journeys"], status["environment"]
    for name in required.components:
        if name not in components:
            hint = f"; it is a journey: write journey={name!r}" if name in journeys else did_you_mean(name, components)
            yield f"{environment} has no component {name!r}{hint}"
    for name in required.journeys:
        if name not in journeys:
            is_component = f"; it is a component: write requires={name!r}" if name in components else ""
            yield f"{environment} has no journey {name!r}{is_component or did_you_mean(name, journeys)}"


def unavailable(status: Status, required: Requirement) -> Iterator[str]:
    """One sentence for each required name that is not available, with its root causes. Every name must exist."""
    for name in required.components:
        if status["components"][name]["state"] not in _AVAILABLE:
            yield _why(status, name)
    for name in required.journeys:
        journey = status["journeys"][name]
        step = next((step for step in journey["steps"] if not _passable(status, step)), None)
        if step is not None:
            yield f"journey {name} is {journey['state']} at step {step['name']}: {_why(status, step['component'])}"


def summary(status: Status) -> Iterator[str]:
    """The root causes, a line each."""
    for root in status["root_causes"]:
        yield f"root cause {root['component']} ({root['priority']}, {root['reason']}): {root['detail']}"


def _passable(status: Status, step: Step) -> bool:
    return status["components"][step["component"]]["state"] in _AVAILABLE


def _why(status: Status, name: str) -> str:
    component = status["components"][name]
    roots = [root for root in status["root_causes"] if root["component"] in component["root_causes"]]
    if not roots:
        return f"{name} is {component['state']} ({component['reason']}): {component['detail']}"
    causes = [f"{root['component']} ({root['reason']}: {root['detail']})" for root in roots]
    return f"{name} is {component['state']}, root cause {' and '.join(causes)}"


def _component(seen: Any) -> Component:
    roots = [str(name) for name in seen["root_causes"]]
    return {**_reasoned(seen), "state": _text(seen["state"]), "root_causes": roots}


def _root_cause(seen: Any) -> RootCause:
    return {**_reasoned(seen), "component": str(seen["component"]), "priority": _text(seen["priority"])}


def _journey(seen: Any) -> Journey:
    steps: list[Step] = [{"name": str(step["name"]), "component": str(step["component"])} for step in seen["steps"]]
    return {"state": _text(seen["state"]), "steps": steps}


class _Reasoned(TypedDict):
    reason: str
    detail: str


def _reasoned(seen: Any) -> _Reasoned:
    return {"reason": _text(seen["reason"]), "detail": _text(seen["detail"])}


def _text(value: Any) -> str:
    """A string that a terminal shows as it is. Raises TypeError for other values."""
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {type(value).__name__}")
    return "".join(character if character.isprintable() else " " for character in value)
