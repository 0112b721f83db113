"""The Markdown of our runbooks as blocks for a template, which escapes them: headings, paragraphs, numbered lists."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_ITEM = re.compile(r"\d+\. ")
_TEXT = re.compile(r"`([^`]+)`|(https?://[^\s,`<>]+[^\s,.`<>])")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a line: `sort` is `text`, `code` or `link`."""

    sort: str
    text: str


@dataclass(slots=True)
class Block:
    """`level` is that of a heading, 0 for a paragraph (one entry in `lines`) and a list (one entry per item)."""

    level: int = 0
    numbered: bool = False
    lines: list[list[Part]] = field(default_factory=list)
    anchor: str = ""


def blocks(text: str) -> list[Block]:
    """The blocks of a text; lines that follow an item or a line of a paragraph continue it."""
    found: list[Block] = []
    for chunk in re.split(r"\n\s*\n", text.strip()):
        first = chunk.lstrip()
        if first.startswith("<!--"):
            continue
        if first.startswith("#"):
            marks, _, title = first.partition(" ")
            found.append(Block(len(marks), lines=[_parts(title)], anchor=title.lower().replace(" ", "-")))
        elif _ITEM.match(first):
            items = re.split(r"\n(?=\d+\. )", first)
            found.append(Block(numbered=True, lines=[_parts(_ITEM.sub("", item, count=1)) for item in items]))
        else:
            found.append(Block(lines=[_parts(first)]))
    return found


def _parts(text: str) -> list[Part]:
    text, parts, at = " ".join(text.split()), [], 0
    for match in _TEXT.finditer(text):
        parts.append(Part("text", text[at : match.start()]))
        parts.append(Part("code", match[1]) if match[1] else Part("link", match[2]))
        at = match.end()
    return [part for part in [*parts, Part("text", text[at:])] if part.text]
