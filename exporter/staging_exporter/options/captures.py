"""The option `capture`: values of a response or a message that later steps use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, model_validator

from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net.cookies import Cookies
from staging_exporter.net.exchange import Response
from staging_exporter.net.message import Message
from staging_exporter.net.tokens import claims_of
from staging_exporter.options.jsonpath import JsonPath, find
from staging_exporter.options.matchers import JsonMatcher, first_mismatch, shown
from staging_exporter.options.messages import Framing, parsed
from staging_exporter.options.model import Model
from staging_exporter.options.patterns import Pattern, compile_pattern
from staging_exporter.options.payload import HeaderName
from staging_exporter.options.templates import NAME, Scalar, Value

_LONGEST = 8 * 1024  # characters of a captured text: every output is searched for its pieces


@dataclass(frozen=True, slots=True)
class Source:
    """Where values are captured from: the text, its JSON, and the headers and cookies where it has them."""

    text: str
    document: Callable[[], Any]
    header: Callable[[str], str | None] = lambda _: None
    cookie: Callable[[str], str | None] = lambda _: None


def of_response(response: Response, cookies: Cookies) -> Source:
    """A response, with the cookies of the run."""
    return Source(response.text, lambda: response.document, response.header, cookies.value)


def of_message(message: Message, framing: Framing) -> Source:
    """A message of a WebSocket; of JSON behind a prefix what follows it."""
    return Source(framing.text(message) or message.text, lambda: framing.document(message))


def of_value(value: object) -> Source:
    """A single value, such as the first of a query."""
    text = value if isinstance(value, str) else shown([value])
    return Source(text, lambda: parsed(value) if isinstance(value, str) and value[:1] in ("{", "[") else value)


class Capture(Model):
    """One value: of the JSON, a header or a cookie, or of the text; `matches` takes its group out of it."""

    json_: JsonPath | None = Field(None, alias="json", description="JSONPath to a text, a number, true or false")
    header: HeaderName | None = Field(None, description="name of a header of the response")
    cookie: str | None = Field(None, description="name of a cookie")
    matches: Pattern | None = Field(None, description="pattern with one group, on the text, or on the value above")
    claims: JsonMatcher = Field(default_factory=dict, description="JSONPath to value, in the claims of a token (JWT)")
    secret: bool = Field(True, description="false: the value may be shown")

    @model_validator(mode="after")
    def _one_source(self) -> Capture:
        given = self.model_fields_set - {"secret", "matches", "claims"}
        if len(given) > 1 or (not given and self.matches is None):
            raise ValueError("capture from exactly one of json, header and cookie, or from the text with matches")
        if self.matches is not None and (groups := compile_pattern(self.matches).groups) != 1:
            raise ValueError(f"{self.matches!r} has {groups} groups, expected one in parentheses: the value")
        return self

    @property
    def of_head(self) -> bool:
        """True when only a response over HTTP has it."""
        return self.header is not None or self.cookie is not None

    def take(self, name: str, source: Source) -> Value:
        """The value. Raises ProbeFailed (`content`) when it is not there; the detail shows no value."""
        value = self._find(name, source)
        if self.matches is not None:
            text = value if isinstance(value, str) else Value(value).text
            match = compile_pattern(self.matches).search(text)
            if match is None or match[1] is None:
                raise _missing(name, f"no match of {self.matches!r} in {self._place}")
            value = str(match[1])
        if isinstance(value, str) and not 0 < len(value) <= _LONGEST:
            raise _missing(name, f"{self._place} is {'longer than 8 KiB' if value else 'empty'}")
        if self.claims:
            self._check_claims(name, value)
        return Value(value, self.secret)

    def _check_claims(self, name: str, value: Scalar) -> None:
        """Raises ProbeFailed (`content`) when the value is no token with these claims."""
        claims = claims_of(value) if isinstance(value, str) else None
        if not isinstance(claims, dict):
            raise ProbeFailed(Reason.CONTENT, f"{name} is not a JSON Web Token, expected one with claims")
        if (wrong := first_mismatch(claims, self.claims)) is not None:
            seen = wrong.seen.replace("json ", "claim ", 1)
            raise ProbeFailed(Reason.CONTENT, f"{name} has the wrong claims: {seen}, expected {wrong.wanted}")

    @property
    def _place(self) -> str:
        if self.json_ is not None:
            return f"json {self.json_}"
        return next((f"{what} {name}" for what, name in self._head if name), "the text")

    @property
    def _head(self) -> tuple[tuple[str, str | None], ...]:
        return (("header", self.header), ("cookie", self.cookie))

    def _find(self, name: str, source: Source) -> Scalar:
        if self.json_ is not None:
            return self._of_json(name, self.json_, source)
        if self.header is not None:
            found = source.header(self.header)
        elif self.cookie is not None:
            found = source.cookie(self.cookie)
        else:
            return source.text
        if found is None:
            raise _missing(name, f"there is no {self._place}")
        return found

    def _of_json(self, name: str, path: str, source: Source) -> Scalar:
        try:
            values = find(source.document(), path)
        except ValueError:
            raise _missing(name, "the body is not JSON") from None
        if not values or values[0] is None:
            raise _missing(name, f"json {path} is {'null' if values else 'missing'}")
        if not isinstance(values[0], str | int | float | bool):
            raise _missing(name, f"json {path} is not a single value")
        return values[0]


Captures = dict[Annotated[str, Field(pattern=f"^{NAME.pattern}$")], Capture]


def _missing(name: str, why: str) -> ProbeFailed:
    return ProbeFailed(Reason.CONTENT, f"{why}, expected a value to capture as {name}")
