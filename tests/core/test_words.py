"""Names in a sentence."""

from __future__ import annotations

import pytest
from staging_exporter.core.words import joined, verb


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
