"""What a health document says is broken: for a detail, where the document is too long to be shown whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from staging_exporter.net.exchange import Response
from staging_exporter.options.jsonpath import step_of

# The first words of what Spring Boot, MicroProfile, ASP.NET, Django, terminus, Consul and others write.
_BROKEN = frozenset({"down", "unhealthy", "fail", "failed", "failing", "failure", "error", "critical", "unavailable",
                     "out_of_service", "not_serving", "degraded", "warn", "warning", "red", "offline"})  # fmt: skip
_NAMES = ("name", "id", "component")  # what a list item calls itself
_WORD = re.compile(r"[a-z_]+")
_LINE = re.compile(r"^\[-\].*", re.MULTILINE)  # of Kubernetes
_SHOWN, _LONGEST = 3, 100
_LARGEST = 64 * 1024  # bytes of a document that is looked into: this happens on the event loop
_DEEPEST = 20


def failing_parts(response: Response) -> str:
    """`; $.components.db.status is "DOWN"`, the first three; empty when the body does not say."""
    lines = [line.strip() for line in _LINE.findall(response.text[:_LARGEST])]
    found = lines or _in_document(response)
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    shown = ", ".join(part[:_LONGEST] for part in found[:_SHOWN])
    return f"; {shown}{more}" if found else ""


def _in_document(response: Response) -> list[str]:
    if len(response.body) > _LARGEST:
        return []
    try:
        document = response.document
    except ValueError:
        return []
    found = list(_broken(document, "$", "", 0))
    deepest = [text for depth, text in found if depth > 1]
    return deepest or [text for _, text in found]


def _broken(value: Any, path: str, name: str, depth: int) -> Iterator[tuple[int, str]]:
    """The depth and the text of each value that says so, in their order."""
    if isinstance(value, str):
        word = _WORD.match(value.lower())
        if word is not None and word[0] in _BROKEN:
            yield depth, f'{path} is "{value}"' + (f" ({name})" if name else "")
    elif isinstance(value, dict) and depth < _DEEPEST:
        own = next((value[key] for key in _NAMES if isinstance(value.get(key), str)), "") if path.endswith("]") else ""
        for key, item in value.items():
            yield from _broken(item, path + step_of(key), own, depth + 1)
    elif isinstance(value, list) and depth < _DEEPEST:
        for index, item in enumerate(value):
            yield from _broken(item, f"{path}[{index}]", "", depth + 1)
