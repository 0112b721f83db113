"""The keys that a model accepts at a path, by its JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel

from staging_exporter.config.problems import TreePath


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def known_keys(model: type[BaseModel], path: TreePath) -> tuple[str, ...]:
    """The keys that the model knows at `path`, by its JSON Schema; a union knows those of all its branches."""
    root = _schema(model)
    nodes = _branches(root, root)
    for step in path:
        nodes = [branch for node in nodes for branch in _branches(root, _child(node, step))]
    return tuple(sorted({key for node in nodes for key in node.get("properties", {})}))


def _branches(root: Mapping[str, Any], node: Any) -> list[dict[str, Any]]:
    if not isinstance(node, dict):
        return []
    if "$ref" in node:
        return _branches(root, root["$defs"][node["$ref"].rpartition("/")[2]])
    options = [*node.get("anyOf", ()), *node.get("oneOf", ()), *node.get("allOf", ())]
    return [node] + [branch for option in options for branch in _branches(root, option)]


def _child(node: Mapping[str, Any], step: str | int) -> Any:
    if isinstance(step, int):
        return node.get("items")
    others = [*node.get("patternProperties", {}).values(), node.get("additionalProperties")]
    return node.get("properties", {}).get(step, others[0])
