"""What `validate` advises: what is valid and cannot work, or helps nobody."""

from __future__ import annotations

from collections.abc import Iterator

from staging_exporter.config.configuration import Config
from staging_exporter.core.durations import format_duration
from staging_exporter.core.model import Component, Layer, Priority
from staging_exporter.core.words import joined

_NAMED = 5  # components that one sentence lists


def advice(config: Config) -> Iterator[str]:
    """One sentence each."""
    components = config.topology.components
    if not config.vantage and config.checks:
        yield "vantage: without a check of its own connection, an exporter that is offline reports everything as down"
    needed = {name for each in components.values() for name in each.needs}
    for name, each in components.items():
        if each.latent and name not in needed:
            yield f"components.{name}: it has no check and nothing depends on it, so its state is never known"
        yield from _timeouts(each, config)
    ownerless = [n for n, each in components.items() if _wakes(each) and "owner" not in each.links]
    if ownerless:
        shown = [*ownerless[:_NAMED], *([f"{len(ownerless) - _NAMED} more"] if len(ownerless) > _NAMED else [])]
        yield f"components: {joined(shown)} of priority P0 without links.owner: their alerts do not name an owner"


def _wakes(component: Component) -> bool:
    return component.priority == Priority.P0 and component.layer != Layer.TEST


def _timeouts(component: Component, config: Config) -> Iterator[str]:
    """A component that gives up before its dependency is seen to fail first, and for another reason."""
    slower = [
        name
        for name in component.hard
        if name in config.checks and config.topology.components[name].timeout > component.timeout
    ]
    if slower and component.name in config.checks:
        longest = max(config.topology.components[name].timeout for name in slower)
        yield (
            f"components.{component.name}.timeout: {format_duration(component.timeout)} is shorter than the "
            f"{format_duration(longest)} of {joined(slower)}, on which it depends: while that hangs it fails first"
        )
