"""`{{name}}` in the options of a flow: which names they use, and the options with the values of a run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import re2
from pydantic import BaseModel

from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.url import Url
from staging_exporter.options.model import Filled
from staging_exporter.options.payload import Json

Scalar = str | int | float | bool
Path = tuple[str | int, ...]

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_BRACES = re.compile(r"\{\{(\s*[\w.-]+\s*)\}\}")
_IN_URL = re.compile(r"%7B%7B([\w.-]+)%7D%7D")  # as a URL has it once it is parsed
_PATTERNS = frozenset({"matches", "not_matches", "final_host"})
_ON_THE_WIRE = frozenset({"headers", "subprotocols", "origin"})  # whose values end at a line end
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
Escape = Callable[[str], str]


class Value(NamedTuple):
    """What replaces a placeholder; a secret is never shown."""

    content: Scalar
    secret: bool = True

    @property
    def text(self) -> str:
        """It as part of a text: `true` and `1.5` as JSON writes them."""
        return self.content if isinstance(self.content, str) else json.dumps(self.content)


def placeholders(options: object, at: Path = ()) -> Iterator[tuple[Path, str]]:
    """(path, name) of each `{{name}}` in the options, at any depth; the name as it is written, spaces included."""
    match options:
        case Url():
            yield from ((at, name) for name in _IN_URL.findall(options.target))
        case str():
            yield from ((at, name) for name in _BRACES.findall(options))
        case BaseModel():
            for name, field in type(options).model_fields.items():
                yield from placeholders(getattr(options, name), (*at, field.alias or name))
        case Mapping():
            for key, item in options.items():
                yield from placeholders(key, (*at, key))
                yield from placeholders(item, (*at, key))
        case list() | tuple():
            for number, item in enumerate(options):
                yield from placeholders(item, (*at, number))


def filled(options: Any, values: Mapping[str, Value]) -> Any:
    """The options with the values in place of their placeholders, each of which must have one.

    Values are escaped for their place: a URL, a pattern, a JSONPath, a query. A text of JSON that is a placeholder
    alone becomes the value itself, with its type. Raises ProbeFailed (`content`) for one that a header cannot hold.
    """
    return _Filler(values).model(options)


class _Filler:
    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = values

    def model(self, options: Any) -> Any:
        """A model in which only what has placeholders is replaced."""
        changes = {}
        for name in type(options).model_fields:
            value = getattr(options, name)
            changed = self._field(type(options), name, value)
            if changed is not value:
                changes[name] = changed
        return options.model_copy(update=changes) if changes else options

    def _field(self, model: type[BaseModel], name: str, value: Any) -> Any:
        if name == "json_":
            keys = None if issubclass(model, Json) else _in_jsonpath
            return self._json(value, keys)
        if name in _PATTERNS:
            return self._any(value, re2.escape)
        if name == "query":
            return self._any(value, None, literal=True)
        if name in _ON_THE_WIRE:
            return self._any(value, _on_the_wire)
        return self._any(value, None)

    def _any(self, value: Any, escape: Escape | None, *, literal: bool = False) -> Any:
        match value:
            case Url():
                return value._replace(target=self._text(value.target, _IN_URL, lambda text: quote(text, safe="")))
            case str():
                return self._query(value) if literal else self._text(value, _BRACES, escape)
            case BaseModel():
                return self.model(value)
            case dict():
                return self._same_or({key: self._any(item, escape) for key, item in value.items()}, value)
            case tuple() if type(value) is tuple:
                changed = tuple(self._any(item, escape) for item in value)
                return value if all(a is b for a, b in zip(changed, value, strict=True)) else changed
        return value

    def _json(self, value: Any, keys: Escape | None) -> Any:
        """JSON, or matchers on it: there a key is a JSONPath, and `keys` escapes what becomes part of one."""
        match value:
            case str() if (alone := _BRACES.fullmatch(value)) and alone[1] in self._values:
                return self._values[alone[1]].content
            case str():
                return str(self._text(value, _BRACES, None))  # compared by type
            case BaseModel():
                return self.model(value)
            case dict():
                changed = {self._text(key, _BRACES, keys): self._json(item, keys) for key, item in value.items()}
                return self._same_or(changed, value)
            case list() | tuple():
                return [self._json(item, keys) for item in value]
        return value

    @staticmethod
    def _same_or(changed: dict[Any, Any], value: dict[Any, Any]) -> dict[Any, Any]:
        same = all(a is b and c is d for (a, c), (b, d) in zip(changed.items(), value.items(), strict=True))
        return value if same else changed

    def _text(self, text: str, form: re.Pattern[str], escape: Escape | None) -> str:
        """The text in one pass, so that a value that looks like a placeholder stays as it is."""
        names = [name for name in form.findall(text) if name in self._values]
        if not names:
            return text

        def value_of(match: re.Match[str]) -> str:
            if match[1] not in self._values:
                return match[0]
            value = self._values[match[1]].text
            return value if escape is None else escape(value)

        try:
            done = form.sub(value_of, text)
        except ValueError as error:
            raise ProbeFailed(Reason.CONTENT, f"{{{{{names[0]}}}}} {error}") from None
        return Filled(done)

    def _query(self, text: str) -> str:
        return _BRACES.sub(lambda match: _literal(self._values[match[1]].content), text)


def _on_the_wire(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("has characters that a header cannot hold")
    return text


def _in_jsonpath(text: str) -> str:
    """As part of a text within a JSONPath, whichever quotes it has: RFC 9535 section 2.3.1."""
    return "".join(f"\\u{ord(c):04x}" if c in "\"'\\" or c < " " else c for c in text)


def _literal(value: Scalar) -> str:
    """The value as SQL writes it; escaped so that it is the same whatever `standard_conforming_strings` is."""
    if not isinstance(value, str):
        return json.dumps(value)
    if "\x00" in value:
        raise ProbeFailed(Reason.CONTENT, "a captured value has a zero byte, which no query can hold")
    return " E'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
