"""The options that say where: addresses, URLs to ask, and links to show."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BeforeValidator, GetPydanticSchema
from pydantic_core import core_schema

from staging_exporter.net.address import HostPort, parse_host_port
from staging_exporter.net.url import Url, parse_url


def _text(parse: Callable[[object], object], pattern: str | None = None) -> GetPydanticSchema:
    """A value that is text in the file, where it matches `pattern`; `parse` makes it what runs use."""

    def schema(_source: Any, _handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_before_validator_function(
            parse,
            core_schema.any_schema(),
            serialization=core_schema.to_string_ser_schema(),
            json_schema_input_schema=core_schema.str_schema(pattern=pattern),
        )

    return GetPydanticSchema(schema)


def _url(*schemes: str) -> GetPydanticSchema:
    return _text(lambda value: parse_url(value, schemes), f"^({'|'.join(schemes)})://")


Address = Annotated[HostPort, _text(parse_host_port)]
HttpUrl = Annotated[Url, _url("http", "https")]
WebSocketUrl = Annotated[Url, _url("ws", "wss")]
ProxyUrl = Annotated[Url, _url("http")]


def _web_link(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"https?://[^\s\x00-\x1f\x7f\"<>\\^`{|}]+", value):
        raise ValueError("a link begins with https:// or http://, and has no spaces, quotes or braces")
    return value


# Shown to people, never fetched. Characters that RFC 3986 forbids in a URL could end a template or an attribute.
WebLink = Annotated[str, BeforeValidator(_web_link, json_schema_input_type=str)]
