"""Files of other tools as plain values: every scalar is the text that the file has, so that no reader guesses types."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import yaml

_LARGEST = 16 * 1024 * 1024  # bytes


class DraftError(Exception):
    """The text says to a user why nothing can be drafted."""


class Source(NamedTuple):
    """One file: its name, the documents that it has, the variables of the `.env` beside it; or answers of `url`."""

    name: str
    documents: tuple[Any, ...]
    variables: Mapping[str, str] = MappingProxyType({})
    url: str = ""


class _Loader(yaml.SafeLoader):
    """Scalars are text, since `22:22` is no number for most tools; merge keys work, and tags of a tool are ignored."""

    yaml_implicit_resolvers = {"<": [("tag:yaml.org,2002:merge", re.compile("<<"))]}  # noqa: RUF012


def _without_tag(loader: _Loader, _suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return node.value


_Loader.add_multi_constructor("!", _without_tag)


def read(path: Path) -> Source:
    """The documents of a YAML or JSON file, without empty ones. Raises DraftError."""
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
    except OSError as error:
        raise DraftError(f"{path}: {error.strerror or error}") from None
    if len(raw) > _LARGEST:
        raise DraftError(f"{path}: larger than {_LARGEST // 1024 // 1024} MiB")
    try:
        documents = tuple(yaml.load_all(raw.decode("utf-8-sig"), Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise DraftError(f"{path}{line}: {error.problem or 'not YAML'}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DraftError(f"{path}: not YAML in UTF-8: {' '.join(str(error).split())[:200]}") from None
    return Source(path.name, tuple(document for document in documents if document), _variables(path))


def _variables(path: Path) -> dict[str, str]:
    try:
        lines = path.with_name(".env").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return {}
    found = (re.fullmatch(r"""\s*(?:export\s+)?(\w+)=(["']?)(.*?)\2\s*""", line) for line in lines)
    return {match[1]: match[3] for match in found if match}


def mapping(value: Any) -> Mapping[str, Any]:
    """The value when it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def sequence(value: Any) -> Sequence[Any]:
    """The value when it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """The value when it is a text, else an empty one."""
    return value if isinstance(value, str) else ""
