"""What `explain` adds for a component that is up."""

from __future__ import annotations

from typing import Any, cast

from staging_exporter.views.background import background
from staging_exporter.views.document_types import RunDocument, StatusDocument

NOW = 1_763_800_000.0  # 08:26:40 UTC
COMPONENTS: dict[str, Any] = {
    "backend": {
        "state": "up",
        "since": NOW - 600,
        "depends_on": ["postgres", ["llm-a", "llm-b"]],
        "optional_depends_on": ["redis"],
    },
    "postgres": {"state": "up", "since": NOW - 90_000, "depends_on": [], "optional_depends_on": []},
    "llm-a": {"state": "down"},
    "llm-b": {"state": "up"},
    "redis": {"state": "degraded"},
}
DOCUMENT = cast(StatusDocument, {"generated_at": NOW, "components": COMPONENTS})
FAILURE: RunDocument = {
    "started": NOW - 700, "duration": 1.0, "outcome": "fail", "reason": "timeout", "detail": "no answer", "phases": {},
}  # fmt: skip


def test_an_up_component_is_explained_by_its_dependencies_and_its_last_failure() -> None:
    assert background(DOCUMENT, "backend", [FAILURE]) == (
        "It has been up since 08:16:40 UTC (10 min ago). It depends on postgres (up) and llm-a (down) or llm-b (up). "
        "It optionally depends on redis (degraded). "
        "The last probe that did not pass was at 08:15:00 UTC (11 min ago): timeout, no answer."
    )


def test_without_dependencies_and_failures_it_says_so() -> None:
    assert background(DOCUMENT, "postgres", []) == (
        "It has been up since 2025-11-21 07:26:40 UTC (25 h ago). It has no dependencies. "
        "No probe has failed since the exporter started."
    )


def test_failures_that_are_not_known_are_not_mentioned() -> None:
    assert "probe" not in background(DOCUMENT, "postgres", None)


def test_a_component_that_is_not_up_has_an_explanation_of_its_own() -> None:
    assert background(DOCUMENT, "redis", []) == ""
