"""OpenAPI 3 and Swagger 2 descriptions: read operations to checks.

https://spec.openapis.org/oas/latest.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from staging_exporter.drafts.files.drafting import Drafting, Found, literal, variable
from staging_exporter.drafts.files.reading import Source, mapping, sequence, text
from staging_exporter.drafts.parts import Edge, Part, slug

_HEALTH = re.compile(r"/(healthz?|healthcheck|livez?|readyz?|ping|status|up)/?$", re.IGNORECASE)
_METHODS = ("post", "put", "patch", "delete")
_UNKNOWN = "https://api.staging.example.com"
_FEW = 3  # keys of a response that the check expects


def draft(sources: list[Source], drafting: Drafting) -> None:
    """Add a component for the API and one for each tag."""
    for source in sources:
        for document in map(mapping, source.documents):
            if "paths" in document:
                _Description(document, source.name, drafting).add()
            else:
                drafting.leave_out(source.name, "no OpenAPI description: it has no paths")


class _Description:
    def __init__(self, document: Mapping[str, Any], name: str, drafting: Drafting) -> None:
        self._document, self._name, self._drafting = document, name, drafting
        self._title = slug(text(mapping(document.get("info")).get("title")) or "api")
        self._paths = mapping(document.get("paths"))
        self._server, self._of_server = self._base()

    def add(self) -> None:
        """Add the components."""
        reads = {path: op for path, each in self._paths.items() if (op := mapping(mapping(each).get("get")))}
        health = min((path for path in reads if _HEALTH.search(path)), key=len, default=None)
        root = self._part(self._title, health, reads[health]) if health else self._reachable()
        tagged: dict[str, list[str]] = {}
        for path, operation in reads.items():
            tags = sequence(operation.get("tags"))
            first = str(tags[0]) if tags else path.strip("/").partition("/")[0] or "root"
            if path != health:
                tagged.setdefault(first, []).append(path)
        for tag, paths in tagged.items():
            self._tag(root, tag, paths, reads)
        writes = [f"{m.upper()} {path}" for path, each in self._paths.items() for m in _METHODS if m in mapping(each)]
        if writes:
            shown = ", ".join(writes[:3]) + (f" and {len(writes) - 3} more" if len(writes) > 3 else "")
            self._drafting.leave_out(f"{self._name}.paths: {shown}", "they change something: kind flow can clean up")

    def _reachable(self) -> Part:
        """The server alone, where no operation says how it is."""
        parts = urlsplit(self._server)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        check = Found({"kind": "tcp", "address": f"{parts.hostname}:{port}"}, self._of_server)
        part = self._drafting.add(self._title, f"{self._name}.info.title", check)
        part.comments.append("no operation reports its health; one would see more than a connection")
        return part

    def _tag(self, root: Part, tag: str, paths: list[str], reads: Mapping[str, Mapping[str, Any]]) -> None:
        """The first operation of a tag that can be called without knowing anything."""
        found = None
        for path in sorted(paths, key=len):
            if why := self._obstacle(path, reads[path]):
                self._drafting.leave_out(f"{self._name}.paths.{path}.get", why)
            elif found is None:
                found = self._part(f"{self._title}-{tag}", path, reads[path])
                found.needs.append(Edge((root.name,), f"{self._name}: it is part of {self._title}"))
            else:
                self._drafting.leave_out(f"{self._name}.paths.{path}.get", f"one operation of {tag} is enough")

    def _part(self, name: str, path: str, operation: Mapping[str, Any]) -> Part:
        at = f"{self._name}.paths.{path}.get"
        check: dict[str, Any] = {
            "kind": "http",
            "url": literal(f"{self._server}{path}"),
            **self._credentials(operation),
        }
        expect: dict[str, Any] = {}
        responses = mapping(operation.get("responses"))
        if status := next((str(code) for code in responses if re.fullmatch(r"2\d\d", str(code))), None):
            expect["status"] = [int(status)]
            keys = list(self._required(mapping(self._resolved(responses[status]))))[:_FEW]
            if keys:
                expect["json"] = {_path(key): {"exists": True} for key in keys}
        if expect:
            check["expect"] = expect
        return self._drafting.add(name, at, Found(check, f"{at}, {self._of_server}"))

    def _obstacle(self, path: str, operation: Mapping[str, Any]) -> str:
        """Why an operation cannot be called as it is, empty when it can."""
        if "{" in path:
            return "its path has parameters: write a check with values that exist in your environment"
        shared = sequence(mapping(self._paths[path]).get("parameters"))
        given = [mapping(self._resolved(each)) for each in [*shared, *sequence(operation.get("parameters"))]]
        if required := [text(p.get("name")) for p in given if str(p.get("required")).lower() == "true"]:
            return f"it requires the parameters {', '.join(required)}"
        if self._credentials(operation) == {} and self._security(operation):
            return f"how to log in with {', '.join(self._security(operation))} is not known: add auth"
        return ""

    def _security(self, operation: Mapping[str, Any]) -> list[str]:
        """Names of the schemes that the operation requires, none when it can be called without."""
        wanted = operation.get("security", self._document.get("security"))
        choices = [mapping(each) for each in sequence(wanted)]
        return [str(name) for name in choices[0]] if choices and all(choices) else []

    def _credentials(self, operation: Mapping[str, Any]) -> dict[str, Any]:
        """The options that log in; secrets are variables."""
        schemes = mapping(mapping(self._document.get("components")).get("securitySchemes"))
        schemes = schemes or mapping(self._document.get("securityDefinitions"))
        for name in self._security(operation):
            scheme = mapping(self._resolved(schemes.get(name)))
            kind, how = text(scheme.get("type")), text(scheme.get("scheme")).lower()
            if kind == "http" and how == "bearer":
                return {"auth": {"bearer": {"env": variable(self._title, "token")}}}
            if kind == "basic" or how == "basic":
                login = {"username": "prober", "password": {"env": variable(self._title, "password")}}
                return {"auth": {"basic": login}}
            if kind == "apiKey" and scheme.get("in") == "header":
                return {"headers": {text(scheme.get("name")): {"env": variable(self._title, "key")}}}
        return {}

    def _required(self, response: Mapping[str, Any]) -> Iterator[str]:
        """Keys that a JSON object of this response must have."""
        content = mapping(response.get("content"))
        body = next((mapping(each) for sort, each in content.items() if "json" in str(sort)), response)
        schema = mapping(self._resolved(body.get("schema")))
        if text(schema.get("type")) in ("object", ""):
            yield from map(str, sequence(schema.get("required")))

    def _resolved(self, value: Any, depth: int = 0) -> Any:
        """The value that a `$ref` within the document leads to."""
        reference = text(mapping(value).get("$ref"))
        if not reference.startswith("#/") or depth > 10:
            return value
        found: Any = self._document
        for word in reference[2:].split("/"):
            found = mapping(found).get(word.replace("~1", "/").replace("~0", "~"))
        return self._resolved(found, depth + 1)

    def _base(self) -> tuple[str, str]:
        """URL of the server without a slash at its end, and where it is written."""
        servers = [mapping(each) for each in sequence(self._document.get("servers"))]
        for number, server in enumerate(servers):
            url = text(server.get("url"))
            for name, each in mapping(server.get("variables")).items():
                url = url.replace(f"{{{name}}}", text(mapping(each).get("default")))
            if urlsplit(url).scheme in ("http", "https") and "{" not in url:
                return quote(url.rstrip("/"), safe=":/%@[]"), f"{self._name}.servers[{number}]"
        if host := text(self._document.get("host")):
            schemes = [str(each) for each in sequence(self._document.get("schemes"))]
            scheme = "https" if "https" in schemes or not schemes else "http"
            return f"{scheme}://{host}{text(self._document.get('basePath')).rstrip('/')}", f"{self._name}.host"
        relative = next((text(server.get("url")).rstrip("/") for server in servers), "")
        self._drafting.leave_out(
            f"{self._name}.servers", f"no absolute URL: replace {_UNKNOWN} by that of your environment"
        )
        return f"{_UNKNOWN}{relative if relative.startswith('/') else ''}", f"{self._name}: not named there"


def _path(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z_]\w*", key) else f"$[{key!r}]"
