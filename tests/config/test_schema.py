"""The JSON Schema that editors use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from staging_exporter.config import json_schema
from staging_exporter.config.yamlfile import read_yaml
from staging_exporter.probes import kinds


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return json_schema()


def test_the_whole_file(schema: dict[str, Any]) -> None:
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["required"] == ["environment", "components"]
    assert set(schema["properties"]) >= {"defaults", "limits", "vantage", "journeys", "maintenance", "slo", "api"}
    assert schema["additionalProperties"] is False
    assert schema["patternProperties"] == {"^x-": {}}


def test_a_check_is_one_of_the_kinds(schema: dict[str, Any]) -> None:
    check = schema["$defs"]["Check"]
    mapping = check["discriminator"]["mapping"]
    assert tuple(mapping) == kinds()
    for kind, reference in mapping.items():
        definition = schema["$defs"][reference.removeprefix("#/$defs/")]
        assert definition["properties"]["kind"]["const"] == kind
        assert "kind" in definition["required"]
        assert "intrinsic" in definition["properties"]
        assert "startup_when" not in definition["properties"]
    assert schema["properties"]["vantage"]["items"] == {"$ref": "#/$defs/Check"}


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(value) for value in node.values()))
    return set().union(*(references(item) for item in node)) if isinstance(node, list) else set()


def test_every_reference_has_a_definition(schema: dict[str, Any]) -> None:
    assert {reference.removeprefix("#/$defs/") for reference in references(schema)} <= set(schema["$defs"])
    assert "x-check" not in str(schema)


CONFIG = Path(__file__).parent
BY_SHAPE_ALONE = [
    "check-misses-its-address",
    "check-typos",
    "component-is-empty",
    "component-name",
    "component-misses-keys",
    "depends-on-text",
    "http-typos",
    "intrinsic",
    "literal-token",
    "missing-everything",
    "missing-kind",
    "slo",
    "startup-without-budget",
    "token-typo",
    "unknown-keys",
    "unknown-kind",
    "unknown-layer",
    "unknown-priority",
]


def test_the_schema_accepts_what_the_loader_accepts(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)
    tree = read_yaml(str(CONFIG / "good" / "staging.yml")).tree
    assert list(Draft202012Validator(schema).iter_errors(tree)) == []


@pytest.mark.parametrize("case", BY_SHAPE_ALONE)
def test_the_schema_refuses_wrong_shapes_as_the_loader_does(schema: dict[str, Any], case: str) -> None:
    tree = read_yaml(str(CONFIG / "bad" / f"{case}.yml")).tree
    assert not Draft202012Validator(schema).is_valid(tree)


def test_names_of_components_are_checked(schema: dict[str, Any]) -> None:
    components = schema["properties"]["components"]
    assert components["additionalProperties"] is False
    assert list(components["patternProperties"]) == ["^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"]
