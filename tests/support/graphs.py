"""Random environments for property tests."""

from __future__ import annotations

from random import Random

from staging_exporter.core.model import LATENT, Component, Layer, Priority, Reason, Topology

LAYERS = (Layer.INFRASTRUCTURE, Layer.PLATFORM, Layer.SERVICE, Layer.APPLICATION)


def random_topology(random: Random, size: int, suites: bool = False) -> Topology:
    """Up to `size` components: latents (at times on latents), any-of groups, optional edges, chains and stars."""
    components: list[Component] = []
    for index in range(size):
        earlier = [component.name for component in components if component.layer != Layer.TEST]
        picked = random.sample(earlier, min(len(earlier), random.choice((0, 1, 1, 2, 2, 3, 4))))
        latent = index < size - 1 and random.random() < 0.3
        suite = suites and not latent and bool(earlier) and random.random() < 0.1
        groups, optional = _split(random, picked)
        components.append(
            Component(
                f"c{index:02}",
                Layer.TEST if suite else random.choice(LAYERS),
                random.choice(list(Priority)),
                LATENT if latent else "tcp",
                groups,
                optional,
                intrinsic=frozenset({Reason.DENIED}) if random.random() < 0.1 else frozenset(),
                covers=tuple(random.sample(earlier, min(len(earlier), 2))) if suite else (),
            )
        )
    return Topology("random", {component.name: component for component in components})


def _split(random: Random, picked: list[str]) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    """Some of them are needed, two may stand for each other, one may be optional."""
    optional = (picked.pop(),) if picked and random.random() < 0.25 else ()
    groups: list[tuple[str, ...]] = []
    if len(picked) > 1 and random.random() < 0.3:
        groups.append((picked.pop(), picked.pop()))
    return (*groups, *((name,) for name in picked)), optional
