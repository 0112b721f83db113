"""Masks secrets in texts of peers: complete, in pieces, and in the encodings that protocols use."""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from functools import lru_cache
from html import escape
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

MAX_DETAIL = 500  # bytes of a detail
_MAX_TEXT = 4 * MAX_DETAIL  # characters of it that are searched for secrets, which may be longer than their mask
# Controls, what ends a line, and marks that turn the direction of text around (unicode.org/reports/tr9, table 3).
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+")
_PIECE = 8  # characters in a row that are masked: a text may have been cut in the middle of a secret
_SHORTEST = 3
_MASK = "***"


def clean(text: str, secrets: set[str]) -> str:
    """Text for pages, logs and the API: secrets masked, no control characters, at most `MAX_DETAIL` bytes."""
    if not secrets and len(text) <= MAX_DETAIL and text.isascii() and text.isprintable():
        return text.strip()
    text = _CONTROL.sub(" ", mask(text[:_MAX_TEXT], secrets)).strip()
    data = text.encode("utf-8", "replace")  # JSON may hold half of a surrogate pair, which no answer of ours can
    return data.decode() if len(data) <= MAX_DETAIL else data[: MAX_DETAIL - 3].decode("utf-8", "ignore") + "..."


def clean_facts(facts: dict[str, Any], secrets: set[str]) -> dict[str, Any]:
    return {clean(key, secrets): _clean_value(value, secrets) for key, value in facts.items()}


def _clean_value(value: Any, secrets: set[str]) -> Any:
    if isinstance(value, str):
        return clean(value, secrets)
    if type(value) in (int, float) and str(value) in secrets:
        return _MASK  # a PIN, or a token of digits alone
    if isinstance(value, dict):
        return clean_facts(value, secrets)
    if isinstance(value, list | tuple):
        return [_clean_value(item, secrets) for item in value]
    return value


def without_controls(value: Any) -> Any:
    """A value of JSON in which no text moves a terminal: of control characters only line ends are kept."""
    if isinstance(value, str):
        return "\n".join(_CONTROL.sub(" ", line) for line in value.split("\n"))
    if isinstance(value, dict):
        return {without_controls(key): without_controls(item) for key, item in value.items()}
    return [without_controls(item) for item in value] if isinstance(value, list) else value


def mask(text: str, secrets: Iterable[str]) -> str:
    """`text` with every secret in it replaced, and every piece of one that is `_PIECE` characters long or longer.

    Where a text, or a quotation in it, ends with the beginning of a secret, that is replaced too: it was cut there.
    """
    searched = _searched(frozenset(secrets))
    text = _without_pieces(text, searched.pieces)
    for form in searched.short:
        text = text.replace(form, _MASK)
    return searched.cut_off.sub(_MASK, text) if searched.cut_off else text


class _Searched(NamedTuple):
    """The pieces of all forms, the forms that are shorter than a piece, the longest first, and beginnings at an end."""

    pieces: frozenset[str]
    short: tuple[str, ...]
    cut_off: re.Pattern[str] | None


@lru_cache(maxsize=8)
def _searched(secrets: frozenset[str]) -> _Searched:
    """Kept for the texts of one run, which may be hundreds."""
    forms = {form for secret in secrets for form in _forms(secret)}
    short = sorted((form for form in forms if _SHORTEST <= len(form) < _PIECE), key=len, reverse=True)
    begun = {form[:length] for form in forms for length in range(_SHORTEST, min(len(form), _PIECE))}
    words = "|".join(map(re.escape, sorted(begun, key=len, reverse=True)))
    cut_off = re.compile(rf"(?:{words})(?=\s*['\"]?(?:[,;] |\Z))") if begun else None
    return _Searched(frozenset(piece for form in forms for piece in _pieces(form)), tuple(short), cut_off)


def _forms(secret: str) -> set[str]:
    """As it is, as Python quotes it in texts and bytes, as JSON, PHP, URLs, forms, HTML, base64 do, in either case."""
    data = secret.encode("utf-8", "replace")
    quoted = [text[1:-1] for text in (repr(secret), repr(data)[1:], json.dumps(secret))]
    encoded = [
        quote(secret, safe=""),
        quote_plus(secret),
        escape(secret),
        *(text.replace("/", r"\/") for text in quoted),
    ]
    encoded += ["".join(f"&#{ord(letter)};" for letter in secret), secret.replace(" ", "+")]
    encoded += ["".join(f"&#x{ord(letter):x};" for letter in secret), data.hex(), data.hex().upper()]
    encoded += [code(data).decode().rstrip("=") for code in (b64encode, urlsafe_b64encode)]
    return {secret, secret.lower(), secret.upper(), *quoted, *encoded}


def _pieces(secret: str) -> Iterator[str]:
    return (secret[at : at + _PIECE] for at in range(len(secret) - _PIECE + 1))


def _without_pieces(text: str, pieces: frozenset[str]) -> str:
    parts, end = [], -1  # `end` is where the stretch that was masked last ends
    for at in range(len(text) - _PIECE + 1 if pieces else 0):
        if text[at : at + _PIECE] in pieces:
            if at > end:
                parts += [text[max(0, end) : at], _MASK]
            end = at + _PIECE
    return "".join([*parts, text[max(0, end) :]])
