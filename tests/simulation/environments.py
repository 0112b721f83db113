"""Random environments as teams configure them: layers, chains, latents on latents, any-of groups, mixed cadences.

A component's name begins with `net` when it has no check, and with `svc` when it has one; its level follows. Every
component depends only on components that come before it.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from staging_exporter.core.model import LATENT, Component, Layer, Priority, Topology

_LAYERS = (Layer.INFRASTRUCTURE, Layer.PLATFORM, Layer.SERVICE, Layer.APPLICATION)
_PRIORITIES = (Priority.P0, Priority.P0, Priority.P1, Priority.P1, Priority.P2)
_INTERVALS = (1.0, 5.0, 10.0, 15.0, 30.0, 60.0, 300.0)
_WEIGHTS = (1, 2, 12, 4, 3, 2, 1)
_LATENT_SHARE = (0.45, 0.25, 0.1)  # by level
Groups = tuple[tuple[str, ...], ...]


def random_environment(random: Random, uniform: bool = False) -> Topology:
    """8 to 60 components in chains of up to 8; `uniform` gives all of them the default cadence."""
    size = int(random.triangular(8, 61, 20))
    depth = random.randint(2, min(8, size // 3))
    levels = sorted([*range(depth), *(random.randrange(depth) for _ in range(size - depth))])
    components: dict[str, Component] = {}
    by_level: list[list[str]] = [[] for _ in range(depth)]
    for number, level in enumerate(levels):
        share = _LATENT_SHARE[level] if level < min(len(_LATENT_SHARE), depth - 1) else 0.0
        latent = random.random() < share
        name = f"{'net' if latent else 'svc'}-{level}-{number:02}"
        groups, optional = _dependencies(random, by_level[:level], components, latent)
        made = Component(
            name,
            _LAYERS[level * len(_LAYERS) // depth],
            random.choice(_PRIORITIES),
            LATENT if latent else "http",
            groups,
            optional,
        )
        components[name] = made if uniform or latent else with_cadence(made, random)
        by_level[level].append(name)
    return Topology("random", components)


def _dependencies(
    random: Random, below: list[list[str]], components: dict[str, Component], latent: bool
) -> tuple[Groups, tuple[str, ...]]:
    """At least one of the level below; at times more, two that stand in for each other, or one that is optional."""
    if not below:
        return (), ()
    nearest = below[-1]
    if latent:  # networks are built on networks, seldom on something that is probed
        nets = [name for level in below for name in level if components[name].latent]
        return (((random.choice(nets),),) if nets else ()), ()
    lower = [name for level in below for name in level]
    hard = list(dict.fromkeys([random.choice(nearest), *_some(random, lower, random.choice((0, 0, 1, 1, 2)))]))
    groups: list[tuple[str, ...]] = [(name,) for name in hard]
    left = [name for name in lower if name not in hard]
    probed = [name for name in left if not components[name].latent]
    if len(probed) > 1 and random.random() < 0.15:
        pair = tuple(random.sample(probed, 2))
        groups.append(pair)
        left = [name for name in left if name not in pair]
    optional = (random.choice(left),) if left and random.random() < 0.2 else ()
    return tuple(groups), optional


def _some(random: Random, names: list[str], count: int) -> list[str]:
    return random.sample(names, min(count, len(names)))


def with_cadence(component: Component, random: Random) -> Component:
    """Interval, timeout, retries and thresholds as configurations have them."""
    interval = random.choices(_INTERVALS, _WEIGHTS)[0]
    fall = random.choice((3, 3, 3, 3, 2, 4))
    if interval == 300.0:
        if random.random() < 0.5:
            return replace(component, interval=interval, timeout=150.0, retry_interval=10.0, fall=2)
        return replace(component, interval=interval, timeout=20.0, fall=fall)
    if interval == 60.0:
        return replace(component, interval=interval, timeout=random.choice((5.0, 5.0, 20.0)), fall=fall)
    if interval == 1.0:
        return replace(component, interval=interval, timeout=1.0, fall=fall)
    return replace(component, interval=interval, timeout=random.choice((5.0, 5.0, 5.0, 2.0, 10.0)), fall=fall)


def with_replicas(topology: Topology, name: str, count: int) -> tuple[Topology, tuple[str, ...]]:
    """Make `count` replicas of `name`, any one of which is enough for its dependents."""
    replicas = tuple(f"{name}-{letter}" for letter in "abcdefgh"[:count])
    components: dict[str, Component] = {}
    for other, component in topology.components.items():
        if other == name:
            components |= {replica: replace(component, name=replica) for replica in replicas}
            continue
        groups = tuple(
            tuple(member for one in group for member in (replicas if one == name else (one,)))
            for group in component.depends_on
        )
        optional = tuple(one for one in component.optional_depends_on if one != name)
        components[other] = replace(component, depends_on=groups, optional_depends_on=optional)
    return replace(topology, components=components), replicas


def with_edge(topology: Topology, dependent: str, dependency: str) -> Topology:
    """The same with one hard edge more."""
    component = topology.components[dependent]
    changed = replace(component, depends_on=(*component.depends_on, (dependency,)))
    return replace(topology, components={**topology.components, dependent: changed})


def without_edge(topology: Topology, dependent: str, dependency: str) -> Topology:
    """The same with one hard edge less."""
    component = topology.components[dependent]
    changed = replace(component, depends_on=tuple(g for g in component.depends_on if g != (dependency,)))
    return replace(topology, components={**topology.components, dependent: changed})
