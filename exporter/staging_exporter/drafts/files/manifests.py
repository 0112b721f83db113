"""Manifests of Kubernetes as objects, and what the containers of a workload are given."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from staging_exporter.drafts.files.drafting import Drafting
from staging_exporter.drafts.files.reading import mapping, sequence, text
from staging_exporter.drafts.parts import Part

# How the name of a variable ends that holds an address.
ADDRESS = re.compile(r"(host|addr|address|url|uri|servers?|endpoint|service|svc|brokers?|dsn)$", re.IGNORECASE)


@dataclass
class Manifest:
    """One manifest with its place: `KIND/NAME`."""

    kind: str
    name: str
    namespace: str
    raw: Mapping[str, Any]
    parts: list[Part] = field(default_factory=list)

    @property
    def at(self) -> str:
        """Where it is, for people."""
        return f"{self.kind}/{self.name}"

    @property
    def spec(self) -> Mapping[str, Any]:
        """What it asks for."""
        return mapping(self.raw.get("spec"))

    @property
    def template(self) -> Mapping[str, Any]:
        """The pod."""
        return self.raw if self.kind == "Pod" else mapping(self.spec.get("template"))

    @property
    def pod(self) -> Mapping[str, Any]:
        """What the pod asks for."""
        return mapping(self.template.get("spec"))

    @property
    def containers(self) -> list[Mapping[str, Any]]:
        """The containers of the pod."""
        return [mapping(each) for each in sequence(self.pod.get("containers"))]


def manifests(document: Any) -> Iterator[Manifest]:
    """The manifests of a document, those in a list included."""
    raw = mapping(document)
    kind = text(raw.get("kind"))
    if kind.endswith("List"):
        for item in sequence(raw.get("items")):
            yield from manifests(item)
    elif kind:
        metadata = mapping(raw.get("metadata"))
        yield Manifest(kind, text(metadata.get("name")) or "unnamed", text(metadata.get("namespace")) or "default", raw)


class Values:
    """What the containers of a workload are given: variables, ConfigMaps, arguments."""

    def __init__(self, maps: Mapping[tuple[str, str], Manifest], drafting: Drafting) -> None:
        self._maps, self._drafting = maps, drafting

    def of(self, workload: Manifest) -> Iterator[tuple[str, str, str]]:
        """(name, value, place); the name of an argument is empty."""
        every = [*workload.containers, *map(mapping, sequence(workload.pod.get("initContainers")))]
        for container in every:
            at = f"{workload.at}.{text(container.get('name'))}"
            for item in map(mapping, sequence(container.get("env"))):
                name = text(item.get("name"))
                yield from self._variable(workload, name, item, f"{at}.env.{name}")
            for item in map(mapping, sequence(container.get("envFrom"))):
                reference = text(mapping(item.get("configMapRef")).get("name"))
                for key, value in self._data(workload, reference).items():
                    yield str(key), str(value), f"{at}.envFrom, ConfigMap/{reference}.{key}"
            for key in ("command", "args"):
                for argument in sequence(container.get(key)):
                    yield "", str(argument), f"{at}.{key}"

    def _variable(
        self, workload: Manifest, name: str, item: Mapping[str, Any], at: str
    ) -> Iterator[tuple[str, str, str]]:
        given = mapping(item.get("valueFrom"))
        reference = mapping(given.get("configMapKeyRef"))
        if reference:
            of, key = text(reference.get("name")), text(reference.get("key"))
            yield name, str(self._data(workload, of).get(key, "")), f"{at}, ConfigMap/{of}.{key}"
        elif "secretKeyRef" in given and ADDRESS.search(name):
            self._drafting.leave_out(at, "from a Secret, which is not read: add the edge if it is an address")
        else:
            yield name, text(item.get("value")), at

    def _data(self, workload: Manifest, name: str) -> Mapping[str, Any]:
        found = self._maps.get((workload.namespace, name))
        return mapping(found.raw.get("data")) if found else {}
