"""What incidents say about the configuration: document, sentences, and the section of the status page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from staging_exporter.core.coincidence import suggest
from staging_exporter.core.graph import Graph
from staging_exporter.core.incidents import Incident, IncidentRootCause
from staging_exporter.views.document import document
from staging_exporter.views.document_types import SuggestionsDocument
from staging_exporter.views.page import status_page
from staging_exporter.views.suggestions import doubtful, sections, shallow, suggestions_document

from tests.views.fleet import COMPONENTS, board
from tests.views.test_document import mismatches

AT = 1_763_800_000.0  # 2025-11-22 08:26:40 UTC
GRAPH = Graph({component.name: component for component in COMPONENTS})


def cause(name: str, began: float, **more: Any) -> IncidentRootCause:
    return IncidentRootCause(name, "service", "P1", "closed", "hung up", began, began + 100.0, began, **more)


def incident(*causes: IncidentRootCause) -> Incident:
    return Incident(causes[0].since, causes[0].until, causes)


def found(*incidents: Incident) -> SuggestionsDocument:
    return suggestions_document("staging", AT, suggest(GRAPH, incidents))


TOGETHER = tuple(incident(cause("silent", AT + n * 3600), cause("name", AT + n * 3600 + (-1, 4)[n])) for n in range(2))
CONTRADICTED = incident(cause("vpc", AT, contradicted_by=("cache",)))
UNNOTICED = incident(cause("database", AT, through=("backend",)))
SENTENCES: Mapping[str, tuple[SuggestionsDocument, dict[str, list[str]]]] = {
    "nothing": (found(), {}),
    "one coincidence suggests nothing": (found(TOGETHER[0]), {}),
    "two coincidences suggest an edge": (
        found(*TOGETHER, TOGETHER[1]),
        {
            "Missing dependencies": [
                "name may depend on silent: both failed and recovered together in 3 incidents (2025-11-22 08:26 UTC, "
                "2025-11-22 09:26 UTC, 2025-11-22 09:26 UTC); silent began first in 2 of 3"
            ]
        },
    ),
    "a dependent that was up": (
        found(CONTRADICTED),
        {
            "Doubtful dependencies": [
                "cache may not depend on vpc, or its check is shallow: it was up while vpc was down in 1 incident "
                "(2025-11-22 08:26 UTC)"
            ]
        },
    ),
    "a check that noticed nothing": (
        found(UNNOTICED),
        {
            "Shallow checks": [
                "the check of backend is shallow: it passed while a dependency and a dependent of it failed in 1 "
                "incident (2025-11-22 08:26 UTC)"
            ]
        },
    ),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_the_sentences(case: str) -> None:
    suggestions, expected = SENTENCES[case]
    assert sections(suggestions) == expected


def test_of_many_incidents_the_last_five_are_listed() -> None:
    many = found(*(incident(cause("database", AT + n * 86400.0, through=("backend",))) for n in range(12)))
    ((name, sentence),) = shallow(many)
    assert name == "backend"
    assert "in 12 incidents (the last at 2025-11-29 08:26 UTC, " in sentence
    assert sentence.count("UTC") == 5


def test_an_edge_is_named_by_its_ends() -> None:
    assert [edge for edge, _ in doubtful(found(CONTRADICTED))] == [("cache", "vpc")]


def test_the_document_has_the_keys_of_its_type() -> None:
    everything = found(*TOGETHER, CONTRADICTED, UNNOTICED)
    assert mismatches(everything, SuggestionsDocument) == []
    assert (len(everything["edges"]), len(everything["doubtful"]), len(everything["shallow"])) == (1, 1, 1)


def test_the_status_page_has_a_section_only_when_there_is_something() -> None:
    status = document(board().snapshot(26.0))
    title = "What incidents say about the configuration"
    assert title not in "".join(status_page(status, found()))
    page = "".join(status_page(status, found(UNNOTICED)))
    assert title in page
    assert '<h3 data-key="Shallow checks">Shallow checks</h3>' in page
    assert "the check of backend is shallow" in page
