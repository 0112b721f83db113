"""Documents that are kept never differ from those that are made anew, and their version changes with them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from staging_exporter.core.coincidence import Suggestions
from staging_exporter.core.snapshot import Snapshot
from staging_exporter.views.document import Documents, document
from staging_exporter.views.page import status_page
from staging_exporter.views.suggestions import suggestions_document

from tests.core.test_statuses import ScheduledLife
from tests.views.fleet import HOSTILE, board


def page(documents: Documents, snapshot: Snapshot) -> str:
    suggestions = suggestions_document("staging", 0.0, Suggestions())
    return "".join(status_page(documents.document(snapshot), suggestions))


@pytest.mark.parametrize("seed", range(5))
def test_after_every_step_of_a_life_document_text_and_page_are_those_of_a_first_request(seed: int) -> None:
    life, kept = ScheduledLife(seed), Documents()
    seen: dict[str, str] = {}
    for step in range(300):
        life.step()
        snapshot = life.board.snapshot(life.now)
        expected = document(snapshot)
        assert kept.document(snapshot) == expected
        assert "".join(kept.pieces(snapshot)) == json.dumps(expected)
        timeless = json.dumps({**expected, "generated_at": 0.0})
        assert seen.setdefault(kept.version(snapshot), timeless) == timeless
        if step % 10 == 0:
            assert page(kept, snapshot) == page(Documents(), snapshot)


def test_the_text_is_json_whatever_names_contain() -> None:
    snapshot = replace(board(HOSTILE).snapshot(26.0), environment='a "components": {} b')
    assert "".join(Documents().pieces(snapshot)) == json.dumps(document(snapshot))


def test_time_alone_changes_no_version() -> None:
    kept, seen = Documents(), board(components=())
    assert kept.version(seen.snapshot(26.0)) == kept.version(seen.snapshot(27.0))
    assert Documents().version(seen.snapshot(26.0)) != kept.version(seen.snapshot(26.0))
