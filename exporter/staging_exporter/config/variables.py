"""`${NAME}` in the values of a configuration, replaced from the environment after the file was parsed.

Keys, patterns and the command of kind `exec` stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from staging_exporter.config.problems import TreePath, clip
from staging_exporter.config.schema import FOR_ANCHORS
from staging_exporter.config.tree import Node
from staging_exporter.config.yamlfile import plain_scalar

_REFERENCE = re.compile(r"\$(?:(\$)|\{([^{}]*)\})")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
_SECRET = re.compile(r"PASSW|SECRET|TOKEN|CREDENTIAL|PRIVATE|(^|_)(KEY|PWD|PASS|AUTH)(_|$)", re.IGNORECASE)
# Keys whose text is a pattern, in which `$` means something else.
_PATTERNS = frozenset({"matches", "not_matches", "final_host", "header", "environment_skips", "harness_errors"})


class Variables:
    """Replaces the variables of one file; `errors` and `warnings` are (path, sentence)."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.errors: list[tuple[TreePath, str]] = []
        self.warnings: list[tuple[TreePath, str]] = []

    def replaced(self, node: Node, path: TreePath = ()) -> Node:
        """The node with all variables in it replaced."""
        if len(path) == 1 and str(path[0]).startswith(FOR_ANCHORS):
            return node  # it is replaced where it is used
        if isinstance(node.value, dict):
            items = node.value.items()
            return replace(node, value={key: (n, self.replaced(child, (*path, key))) for key, (n, child) in items})
        if isinstance(node.value, list):
            return replace(node, value=[self.replaced(item, (*path, at)) for at, item in enumerate(node.value)])
        if isinstance(node.value, str) and "$" in node.value and not _is_literal(path):
            return replace(node, value=self._text(node.value, path))
        return node

    def _text(self, text: str, path: TreePath) -> Any:
        whole = _REFERENCE.fullmatch(text)
        found = _REFERENCE.sub(lambda match: self._value(match, path), text)
        return plain_scalar(found) if whole and not whole[1] else found

    def _value(self, match: re.Match[str], path: TreePath) -> str:
        if match[1]:
            return "$"
        parts = _NAME.fullmatch(match[2])
        if parts is None:
            self.errors.append((path, f"`{clip(match[0])}` is not a variable; write `${clip(match[0])}` for the text"))
            return match[0]
        name, default = parts[1], parts[2]
        if _SECRET.search(name):
            text = (
                f"`{name}` sounds like a secret, and would be shown; where a secret is expected write {{env: {name}}}"
            )
            self.warnings.append((path, text))
        value = self._environment.get(name)
        if value is None and default is None:
            text = f"the environment variable `{clip(name)}` is not set; write ${{{clip(name)}:-default}} for a default"
            self.errors.append((path, text))
            return match[0]
        return value or default or "" if default is not None else str(value)


def _is_literal(path: TreePath) -> bool:
    """True for patterns, and for the command of kind `exec`, which may use `$` itself."""
    in_steps = path[-1] == "expect" and "steps" in path
    return in_steps or not _PATTERNS.isdisjoint(path) or ("check" in path and "command" in path[-2:])
