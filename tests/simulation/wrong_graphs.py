"""Faults over a graph that is not configured as it is."""

from __future__ import annotations

from random import Random

from staging_exporter.core.model import Topology

from tests.simulation.checked_causes import REFUSED, SERVER_ERROR
from tests.simulation.environments import random_environment, with_edge, without_edge
from tests.simulation.latent_causes import latents
from tests.simulation.propagation import Span, TrueGraph
from tests.simulation.stories import Draft, Story, causes, lasting, pick, start
from tests.simulation.symptoms import HANGS, network


def missing_edge(random: Random, times: int = 1) -> Story:
    """A dependency exists that nobody configured; its dependent fails with it, so many `times`."""
    true, cause = pick(random, random_environment, lambda graph: [n for n in causes(graph) if _lone_edges(graph, n)])
    dependent = random.choice(_lone_edges(TrueGraph(true), cause))
    draft = Draft(random, without_edge(true, dependent, cause), true)
    shows = random.choice((REFUSED, SERVER_ERROR, HANGS))
    begins = start(random)
    for _ in range(times):
        span = Span(begins, begins + lasting(random, true.components[cause], shows, 120.0, 400.0))
        draft.root(cause, span)
        draft.show(cause, span, shows)
        draft.affect({cause: span})
        begins = span.ends + random.uniform(400.0, 600.0)
    note = f"{cause} shows {shows.in_words()}; that {dependent} needs it is not configured"
    return draft.story(note, missing=(dependent, cause))


def _lone_edges(graph: TrueGraph, cause: str) -> list[str]:
    """Checked direct dependents that would not fail with the cause by any other way."""
    found = []
    for dependent in graph.checked(graph.dependents[cause]):
        topology = Topology("cut", graph.components)
        cut = TrueGraph(without_edge(topology, dependent, cause))
        if dependent not in cut.failing([cause]):
            found.append(dependent)
    return found


def edge_too_many(random: Random, fewest: int = 3, most: int = 99) -> Story:
    """A latent component fails; one healthy component is configured as its dependent and is none."""
    true, cause = pick(random, random_environment, lambda graph: _crowded(graph, fewest, most))
    graph = TrueGraph(true)
    bystander = random.choice(_bystanders(graph, cause))
    draft = Draft(random, with_edge(true, bystander, cause), true)
    begins = start(random)
    span = Span(begins, begins + random.uniform(120.0, 400.0))
    draft.root(cause, span)
    draft.affect({cause: span}, shows=network, optional=False)
    return draft.story(f"{cause}, which has no check, fails; {bystander} does not need it, although configured so")


def _crowded(graph: TrueGraph, fewest: int, most: int) -> list[str]:
    return [n for n in latents(graph) if fewest <= len(graph.direct_witnesses(n)) <= most and _bystanders(graph, n)]


def _bystanders(graph: TrueGraph, latent: str) -> list[str]:
    """Checked components that stay up and are no ancestors of the latent one."""
    failing, above = set(graph.failing([latent])), graph.ancestors(latent)
    return [name for name in graph.checked(list(graph.components)) if name not in failing and name not in above]
