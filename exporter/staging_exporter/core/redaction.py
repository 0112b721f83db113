"""Masks secrets in texts of peers: complete, in pieces, and in the encodings that protocols use."""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Collection, Iterable
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
_END = re.compile(r"['\"]?(?:[,;] |\Z)")  # of a text, or of a quotation in it
_MASK = "***"


def clean(text: str, secrets: Collection[str], masker: Masker | None = None) -> str:
    """Text for pages, logs and the API: secrets masked, no control characters, at most `MAX_DETAIL` bytes.

    What `masker` masks is masked, too.
    """
    if not (secrets or masker) and len(text) <= MAX_DETAIL and text.isascii() and text.isprintable():
        return text.strip()
    text = mask(text[:_MAX_TEXT], secrets)
    text = _CONTROL.sub(" ", masker.mask(text) if masker else text).strip()
    data = text.encode("utf-8", "replace")  # JSON may hold half of a surrogate pair, which no answer of ours can
    return data.decode() if len(data) <= MAX_DETAIL else data[: MAX_DETAIL - 3].decode("utf-8", "ignore") + "..."


def clean_facts(facts: dict[str, Any], secrets: Collection[str], masker: Masker | None = None) -> dict[str, Any]:
    """Facts of which every name and text is `clean`, at any depth, and every number that is a secret is masked."""
    return {clean(key, secrets, masker): _clean_value(value, secrets, masker) for key, value in facts.items()}


def _clean_value(value: Any, secrets: Collection[str], masker: Masker | None) -> Any:
    if isinstance(value, str):
        return clean(value, secrets, masker)
    if type(value) in (int, float) and (str(value) in secrets or (masker and str(value) in masker)):
        return _MASK  # a PIN, or a token of digits alone
    if isinstance(value, dict):
        return clean_facts(value, secrets, masker)
    if isinstance(value, list | tuple):
        return [_clean_value(item, secrets, masker) for item in value]
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
    return _mask(text, [_parts(secret) for secret in secrets])


class Masker:
    """Masks secrets that change from run to run: each costs what it is long, once."""

    def __init__(self) -> None:
        self._parts: dict[str, _Parts] = {}

    def renew(self, secrets: Iterable[str]) -> None:
        """Mask these from now on, and no others."""
        self._parts = {secret: self._parts.get(secret) or _parts(secret) for secret in secrets}

    def mask(self, text: str) -> str:
        """See the function `mask`."""
        return _mask(text, self._parts.values())

    def __contains__(self, text: str) -> bool:
        """True when it is a secret, whole."""
        return text in self._parts

    def __len__(self) -> int:
        """How many secrets it masks."""
        return len(self._parts)


class _Parts(NamedTuple):
    """The pieces of all forms of a secret, the forms that are shorter than a piece, and all beginnings that are."""

    pieces: frozenset[str]
    short: frozenset[str]
    beginnings: frozenset[str]


@lru_cache(maxsize=64)
def _parts(secret: str) -> _Parts:
    """Kept for the texts of one run, which may be hundreds, and for secrets that every run reads."""
    forms, ends = _forms(secret), range(_SHORTEST, _PIECE)
    return _Parts(
        pieces=frozenset({form[at : at + _PIECE] for form in forms for at in range(len(form) - _PIECE + 1)}),
        short=frozenset(form for form in forms if _SHORTEST <= len(form) < _PIECE),
        beginnings=frozenset(form[:end] for form in forms for end in ends if end < len(form)),
    )


def _mask(text: str, secrets: Collection[_Parts]) -> str:
    text = _without_pieces(text, [secret.pieces for secret in secrets])
    for form in sorted({form for secret in secrets for form in secret.short}, key=len, reverse=True):
        text = text.replace(form, _MASK)
    return _without_beginnings(text, [secret.beginnings for secret in secrets])


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


def _without_pieces(text: str, pieces: Iterable[frozenset[str]]) -> str:
    of_text = {text[at : at + _PIECE] for at in range(len(text) - _PIECE + 1)}
    masked = _in_any(of_text, pieces)
    parts, end = [], -1  # `end` is where the stretch that was masked last ends
    for at in range(len(text) - _PIECE + 1 if masked else 0):
        if text[at : at + _PIECE] in masked:
            if at > end:
                parts += [text[max(0, end) : at], _MASK]
            end = at + _PIECE
    return "".join([*parts, text[max(0, end) :]])


def _without_beginnings(text: str, beginnings: Iterable[frozenset[str]]) -> str:
    """The longest beginning of a secret that is the end of a text or of a quotation is masked."""
    ends = [len(text[: found.start()].rstrip()) for found in _END.finditer(text)]
    lengths = range(_PIECE - 1, _SHORTEST - 1, -1)
    masked = _in_any({text[end - length : end] for end in ends for length in lengths if length <= end}, beginnings)
    parts, begin = [], 0
    for end in ends if masked else ():
        found = [end - length for length in lengths if text[end - length : end] in masked and end - length >= begin]
        if found:
            parts += [text[begin : found[0]], _MASK]
            begin = end
    return "".join([*parts, text[begin:]])


def _in_any(texts: set[str], known: Iterable[frozenset[str]]) -> set[str]:
    """Those of `texts` that are in one of the sets; costs the smaller of each pair."""
    return set().union(*(texts & each for each in known)) if texts else texts
