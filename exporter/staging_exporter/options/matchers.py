"""Matchers: JSONPath with typed comparisons, RE2 patterns; a mismatch says what was seen and what was expected."""

from __future__ import annotations

import json
import operator
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any

import re2
from jsonpath_rfc9535 import JSONPathEnvironment, JSONPathError, JSONPathQuery
from jsonpath_rfc9535.function_extensions import Match, Search
from pydantic import BeforeValidator, Field, model_validator

from staging_exporter.options.model import Duration, Model

Scalar = str | int | float | bool | None


@lru_cache(maxsize=4096)
def compile_pattern(text: str) -> Any:
    """A compiled RE2 pattern, unanchored when used with `search`. Raises ValueError."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(text, options=options)
    except re2.error as error:
        why = error.args[0].decode(errors="replace")  # RE2 reports in bytes
        raise ValueError(f"{text!r} is not an RE2 pattern: {why}") from None


def _pattern(value: object) -> object:
    if isinstance(value, str):
        compile_pattern(value)
    return value


Pattern = Annotated[str, BeforeValidator(_pattern), Field(json_schema_extra={"format": "regex"})]


def search(pattern: str, text: str) -> bool:
    """True when the RE2 `pattern` is found anywhere in `text`."""
    return compile_pattern(pattern).search(text) is not None


def _same(seen: object, wanted: object) -> bool:
    """Type-strict equality, where 1 and 1.0 are both numbers but True is not 1."""
    numbers = (int, float)
    if isinstance(seen, bool) or isinstance(wanted, bool):
        return seen is wanted
    if isinstance(seen, numbers) and isinstance(wanted, numbers):
        return seen == wanted
    return type(seen) is type(wanted) and seen == wanted


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[object, object], bool]:
    def check(seen: object, wanted: object) -> bool:
        number = isinstance(seen, (int, float)) and isinstance(wanted, (int, float))
        comparable = (number and not isinstance(seen, bool)) or (isinstance(seen, str) and isinstance(wanted, str))
        return comparable and compare(seen, wanted)

    return check


def _younger(seen: object, seconds: float) -> bool:
    """True when `seen`, Unix seconds or an ISO 8601 text, is at most `seconds` old."""
    try:
        if isinstance(seen, str):
            moment = datetime.fromisoformat(seen)
            seen = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except ValueError:
        return False
    return isinstance(seen, (int, float)) and not isinstance(seen, bool) and time.time() - seen <= seconds


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": _same,
    "ne": lambda seen, wanted: not _same(seen, wanted),
    "lt": _ordered(operator.lt),
    "le": _ordered(operator.le),
    "gt": _ordered(operator.gt),
    "ge": _ordered(operator.ge),
    "matches": lambda seen, wanted: isinstance(seen, str) and search(wanted, seen),
    "max_age": _younger,
}


class Comparison(Model):
    """Comparisons that must all hold for one value; types are never converted."""

    eq: Scalar = None
    ne: Scalar = None
    lt: int | float | str | None = None
    le: int | float | str | None = None
    gt: int | float | str | None = None
    ge: int | float | str | None = None
    matches: Pattern | None = None
    exists: bool | None = None
    max_age: Duration | None = Field(None, description="a time, Unix seconds or ISO 8601, at most this old")

    @model_validator(mode="after")
    def _not_empty(self) -> Comparison:
        if not self.model_fields_set:
            raise ValueError(f"compare with at least one of {', '.join(type(self).model_fields)}")
        return self

    def holds(self, nodes: list[object]) -> bool:
        """True when any one of `nodes` satisfies every comparison; false without nodes, except `exists: false`."""
        if self.exists is False:
            return not nodes
        tests = [(_TESTS[name], getattr(self, name)) for name in self.model_fields_set - {"exists"}]
        return any(all(test(node, wanted) for test, wanted in tests) for node in nodes)

    def __str__(self) -> str:
        return ", ".join(f"{name} {json.dumps(getattr(self, name))}" for name in sorted(self.model_fields_set))


Wanted = Scalar | list[Scalar] | Comparison


# The library's `match` and `search` backtrack, and a document may provide both arguments: hence RE2.
class _Match(Match):
    def __call__(self, string: object, pattern: object) -> bool:
        return _found(r"\A(?:{})\z", pattern, string)


class _Search(Search):
    def __call__(self, string: object, pattern: object) -> bool:
        return _found("{}", pattern, string)


def _found(form: str, pattern: object, text: object) -> bool:
    """RFC 9535 section 2.4.6: a value that is not text and an invalid pattern match nothing."""
    try:
        return isinstance(text, str) and isinstance(pattern, str) and search(form.format(pattern), text)
    except ValueError:
        return False


_ENVIRONMENT = JSONPathEnvironment()
_ENVIRONMENT.function_extensions |= {"match": _Match(), "search": _Search()}


@lru_cache(maxsize=4096)
def compile_jsonpath(text: str) -> JSONPathQuery:
    """A compiled JSONPath; a bare key is short for `$.key`, dots included. Raises ValueError."""
    try:
        return _ENVIRONMENT.compile(text if text.startswith("$") else f"$.{text}")
    except JSONPathError as error:
        raise ValueError(f"{text!r} is not a JSONPath: {error}") from None


def _path(value: object) -> object:
    if isinstance(value, str):
        compile_jsonpath(value)
    return value


JsonPath = Annotated[str, BeforeValidator(_path)]
JsonMatcher = dict[JsonPath, Wanted]


def match_value(nodes: list[object], wanted: Wanted) -> bool:
    """True when any of `nodes` satisfies `wanted`: a scalar (equals), a list (any of) or a Comparison."""
    if isinstance(wanted, Comparison):
        return wanted.holds(nodes)
    options = wanted if isinstance(wanted, list) else [wanted]
    return any(_same(node, option) for node in nodes for option in options)


def find(document: Any, path: str) -> list[object]:
    """Values that the JSONPath selects; none when the document is nested too deep to search."""
    try:
        return [node.value for node in compile_jsonpath(path).find(document)]
    except (JSONPathError, RecursionError):
        return []


def json_tests(document: Any, matcher: Mapping[str, Wanted]) -> Iterator[tuple[bool, str, str]]:
    """For each path of `matcher`: whether it holds in `document`, what was seen, and what was expected."""
    for path, wanted in matcher.items():
        nodes = find(document, path)
        yield match_value(nodes, wanted), f"json {path} is {shown(nodes)}", wanted_text(wanted)


def first_mismatch(document: Any, matcher: Mapping[str, Wanted]) -> str | None:
    """None when all paths of `matcher` hold in `document`, else what was seen and expected for the first one."""
    for holds, seen, wanted in json_tests(document, matcher):
        if not holds:
            return f"{seen}, expected {wanted}"
    return None


def shown(nodes: list[object]) -> str:
    """Values for a detail: JSON, shortened, `missing` when there is none."""
    text = ", ".join(json.dumps(node, ensure_ascii=False, default=str) for node in nodes[:5]) or "missing"
    return text if len(text) <= 160 else text[:157] + "..."


def wanted_text(wanted: Wanted) -> str:
    """What a value must be, for a detail."""
    if isinstance(wanted, Comparison):
        return str(wanted)
    if isinstance(wanted, list):
        return "one of " + ", ".join(json.dumps(option) for option in wanted)
    return json.dumps(wanted)
