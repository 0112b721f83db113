"""What people ask of a document, on plain data."""

from __future__ import annotations

from typing import Any

import pytest
from staging_exporter.views.questions import conflicts, counts, few, needs, root_of, unblamed, with_needs


def component(*depends_on: str | list[str], **said: Any) -> dict[str, Any]:
    plain = {"state": "up", "kind": "tcp", "optional_depends_on": [], "root_causes": [], "conflicts": []}
    return {**plain, "depends_on": list(depends_on), **said}


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
    assert counts({"components": {}}) == "0 checked: nothing"


def test_a_conflict_agrees_with_the_number_of_what_is_down() -> None:
    assert conflicts(SEEN) == [
        "suite passes although database and backend are down: it does not test what it claims to",
        "other-suite passes although page is down: it does not test what it claims to",
    ]


def test_what_a_component_needs() -> None:
    assert list(needs(SEEN["components"]["backend"])) == ["database", "llm-a", "llm-b", "cache"]
    assert with_needs(SEEN, ["database", "page"]) == {"database", "disk", "page", "llm-a"}
    assert with_needs(SEEN, []) == frozenset()
    with pytest.raises(KeyError):
        with_needs(SEEN, ["nobody"])


def test_which_root_cause_a_component_is() -> None:
    assert root_of(SEEN, "disk") == {"component": "disk"}
    assert root_of(SEEN, "database") is None


UNEXPLAINED = {
    "a root cause": ("disk", {"maintenance"}, False),
    "what suffers from one": ("database", {"maintenance"}, False),
    "what needs something in maintenance": ("backend", {"maintenance"}, False),
    "the same, where that is no excuse": ("backend", {"starting"}, True),
    "what needs only what is well": ("page", {"maintenance"}, True),
}


@pytest.mark.parametrize("case", UNEXPLAINED)
def test_nobody_is_blamed_for(case: str) -> None:
    name, excuses, expected = UNEXPLAINED[case]
    assert unblamed(SEEN, name, excuses) is expected


def test_the_first_of_many() -> None:
    assert few(["a", "b"]) == "a, b"
    assert few(["a", "b", "c"], 2) == "a, b and 1 more"
    assert few([]) == ""
