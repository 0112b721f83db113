"""Names in a sentence."""

from __future__ import annotations

import pytest
from staging_exporter.core.words import joined, span, verb


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["a"], "a is down and waits"),
        (["a", "b"], "a and b are down and wait"),
        (["a", "b", "c"], "a, b and c are down and wait"),
    ],
)
def test_names_and_their_verb(names: list[str], sentence: str) -> None:
    assert f"{joined(names)} {verb(names)} down and {verb(names, 'waits', 'wait')}" == sentence


def test_alternatives() -> None:
    assert joined(["a", "b", "c"], "or") == "a, b or c"


SPANS = {0.4: "0 s", 61: "61 s", 119.9: "120 s", 120: "2 min", 7199: "119 min", 7200: "2 h", 172800: "2 days"}


@pytest.mark.parametrize(("seconds", "expected"), SPANS.items())
def test_a_span(seconds: float, expected: str) -> None:
    assert span(seconds) == expected
