"""The base of everything that is configured, and the plain values it is made of: lists, durations, sizes."""

from __future__ import annotations

import re
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from staging_exporter.core.durations import format_duration, parse_duration

T = TypeVar("T")
# YAML has lists, frozen models need tuples: the one conversion that strict validation does not refuse.
Listed = Annotated[tuple[T, ...], BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)]


class Filled(str):
    """A text whose placeholders were replaced, perhaps by secrets: it differs from run to run."""


class Model(BaseModel):
    """The base of everything configured: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration),
    Field(json_schema_extra={"type": "string", "examples": ["500ms", "15s", "1m30s"]}),
]
PositiveDuration = Annotated[Duration, Field(gt=0)]

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def _parse_name(value: object) -> object:
    if isinstance(value, str) and not _NAME.fullmatch(value):
        shown = repr(value[:80])[1:-1]
        raise ValueError(
            f"`{shown}` is not a name; use a-z, 0-9 and -, at most 63, with a letter or digit at both ends"
        )
    return value


Name = Annotated[str, BeforeValidator(_parse_name), Field(json_schema_extra={"pattern": f"^{_NAME.pattern}$"})]

_HEX = re.compile(r"([0-9a-fA-F]{2})+")


def _hex(text: str) -> str:
    if not _HEX.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not hex; write each byte as two digits, such as 1f00")
    return text


Hex = Annotated[str, AfterValidator(_hex), Field(json_schema_extra={"pattern": f"^{_HEX.pattern}$"})]

_SIZE = re.compile(r"(\d{1,15})(B|KiB|MiB)?")


def parse_size(text: object) -> int:
    """Bytes of a size such as `64KiB` or `1MiB`; a bare number is bytes. Raises ValueError."""
    match = None if isinstance(text, bool) else _SIZE.fullmatch(str(text))
    if not match:
        raise ValueError(f"{text!r} is not a size; write it like 512, 64KiB or 1MiB")
    return int(match[1]) * {None: 1, "B": 1, "KiB": 1024, "MiB": 1024**2}[match[2]]


Size = Annotated[int, BeforeValidator(parse_size), Field(json_schema_extra={"examples": ["64KiB", "1MiB"]})]
