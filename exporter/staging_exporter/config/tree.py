"""What was read in a file: a tree, and the line of every path in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from staging_exporter.config.problems import Problem, TreePath, format_path


@dataclass(frozen=True, slots=True)
class Node:
    """A value with its line, the number of nodes in it (aliases expanded) and how deep it nests."""

    line: int
    value: Any  # a scalar, a list of nodes, or a dict of text -> (line of the key, node)
    size: int = 1
    height: int = 1


class Document:
    """A file that was read: `tree` is of dict, list, str, int, float, bool and None."""

    def __init__(self, file: str, root: Node, problems: Iterable[Problem], size: int) -> None:
        self.file, self.size = file, size
        self.problems = tuple(problems)
        self._root = root
        self.tree: dict[str, Any] = _plain(root)

    def change(self, change: Callable[[Node], Node]) -> None:
        """Replace the tree by what `change` makes of its root."""
        self._root = change(self._root)
        self.tree = _plain(self._root)

    def problem(self, path: TreePath, message: str) -> Problem:
        """A problem at `path`."""
        return Problem(self.file, self.line(path), format_path(path), message)

    def line(self, path: TreePath) -> int:
        """The line of the key or item that `path` leads to, or of the deepest one on the way that exists."""
        node, line = self._root, 1
        for step in path:
            if isinstance(node.value, dict) and step in node.value:
                line, node = node.value[step]
            elif isinstance(node.value, list) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
                line = node.line
            else:
                break
        return line


def copied(tree: Any) -> Any:
    """A tree of its own, which may be changed; several times faster than `copy.deepcopy`."""
    if isinstance(tree, dict):
        return {key: copied(value) for key, value in tree.items()}
    return [copied(value) for value in tree] if isinstance(tree, list) else tree


def _plain(node: Node) -> Any:
    if isinstance(node.value, dict):
        return {key: _plain(child) for key, (_, child) in node.value.items()}
    if isinstance(node.value, list):
        return [_plain(child) for child in node.value]
    return node.value
