"""Matchers on JSON: typed comparisons, ages, the functions of JSONPath."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from email.utils import formatdate
from typing import Any

import pytest
from pydantic import TypeAdapter
from staging_exporter.core.model import Reason
from staging_exporter.options.jsonpath import compile_jsonpath
from staging_exporter.options.matchers import JsonMatcher, first_mismatch, json_tests
from staging_exporter.options.patterns import compile_pattern

NOW = time.time()  # when the tests are collected, minutes before they run


TOKYO = timezone(timedelta(hours=9))


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
    **{
        f"{word}, in {unit}": ((NOW - age) * factor, {"max_age": "1d"}, age == 5)
        for word, age in (("young", 5), ("old", 2 * 86400))
        for unit, factor in (("milliseconds", 1e3), ("microseconds", 1e6), ("nanoseconds", 1e9))
    },
    "young, in milliseconds, as text": (str(round((NOW - 5) * 1000)), {"max_age": "1d"}, True),
    "young, with another zone": ((datetime.now(TOKYO) - timedelta(seconds=5)).isoformat(), {"max_age": "1d"}, True),
    "young, in lower case": (ago(seconds=5).replace("+00:00", "z").replace("T", "t"), {"max_age": "1d"}, True),
    "young, with a space and nanoseconds": (
        ago(seconds=5)[:19].replace("T", " ") + ".123456789Z",
        {"max_age": "1d"},
        True,
    ),
    "young, as in HTTP": (formatdate(NOW - 5, usegmt=True), {"max_age": "1d"}, True),
    "old, as in mail": ("Sun, 30 Oct 2016 02:23:05 +0200", {"max_age": "1d"}, False),
    "a weekday alone is no time": ("Sun, ", {"max_age": "1d"}, False),
    "a date is a time": (datetime.now(UTC).strftime("%Y%m%d"), {"max_age": "2d"}, True),
    "local time without a zone is in the future": (
        datetime.now(TOKYO).replace(tzinfo=None).isoformat(),
        {"max_age": "1d"},
        False,
    ),
    "another clock may be a little ahead": (time.time() + 30, {"max_age": "1d"}, True),
    "the future, in seconds": (time.time() + 7200, {"max_age": "1d"}, False),
    "the future, in milliseconds": ((time.time() + 7200) * 1000, {"max_age": "1d"}, False),
    "the future, as text": (ago(hours=-2), {"max_age": "1d"}, False),
    "zero is not a time": (0, {"max_age": "36500d"}, False),
    "1970 is not a time": ("1970-01-01T00:00:00Z", {"max_age": "36500d"}, False),
    "infinity is not a time": (float("inf"), {"max_age": "1d"}, False),
    "text that is not a time": ("yesterday", {"max_age": "1d"}, False),
    "true is not a time": (True, {"max_age": "1d"}, False),
    "null is not a time": (None, {"max_age": "1d"}, False),
}


def mismatch(document: Any, matcher: dict[str, Any]) -> str | None:
    found = first_mismatch(document, TypeAdapter(JsonMatcher).validate_python(matcher))
    return None if found is None else f"{found.seen}, expected {found.wanted}"


@pytest.mark.parametrize("name", CASES)
def test_values_are_compared_by_type(name: str) -> None:
    seen, wanted, holds = CASES[name]
    assert (mismatch({"it": seen}, {"it": wanted}) is None) is holds


PATHS: dict[str, tuple[Any, str, Any, bool]] = {
    "no node satisfies nothing": ({}, "it", {"ne": 1}, False),
    "is there": ({"it": None}, "it", {"exists": True}, True),
    "is not there": ({}, "it", {"exists": True}, False),
    "must not be there": ({"it": None}, "it", {"exists": False}, False),
    "all of several": ({"all": [2, 2]}, "$.all[*]", 2, True),
    "one of several is not enough": ({"all": [1, 2]}, "$.all[*]", 2, False),
    "one of several, where that is enough": ({"all": [1, 2]}, "$.all[*]", {"nodes": "any", "eq": 2}, True),
    "none of several": ({"all": [1, 2]}, "$.all[*]", {"nodes": "any", "eq": 3}, False),
    "all but one are below the limit": ({"all": [0, 57]}, "$.all[*]", {"lt": 3}, False),
    "all are different": ({"a": 1, "b": 2}, "$.*", {"ne": 3}, True),
    "one is not different": ({"a": 1, "b": 3}, "$.*", {"ne": 3}, False),
    "the descendants are all so": ({"a": {"s": "up"}, "b": {"c": {"s": "up"}}}, "$..s", "up", True),
    "one descendant is not": ({"a": {"s": "up"}, "b": {"c": {"s": "down"}}}, "$..s", "up", False),
    "an element without the key": ([{"s": "up"}, {}], "$[*].s", "up", False),
    "an element without the key, where one is enough": (
        [{"s": "up"}, {}],
        "$[*].s",
        {"nodes": "any", "eq": "up"},
        True,
    ),
    "an element that is no mapping": ([{"s": "up"}, "up"], "$[*].s", "up", False),
    "an element without the key must have it": ([{"s": 1}, {}], "$[*].s", {"exists": True}, False),
    "no element may have the key": ([{}, {}], "$[*].s", {"exists": False}, True),
    "an element without the key, of a filter": ([{"n": 1, "s": "up"}, {"n": 2}], "$[?@.n].s", "up", False),
    "an element without the key, of a slice": ([{"s": "up"}, {}], "$[0:2].s", "up", False),
    "an element outside of the slice": ([{"s": "up"}, {}], "$[0:1].s", "up", True),
    "an element without the keys below": ([{"s": {"t": 1}}, {"s": {}}], "$[*].s.t", 1, False),
    "an element without a key in the middle": ([{"r": [{"s": "up"}]}, {}], "$[*].r[*].s", "up", False),
    "an element of an inner list without the key": ([{"r": [{"s": "up"}, {}]}], "$[*].r[*].s", "up", False),
    "one of several keys is missing": ({"db": "up"}, "$['db','cache']", "up", False),
    "no elements": ({"all": []}, "$.all[*].s", "up", False),
    "no elements, which is allowed": ({"all": []}, "$.all[*].s", {"eq": "up", "empty": "pass"}, True),
    "no elements are allowed, but one lacks the key": ([{}], "$[*].s", {"eq": "up", "empty": "pass"}, False),
    "no elements are allowed, but one differs": ([{"s": "down"}], "$[*].s", {"eq": "up", "empty": "pass"}, False),
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
    assert mismatch(document, {"$..it": 1}) == "json $..it: the document is nested too deep to search, expected 1"
    assert mismatch(document, {"$..it": {"exists": False}}) is not None


NAN = float("nan")
NOTHING_KNOWN: dict[str, tuple[Any, str, Any]] = {
    "NaN has no order": ({"it": NAN}, "it", {"lt": 1}),
    "NaN is not a different value": ({"it": NAN}, "it", {"ne": 0}),
    "NaN is no number": ({"it": NAN}, "it", 1),
    "one of several is NaN": ([1, NAN], "$[*]", 1),
    "one of several is NaN, where one is enough": ([2, NAN], "$[*]", {"nodes": "any", "eq": 1}),
}


@pytest.mark.parametrize("name", NOTHING_KNOWN)
def test_nan_is_no_evidence(name: str) -> None:
    document, path, wanted = NOTHING_KNOWN[name]
    result = first_mismatch(document, TypeAdapter(JsonMatcher).validate_python({path: wanted}))
    assert result is not None
    assert (result.holds, result.reason) == (None, Reason.NO_EVIDENCE)


def test_a_value_that_is_not_as_expected_decides_beside_nan() -> None:
    assert mismatch([2, NAN], {"$[*]": 1}) == "json $[0] is 2, expected 1"
    assert mismatch([1, NAN], {"$[*]": {"nodes": "any", "eq": 1}}) is None
    assert mismatch({"it": NAN}, {"it": {"exists": True}}) is None


SEEN: dict[str, tuple[Any, str, Any, str]] = {
    "the node that differs": (
        {"checks": [{"status": "up"}, {"status": "down"}]},
        "$.checks[*].status",
        "up",
        'json $.checks[1].status is "down", expected "up"',
    ),
    "the element without the key": (
        {"checks": [{"status": "up"}, {"name": "queue"}]},
        "$.checks[*].status",
        "up",
        'json $.checks[1] has no status, expected "up"',
    ),
    "a key that is no identifier": ({"db-status": {"a": 1}}, "$.*.a", 2, "json $['db-status'].a is 1, expected 2"),
    "no node": ({}, "$.checks[*]", "up", 'json $.checks[*] is missing, expected "up"'),
    "none of several nodes": ([1, 2], "$[*]", {"nodes": "any", "eq": 3}, "json $[*] is 1, 2, expected any node eq 3"),
    "an age": ({"at": NOW + 7200}, "at", {"max_age": "5m"}, "in the future), expected max_age 5m"),
    "no time": ({"at": "soon"}, "at", {"max_age": "5m"}, 'json at is "soon" (not a time), expected max_age 5m'),
}


@pytest.mark.parametrize("name", SEEN)
def test_a_mismatch_names_the_node(name: str) -> None:
    document, path, wanted, said = SEEN[name]
    assert said in (mismatch(document, {path: wanted}) or "")


SPRING = {
    "status": "UP",
    "groups": ["liveness", "readiness"],
    "components": {
        "db": {"status": "UP", "components": {"primary": {"status": "UP"}, "replica": {"status": "DOWN"}}},
        "diskSpace": {"status": "UP", "details": {"free": 9, "exists": True}},
        "ping": {"status": "UP"},
    },
}
ASP_NET = {
    "status": "Healthy",
    "totalDuration": "00:00:00.0512",
    "entries": {
        "sql": {"data": {}, "status": "Healthy", "tags": []},
        "redis": {"status": "Degraded", "tags": ["cache"]},
    },
}
KUBERNETES = {
    "status": {
        "readyReplicas": 2,
        "conditions": [
            {"type": "Progressing", "status": "True"},
            {"type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable"},
        ],
    }
}
DJANGO = {"Cache backend: default": "working", "DatabaseBackend": "working", "RedisHealthCheck": "unavailable: Timeout"}
TERMINUS = {"status": "error", "info": {}, "error": {"db": {"status": "down"}}, "details": {"db": {"status": "down"}}}
HEALTH_JSON = {
    "status": "pass",
    "checks": {
        "cassandra:responseTime": [{"componentId": "a", "observedValue": 250, "status": "pass"}],
        "cpu:utilization": [{"node": 1, "observedValue": 85, "status": "warn"}, {"node": 2, "status": "pass"}],
        "uptime": [{"observedValue": 1209600.245, "status": "pass"}],
    },
}
DOCUMENTS: dict[str, tuple[Any, str, Any, str | None]] = {
    "Spring Boot, the components": (SPRING, "$.components.*.status", "UP", None),
    "Spring Boot, at any depth": (
        SPRING,
        "$..status",
        "UP",
        'json $.components.db.components.replica.status is "DOWN"',
    ),
    "ASP.NET": (ASP_NET, "$.entries.*.status", "Healthy", 'json $.entries.redis.status is "Degraded"'),
    "Kubernetes, one condition": (
        KUBERNETES,
        "$.status.conditions[?@.type=='Available'].status",
        "True",
        'json $.status.conditions[1].status is "False"',
    ),
    "Kubernetes, a condition that is not there": (
        KUBERNETES,
        "$.status.conditions[?@.type=='Ready'].status",
        "True",
        "is missing",
    ),
    "Kubernetes, no replica": (KUBERNETES, "$.status.unavailableReplicas", {"exists": False}, None),
    "django-health-check": (DJANGO, "$.*", "working", 'json $.RedisHealthCheck is "unavailable: Timeout"'),
    "django-health-check, one": (DJANGO, "$['Cache backend: default']", "working", None),
    "Terminus, nothing under error": (
        TERMINUS,
        "$.error.*",
        {"exists": False},
        'json $.error.db is {"status": "down"}',
    ),
    "Terminus, all under details": (TERMINUS, "$.details.*.status", "up", 'json $.details.db.status is "down"'),
    "health+json": (HEALTH_JSON, "$.checks.*[*].status", "pass", "json $.checks['cpu:utilization'][0].status is"),
    "health+json, values": (
        HEALTH_JSON,
        "$.checks['cpu:utilization'][*].observedValue",
        {"lt": 90},
        "json $.checks['cpu:utilization'][1] has no observedValue",
    ),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_health_documents_of_frameworks_are_judged_node_by_node(name: str) -> None:
    document, path, wanted, said = DOCUMENTS[name]
    found = mismatch(document, {path: wanted})
    assert found is None if said is None else said in (found or ""), found


def test_where_one_node_is_enough_its_value_is_shown() -> None:
    matcher = TypeAdapter(JsonMatcher).validate_python({"$[*].s": "down"})
    (result,) = json_tests([{"s": "up"}, {"s": "down"}, {}], matcher, every=False)
    assert (result.holds, result.seen) == (True, 'json $[1].s is "down"')
    (result,) = json_tests([{"s": "up"}], matcher, every=False)
    assert result.holds is False


SUGGESTIONS = {
    "db-status": "write $['db-status']",
    "$.db-status": "write $['db-status']",
    "checks.db-main.status": "write $.checks['db-main'].status or $['checks.db-main.status']",
    "Cache backend: default": "write $['Cache backend: default']",
    "checks.cassandra:responseTime[0].status": "write $.checks['cassandra:responseTime'][0].status",
    "length($.checks)": "a function is only possible in a filter, such as $.checks[?length(@.name) > 2]",
    "db-*": "a key that is no identifier is written like $['db-status']",
    ".status": "write $.status",
    "/status": "write $.status",
    "/checks/db": "write $.checks.db",
    "$.1st": "write $['1st']",
}


@pytest.mark.parametrize("text", SUGGESTIONS)
def test_the_error_of_a_path_says_how_to_write_it(text: str) -> None:
    with pytest.raises(ValueError) as error:
        compile_jsonpath(text)
    assert SUGGESTIONS[text] in str(error.value)


@pytest.mark.parametrize("text", ["(?!error)ok", "(?=ok)", "(?<=a)b", "(?<!a)b"])
def test_the_error_of_a_pattern_says_what_re2_lacks(text: str) -> None:
    with pytest.raises(ValueError, match="RE2 has no look-around: write a second pattern, or not_matches"):
        compile_pattern(text)


def test_a_mismatch_says_what_was_seen_and_expected() -> None:
    assert mismatch({"a": "x" * 500, "b": 1}, {"a": {"exists": True}, "b": {"gt": 1, "ne": 3}}) == (
        "json b is 1, expected gt 1, ne 3"
    )
    assert len(mismatch({"a": "x" * 500}, {"a": 1}) or "") < 200
