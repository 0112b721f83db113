"""JSONPath by RFC 9535: compiled once, with RE2 for its functions; what a path selects, and which elements lack it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Annotated, Any, NamedTuple

from jsonpath_rfc9535 import JSONPathEnvironment, JSONPathError, JSONPathNode, JSONPathQuery
from jsonpath_rfc9535.function_extensions import Match, Search
from jsonpath_rfc9535.segments import JSONPathRecursiveDescentSegment, JSONPathSegment
from jsonpath_rfc9535.selectors import IndexSelector, JSONPathSelector, NameSelector
from pydantic import BeforeValidator

from staging_exporter.options.model import Filled
from staging_exporter.options.patterns import search

_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_KEY = r"[^.\[\]'\"()$*@?]+(?:\[\d+\])*"
_KEYS = re.compile(rf"{_KEY}(?:\.{_KEY})*")
_STEPS = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


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


def compile_jsonpath(text: str) -> JSONPathQuery:
    """A compiled JSONPath; a bare key is short for `$.key`, dots included. Kept, unless it is new in each run.

    Raises ValueError.
    """
    return _compile(text) if isinstance(text, Filled) else _compile_once(text)


def _compile(text: str) -> JSONPathQuery:
    if text.startswith("."):  # of jq; `$..key` finds keys at any depth
        raise ValueError(f"{text!r} is not a JSONPath: it begins with a dot{_suggestion(text)}")
    try:
        return _ENVIRONMENT.compile(text if text.startswith("$") else f"$.{text}")
    except JSONPathError as error:
        why = str(error).partition(", line")[0]
        raise ValueError(f"{text!r} is not a JSONPath: {why}{_suggestion(text)}") from None


_compile_once = lru_cache(maxsize=4096)(_compile)


def _suggestion(text: str) -> str:
    """How a path of keys that are no identifiers, a JSON Pointer or a path of jq is written."""
    bare = text.removeprefix("$").lstrip("./").replace("/", "." if text.startswith("/") else "/")
    if not any(map(str.isalnum, bare)):
        return ""
    if "(" in text and "?" not in text:
        return "; a function is only possible in a filter, such as $.checks[?length(@.name) > 2]"
    if not _KEYS.fullmatch(bare):
        return "; a key that is no identifier is written like $['db-status']"
    steps = [int(index) if index else key for index, key in _STEPS.findall(bare)]
    forms = ["$" + "".join(step_of(step) for step in steps)]
    if len(steps) > 1 and "[" not in bare and "$." + bare != forms[0]:
        forms.append(f"$[{bare!r}]")
    return f"; write {' or '.join(forms)}"


def step_of(key: str | int) -> str:
    """One step of a normalized path, in its short form where there is one."""
    if isinstance(key, int):
        return f"[{key}]"
    return f".{key}" if _IDENTIFIER.fullmatch(key) else "['" + key.replace("\\", "\\\\").replace("'", "\\'") + "']"


def _path(value: object) -> object:
    if isinstance(value, str):
        compile_jsonpath(value)
    return value


JsonPath = Annotated[str, BeforeValidator(_path)]


class Selection(NamedTuple):
    """What the path `name` selects: values, what each is called in a detail, the first element that lacks a key."""

    name: str
    values: Sequence[object]
    label: Callable[[int], str]
    lacking: str | None = None


def selects_several(path: str) -> bool:
    """True when the path can select more than one node."""
    return not compile_jsonpath(path).singular_query()


def select(document: Any, path: str) -> Selection:
    """Everything that the JSONPath selects.

    After `[*]`, a slice, a filter or several keys, each element must have the keys that follow: the first that does
    not is `lacking`. Raises ValueError when the document is nested too deep to search.
    """
    query = compile_jsonpath(path)
    nodes = [JSONPathNode(value=document, location=(), parent=None, root=document)]
    lacking, each = None, False
    try:
        for segment in query.segments:
            if lacking is None and (each or len(segment.selectors) > 1):
                lacking = _lacking(nodes, segment)
            nodes = list(segment.resolve(nodes))
            each = _continues(segment, each)
    except (JSONPathError, RecursionError):
        raise ValueError("nested too deep to search") from None
    singular = query.singular_query()
    return Selection(path, [node.value for node in nodes], lambda at: path if singular else _place(nodes[at]), lacking)


def _continues(segment: JSONPathSegment, each: bool) -> bool:
    """Whether every node after this segment must have what follows: not after `..`, which finds what it can."""
    if isinstance(segment, JSONPathRecursiveDescentSegment):
        return False
    return each or len(segment.selectors) > 1 or not _is_key(segment.selectors[0])


def _is_key(selector: JSONPathSelector) -> bool:
    return isinstance(selector, NameSelector | IndexSelector)


def _lacking(nodes: Sequence[JSONPathNode], segment: JSONPathSegment) -> str | None:
    if isinstance(segment, JSONPathRecursiveDescentSegment):
        return None
    keys = [selector for selector in segment.selectors if _is_key(selector)]
    for node in nodes:
        for key in keys:
            if next(iter(key.resolve(node)), None) is None:
                return f"{_place(node)} has no {str(key).strip(chr(39))}"
    return None


def _place(node: JSONPathNode) -> str:
    return "$" + "".join(step_of(step) for step in node.location)


def find(document: Any, path: str) -> list[object]:
    """Values that the JSONPath selects; none when the document is nested too deep to search."""
    try:
        return list(select(document, path).values)
    except ValueError:
        return []
