"""Components that steps of checks observe: those that steps name, and those that journeys ask for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from staging_exporter.config.problems import TreePath, clip, did_you_mean
from staging_exporter.config.schema import File
from staging_exporter.config.validation import Validation
from staging_exporter.core.durations import format_duration
from staging_exporter.core.model import STEP, Component
from staging_exporter.options.check import Check, observed

_TIMING = ("interval", "timeout", "fall", "rise", "retry_interval", "failure_ratio", "buckets")


@dataclass(frozen=True, slots=True)
class Observed:
    """`components` are all of them, `by` the owner of the check by what it observes, `steps` that by `OWNER.STEP`.

    `unread` are components whose check has errors: their steps are not known.
    """

    components: dict[str, Component]
    by: dict[str, str]
    steps: Mapping[str, str]
    unread: frozenset[str]

    def may_have(self, place: str) -> bool:
        """True for the `OWNER.STEP` of a step, or of what may be one."""
        owner, dot, _ = place.partition(".")
        return place in self.steps or bool(dot and owner in self.unread)


def with_observed(
    found: Validation,
    file: File,
    components: Mapping[str, Component],
    checks: Mapping[str, Check],
    declared: Collection[str],
) -> Observed:
    """The components with those that steps observe, which their owners depend on; reports what cannot be.

    `declared` are also the components with errors.
    """
    _report_too_long(found, file, components, checks)
    by, steps = _named(found, components, checks), _by_step(checks)
    asked = {place for journey in file.journeys.values() for place in journey.steps.values() if place in steps}
    for place in sorted(asked):
        by.setdefault(steps[place], place.rpartition(".")[0])
    made = dict(components)
    for name, owner in by.items():
        made[name] = _observed(name, made.get(name), components[owner], file)
    for owner in set(by.values()):
        parts = [name for name, other in by.items() if other == owner]
        has = set(made[owner].hard)
        new = tuple((name,) for name in parts if name not in has)
        made[owner] = replace(made[owner], depends_on=(*made[owner].depends_on, *new))
    latent = {name for name, options in file.components.items() if options.check is None}
    return Observed(made, by, steps, frozenset(declared) - checks.keys() - latent)


def _report_too_long(
    found: Validation, file: File, components: Mapping[str, Component], checks: Mapping[str, Check]
) -> None:
    """Times of steps that the timeout cuts off; not where the timeout is one that replaces a value with errors."""
    for owner, check in checks.items():
        timeout = components[owner].timeout
        limit = f"the timeout of the component, {format_duration(timeout)}"
        lost = found.lost(("components", owner, "timeout")) or found.lost(("defaults", "timeout"))
        for path, seconds in check.time_limits() if not lost or file.components[owner].timeout is not None else ():
            if seconds > timeout:
                text = f"{format_duration(seconds)} are longer than {limit}"
                found.report(("components", owner, "check", *path), text)


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
