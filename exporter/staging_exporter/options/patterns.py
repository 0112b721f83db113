"""RE2 patterns: no hostile text can make them explode."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, Any

import re2
from pydantic import BeforeValidator, Field

from staging_exporter.options.model import Filled

_AROUND = re.compile(r"\(\?<?[=!]")


def compile_pattern(text: str) -> Any:
    """A compiled RE2 pattern, unanchored when used with `search`; kept, unless it is new in each run.

    Raises ValueError.
    """
    return _compile(text) if isinstance(text, Filled) else _compile_once(text)


def _compile(text: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(text, options=options)
    except re2.error as error:
        why = error.args[0].decode(errors="replace")  # RE2 reports in bytes
        hint = "; RE2 has no look-around: write a second pattern, or not_matches" if _AROUND.search(text) else ""
        raise ValueError(f"{text!r} is not an RE2 pattern: {why}{hint}") from None


def _pattern(value: object) -> object:
    if isinstance(value, str):
        compile_pattern(value)
    return value


_compile_once = lru_cache(maxsize=4096)(_compile)
Pattern = Annotated[str, BeforeValidator(_pattern), Field(json_schema_extra={"format": "regex"})]


def search(pattern: str, text: str) -> bool:
    """True when the RE2 `pattern` is found anywhere in `text`."""
    return compile_pattern(pattern).search(text) is not None
