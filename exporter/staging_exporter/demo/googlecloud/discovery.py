"""Google's discovery documents, pruned: which requests there are, and which answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

_FORMATS = {
    "int64": r"-?\d{1,19}",
    "uint64": r"\d{1,20}",
    "google-datetime": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)",
    "google-duration": r"-?\d+(\.\d{1,9})?s",
    "byte": r"[A-Za-z0-9+/_-]*={0,2}",
}
_TYPES: Mapping[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}


@dataclass(frozen=True, slots=True)
class Method:
    """A method of an API. `parameters` are those of the query, the ones of every method included."""

    id: str
    api: str
    host: str
    http: str
    path: re.Pattern[str]
    parameters: Mapping[str, Mapping[str, Any]]
    request: str | None
    response: str | None


@cache
def documents() -> Mapping[str, dict[str, Any]]:
    """Each pruned document, by `NAME.VERSION`."""
    folder = files(__package__).joinpath("documents")
    return {file.name.removesuffix(".json"): json.loads(file.read_text("utf-8")) for file in folder.iterdir()}


@cache
def methods() -> tuple[Method, ...]:
    """All methods of all documents."""
    return tuple(
        Method(
            name,
            api,
            document["host"],
            method["http"],
            _pattern(method["path"]),
            {**document["parameters"], **method["parameters"]},
            method.get("request"),
            method.get("response"),
        )
        for api, document in documents().items()
        for name, method in document["methods"].items()
    )


def _pattern(path: str) -> re.Pattern[str]:
    """`{name}` is one part of a path, up to the `:` of a custom verb at its end."""
    parts = [
        f"(?P<{re.sub(r'[^A-Za-z0-9_]', '_', part[1:-1])}>[^/]+?)" if part.startswith("{") else re.escape(part)
        for part in re.split(r"(\{[^}]+\})", f"/{path}")
        if part
    ]
    return re.compile("".join(parts))


def find(host: str, http: str, path: str) -> tuple[Method, dict[str, str]] | None:
    """The method of a request, and the variables in its path; None when the API has no such method."""
    for method in methods():
        if method.host == host and method.http == http and (match := method.path.fullmatch(path)):
            return method, match.groupdict()
    return None


def request_faults(method: Method, query: list[tuple[str, str]], body: Any) -> list[str]:
    """What the method does not accept in that query and body."""
    found = []
    for name, value in query:
        if name not in method.parameters:
            found.append(f"unknown query parameter {name}")
        else:
            found += _parameter_faults(name, method.parameters[name], value)
    given = {name for name, _ in query}
    found += [
        f"missing query parameter {name}"
        for name, parameter in method.parameters.items()
        if parameter.get("required") and name not in given
    ]
    if method.request is None:
        return found + (["a body, and the method takes none"] if body is not None else [])
    return found + list(faults(method.api, {"$ref": method.request}, {} if body is None else body, "body"))


def _parameter_faults(name: str, parameter: Mapping[str, Any], value: str) -> list[str]:
    if "enum" in parameter and value not in parameter["enum"]:
        return [f"{name} is {value!r}, expected one of {', '.join(parameter['enum'])}"]
    kind = parameter.get("type")
    if kind == "integer" and not re.fullmatch(r"-?\d+", value):
        return [f"{name} is {value!r}, expected a number"]
    if kind == "boolean" and value not in ("true", "false"):
        return [f"{name} is {value!r}, expected true or false"]
    form = str(parameter.get("format"))
    fits = form not in _FORMATS or re.fullmatch(_FORMATS[form], value)
    return [] if fits else [f"{name} is {value!r}, not {form}"]


def faults(api: str, schema: Mapping[str, Any], value: Any, at: str) -> Iterator[str]:
    """Where `value` is not what the document of that API says; nothing in it may be unknown there."""
    if "$ref" in schema:
        yield from faults(api, documents()[api]["schemas"][schema["$ref"]], value, at)
        return
    kind = str(schema.get("type", "any"))
    if kind == "any":
        return
    if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        yield f"{at} is {value!r:.60}, expected {kind}"
    elif kind == "object":
        yield from _object_faults(api, schema, value, at)
    elif kind == "array":
        for number, item in enumerate(value):
            yield from faults(api, schema["items"], item, f"{at}[{number}]")
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{at} is {value!r}, expected one of {', '.join(schema['enum'])}"
    elif (pattern := _FORMATS.get(str(schema.get("format")))) and not re.fullmatch(pattern, str(value)):
        yield f"{at} is {value!r}, not {schema['format']}"


def _object_faults(api: str, schema: Mapping[str, Any], value: Mapping[str, Any], at: str) -> Iterator[str]:
    properties, others = schema.get("properties", {}), schema.get("additionalProperties")
    for name, item in value.items():
        if name in properties:
            yield from faults(api, properties[name], item, f"{at}.{name}")
        elif others is not None:
            yield from faults(api, others, item, f"{at}.{name}")
        else:
            yield f"{at}.{name} is unknown"


_KEPT = frozenset({"value", "capacityScaler"})  # fields that say whether they are set: the value of a point may be 0


def without_defaults(value: Any) -> Any:
    """As the APIs write it: what is empty, zero or false is left out of objects, but for `_KEPT`."""
    if isinstance(value, list):
        return [without_defaults(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: item if key in _KEPT else without_defaults(item) for key, item in value.items()}
    return {key: item for key, item in kept.items() if key in _KEPT or item not in (None, "", 0, False, [], {})}
