"""Masks secrets in texts of peers: complete, in pieces, and in the encodings that protocols use."""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable
from html import escape
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

MAX_DETAIL = 500  # bytes of a detail
_MAX_TEXT = 4 * MAX_DETAIL  # characters of it that are searched for secrets, which may be longer than their mask
# Controls, what ends a line, and marks that turn the direction of text around (unicode.org/reports/tr9, table 3).
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+")
_PIECE = 8  # characters in a row that are masked: a text may have been cut in the middle of a secret
_SHORTEST = 3
_LONG = 1024  # characters of a secret from which on its pieces are not kept
_MOST_PIECES = 100_000  # that are kept for the next runs, about 10 MB
_END = re.compile(r"['\"]?(?:[,;] |\Z)")  # of a text, or of a quotation in it
_MASK = "***"


def clean(text: str, masker: Masker | None = None) -> str:
    """Text for pages, logs and the API: secrets masked, no control characters, at most `MAX_DETAIL` bytes."""
    if not masker and len(text) <= MAX_DETAIL and text.isascii() and text.isprintable():
        return text.strip()
    text = masker.mask(text[:_MAX_TEXT]) if masker else text[:_MAX_TEXT]
    text = _CONTROL.sub(" ", text).strip()
    data = text.encode("utf-8", "replace")  # JSON may hold half of a surrogate pair, which no answer of ours can
    return data.decode() if len(data) <= MAX_DETAIL else data[: MAX_DETAIL - 3].decode("utf-8", "ignore") + "..."


def clean_facts(facts: dict[str, Any], masker: Masker) -> dict[str, Any]:
    """Facts of which every name and text is `clean`, at any depth, and every number that is a secret is masked."""
    return {clean(key, masker): _clean_value(value, masker) for key, value in facts.items()}


def _clean_value(value: Any, masker: Masker) -> Any:
    if isinstance(value, str):
        return clean(value, masker)
    if type(value) in (int, float) and str(value) in masker:
        return _MASK  # a PIN, or a token of digits alone
    if isinstance(value, dict):
        return clean_facts(value, masker)
    if isinstance(value, list | tuple):
        return [_clean_value(item, masker) for item in value]
    return value


def without_controls(value: Any) -> Any:
    """A value of JSON in which no text moves a terminal: of control characters only line ends are kept."""
    if isinstance(value, str):
        return "\n".join(_CONTROL.sub(" ", line) for line in value.split("\n"))
    if isinstance(value, dict):
        return {without_controls(key): without_controls(item) for key, item in value.items()}
    return [without_controls(item) for item in value] if isinstance(value, list) else value


class Masker:
    """Replaces secrets in texts. One may be kept and renewed: each secret costs what it is long, once."""

    def __init__(self, secrets: Iterable[str] = (), beside: Masker | None = None) -> None:
        """What `beside` masks is masked, too."""
        self._parts: dict[str, _Parts] = {}
        self._beside = beside
        self.renew(secrets)

    def renew(self, secrets: Iterable[str]) -> None:
        """Mask these from now on, and no others."""
        self._parts = {secret: self._parts.get(secret) or _kept_parts(secret) for secret in secrets}

    def mask(self, text: str) -> str:
        """`text` without secrets, and without pieces of one that are `_PIECE` characters long or longer.

        Where a text, or a quotation in it, ends with the beginning of a secret, that is replaced too: it was cut there.
        """
        secrets = self._parts.values()
        text = _without_pieces(text, secrets)
        for form in sorted({form for secret in secrets for form in secret.short}, key=len, reverse=True):
            text = text.replace(form, _MASK)
        text = _without_beginnings(text, secrets)
        return self._beside.mask(text) if self._beside else text

    def __contains__(self, text: str) -> bool:
        """True when it is a secret, whole."""
        return text in self._parts or (self._beside is not None and text in self._beside)

    def __len__(self) -> int:
        """How many secrets it masks."""
        return len(self._parts) + (len(self._beside) if self._beside else 0)


