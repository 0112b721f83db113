"""Queries on a status document that several views share: conflicts, root causes, dependencies, counts by state."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from staging_exporter.core.facts import Fact
from staging_exporter.core.model import LATENT, State
from staging_exporter.core.rules import FAILS
from staging_exporter.core.words import joined, verb
from staging_exporter.views.document_types import ComponentDocument, JourneyDocument, RootCauseDocument, StatusDocument

UNDETERMINED = frozenset({State.UNKNOWN, State.STARTING})  # states of a component that has no verdict yet


def conflicts(document: StatusDocument) -> list[str]:
    """One sentence per test suite that passes although components that it covers are down.

    One per component where the tests that cover it are known.
    """
    return [
        sentence
        for name, component in document["components"].items()
        if component["conflicts"]
        for sentence in _conflicts(name, component)
    ]


def _conflicts(suite: str, component: ComponentDocument) -> Iterator[str]:
    down = component["conflicts"]
    if component["facts"].get(Fact.COVERED) is None:
        yield f"{suite} passes although {joined(down)} {verb(down)} down: it does not test what it claims to"
        return
    yield from (conflict(suite, component, name) for name in down)


def conflict(suite: str, component: ComponentDocument, name: str) -> str:
    """The sentence on one component that is down although the suite passes."""
    tests = component["facts"].get(Fact.COVERED)
    if tests is None:
        return f"{name} is down although {suite}, which covers it, passes"
    passed = tests[name]["passed"]
    counted = (
        f"{passed} tests of {suite} that cover it pass" if passed > 1 else f"a test of {suite} that covers it passes"
    )
    return f"{name} is down although {counted}"


def root_cause_of(document: StatusDocument, name: str) -> RootCauseDocument | None:
    """The root cause that this component is, None when it is none."""
    return next((root for root in document["root_causes"] if root["component"] == name), None)


def without_root_cause(document: StatusDocument, name: str, explaining: Collection[str]) -> bool:
    """True when a failing component has no root cause, and no dependency of it is in one of the `explaining` states."""
    if document["components"][name]["root_causes"] or root_cause_of(document, name):
        return False
    return all(
        document["components"][other]["state"] not in explaining for other in with_dependencies(document, [name])
    )


def with_dependencies(document: StatusDocument, names: Iterable[str]) -> frozenset[str]:
    """These components and all that they depend on, directly or not. Raises KeyError for an unknown one."""
    wanted, found = list(names), set[str]()
    while wanted:
        name = wanted.pop()
        if name not in found:
            found.add(name)
            wanted += dependencies(document["components"][name])
    return frozenset(found)


def dependencies(component: ComponentDocument) -> Iterable[str]:
    """The direct dependencies of a component, optional ones included."""
    for group in component["depends_on"]:
        yield from [group] if isinstance(group, str) else group
    yield from component["optional_depends_on"]


def dependents(document: StatusDocument, name: str) -> list[str]:
    """The components that depend on this one directly, and suites that cover it."""
    return [other for other, each in document["components"].items() if name in {*dependencies(each), *each["covers"]}]


def neighbours(document: StatusDocument, name: str) -> list[str]:
    """What a component depends on and what depends on it, directly."""
    component = document["components"][name]
    return [*dependencies(component), *component["covers"], *dependents(document, name)]


def is_symptom(document: StatusDocument, name: str) -> bool:
    """True when something else explains the failure of a component: a root cause, a start, a maintenance."""
    component = document["components"][name]
    if component["state"] not in FAILS or component["certainty"] is not None:
        return False
    return bool(component["root_causes"] or component["explained_by"] or component["recovering_from"])


def waiting_for(document: StatusDocument, name: str) -> list[str]:
    """The failing components that a component explains, directly or through others."""
    found: list[str] = []
    wanted = [name]
    while wanted:
        cause = wanted.pop()
        new = [o for o, c in document["components"].items() if cause in c["explained_by"] and o not in found]
        found += new
        wanted += new
    return sorted(found)


def dependencies_in(document: StatusDocument, name: str, state: State) -> list[str]:
    """The dependencies of a component, direct or not, that are in this state."""
    components = document["components"]
    return sorted(other for other in with_dependencies(document, [name]) if components[other]["state"] == state)


def starts_behind(document: StatusDocument, journey: JourneyDocument) -> list[str]:
    """What is starting and so blocks a journey that no root cause blocks."""
    if journey["root_causes"]:
        return []
    blocking = [step["component"] for step in journey["steps"] if step["name"] == journey["blocked_at"]]
    return [each for name in blocking for each in dependencies_in(document, name, State.STARTING)]


def counts(document: StatusDocument) -> str:
    """`20 checked: 18 up, 2 down; 4 latent`."""
    components = document["components"].values()
    states = [component["state"] for component in components if component["kind"] != LATENT]
    latent = len(components) - len(states)
    by_state = ", ".join(f"{count} {state}" for state in State if (count := states.count(state)))
    return f"{len(states)} checked: {by_state or 'none'}" + (f"; {latent} latent" if latent else "")


def few(names: Sequence[str], most: int = 5) -> str:
    """The first `most` names, and how many more there are."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
