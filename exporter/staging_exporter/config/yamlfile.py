"""A YAML file -> a plain tree and the line of every path in it; whatever the bytes are, one clear sentence.

Scalars follow the core schema of YAML 1.2 (yaml.org/spec/1.2.2, section 10.3), so that `on`, `22:22` and dates
are text. Stricter than it: a number with leading zeros, infinite or of more than 18 digits is text too, and every key.
"""

from __future__ import annotations

import math
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from staging_exporter.config.problems import ConfigError, Problem, TreePath, clip, format_path
from staging_exporter.config.tree import Document, Node

MAX_BYTES = 1024 * 1024
MAX_NODES = 100_000  # of the tree with every alias expanded
MAX_DEPTH = 40

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is ten times as fast
_KEYWORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})|0x[0-9a-fA-F]{1,15}|0o[0-7]{1,20}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]{0,17})(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
_BRACKET = re.compile(r"""'[^']*'|"(?:[^"\\]|\\.)*"|[\[\]{}]""", re.DOTALL)  # a quoted one is none
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
_TEXT_TAGS = (None, "!", "tag:yaml.org,2002:str")
# The messages of libyaml, in terms of the file.
_SYNTAX = {
    "mapping values are not allowed in this context": "a `key: value` is not allowed here; check the indentation, "
    "and quote text that contains `: `",
    "block sequence entries are not allowed in this context": "a list item is not allowed here; start it on a new line",
    "did not find expected key": "expected a key here; check the indentation and the quotes",
    "did not find expected '-' indicator": "expected a `-` like those above; check the indentation",
    "could not find expected ':'": "expected `key: value`; the `:` is missing on this line or the one before",
    "did not find expected ',' or ']'": "expected `,` or `]`",
    "did not find expected ',' or '}'": "expected `,` or `}`",
    "found unexpected end of stream": "a quote is not closed",
    "found unknown escape character": "unknown escape; in single quotes a backslash is literal",
    "did not find expected <document start>": "the file continues after the end of its mapping",
    "found incompatible YAML document": "this version of YAML is not supported",
}


def read_yaml(file: str) -> Document:
    """The one mapping that `file` holds. Raises ConfigError; duplicate keys are left in `Document.problems`."""
    text = _read(file)
    builder = _Builder(file, text)
    try:
        root = builder.document()
    except yaml.YAMLError as error:
        raise ConfigError([_syntax_problem(file, text, error)]) from None
    return Document(file, root, builder.problems, len(text))


def _read(file: str) -> str:
    try:
        data = _read_bytes(file)
    except OSError as error:
        raise _whole(file, f"cannot be read: {error.strerror}") from None
    except ValueError:
        raise _whole(file, "cannot be read: its name holds a NUL") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = "is not UTF-8 text" if b"\x00" not in data else "is a binary file, not YAML"
        raise _whole(file, what, data[: error.start].count(b"\n") + 1) from None
    if "\x00" in text:
        raise _whole(file, "is a binary file, not YAML")
    if bad := _CONTROL.search(text):
        line = text.count("\n", 0, bad.start()) + 1
        raise _whole(file, f"the control character U+{ord(bad[0]):04X} is not allowed in YAML", line)
    return text


def _read_bytes(file: str) -> bytes:
    info = Path(file).stat()
    if stat.S_ISDIR(info.st_mode):
        raise _whole(file, "is a directory, not a file")
    if not stat.S_ISREG(info.st_mode):
        raise _whole(file, "is not a regular file")
    size = info.st_size
    if size <= MAX_BYTES:
        with Path(file).open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)  # the file may have grown meanwhile
        if len(data) <= MAX_BYTES:
            return data
        size = len(data)
    raise _whole(file, f"has {size} bytes; a configuration has at most {MAX_BYTES}")


def _whole(file: str, message: str, line: int = 1) -> ConfigError:
    return ConfigError([Problem(file, line, "", message)])


