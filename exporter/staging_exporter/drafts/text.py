"""The text of a configuration from a draft: components and edges, each with the place that it came from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from staging_exporter.drafts.parts import Edge, Part

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
DEFAULTS = "defaults: {interval: 15s, timeout: 5s, retry_interval: 1s, fall: 3, rise: 2}"
VANTAGE = """\
# Is the exporter online? While all of these fail, failing components are unknown, not down.
vantage:
  - {kind: tcp, address: "www.google.com:443"}
  - {kind: tcp, address: "one.one.one.one:443"}
"""


def components(parts: Iterable[Part]) -> Iterator[str]:
    """The lines of `components`, an empty one behind each component."""
    yield "components:"
    for part in parts:
        yield from _part(part)
        yield ""


def remarks(title: str, texts: Iterable[str]) -> Iterator[str]:
    """A list in comments, each text once; nothing without texts."""
    if found := list(dict.fromkeys(map(one_line, texts))):
        yield f"# {title}:"
        yield from (f"# - {text}" for text in found)
        yield ""


def _part(part: Part) -> Iterator[str]:
    yield from (f"  # {one_line(text)}" for text in part.comments)
    yield _sourced(part, "name", f"  {part.name}:")
    yield _sourced(part, "layer", f"    layer: {part.layer}")
    yield _sourced(part, "priority", f"    priority: {part.priority}")
    yield from _edges("depends_on", part.needs)
    yield from _edges("optional_depends_on", part.optional)
    if part.startup and part.check:
        yield _sourced(part, "startup", f"    startup: {flow(part.startup)}")
    if part.check:
        yield from (_sourced(part, key, f"    {key}: {value}") for key, value in part.timing.items())
        yield _sourced(part, "check", f"    check: {flow(part.check)}")


def _sourced(part: Part, key: str, line: str) -> str:
    return f"{line}  # {one_line(part.sources[key])}" if key in part.sources else line


def _edges(key: str, edges: Sequence[Edge]) -> Iterator[str]:
    if edges:
        yield f"    {key}:"
    for edge in edges:
        names = edge.targets[0] if len(edge.targets) == 1 else flow(list(edge.targets))
        yield f"      - {names}  # {one_line(edge.source)}"


def one_line(text: str) -> str:
    """The text without line ends."""
    return " ".join(text.split())


def flow(value: Any) -> str:
    """A value of JSON as YAML on one line, with quotes where a word would mean something else."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flow(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if not isinstance(value, str):
        return json.dumps(value)
    plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS
    return value if plain or re.fullmatch(r"\d+(ms|s|m|h)", value) else json.dumps(value)