class _Parts(NamedTuple):
    """What a secret may look like: pieces of all its forms, forms that are shorter than a piece, beginnings that are.

    Of a long one the forms are searched themselves, in `whole`, since the pieces would take a hundred times its size.
    """

    pieces: frozenset[str]
    short: frozenset[str]
    beginnings: frozenset[str]
    whole: str = ""

    def of(self, texts: set[str]) -> set[str]:
        """Those of the texts, each as long as a piece, that are in the secret."""
        found = texts & self.pieces
        return found | {text for text in texts if text in self.whole} if self.whole else found


def _parts(secret: str) -> _Parts:
    long = len(secret) > _LONG
    forms, ends = _common_forms(secret) if long else _forms(secret), range(_SHORTEST, _PIECE)
    pieces = () if long else {form[at : at + _PIECE] for form in forms for at in range(len(form) - _PIECE + 1)}
    return _Parts(
        pieces=frozenset(pieces),
        short=frozenset(form for form in forms if _SHORTEST <= len(form) < _PIECE),
        beginnings=frozenset(form[:end] for form in forms for end in ends if end < len(form)),
        whole="\0".join(forms) if long else "",
    )


class _Kept:
    """The parts of the secrets that were used last, which most runs read again: bounded by the number of pieces."""

    def __init__(self) -> None:
        self._parts: dict[str, _Parts] = {}
        self._size = 0

    def of(self, secret: str) -> _Parts:
        found = self._parts.pop(secret, None)
        if found is None:
            found = _parts(secret)
            self._size += len(found.pieces)
        self._parts[secret] = found  # the last one used is the youngest
        while self._size > _MOST_PIECES:
            oldest = self._parts.pop(next(iter(self._parts)))
            self._size -= len(oldest.pieces)
        return found


_kept_parts = _Kept().of


def _common_forms(secret: str) -> set[str]:
    """As it is, as JSON, URLs and base64 have it."""
    data = secret.encode("utf-8", "replace")
    return {secret, json.dumps(secret)[1:-1], quote(secret, safe=""), b64encode(data).decode().rstrip("=")}


def _forms(secret: str) -> set[str]:
    """Those, and as Python quotes it in texts and bytes, as PHP, forms, HTML, hexadecimal have it, in either case."""
    data = secret.encode("utf-8", "replace")
    quoted = [text[1:-1] for text in (repr(secret), repr(data)[1:], json.dumps(secret))]
    encoded = [
        quote_plus(secret),
        escape(secret),
        *(text.replace("/", r"\/") for text in quoted),
    ]
    encoded += ["".join(f"&#{ord(letter)};" for letter in secret), secret.replace(" ", "+")]
    encoded += ["".join(f"&#x{ord(letter):x};" for letter in secret), data.hex(), data.hex().upper()]
    encoded.append(urlsafe_b64encode(data).decode().rstrip("="))
    return {*_common_forms(secret), secret.lower(), secret.upper(), *quoted, *encoded}


def _without_pieces(text: str, secrets: Iterable[_Parts]) -> str:
    of_text = {text[at : at + _PIECE] for at in range(len(text) - _PIECE + 1)}
    masked = set[str]().union(*(secret.of(of_text) for secret in secrets))
    parts, end = [], -1  # `end` is where the stretch that was masked last ends
    for at in range(len(text) - _PIECE + 1 if masked else 0):
        if text[at : at + _PIECE] in masked:
            if at > end:
                parts += [text[max(0, end) : at], _MASK]
            end = at + _PIECE
    return "".join([*parts, text[max(0, end) :]])


def _without_beginnings(text: str, secrets: Iterable[_Parts]) -> str:
    """The longest beginning of a secret that is the end of a text or of a quotation is masked."""
    ends = [len(text[: found.start()].rstrip()) for found in _END.finditer(text)]
    lengths = range(_PIECE - 1, _SHORTEST - 1, -1)
    of_text = {text[end - length : end] for end in ends for length in lengths if length <= end}
    masked = set[str]().union(*(of_text & secret.beginnings for secret in secrets))
    parts, begin = [], 0
    for end in ends if masked else ():
        found = [end - length for length in lengths if text[end - length : end] in masked and end - length >= begin]
        if found:
            parts += [text[begin : found[0]], _MASK]
            begin = end
    return "".join([*parts, text[begin:]])
