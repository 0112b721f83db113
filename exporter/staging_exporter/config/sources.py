"""The files of a configuration, merged: what is given, directories, and what they include."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from staging_exporter.config.problems import ConfigError, Problem, TreePath, clip, format_path
from staging_exporter.config.schema import FOR_ANCHORS
from staging_exporter.config.tree import Document
from staging_exporter.config.variables import Variables
from staging_exporter.config.watch import Watched
from staging_exporter.config.yamlfile import read_yaml

_MAX_TOTAL = 16 * 1024 * 1024  # bytes of all files together
_BY_NAME = ("components", "journeys")
_LISTS = ("vantage", "maintenance")
_WILDCARDS = frozenset("*?[")


class Sources:
    """All files as one tree; `place` says which file and line a path of the tree is from.

    `watched` are the files that were read, in that order, and the folders where new ones would be read.
    `lost` are the paths whose values could not be replaced: their consequences are not errors of their own.
    """

    def __init__(self, paths: Sequence[str | Path]) -> None:
        """Raises ConfigError when a file cannot be read."""
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.lost: set[TreePath] = set()
        self.tree: dict[str, Any] = {}
        self._files: dict[Path, Document] = {}
        self._owners: dict[TreePath, Document] = {}
        self._offsets: dict[str, list[tuple[int, Document]]] = {}
        self._size = 0
        self._folders: dict[str, None] = {}
        fatal: list[Problem] = []
        for path in paths:
            self._add(str(path), (), fatal)
        if fatal:
            raise ConfigError([*self.problems, *fatal])
        self.watched = Watched(tuple(document.file for document in self._files.values()), tuple(self._folders))
        self._first = next(iter(self._files.values()))

    def place(self, path: TreePath) -> tuple[str, int]:
        """File and line of the key or item that `path` leads to, or of the deepest one on the way that exists."""
        if len(path) > 1 and path[0] in self._offsets and isinstance(path[1], int):
            offset, document = next(entry for entry in reversed(self._offsets[path[0]]) if entry[0] <= path[1])
            return document.file, document.line((path[0], path[1] - offset, *path[2:]))
        owner = self._owners.get(path[:2]) or self._owners.get(path[:1]) or self._first
        return owner.file, owner.line(path)

    def _add(self, path: str, around: tuple[Path, ...], fatal: list[Problem]) -> None:
        """Read a file, or those of a directory, and merge what they hold; errors that end it are added to `fatal`."""
        try:
            if Path(path).is_dir():
                self._folders[path] = None
                for file in _of_directory(path):
                    self._add(file, around, fatal)
                return
            real = Path(path).resolve()
        except ConfigError as error:
            fatal += error.problems
            return
        except (OSError, ValueError):  # read_yaml says why
            real = Path(path)
        if real in self._files:
            return
        try:
            document = read_yaml(path)
        except ConfigError as error:
            fatal += error.problems
            return
        self._size += document.size
        if self._size > _MAX_TOTAL:
            fatal.append(Problem(path, 1, "", f"all files together have more than {_MAX_TOTAL} bytes"))
            return
        self._files[real] = document
        self._replace_variables(document)
        self._merge(document)
        self._include(document, (*around, real), fatal)

    def _replace_variables(self, document: Document) -> None:
        variables = Variables(os.environ)
        document.change(variables.replaced)
        self.problems += document.problems
        self.problems += [document.problem(path, text) for path, text in variables.errors]
        self.warnings += [document.problem(path, text) for path, text in variables.warnings]
        self._unset = [path for path, _ in variables.errors]

    def _include(self, document: Document, around: tuple[Path, ...], fatal: list[Problem]) -> None:
        patterns = document.tree.get("include", [])
        if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
            self.problems.append(document.problem(("include",), "expected a list of files, directories and globs"))
            return
        for number, pattern in enumerate(patterns):
            at: TreePath = ("include", number)
            found = list(_matching(Path(document.file).parent, pattern))
            if not _WILDCARDS.isdisjoint(Path(pattern).name):
                self._folders[str((Path(document.file).parent / pattern).parent)] = None
            if not found:
                self.warnings.append(document.problem(at, f"`{clip(pattern)}` matches no file"))
            for file in found:
                real = Path(file).resolve()
                if real in around:
                    names = [*map(str, around[around.index(real) :]), str(real)]
                    text = f"circular include {' -> '.join(Path(name).name for name in names)}"
                    self.problems.append(document.problem(at, text))
                elif not Path(file).exists():
                    fatal.append(document.problem(at, f"{clip(pattern)} cannot be read: No such file or directory"))
                else:
                    self._add(file, around, fatal)

    def _merge(self, document: Document) -> None:
        for key, value in document.tree.items():
            if key == "include" or key.startswith(FOR_ANCHORS):
                continue
            if key in _BY_NAME and isinstance(value, dict) and isinstance(self.tree.get(key, {}), dict):
                self._merge_names(document, key, value)
            elif key in _LISTS and isinstance(value, list) and isinstance(self.tree.get(key, []), list):
                self._merge_list(document, key, value)
            elif self._is_new(document, (key,)):
                self.tree[key] = value
        self.lost.update(path for path in self._unset if not path or path[0] not in _LISTS)

    def _merge_names(self, document: Document, key: str, value: dict[str, Any]) -> None:
        merged = self.tree.setdefault(key, {})
        self._owners.setdefault((key,), document)
        for name, options in value.items():
            if self._is_new(document, (key, name)):
                merged[name] = options

    def _merge_list(self, document: Document, key: str, value: list[Any]) -> None:
        merged = self.tree.setdefault(key, [])
        self._owners.setdefault((key,), document)
        offset = len(merged)
        self._offsets.setdefault(key, []).append((offset, document))
        merged += value
        for path in self._unset:
            if len(path) > 1 and path[0] == key and isinstance(path[1], int):
                self.lost.add((key, path[1] + offset, *path[2:]))

    def _is_new(self, document: Document, path: TreePath) -> bool:
        owner = self._owners.setdefault(path, document)
        if owner is document:
            return True
        text = f"`{format_path(path)}` is also in {owner.file}, line {owner.line(path)}; it must be in one file only"
        self.problems.append(document.problem(path, text))
        return False


def _of_directory(path: str) -> list[str]:
    """The files of a directory, sorted. Raises ConfigError when there are none."""
    suffixes = (".yml", ".yaml")
    found = sorted(file for file in Path(path).iterdir() if file.suffix in suffixes and not file.name.startswith("."))
    files = [str(file) for file in found if file.is_file()]
    if not files:
        raise ConfigError([Problem(path, 1, "", "the directory has no files *.yml or *.yaml")])
    return files


def _matching(folder: Path, pattern: str) -> Iterator[str]:
    """What an entry of `include` names, sorted; a name without wildcards is itself."""
    path = folder / pattern
    if _WILDCARDS.isdisjoint(pattern):
        yield str(path)
        return
    base = Path(path.anchor)
    relative = str(path.relative_to(base)) if path.is_absolute() else str(path)
    yield from sorted(str(found) for found in base.glob(relative) if not found.name.startswith("."))


def as_paths(paths: str | Path | Iterable[str | Path]) -> tuple[str | Path, ...]:
    """One path, or several."""
    return (paths,) if isinstance(paths, str | Path) else tuple(paths)
