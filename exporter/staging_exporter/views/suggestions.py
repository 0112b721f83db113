"""What incidents say about the configuration: the document of `/api/v1/suggestions`, and sentences from it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from staging_exporter.core.coincidence import Suggestions
from staging_exporter.views.document_types import SuggestionsDocument

_TIMES = 5  # of incidents that are listed


def suggestions_document(environment: str, at: float, found: Suggestions) -> SuggestionsDocument:
    """The document, as JSON values; `at` is now in Unix seconds."""
    return {
        "environment": environment,
        "generated_at": at,
        "edges": [
            {
                "component": edge.component,
                "depends_on": edge.depends_on,
                "incidents": list(edge.incidents),
                "in_order": edge.in_order,
            }
            for edge in found.edges
        ],
        "doubtful": [
            {"component": edge.component, "depends_on": edge.depends_on, "incidents": list(edge.incidents)}
            for edge in found.doubtful
        ],
        "shallow": [{"component": check.component, "incidents": list(check.incidents)} for check in found.shallow],
    }


def sections(document: SuggestionsDocument) -> dict[str, list[str]]:
    """Sentences by title, without the titles that have none."""
    found = {
        "Missing dependencies": [
            f"{edge['component']} may depend on {edge['depends_on']}: both failed and recovered together in "
            f"{_incidents(edge['incidents'])}; {edge['depends_on']} began first in {edge['in_order']} of "
            f"{len(edge['incidents'])}"
            for edge in document["edges"]
        ],
        "Doubtful dependencies": [text for _, text in doubtful(document)],
        "Shallow checks": [text for _, text in shallow(document)],
    }
    return {title: sentences for title, sentences in found.items() if sentences}


def doubtful(document: SuggestionsDocument) -> list[tuple[tuple[str, str], str]]:
    """((component, dependency), sentence) per configured edge that incidents contradict."""
    return [
        (
            (edge["component"], edge["depends_on"]),
            f"{edge['component']} may not depend on {edge['depends_on']}, or its check is shallow: it was up while "
            f"{edge['depends_on']} was down in {_incidents(edge['incidents'])}",
        )
        for edge in document["doubtful"]
    ]


def shallow(document: SuggestionsDocument) -> list[tuple[str, str]]:
    """(component, sentence) per check that did not notice incidents."""
    return [
        (
            check["component"],
            f"the check of {check['component']} is shallow: it passed while a dependency and a dependent of it failed "
            f"in {_incidents(check['incidents'])}",
        )
        for check in document["shallow"]
    ]


def _incidents(times: Sequence[float]) -> str:
    """How many there were, and when the last ones began."""
    last = ", ".join(f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC" for at in times[-_TIMES:])
    earlier = "the last at " if len(times) > _TIMES else ""
    return f"{len(times)} {'incident' if len(times) == 1 else 'incidents'} ({earlier}{last})"
