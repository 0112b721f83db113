"""Components that steps of checks observe: those that steps name, and those that journeys ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from staging_exporter.config.problems import TreePath, clip, did_you_mean
from staging_exporter.config.schema import File
from staging_exporter.config.validation import Validation
from staging_exporter.core.model import STEP, Component
from staging_exporter.options.check import Check, observed

_TIMING = ("interval", "timeout", "fall", "rise", "retry_interval", "failure_ratio", "buckets")


@dataclass(frozen=True, slots=True)
class Observed:
    """`components` are all of them, `by` the owner of the check by what it observes, `steps` that by `OWNER.STEP`."""

    components: dict[str, Component]
    by: dict[str, str]
    steps: Mapping[str, str]


def with_observed(
    found: Validation, file: File, components: Mapping[str, Component], checks: Mapping[str, Check]
) -> Observed:
    """The components with those that steps observe, which their owners depend on; reports what cannot be."""
    by, steps = _named(found, components, checks), _by_step(checks)
    asked = {place for journey in file.journeys.values() for place in journey.steps.values() if place in steps}
    for place in sorted(asked):
        by.setdefault(steps[place], place.rpartition(".")[0])
    made = dict(components)
    for name, owner in by.items():
        made[name] = _observed(name, made.get(name), components[owner], file)
    for owner in set(by.values()):
        parts = [name for name, other in by.items() if other == owner]
        has = {name for group in made[owner].depends_on for name in group}
        new = tuple((name,) for name in parts if name not in has)
        made[owner] = replace(made[owner], depends_on=(*made[owner].depends_on, *new))
    return Observed(made, by, steps)


def _by_step(checks: Mapping[str, Check]) -> dict[str, str]:
    return {
        f"{owner}.{step}": name
        for owner, check in checks.items()
        for name, steps in observed(owner, check).items()
        for step in steps
    }


def _named(found: Validation, components: Mapping[str, Component], checks: Mapping[str, Check]) -> dict[str, str]:
    """What steps name as `component`, with the owner of the check."""
    by: dict[str, str] = {}
    for owner, at, name in _mentions(checks):
        if name not in components:
            found.report(at, f"there is no component `{clip(name)}`{did_you_mean(name, frozenset(components))}")
        elif name in checks:
            text = f"`{clip(name)}` has a check of its own; name a component without one that depends on it"
            found.report(at, text)
        elif by.setdefault(name, owner) != owner:
            found.report(at, f"a step of `{clip(by[name])}` is the check of `{clip(name)}` already")
    return by


def _mentions(checks: Mapping[str, Check]) -> Iterator[tuple[str, TreePath, str]]:
    for owner, check in checks.items():
        for number, name in enumerate(check.observes().values()):
            if name is not None:
                yield owner, ("components", owner, "check", "steps", number, "component"), name


def _observed(name: str, own: Component | None, owner: Component, file: File) -> Component:
    """The component as its step observes it: with the timing of the owner where it has none."""
    if own is None:
        return replace(owner, name=name, kind=STEP, traits=frozenset(), startup=None, covers=())
    options = file.components[name]
    timing = {key: getattr(owner, key) for key in _TIMING if getattr(options, key) is None}
    return replace(own, kind=STEP, **timing)
