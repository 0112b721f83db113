"""Judge a response by its status, JSON, body and headers; details say what was seen and what was expected."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from staging_exporter.core.facts import Fact
from staging_exporter.core.model import ProbeDegraded, ProbeFailed, Reason
from staging_exporter.net.charsets import Undecodable
from staging_exporter.net.context import ProbeContext
from staging_exporter.net.exchange import Response, status_reason
from staging_exporter.options.failing_parts import failing_parts
from staging_exporter.options.jsonpath import JsonPath, find
from staging_exporter.options.matchers import JsonMatcher, MatcherResult, json_tests
from staging_exporter.options.model import Model
from staging_exporter.options.patterns import Pattern, search
from staging_exporter.options.payload import HeaderName

_SNIPPET = 200  # characters of a body in a detail
_SPACE = re.compile(r"\s+")


def _as_list(value: object) -> object:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _statuses(value: object) -> object:
    items = _as_list(value)
    assert isinstance(items, tuple)
    if not items:
        raise ValueError("an empty list matches no status")
    return tuple(_status(item) for item in items)


def _status(item: object) -> str:
    """The item as text, `200`, `2xx` or `200-299`. Raises ValueError."""
    text = "" if isinstance(item, bool) else str(item).lower()
    ends = [int(end) for end in text.split("-")] if re.fullmatch(r"\d{3}(-\d{3})?", text) else []
    if re.fullmatch(r"[1-5]xx", text) or (ends and ends == sorted(ends) and ends[0] >= 100 and ends[-1] <= 599):
        return text
    raise ValueError(f"{item!r} is not a status; write it like 200, 2xx or 200-299")


_STATUS_SCHEMA = {"anyOf": [{"type": "integer"}, {"type": "string"}]}
Statuses = Annotated[
    tuple[str, ...],
    BeforeValidator(_statuses),
    WithJsonSchema({"anyOf": [*_STATUS_SCHEMA["anyOf"], {"type": "array", "items": _STATUS_SCHEMA}]}),
]
SUCCESS = ("2xx",)


def status_in(statuses: tuple[str, ...], status: int) -> bool:
    """True when one of the items, `200`, `2xx` or `200-299`, covers `status`."""
    for item in statuses:
        low, _, high = item.replace("xx", "00").partition("-")
        if int(low) <= status <= int(high or (item.endswith("xx") and int(low) + 99) or low):
            return True
    return False


Patterns = Annotated[tuple[Pattern, ...], BeforeValidator(_as_list)]


class BodyMatcher(Model):
    """RE2 patterns, each searched in the body as text; one, or a list that must all hold."""

    matches: Patterns = ()
    not_matches: Patterns = ()


class HeaderTest(Model):
    """What one header must be; a missing header matches nothing."""

    matches: Pattern | None = None
    not_matches: Pattern | None = None
    exists: bool | None = None


def _header_test(value: object) -> object:
    return {"matches": value} if isinstance(value, str) else value


HeaderMatcher = dict[HeaderName, Annotated[HeaderTest, BeforeValidator(_header_test)]]


class Matchers(Model):
    """Matchers on the content of a response."""

    json_: JsonMatcher = Field(default_factory=dict, alias="json", description="JSONPath to value; a bare key is $.key")
    body: BodyMatcher | None = Field(None, description="patterns on the body as text")
    header: HeaderMatcher = Field(default_factory=dict, description="header to pattern")

    @property
    def on_body(self) -> bool:
        """True when there is a matcher on the body."""
        return bool(self.json_ or self.body)

    def tests(self, response: Response, *, every: bool) -> Iterator[MatcherResult]:
        """The results of all matchers on `response`, in the order JSON, body, header.

        With `every`, all nodes that a JSONPath selects must satisfy its matcher, else one is enough.
        """
        if self.json_:
            yield from _json_tests(response, self.json_, every)
        if self.body:
            yield from _body_tests(response, self.body)
        for name, test in self.header.items():
            yield from _header_tests(name, response.header(name), test)


class Answer(Matchers):
    """Matchers on a response and its status; at least one."""

    status: Statuses | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> Answer:
        if not self.model_fields_set:
            raise ValueError("give at least one of status, json, body and header")
        return self

    def describes(self, response: Response) -> bool:
        """True when all of them hold."""
        if self.status is not None and not status_in(self.status, response.status):
            return False
        return all(test.holds for test in self.tests(response, every=False))


class Expected(Matchers):
    """Matchers that decide between up and down."""

    status: Statuses = Field(SUCCESS, description="200, 2xx or 200-299, one or a list")
    final_host: Pattern | None = Field(None, description="pattern on the host that answers after redirects")


def _json_tests(response: Response, matcher: JsonMatcher, every: bool) -> Iterator[MatcherResult]:
    try:
        document = response.document
    except Undecodable as error:
        yield _undecodable(str(error), f"json {next(iter(matcher))}")
        return
    except ValueError as error:
        seen = f"the body is not JSON ({error})" if response.body.strip() else "the body is empty"
        yield MatcherResult(False, seen, f"json {next(iter(matcher))}")
        return
    yield from json_tests(document, matcher, every=every)


def _body_tests(response: Response, wanted: BodyMatcher) -> Iterator[MatcherResult]:
    """What is found in a body that cannot be decoded was found; what is not found may be there."""
    for pattern, expected in [(p, True) for p in wanted.matches] + [(p, False) for p in wanted.not_matches]:
        found = search(pattern, response.text)
        words = "a match" if expected else "no match"
        if not found and response.undecodable:
            yield _undecodable(response.undecodable, f"{words} of {pattern!r}")
        else:
            seen = f"body {'matches' if found else 'does not match'} {pattern!r}"
            yield MatcherResult(found is expected, seen, words)


def _undecodable(why: str, wanted: str) -> MatcherResult:
    return MatcherResult(None, f"the body cannot be decoded: {why}", wanted, Reason.PROTOCOL)


def _header_tests(name: str, value: str | None, test: HeaderTest) -> Iterator[MatcherResult]:
    seen = f"header {name} is {'missing' if value is None else repr(value[:160])}"
    if test.exists is not None:
        yield MatcherResult((value is not None) is test.exists, seen, "any" if test.exists else "none")
    if test.matches is not None:
        yield MatcherResult(value is not None and search(test.matches, value), seen, f"a match of {test.matches!r}")
    if test.not_matches is not None:
        yield MatcherResult(
            value is None or not search(test.not_matches, value), seen, f"no match of {test.not_matches!r}"
        )


def snippet(response: Response) -> str:
    """`; body: ...`, the beginning of the body in one line; empty without a body."""
    if response.foreign:
        return f"; its body is not shown: {response.url.shown} is another origin" if response.url else ""
    text = _SPACE.sub(" ", response.text[: 2 * _SNIPPET]).strip()
    return f"; body: {text[:_SNIPPET]}" if text else ""


def _failing(response: Response) -> str:
    """What a body says is broken, where its beginning does not show it all."""
    return failing_parts(response) if len(response.text) > _SNIPPET and not response.foreign else ""


def trust_final_host(response: Response, expected: Expected) -> None:
    """A response of another origin is no `foreign` one where the configuration names its host."""
    if expected.final_host is not None and response.url and search(expected.final_host, response.url.host):
        response.foreign = False


def require_status(response: Response, expected: tuple[str, ...]) -> None:
    """Raises ProbeFailed with the reason of the status when it is not among the expected ones."""
    if not status_in(expected, response.status):
        seen = f"status {response.status}, expected {' or '.join(expected)}{_failing(response)}{snippet(response)}"
        raise ProbeFailed(status_reason(response.status), seen)


def require_not_starting(response: Response, starting: Answer | None) -> None:
    """Raises ProbeFailed (`starting`) when the peer says that it is starting."""
    if starting is not None and starting.describes(response):
        raise ProbeFailed(Reason.STARTING, f"status {response.status}, it says that it is starting{snippet(response)}")


def require_all(response: Response, matchers: Matchers, reason: Reason) -> None:
    """Raises ProbeFailed for the first matcher that does not hold, or else for one that nothing is known of."""
    results = list(matchers.tests(response, every=True))
    for test in results:
        if test.holds is False:
            raise ProbeFailed(reason, f"{test.seen}, expected {test.wanted}{_context(response)}")
    _require_evidence(response, results, "expected")


def require_evidence(response: Response, matchers: Matchers) -> None:
    """Raises ProbeFailed when nothing can be said of one of the matchers that make the response a degraded one."""
    _require_evidence(response, matchers.tests(response, every=False), "degraded when")


def _require_evidence(response: Response, results: Iterable[MatcherResult], word: str) -> None:
    for test in results:
        if test.holds is None:
            raise ProbeFailed(test.reason, f"{test.seen}, {word} {test.wanted}{_context(response)}")


def require_identity(context: ProbeContext, response: Response, identity: Matchers, expected: Expected) -> None:
    """Raises ProbeFailed (`identity`) when another service answered, or another host after redirects."""
    require_all(response, identity, Reason.IDENTITY)
    host = str(context.facts[Fact.FINAL_HOST])
    if expected.final_host is not None and not search(expected.final_host, host):
        raise ProbeFailed(Reason.IDENTITY, f"{host} answered, expected a match of {expected.final_host!r}")


def degrade_on_any(response: Response, matchers: Matchers, statuses: tuple[str, ...] = ()) -> None:
    """Raises ProbeDegraded (`content`) for one of `statuses`, or for the first matcher that holds."""
    if status_in(statuses, response.status):
        seen = f"status {response.status}, degraded when {' or '.join(statuses)}{_failing(response)}{snippet(response)}"
        raise ProbeDegraded(Reason.CONTENT, seen)
    for test in matchers.tests(response, every=False):
        if test.holds:
            seen = f"{test.seen}, degraded when {test.wanted}{_context(response)}"
            raise ProbeDegraded(Reason.CONTENT, seen)


def _context(response: Response) -> str:
    return f"; status {response.status}{snippet(response)}"


FactName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
FactPaths = Annotated[dict[FactName, JsonPath], Field(max_length=10)]


def record_facts(context: ProbeContext, response: Response, paths: Mapping[str, str]) -> None:
    """The first scalar that each JSONPath selects becomes a fact of that name; texts are cut at 200 characters."""
    try:
        document: Any = response.document if paths else None
    except ValueError:
        return
    for name, path in paths.items():
        value = next((value for value in find(document, path) if _is_scalar(value)), None)
        if value is not None:
            context.facts[name] = value[:200] if isinstance(value, str) else value


def _is_scalar(value: object) -> bool:
    """True for a value that fits into JSON and into a metric."""
    if isinstance(value, int | float):
        return abs(value) < 2**63  # false for NaN and infinity too
    return isinstance(value, str)
