"""Secrets taken out of texts that peers write: whole, in pieces, and in the forms that protocols give them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote

_PIECE = 8  # characters in a row that give a secret away: a text may have been cut in the middle of one
_SHORTEST = 3
_MASK = "***"


def mask(text: str, secrets: Iterable[str]) -> str:
    """`text` with every secret in it replaced, and every piece of one that is `_PIECE` characters long or longer."""
    forms = {form for secret in secrets for form in _forms(secret)}
    text = _without_pieces(text, frozenset[str]().union(*map(_pieces, forms)))
    for form in sorted(forms, key=len, reverse=True):
        if _SHORTEST <= len(form) < _PIECE:
            text = text.replace(form, _MASK)
    return text


def _forms(secret: str) -> set[str]:
    """As it is, as Python and JSON quote it, as URLs do."""
    return {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], quote(secret, safe="")}


@lru_cache(maxsize=128)
def _pieces(secret: str) -> frozenset[str]:
    return frozenset(secret[at : at + _PIECE] for at in range(len(secret) - _PIECE + 1))


def _without_pieces(text: str, pieces: frozenset[str]) -> str:
    parts, end = [], -1  # `end` is where the stretch that was masked last ends
    for at in range(len(text) - _PIECE + 1 if pieces else 0):
        if text[at : at + _PIECE] in pieces:
            if at > end:
                parts += [text[max(0, end) : at], _MASK]
            end = at + _PIECE
    return "".join([*parts, text[max(0, end) :]])
