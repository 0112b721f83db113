"""Prometheus durations, read and written."""

from __future__ import annotations

import pytest
from staging_exporter.core.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0.0), (0, 0.0), ("500ms", 0.5), ("15s", 15.0), ("1m30s", 90.0), ("1d2h", 93_600.0), ("0s", 0.0)],
)
def test_a_duration(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "15", 15, "1.5s", "-1s", "1s1m", "s", None, "1 s", "1s1s"])
def test_no_duration(text: object) -> None:
    with pytest.raises(ValueError, match="is not a duration; write it like 500ms, 15s or 1m30s"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0s"), (0.0004, "0s"), (0.25, "250ms"), (90.0, "1m30s"), (93_600.0, "1d2h"), (1.0006, "1s1ms")],
)
def test_the_shortest_text_of_a_duration(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
