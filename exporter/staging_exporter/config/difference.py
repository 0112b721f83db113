"""What a reload would change: components, checks, edges, and other keys, as lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from staging_exporter.config.configuration import Config
from staging_exporter.core.model import Component
from staging_exporter.options.check import Check

_EDGES = frozenset({"depends_on", "optional_depends_on", "covers"})
_OF_CHECK = frozenset({"kind", "traits"})  # of a component, and shown as its check
_WHOLE = ("limits", "maintenance", "servers", "slo", "alerting", "google", "api")
_LONGEST = 80  # characters of a value


def differences(old: Config, new: Config) -> list[str]:
    """One line for each: `+` is added, `-` removed, `~` changed."""
    before, after = old.topology.components, new.topology.components
    lines = [
        *(f"- component {name}" for name in before if name not in after),
        *(f"+ component {_summary(after[name])}" for name in after if name not in before),
    ]
    for name in (name for name in after if name in before):
        lines += [f"~ component {name}: {text}" for text in _of_component(before[name], after[name])]
        lines += _of_check(name, old.checks.get(name), new.checks.get(name))
    lines += _signed("edge", set(_edges(before)), set(_edges(after)))
    if old.topology.environment != new.topology.environment:
        lines.append(f"~ environment: {old.topology.environment} -> {new.topology.environment}")
    lines += _of_mapping("journey", old.topology.journeys, new.topology.journeys)
    if [check for _, check in old.vantage] != [check for _, check in new.vantage]:
        lines.append("~ vantage")
    lines += [f"~ {name}" for name in _WHOLE if getattr(old, name) != getattr(new, name)]
    if old.topology.recovery != new.topology.recovery:
        lines.append(f"~ recovery: {old.topology.recovery:g}s -> {new.topology.recovery:g}s")
    return lines


def restarted(old: Config, new: Config) -> list[str]:
    """The components of both that lose their state, since their runs are made or counted in another way."""
    kept = new.unchanged_since(old)
    return [name for name in new.checks if name in old.topology.components and name not in kept]


def _summary(component: Component) -> str:
    return f"{component.name} ({component.kind}, {component.layer}, {component.priority})"


def _of_component(old: Component, new: Component) -> Iterator[str]:
    for each in fields(Component):
        before, after = getattr(old, each.name), getattr(new, each.name)
        if before != after and each.name not in _EDGES | _OF_CHECK:
            yield f"{each.name} {_shown(before)} -> {_shown(after)}"


def _of_check(name: str, old: Check | None, new: Check | None) -> Iterator[str]:
    if old is None or new is None or old.kind != new.kind:
        if old is not None:
            yield f"- check of {name} ({old.kind})"
        if new is not None:
            yield f"+ check of {name} ({new.kind})"
        return
    before, after = old.model_dump(mode="json", by_alias=True), new.model_dump(mode="json", by_alias=True)
    for key in [*before, *(key for key in after if key not in before)]:
        if before.get(key) != after.get(key):
            yield f"~ check of {name}: {key} {_shown(before.get(key))} -> {_shown(after.get(key))}"


def _edges(components: Mapping[str, Component]) -> Iterator[str]:
    for name, component in components.items():
        for group in component.depends_on:
            yield f"{name} -> {' or '.join(group)}"
        yield from (f"{name} -> {other} (optional)" for other in component.optional_depends_on)
        yield from (f"{name} covers {other}" for other in component.covers)


def _signed(what: str, old: set[str], new: set[str]) -> Iterator[str]:
    yield from (f"- {what} {each}" for each in sorted(old - new))
    yield from (f"+ {what} {each}" for each in sorted(new - old))


def _of_mapping(what: str, old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[str]:
    yield from _signed(what, set(old), set(new))
    yield from (f"~ {what} {name}" for name in new if name in old and old[name] != new[name])


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=_plain, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _plain(value: Any) -> Any:
    if isinstance(value, Iterable):
        return sorted(map(str, value))
    return {each.name: getattr(value, each.name) for each in fields(value)}
