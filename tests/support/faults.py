"""Faults that spread perfectly: what needs a faulty component fails, what merely likes it is degraded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from random import Random

from staging_exporter.core.graph import Graph
from staging_exporter.core.model import Outcome, Reason, State, Topology

from tests.support.world import HEALTHY, Answer

NETWORK = (Reason.REFUSED, Reason.UNREACHABLE, Reason.TIMEOUT, Reason.CLOSED, Reason.SERVER_ERROR)


@dataclass(frozen=True, slots=True)
class Effect:
    """What one component shows from `begins` until before `ends`."""

    begins: float
    ends: float
    state: State
    answer: Answer


def spread(
    topology: Topology, faulty: Iterable[str], random: Random, begins: float, ends: float, delay: float
) -> dict[str, Effect]:
    """The effects of faults that begin at `begins`, each up to `delay` seconds after the last of its causes.

    All of them are repaired within `delay` seconds after `ends`, in any order. Some runs take all of their timeout.
    """
    graph = Graph(topology.components)
    found: dict[str, Effect] = {}
    faults = set(faulty)
    for name in graph.order:
        component = topology.components[name]
        begun = [
            max(found[member].begins for member in group)
            for group in component.depends_on
            if all(member in found and found[member].state == State.DOWN for member in group)
        ]
        liked = [found[other].begins for other in component.optional_depends_on if other in found]
        first = min([*begun, *([begins] if name in faults else [])], default=None)
        until = ends + random.uniform(0.0, delay)
        if first is not None:
            reason = random.choice(NETWORK)
            answer = Answer(Outcome.FAIL, reason, 1e9 if reason == Reason.TIMEOUT else random.uniform(0.01, 2.0))
            found[name] = Effect(first + random.uniform(0.0, delay), until, State.DOWN, answer)
        elif liked:
            answer = Answer(Outcome.DEGRADED, Reason.CONTENT)
            found[name] = Effect(min(liked) + random.uniform(0.0, delay), until, State.DEGRADED, answer)
    return found


def at(effects: Mapping[str, Effect], name: str, now: float) -> Answer:
    """What a run that begins now would see."""
    effect = effects.get(name)
    return effect.answer if effect is not None and effect.begins <= now < effect.ends else HEALTHY
