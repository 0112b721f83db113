"""The options that name HTTP headers: which names are allowed, and which values must be secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator

from staging_exporter.options.payload import Text

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SECRET = frozenset({"authorization", "proxy-authorization", "x-api-key", "x-auth-token"})


def _header_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is not the name of a header")
    return text


HeaderName = Annotated[str, AfterValidator(_header_name)]
Headers = dict[HeaderName, Text]


def check_headers(headers: Mapping[str, object], has_auth: bool) -> None:
    """Raises ValueError for a secret that is written out as a header, and for two sources of Authorization."""
    for name, value in headers.items():
        if name.lower() in _SECRET and isinstance(value, str):
            raise ValueError(f"header {name}: a secret does not belong in this file; write {{env: NAME}}")
        if name.lower() == "authorization" and has_auth:
            raise ValueError("auth and a header Authorization exclude each other")
