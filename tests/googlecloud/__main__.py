"""Renew the pruned discovery documents of the fake Google Cloud, from the wheel on the package index.

Keeps the methods below and the schemas that they reach, without descriptions: names, types, formats and enums.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

WHEEL = "google-api-python-client==2.202.0"
NOTICE = (
    "Pruned from Google's API discovery documents, Copyright Google LLC, licensed under the Apache License 2.0 "
    "(https://www.apache.org/licenses/LICENSE-2.0). Changed: only some methods, and no descriptions."
)
_COMPUTE_LISTS = (
    *("forwardingRules", "targetHttpsProxies", "targetHttpProxies", "urlMaps", "backendServices"),
    *("networkEndpointGroups", "sslCertificates", "routers"),
)
_CERTIFICATES = "certificatemanager.projects.locations"
METHODS = {
    "certificatemanager.v1": (
        f"{_CERTIFICATES}.certificates.list",
        f"{_CERTIFICATES}.certificateMaps.list",
        f"{_CERTIFICATES}.certificateMaps.certificateMapEntries.list",
    ),
    "compute.v1": (
        *(f"compute.{name}.aggregatedList" for name in _COMPUTE_LISTS),
        "compute.backendServices.getHealth",
        "compute.regionBackendServices.getHealth",
    ),
    "iamcredentials.v1": (
        "iamcredentials.projects.serviceAccounts.generateAccessToken",
        "iamcredentials.projects.serviceAccounts.generateIdToken",
    ),
    "logging.v2": ("logging.entries.list",),
    "monitoring.v1": (
        "monitoring.projects.location.prometheus.api.v1.query",
        "monitoring.projects.location.prometheus.api.v1.query_range",
    ),
    "monitoring.v3": ("monitoring.projects.timeSeries.list", "monitoring.projects.uptimeCheckConfigs.list"),
    "redis.v1": ("redis.projects.locations.instances.list", "redis.projects.locations.clusters.list"),
    "run.v1": ("run.namespaces.domainmappings.list", "run.namespaces.services.replaceService"),
    "run.v2": (
        "run.projects.locations.services.list",
        "run.projects.locations.services.revisions.list",
        "run.projects.locations.services.revisions.get",
    ),
    "secretmanager.v1": (
        "secretmanager.projects.secrets.list",
        "secretmanager.projects.secrets.versions.get",
        "secretmanager.projects.secrets.versions.access",
    ),
    "serviceusage.v1": ("serviceusage.services.batchGet",),
    "sqladmin.v1": ("sql.instances.list", "sql.operations.list"),
    "sts.v1": ("sts.token",),
    "vpcaccess.v1": ("vpcaccess.projects.locations.connectors.list",),
}
_OF_TYPES = ("type", "format", "enum", "$ref")
_OF_PARAMETERS = ("type", "format", "enum", "location", "required", "repeated")


def main() -> None:
    """Download the wheel into a temporary folder, prune its documents, write them beside the fake."""
    target = Path(str(files("staging_exporter.demo.googlecloud"))) / "documents"
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, WHEEL], check=True)
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            for name, methods in METHODS.items():
                document = json.loads(wheel.read(f"googleapiclient/discovery_cache/documents/{name}.json"))
                text = json.dumps(pruned(document, methods), separators=(",", ":"), sort_keys=True)
                (target / f"{name}.json").write_text(text + "\n", encoding="utf-8")
                print(f"{name}: revision {document['revision']}, {len(text) / 1024:.0f} KiB")


def pruned(document: dict[str, Any], methods: tuple[str, ...]) -> dict[str, Any]:
    """The document with these methods alone. Raises KeyError for a method that it does not have."""
    by_id = {method["id"]: method for method in _methods(document)}
    kept = {name: _method(by_id[name], document["servicePath"]) for name in methods}
    schemas: dict[str, Any] = {}
    wanted = [ref for method in kept.values() for ref in (method.get("request"), method.get("response")) if ref]
    while wanted:
        name = wanted.pop()
        if name not in schemas:
            schemas[name] = _schema(document["schemas"][name])
            wanted += _references(schemas[name])
    return {
        "notice": NOTICE,
        "source": WHEEL,
        "api": f"{document['name']}.{document['version']}",
        "revision": document["revision"],
        "host": document["rootUrl"].removeprefix("https://").rstrip("/"),
        "parameters": _parameters(document["parameters"]),
        "methods": kept,
        "schemas": schemas,
    }


def _methods(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from resource.get("methods", {}).values()
    for child in resource.get("resources", {}).values():
        yield from _methods(child)


def _method(method: dict[str, Any], prefix: str) -> dict[str, Any]:
    found = {
        "http": method["httpMethod"],
        "path": prefix + method.get("flatPath", method["path"]),
        "parameters": {
            name: parameter
            for name, parameter in _parameters(method.get("parameters", {})).items()
            if parameter["location"] == "query"
        },
    }
    return found | {key: method[key]["$ref"] for key in ("request", "response") if key in method}


def _parameters(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: {key: p[key] for key in _OF_PARAMETERS if key in p} for name, p in parameters.items()}


def _schema(schema: dict[str, Any]) -> dict[str, Any]:
    kept = {key: schema[key] for key in _OF_TYPES if key in schema}
    if "properties" in schema:
        kept["properties"] = {name: _schema(found) for name, found in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        if key in schema:
            kept[key] = _schema(schema[key])
    return kept


def _references(schema: dict[str, Any]) -> list[str]:
    found = [schema["$ref"]] if "$ref" in schema else []
    for child in (*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")):
        found += _references(child) if child else []
    return found


if __name__ == "__main__":
    main()
