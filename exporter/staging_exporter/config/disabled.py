"""Components with `enabled: false`: shown and never probed; those that depend on them depend on what is behind them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from staging_exporter.config.configuration import Config
from staging_exporter.core.model import LATENT, Component, Journey

Groups = tuple[tuple[str, ...], ...]


def without(config: Config, disabled: Collection[str]) -> Config:
    """The configuration in which nothing is probed or concluded of these, nor of what their steps observe.

    A component that cannot be inferred, since nothing depends on it, is never a root cause.
    """
    off = {*disabled, *(part for part, owner in config.observed.items() if owner in disabled)}
    if not off:
        return config
    components = config.topology.components
    made = {
        name: _disabled(each) if name in off else _rewired(each, components, off) for name, each in components.items()
    }
    journeys = {name: _shortened(each, off) for name, each in config.topology.journeys.items()}
    kept = {name: each for name, each in journeys.items() if each.steps}
    return replace(
        config,
        topology=replace(config.topology, components=made, journeys=kept),
        checks={name: check for name, check in config.checks.items() if name not in off},
        observed={part: owner for part, owner in config.observed.items() if part not in off},
        slo={name: objective for name, objective in config.slo.items() if name not in off},
    )


def _disabled(component: Component) -> Component:
    return replace(component, kind=LATENT, traits=frozenset(), startup=None, covers=(), enabled=False)


def _rewired(component: Component, components: Mapping[str, Component], off: Collection[str]) -> Component:
    hard = tuple(dict.fromkeys(_through(component.depends_on, components, off)))
    names = {name for group in hard for name in group}
    behind = (name for group in component.optional_depends_on for name in _behind(group, components, off))
    optional = tuple(name for name in dict.fromkeys(behind) if name not in names)
    covers = tuple(name for name in component.covers if name not in off)
    return replace(component, depends_on=hard, optional_depends_on=optional, covers=covers)


def _through(groups: Groups, components: Mapping[str, Component], off: Collection[str]) -> Iterator[tuple[str, ...]]:
    """What a single one that is off depends on, in its place; of several alternatives those that are left."""
    for group in groups:
        if left := tuple(name for name in group if name not in off):
            yield left
        else:
            for name in group:
                yield from _through(components[name].depends_on, components, off)


def _behind(name: str, components: Mapping[str, Component], off: Collection[str]) -> Iterator[str]:
    if name not in off:
        yield name
        return
    own = components[name]
    for other in own.needs:
        yield from _behind(other, components, off)


def _shortened(journey: Journey, off: Collection[str]) -> Journey:
    return replace(journey, steps=tuple(step for step in journey.steps if step[1] not in off))
