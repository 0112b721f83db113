"""Matchers on values and on JSON: typed comparisons; a mismatch says what was seen and what was expected.

Where a path selects several nodes, `expect` and `identity` want all of them, `degraded` and `startup.when` any one.
"""

from __future__ import annotations

import json
import math
import operator
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from pydantic import Field, model_validator

from staging_exporter.core.durations import format_duration
from staging_exporter.core.model import Reason
from staging_exporter.options.jsonpath import JsonPath, Selection, select, selects_several
from staging_exporter.options.model import Duration, Model
from staging_exporter.options.moments import FUTURE, unix_seconds
from staging_exporter.options.patterns import Pattern, search

_EMPTY = "; `empty: pass` would accept none"
Scalar = str | int | float | bool | None


class MatcherResult(NamedTuple):
    """The result of one matcher: whether it holds, what was seen, what was expected.

    `holds` is None when nothing can be concluded; `reason` says why.
    """

    holds: bool | None
    seen: str
    wanted: str
    reason: Reason = Reason.NO_EVIDENCE


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
    """True when `seen` is a point in time at most `seconds` old, and not in the future."""
    moment = unix_seconds(seen)
    return moment is not None and -FUTURE <= time.time() - moment <= seconds


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
    """Comparisons that must all hold for a value; types are never converted."""

    eq: Scalar = None
    ne: Scalar = None
    lt: int | float | str | None = None
    le: int | float | str | None = None
    gt: int | float | str | None = None
    ge: int | float | str | None = None
    matches: Pattern | None = None
    exists: bool | None = None
    max_age: Duration | None = Field(
        None, description="a time, a number or RFC 3339, at most this old; never the future"
    )
    nodes: Literal["any", "all"] | None = Field(
        None, description="whether one node is enough; all for expect and identity, any for degraded and startup.when"
    )
    empty: Literal["pass", "fail"] = Field("fail", description="the result when the path selects nothing")

    @model_validator(mode="after")
    def _not_empty(self) -> Comparison:
        if not self._given():
            raise ValueError(f"compare with at least one of {', '.join(_TESTS)}, exists")
        return self

    def _given(self) -> list[str]:
        return sorted(self.model_fields_set - {"nodes", "empty"})

    @property
    def says_how_many(self) -> bool:
        """True when it does not depend on where it is used how many nodes must satisfy it."""
        return self.nodes is not None or self.exists is False

    def tests(self) -> list[tuple[Callable[[Any, Any], bool], Any]]:
        """The comparisons of a value, each with what it is compared with."""
        return [(_TESTS[name], getattr(self, name)) for name in self._given() if name != "exists"]

    def __str__(self) -> str:
        texts = {name: json.dumps(getattr(self, name)) for name in self._given()}
        if self.max_age is not None:
            texts["max_age"] = format_duration(self.max_age)
        return ("any node " if self.nodes == "any" else "") + ", ".join(
            f"{name} {text}" for name, text in texts.items()
        )


Wanted = Scalar | list[Scalar] | Comparison
JsonMatcher = dict[JsonPath, Wanted]


def _fits(value: object, wanted: Wanted) -> bool | None:
    """Whether `value` satisfies `wanted`: a scalar, a list of them (any of) or a Comparison; None for NaN."""
    if isinstance(wanted, Comparison):
        tests = wanted.tests()
        if tests and _is_nan(value):
            return None
        return all(test(value, limit) for test, limit in tests)
    if _is_nan(value):
        return None
    return any(_same(value, option) for option in (wanted if isinstance(wanted, list) else [wanted]))


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def judge(found: Selection, wanted: Wanted, *, every: bool = True) -> MatcherResult:
    """Whether `found` satisfies `wanted`: with `every` all of its values, else any one, unless `wanted` says which."""
    comparison = wanted if isinstance(wanted, Comparison) else None
    text = wanted_text(wanted)
    if comparison and comparison.exists is False:
        return MatcherResult(not found.values, _shown(found), text)
    together = comparison.nodes == "all" if comparison and comparison.nodes else every
    if together and found.lacking:
        return MatcherResult(False, found.lacking, text)
    if not found.values:
        return MatcherResult(every and comparison is not None and comparison.empty == "pass", _shown(found), text)
    fits = [_fits(value, wanted) for value in found.values]
    decisive = next((at for at, fit in enumerate(fits) if fit is (not together)), None)
    if decisive is not None:
        return MatcherResult(not together, _one(found, decisive, comparison), text)
    if None in fits:
        return MatcherResult(None, _one(found, fits.index(None), comparison), text)
    return MatcherResult(together, _shown(found), text)


def _shown(found: Selection) -> str:
    return f"{found.label(0) if len(found.values) == 1 else found.name} is {shown(found.values)}"


def _one(found: Selection, at: int, comparison: Comparison | None) -> str:
    """A single value and, where its age is compared, that age."""
    value = found.values[at]
    age = f" ({_age(value)})" if comparison and comparison.max_age is not None else ""
    return f"{found.label(at)} is {shown([value])}{age}"


def _age(value: object) -> str:
    moment = unix_seconds(value)
    if moment is None:
        return "not a time"
    age = round(time.time() - moment)
    return f"{format_duration(float(age))} old" if age >= 0 else f"{format_duration(float(-age))} in the future"


def json_tests(document: Any, matcher: Mapping[str, Wanted], *, every: bool = True) -> Iterator[MatcherResult]:
    """The result of each path of `matcher` on `document`."""
    for path, wanted in matcher.items():
        try:
            found = select(document, path)
        except ValueError as error:
            yield MatcherResult(None, f"json {path}: the document is {error}", wanted_text(wanted), Reason.CONTENT)
            continue
        result = judge(found, wanted, every=every)
        nothing = every and result.holds is False and not found.values and not found.lacking and selects_several(path)
        hint = _EMPTY if nothing else ""
        yield result._replace(seen=f"json {result.seen}", wanted=f"{result.wanted}{hint}")


def first_mismatch(document: Any, matcher: Mapping[str, Wanted]) -> MatcherResult | None:
    """None when all paths of `matcher` hold in `document`, else the first result that does not hold."""
    results = list(json_tests(document, matcher))
    failed = (result for result in results if result.holds is False)
    return next(failed, next((result for result in results if result.holds is None), None))


def shown(values: Sequence[object]) -> str:
    """Values for a detail: JSON, shortened, `missing` when there is none."""
    text = ", ".join(json.dumps(value, ensure_ascii=False, default=str) for value in values[:5]) or "missing"
    return text if len(text) <= 160 else text[:157] + "..."


def wanted_text(wanted: Wanted) -> str:
    """What a value must be, for a detail."""
    if isinstance(wanted, Comparison):
        return str(wanted)
    if isinstance(wanted, list):
        return "one of " + ", ".join(json.dumps(option) for option in wanted)
    return json.dumps(wanted)