def _syntax_problem(file: str, text: str, error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return Problem(file, 1, "", f"is not YAML: {error}")
    problem = str(getattr(error, "problem", error))
    lines = text.split("\n")
    rest = lines[mark.line][mark.column :] if mark.line < len(lines) else ""
    if problem == "found character that cannot start any token":
        problem = (
            "a tab cannot indent YAML; use spaces"
            if rest[:1] == "\t"
            else f"text that starts with {rest[:1]} needs quotes"
        )
    message = _SYNTAX.get(problem, problem)
    begin: Any = getattr(error, "context_mark", None)
    around = re.fullmatch(r"while \w+ing an? (.+)", getattr(error, "context", None) or "")
    if around and begin.line != mark.line:
        message += f" (in the {around[1]} that starts on line {begin.line + 1})"
    return Problem(file, min(mark.line + 1, max(1, len(text.splitlines()))), "", message)


class _Builder:
    """Builds nodes from the parser's events: PyYAML's own constructors recurse without bound and expand any alias."""

    def __init__(self, file: str, text: str) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._text = text
        self._events = self._watched_events()
        self._anchors: dict[str, Node] = {}
        self._nodes = 0

    def document(self) -> Node:
        """The root of the only document. Raises ConfigError, yaml.YAMLError."""
        next(self._events)
        if isinstance(next(self._events), yaml.StreamEndEvent):
            raise _whole(self._file, "the file is empty")
        root = self._node(next(self._events), ())
        next(self._events)
        if not isinstance(after := next(self._events), yaml.StreamEndEvent):
            raise self._error(after, "a second document starts here; the file must contain one")
        if root.value is None:
            raise _whole(self._file, "the file is empty")
        if not isinstance(root.value, dict):
            what = "a list" if isinstance(root.value, list) else "a single value"
            raise _whole(self._file, f"the file must be a mapping of keys to values, it is {what}", root.line)
        return root

    def _watched_events(self) -> Iterator[Any]:
        """The parser's events. It reads ahead, and has a limit of its own: brackets beyond ours are refused as ours."""
        depth, end = 0, 0
        event: Any
        try:
            for event in yaml.parse(self._text, Loader=_LOADER):
                depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
                end = event.end_mark.index
                yield event
        except yaml.MarkedYAMLError as error:
            stop = getattr(error.problem_mark, "index", len(self._text))
            for found in _BRACKET.finditer(self._text, end, stop):
                depth += (found[0] in "[{") - (found[0] in "]}")
                if depth > MAX_DEPTH:
                    line = self._text.count("\n", 0, found.start()) + 1
                    raise _whole(self._file, f"nested deeper than {MAX_DEPTH} levels", line) from None
            raise

    def _error(self, event: Any, message: str) -> ConfigError:
        return _whole(self._file, message, event.start_mark.line + 1)

    def _node(self, event: Any, path: TreePath) -> Node:
        if isinstance(event, yaml.AliasEvent):
            node = self._alias(event)
        else:
            node = self._own_node(event, path)
            self._nodes += 1
        if len(path) + node.height > MAX_DEPTH:
            raise self._error(event, f"nested deeper than {MAX_DEPTH} levels")
        if self._nodes > MAX_NODES:
            raise self._error(event, f"more than {MAX_NODES} values, aliases expanded")
        return node

    def _alias(self, event: Any) -> Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            raise self._error(event, f"`*{clip(event.anchor)}` has no `&{clip(event.anchor)}` that ends before it")
        self._nodes += node.size
        return node

    def _own_node(self, event: Any, path: TreePath) -> Node:
        line = event.start_mark.line + 1
        if len(path) >= MAX_DEPTH:
            raise self._error(event, f"nested deeper than {MAX_DEPTH} levels")
        if event.tag not in (_TEXT_TAGS if isinstance(event, yaml.ScalarEvent) else (None, "!")):
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            raise self._error(event, f"the tag {clip(tag)} is not supported")
        if isinstance(event, yaml.ScalarEvent):
            node = Node(line, _scalar(event))
        else:
            is_list = isinstance(event, yaml.SequenceStartEvent)
            value: Any = self._list(path) if is_list else self._mapping(path)
            children = value if is_list else [child for _, child in value.values()]
            size = 1 + sum(child.size for child in children)
            node = Node(line, value, size, 1 + max((child.height for child in children), default=0))
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _list(self, path: TreePath) -> list[Node]:
        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, (*path, len(items))))
        return items

    def _mapping(self, path: TreePath) -> dict[str, tuple[int, Node]]:
        entries: dict[str, tuple[int, Node]] = {}
        while not isinstance(key := next(self._events), yaml.MappingEndEvent):
            if not isinstance(key, yaml.ScalarEvent):
                raise self._error(key, "a key must be plain text; quote a value that starts with { or [ or *")
            line = self._own_node(key, path).line  # and keeps the anchor that a key may carry
            value = self._node(next(self._events), (*path, key.value))
            if key.value not in entries:
                entries[key.value] = (line, value)
            else:
                first = entries[key.value][0]
                text = f"duplicate key `{clip(key.value)}`, first on line {first}"
                self.problems.append(Problem(self._file, line, format_path(path), text))
        if "<<" in entries:
            self._merge(entries, *entries.pop("<<"))
        return entries

    def _merge(self, entries: dict[str, tuple[int, Node]], line: int, source: Node) -> None:
        """Merge keys (yaml.org/type/merge.html): own keys win, then the first source."""
        for node in source.value if isinstance(source.value, list) else [source]:
            if not isinstance(node.value, dict):
                raise _whole(self._file, "`<<` merges mappings, and this is none", line)
            for key, entry in node.value.items():
                entries.setdefault(key, entry)


def _scalar(event: yaml.ScalarEvent) -> Any:
    text = event.value
    if not event.implicit[0] or event.tag is not None:  # quoted, or `!!str`
        return text
    return plain_scalar(text)


def plain_scalar(text: str) -> Any:
    """The value of a scalar without quotes."""
    if text in _KEYWORDS:
        return _KEYWORDS[text]
    if _INT.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return text
