"""Faults of a component without a check, over a graph that is configured as it is."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from staging_exporter.core.model import Component, Reason

from tests.simulation.environments import random_environment
from tests.simulation.propagation import Span, TrueGraph
from tests.simulation.stories import Draft, Story, pick, start
from tests.simulation.symptoms import HANGS, SLOW, Chooser, Symptom, network

_MIXED = (
    HANGS,
    Symptom(Reason.SERVER_ERROR),
    Symptom(Reason.CONTENT),
    Symptom(Reason.STATUS),
    Symptom(Reason.DENIED),
    Symptom(Reason.TLS),
    Symptom(Reason.PROTOCOL),
    Symptom(Reason.SATURATED),
)


def latents(graph: TrueGraph) -> list[str]:
    """Latent components whose direct witnesses tell their fault from that of any other."""
    return [n for n, c in graph.components.items() if c.latent and graph.identifiable(n, graph.direct_witnesses(n))]


def nested_latents(graph: TrueGraph) -> list[str]:
    """Those with another latent component among their dependents, whose witnesses speak for them as well."""
    return [
        name
        for name, component in graph.components.items()
        if component.latent
        and any(graph.components[dependent].latent for dependent in graph.dependents[name])
        and graph.identifiable(name, graph.witnesses(name))
    ]


def latent_fault(
    random: Random,
    shows: Chooser | None = None,
    *,
    onset: float = 3.0,
    candidates: Callable[[TrueGraph], list[str]] = latents,
) -> Story:
    """A latent component fails; `shows` is what its dependents show, else a network symptom."""
    topology, cause = pick(random, random_environment, candidates)
    draft = Draft(random, topology)
    begins = start(random)
    span = Span(begins, begins + random.uniform(120.0, 400.0) + onset)
    draft.root(cause, span)
    draft.affect({cause: span}, shows=shows or network, onset=onset, optional=False)
    return draft.story(f"{cause}, which has no check, fails")


def timeout_and_slow(random: Random) -> Story:
    """Of the witnesses some hang and some are slow; all the others show network symptoms."""
    return _each_witness(random, (HANGS, SLOW), "hang or are slow")


def mixed_classes(random: Random) -> Story:
    """The witnesses fail in different classes of reasons."""
    return _each_witness(random, tuple(random.sample(_MIXED, random.randint(2, 4))), "fail in different ways")


def _each_witness(random: Random, symptoms: tuple[Symptom, ...], how: str) -> Story:
    topology, cause = pick(random, random_environment, latents)
    draft = Draft(random, topology)
    witnesses = draft.graph.witnesses(cause)
    random.shuffle(witnesses)
    given = {name: symptoms[n] if n < len(symptoms) else random.choice(symptoms) for n, name in enumerate(witnesses)}

    def shows(chance: Random, component: Component) -> Symptom:
        return given.get(component.name) or network(chance, component)

    begins = start(random)
    span = Span(begins, begins + random.uniform(120.0, 400.0))
    draft.root(cause, span)
    draft.affect({cause: span}, shows=shows)
    return draft.story(f"{cause}, which has no check, fails; its dependents {how}")
