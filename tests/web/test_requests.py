"""Request bodies of the API: what is accepted, what is cleaned, and the errors."""

from __future__ import annotations

import pytest
from staging_exporter.web.requests import Deployed, Maintenance, parse

CLEANED = {
    "plain text is unchanged": ("00742", "00742"),
    "an empty revision is accepted": ("", ""),
    "terminal colours lose their escape character": ("\x1b[31mred", "[31mred"),
    "several lines become one": ("v1\r\nlevel=error msg=lies\u2028x", "v1 level=error msg=lies x"),
    "marks of text direction are removed": ("v1 \u202egnp.exe\u202c", "v1  gnp.exe"),
}


@pytest.mark.parametrize("case", CLEANED)
def test_a_revision_is_cleaned_for_page_and_log(case: str) -> None:
    sent, stored = CLEANED[case]
    assert parse(Deployed, {"components": ["backend"], "revision": sent}).revision == stored


def test_a_revision_has_at_most_200_characters() -> None:
    with pytest.raises(ValueError, match=r"^revision: String should have at most 200 characters$"):
        parse(Deployed, {"components": ["backend"], "revision": "x" * 201})


def test_all_errors_of_a_body_are_reported_at_once() -> None:
    with pytest.raises(ValueError, match="duration") as caught:
        parse(Maintenance, {"components": [], "duration": "31d", "reason": "x"})
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == ["components", "duration", "reason"]
