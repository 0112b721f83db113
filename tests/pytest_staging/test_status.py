"""What is said of a requirement, given the status of an environment."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from pytest_staging.marker import Requirement
from pytest_staging.status import read_status, unavailable, unknown_names

from tests.pytest_staging.documents import STATUS

BY_POSTGRES = "backend is down, root cause postgres (closed: peer hung up)"
SAID: dict[str, tuple[Requirement, list[str]]] = {
    "up is available": (Requirement(("frontend",)), []),
    "degraded is available": (Requirement(("search",)), []),
    "unknown is available": (Requirement(("mail",)), []),
    "a symptom names its root cause": (Requirement(("backend",)), [BY_POSTGRES]),
    "a root cause gives its own reason": (Requirement(("postgres",)), ["postgres is down (closed): peer hung up"]),
    "starting is not available": (Requirement(("worker",)), ["worker is starting (starting):  [31m40 s left"]),
    "maintenance is not available": (Requirement(("redis",)), ["redis is maintenance (ok): until 23:00"]),
    "each of several": (
        Requirement(("redis", "frontend", "backend")),
        ["redis is maintenance (ok): until 23:00", BY_POSTGRES],
    ),
    "a blocked journey names its step": (
        Requirement(journeys=("login",)),
        [f"journey login is blocked at step enter: {BY_POSTGRES}"],
    ),
    "a degraded journey is available": (Requirement(journeys=("browse",)), []),
    "a journey with an unknown step is available": (Requirement(journeys=("invite",)), []),
    "a journey with a starting step is not": (
        Requirement(journeys=("import",)),
        ["journey import is unknown at step load: worker is starting (starting):  [31m40 s left"],
    ),
}
UNKNOWN = {
    "a near name": (Requirement(("frontendd",)), ["staging has no component 'frontendd', did you mean 'frontend'?"]),
    "a name like no other": (Requirement(("xyz",)), ["staging has no component 'xyz'"]),
    "a near journey": (Requirement(journeys=("logn",)), ["staging has no journey 'logn', did you mean 'login'?"]),
    "a journey as component": (
        Requirement(("login",)),
        ["staging has no component 'login'; it is a journey: write journey='login'"],
    ),
    "a component as journey": (
        Requirement(journeys=("redis",)),
        ["staging has no journey 'redis'; it is a component: write requires='redis'"],
    ),
    "all are known": (Requirement(("redis",), ("login",)), []),
}


@pytest.mark.parametrize("case", SAID)
def test_what_is_said_of_a_requirement(case: str) -> None:
    required, said = SAID[case]
    assert list(unavailable(read_status(STATUS), required)) == said


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_is_said_of_unknown_names(case: str) -> None:
    required, said = UNKNOWN[case]
    assert list(unknown_names(read_status(STATUS), required)) == said


def changed(path: list[Any], value: Any) -> Any:
    document = copy.deepcopy(STATUS)
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return document


OTHERS: dict[str, Any] = {
    "a list": [],
    "text": "ok",
    "null": None,
    "an empty object": {},
    "another health endpoint": {"status": "healthy", "components": {"db": "up"}},
    "components in a list": changed(["components"], []),
    "a component that is text": changed(["components", "mail"], "up"),
    "a state that is a number": changed(["components", "mail", "state"], 1),
    "a reason that is null": changed(["components", "mail", "reason"], None),
    "root causes in an object": changed(["root_causes"], {"postgres": 1}),
    "a journey without steps": changed(["journeys", "login"], {"state": "up"}),
    "a step at a component that does not exist": changed(["journeys", "login", "steps", 0, "component"], "gone"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_another_document_is_not_a_status(case: str) -> None:
    with pytest.raises(ValueError, match=r"^not the status of an environment: "):
        read_status(OTHERS[case])
