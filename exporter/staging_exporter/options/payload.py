"""Texts of the configuration that may hold a secret: header values, request bodies, messages, subprotocols."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Discriminator, Field, Tag

from staging_exporter.net.context import ProbeContext
from staging_exporter.options.model import Filled, Model
from staging_exporter.options.secrets import AnySecret, FromEnv, FromFile, FromGoogle, Secret

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
PLACEHOLDER = re.compile(r"\{\{([a-z][a-z0-9_]*)\}\}")
_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "x-api-key", "x-auth-token"})


class Prefixed(Model):
    """A secret behind a literal prefix, such as `jwt.` or `Token `."""

    prefix: str
    secret: Secret


class Json(Model):
    """A JSON document."""

    json_: Any = Field(alias="json")


class Form(Model):
    """The fields of a form, `application/x-www-form-urlencoded`."""

    form: dict[str, str | int | float]


_FORMS = {FromEnv: "env", FromFile: "file", FromGoogle: "google_secret", Prefixed: "prefix", Json: "json", Form: "form"}


def _form(value: object) -> str | None:
    if isinstance(value, str):
        return "text"
    if isinstance(value, AnySecret | Prefixed | Json | Form):
        return _FORMS[type(value)]
    if isinstance(value, dict):
        return next((form for form in _FORMS.values() if form in value), None)
    return None


_Text = Annotated[str, Tag("text")]
_Env = Annotated[FromEnv, Tag("env")]
_File = Annotated[FromFile, Tag("file")]
_Google = Annotated[FromGoogle, Tag("google_secret")]
_Prefixed = Annotated[Prefixed, Tag("prefix")]

Text = Annotated[
    _Text | _Env | _File | _Google | _Prefixed,
    Discriminator(
        _form,
        custom_error_type="text",
        custom_error_message="write a text in quotes, {env: NAME}, {file: PATH} or {prefix: TEXT, secret: ...}",
    ),
]
Payload = Annotated[
    _Text | _Env | _File | _Google | Annotated[Json, Tag("json")],
    Discriminator(
        _form,
        custom_error_type="payload",
        custom_error_message="write a text in quotes, {json: ...}, {file: PATH} or {env: NAME}",
    ),
]

Body = Annotated[
    _Text | _Env | _File | _Google | Annotated[Json, Tag("json")] | Annotated[Form, Tag("form")],
    Discriminator(
        _form,
        custom_error_type="body",
        custom_error_message="write a text in quotes, {json: ...}, {form: ...}, {file: PATH} or {env: NAME}",
    ),
]


def is_secret(text: Any) -> bool:
    """True when the text is, or contains, a secret."""
    return isinstance(text, AnySecret | Prefixed | Filled)


async def reveal(context: ProbeContext, text: str | AnySecret | Prefixed | Json) -> str:
    """The text itself, its secret masked from now on. Raises ProbeFailed (`probe_error`)."""
    match text:
        case str():
            return text
        case Prefixed():
            return text.prefix + await context.reveal(text.secret)
        case Json():
            return json.dumps(text.json_, separators=(",", ":"), default=str)
    return await context.reveal(text)


def _header_name(text: str) -> str:
    if not _HEADER_NAME.fullmatch(text):
        raise ValueError(f"{text!r} is not the name of a header")
    return text


HeaderName = Annotated[str, AfterValidator(_header_name)]
Headers = dict[HeaderName, Text]


def check_headers(
    headers: Mapping[str, object], has_auth: bool, what: str = "header", *, placeholders: bool = False
) -> None:
    """Raises ValueError for a secret that is written out as a header, and for two sources of Authorization.

    With `placeholders` a text may have some, so that it holds no secret itself.
    """
    for name, value in headers.items():
        hidden = placeholders and isinstance(value, str) and PLACEHOLDER.search(value)
        if name.lower() in _SECRET_HEADERS and isinstance(value, str) and not hidden:
            raise ValueError(f"{what} {name}: a secret does not belong in this file; write {{env: NAME}}")
        if name.lower() == "authorization" and has_auth:
            raise ValueError(f"auth and {what} {name} exclude each other")
