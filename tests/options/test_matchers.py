"""Matchers on JSON: typed comparisons, ages, the functions of JSONPath."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter
from staging_exporter.options.matchers import JsonMatcher, first_mismatch

NOW = time.time()  # when the tests are collected, minutes before they run


def ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).isoformat()


CASES: dict[str, tuple[Any, Any, bool]] = {
    "equal numbers": (1, 1.0, True),
    "true is not one": (True, 1, False),
    "one is not true": (1, True, False),
    "text is not a number": ("1", 1, False),
    "one of a list": ("ok", ["healthy", "ok"], True),
    "none of a list": ("sick", ["healthy", "ok"], False),
    "a different value": ("a", {"ne": "b"}, True),
    "not a different value": ("b", {"ne": "b"}, False),
    "less than the limit": (1, {"lt": 2}, True),
    "at the limit": (2, {"lt": 2}, False),
    "up to and including the limit": (2, {"le": 2}, True),
    "texts are ordered": ("a", {"lt": "b"}, True),
    "text and a number have no order": ("1", {"lt": 2}, False),
    "true has no order": (True, {"ge": 0}, False),
    "all comparisons hold": (5, {"gt": 4, "lt": 6}, True),
    "one comparison does not hold": (6, {"gt": 4, "lt": 6}, False),
    "a pattern": ("v1.2", {"matches": r"^v1\."}, True),
    "a pattern on a number": (1, {"matches": "1"}, False),
    "young, in seconds": (NOW - 5, {"max_age": "1d"}, True),
    "old, in seconds": (NOW - 2 * 86400, {"max_age": "1d"}, False),
    "young, as text": (ago(seconds=5), {"max_age": "1d"}, True),
    "young, with Z": (ago(seconds=5).replace("+00:00", "Z"), {"max_age": "1d"}, True),
    "young, without a zone: UTC": (ago(seconds=5).removesuffix("+00:00"), {"max_age": "1d"}, True),
    "old, as text": (ago(days=2), {"max_age": "1d"}, False),
    "text that is not a time": ("yesterday", {"max_age": "1d"}, False),
    "true is not a time": (True, {"max_age": "1d"}, False),
    "null is not a time": (None, {"max_age": "1d"}, False),
}


def mismatch(document: Any, matcher: dict[str, Any]) -> str | None:
    return first_mismatch(document, TypeAdapter(JsonMatcher).validate_python(matcher))


@pytest.mark.parametrize("name", CASES)
def test_values_are_compared_by_type(name: str) -> None:
    seen, wanted, holds = CASES[name]
    assert (mismatch({"it": seen}, {"it": wanted}) is None) is holds


PATHS: dict[str, tuple[Any, str, Any, bool]] = {
    "no node satisfies nothing": ({}, "it", {"ne": 1}, False),
    "is there": ({"it": None}, "it", {"exists": True}, True),
    "is not there": ({}, "it", {"exists": True}, False),
    "must not be there": ({"it": None}, "it", {"exists": False}, False),
    "any of several": ({"all": [1, 2]}, "$.all[*]", 2, True),
    "search": ([{"n": "api-1"}], "$[?search(@.n, 'api')].n", {"exists": True}, True),
    "match is anchored": ([{"n": "api-1"}], "$[?match(@.n, 'api')].n", {"exists": False}, True),
    "match of the whole": ([{"n": "api-1"}], "$[?match(@.n, 'api-.')].n", {"exists": True}, True),
    "an invalid pattern in the document": (
        [{"n": "(", "p": "("}],
        "$[?search(@.n, @.p)].n",
        {"exists": False},
        True,
    ),
    "a value that is not text": ([{"n": 1}], "$[?search(@.n, '1')].n", {"exists": False}, True),
}


@pytest.mark.parametrize("name", PATHS)
def test_paths_select_nodes(name: str) -> None:
    document, path, wanted, holds = PATHS[name]
    assert (mismatch(document, {path: wanted}) is None) is holds


def test_a_document_that_is_nested_too_deep_matches_nothing() -> None:
    document: Any = 1
    for _ in range(5000):
        document = [document]
    assert mismatch(document, {"$..it": 1}) == "json $..it is missing, expected 1"


def test_a_mismatch_says_what_was_seen_and_expected() -> None:
    assert mismatch({"a": "x" * 500, "b": 1}, {"a": {"exists": True}, "b": {"gt": 1, "ne": 3}}) == (
        "json b is 1, expected gt 1, ne 3"
    )
    assert len(mismatch({"a": "x" * 500}, {"a": 1}) or "") < 200
