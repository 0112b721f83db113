"""Queries on a status document, on plain data."""

from __future__ import annotations

from typing import Any

import pytest
from staging_exporter.views.queries import (
    conflict,
    conflicts,
    counts,
    dependencies,
    few,
    root_cause_of,
    with_dependencies,
    without_root_cause,
)


def component(*depends_on: str | list[str], **changes: Any) -> dict[str, Any]:
    plain = {"state": "up", "kind": "tcp", "optional_depends_on": [], "root_causes": [], "conflicts": [], "facts": {}}
    return {**plain, "depends_on": list(depends_on), **changes}


SEEN: dict[str, Any] = {
    "root_causes": [{"component": "disk"}],
    "components": {
        "disk": component(state="down"),
        "database": component("disk", state="down", root_causes=["disk"]),
        "llm-a": component(),
        "llm-b": component(state="maintenance"),
        "cache": component(kind="latent"),
        "backend": component("database", ["llm-a", "llm-b"], optional_depends_on=["cache"], state="down"),
        "page": component("llm-a", state="flapping"),
        "suite": component("page", conflicts=["database", "backend"]),
        "other-suite": component(conflicts=["page"]),
    },
}


def test_the_counts() -> None:
    assert counts(SEEN) == "8 checked: 3 up, 1 flapping, 3 down, 1 maintenance; 1 latent"
    assert counts({"components": {"db": component()}}) == "1 checked: 1 up"
    assert counts({"components": {}}) == "0 checked: none"


def test_a_conflict_names_every_component_that_is_down() -> None:
    assert conflicts(SEEN) == [
        "suite passes although database and backend are down: it does not test what it claims to",
        "other-suite passes although page is down: it does not test what it claims to",
    ]


def test_where_the_tests_of_each_component_are_known_each_is_a_conflict_with_their_number() -> None:
    covered = {"database": {"passed": 12, "skipped": 1}, "backend": {"passed": 1}}
    suite = component(conflicts=["database", "backend"], facts={"covered": covered})
    assert conflicts({"components": {"suite": suite}}) == [  # type: ignore[typeddict-item]
        "database is down although 12 tests of suite that cover it pass",
        "backend is down although a test of suite that covers it passes",
    ]


def test_the_conflict_with_one_component() -> None:
    assert conflict("suite", SEEN["components"]["suite"], "backend") == (
        "backend is down although suite, which covers it, passes"
    )


def test_the_dependencies_of_a_component() -> None:
    assert list(dependencies(SEEN["components"]["backend"])) == ["database", "llm-a", "llm-b", "cache"]
    assert with_dependencies(SEEN, ["database", "page"]) == {"database", "disk", "page", "llm-a"}
    assert with_dependencies(SEEN, []) == frozenset()
    with pytest.raises(KeyError):
        with_dependencies(SEEN, ["nobody"])


def test_the_root_cause_that_a_component_is() -> None:
    assert root_cause_of(SEEN, "disk") == {"component": "disk"}
    assert root_cause_of(SEEN, "database") is None


WITHOUT_ROOT_CAUSE = {
    "a root cause has one": ("disk", {"maintenance"}, False),
    "a symptom has one": ("database", {"maintenance"}, False),
    "a dependency in maintenance explains the failure": ("backend", {"maintenance"}, False),
    "maintenance explains nothing when only starting does": ("backend", {"starting"}, True),
    "dependencies that are up explain nothing": ("page", {"maintenance"}, True),
}


@pytest.mark.parametrize("case", WITHOUT_ROOT_CAUSE)
def test_a_failing_component_without_root_cause(case: str) -> None:
    name, explaining, expected = WITHOUT_ROOT_CAUSE[case]
    assert without_root_cause(SEEN, name, explaining) is expected


def test_a_long_list_of_names_is_cut() -> None:
    assert few(["a", "b"]) == "a, b"
    assert few(["a", "b", "c"], 2) == "a, b and 1 more"
    assert few([]) == ""
