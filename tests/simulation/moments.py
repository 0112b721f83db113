"""Faults that are short, that overlap, that end in an odd way, and trouble that is no fault."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from staging_exporter.core.maintenance import MaintenanceWindow, Once

from tests.simulation.checked_causes import (
    REFUSED,
    SERVER_ERROR,
    UNIFORM,
    plain,
    with_cold_start,
)
from tests.simulation.environments import random_environment
from tests.simulation.latent_causes import latents
from tests.simulation.propagation import Span, TrueGraph
from tests.simulation.stories import WARM_UP, Draft, Story, causes, confirmable, lasting, pick, start
from tests.simulation.symptoms import HANGS, network
from tests.support.world import START

_LATE = 60.0  # seconds after which a symptom that still fails has not recovered


def short(random: Random, uniform: bool) -> Story:
    """A fault of 3 to 40 s."""
    topology, cause = pick(random, UNIFORM if uniform else random_environment, causes)
    shows = random.choice((REFUSED, SERVER_ERROR, HANGS))
    draft = Draft(random, topology)
    begins = start(random)
    span = Span(begins, begins + random.uniform(3.0, 40.0))
    draft.root(cause, span)
    draft.show(cause, span, shows)
    draft.affect({cause: span})
    return draft.story(f"{cause} shows {shows.in_words()} for {span.ends - span.begins:.0f} s")


def other_order(random: Random) -> Story:
    """Cause and symptoms recover in any order, up to 50 s apart."""
    return _recovering(random, lambda chance: chance.uniform(-50.0, 50.0), "recover in any order")


def late_recovery(random: Random) -> Story:
    """Symptoms recover more than a minute after their root cause."""
    return _recovering(random, lambda chance: chance.uniform(65.0, 150.0), "recover much later")


def _recovering(random: Random, repair: Callable[[Random], float], how: str) -> Story:
    topology, cause = pick(random, random_environment, causes)
    shows = random.choice((REFUSED, SERVER_ERROR, HANGS))
    draft = Draft(random, topology)
    begins = start(random)
    span = Span(begins, begins + lasting(random, topology.components[cause], shows, 120.0, 300.0))
    draft.root(cause, span)
    draft.show(cause, span, shows)
    drawn = {name: span.ends + repair(random) for name in draft.graph.components}
    spans = draft.affect({cause: span})
    for name in spans:
        if name in draft.phases and name != cause:
            first = draft.phases[name][0]
            ends = max(first.span.begins + 20.0, drawn[name])
            draft.phases[name] = []
            draft.show(name, Span(first.span.begins, ends), first.shows)
    late = {n: span.ends + _LATE for n in draft.phases if draft.phases[n][0].span.ends > span.ends + _LATE}
    return draft.story(f"{cause} shows {shows.in_words()} until {span.ends:.0f} s, its symptoms {how}", late=late)


def maintenance_ends(random: Random) -> Story:
    """Work in a maintenance window ends a few seconds before the window, or so soon after it that nothing is proven."""
    topology, worked_on = pick(random, random_environment, causes)
    draft = Draft(random, topology)
    begins = start(random)
    closes = begins + random.uniform(60.0, 240.0)
    component = topology.components[worked_on]
    latest = min(1.5, (component.fall - 1) * component.retry_interval - 0.1)  # too soon for `fall` failures afterwards
    span = Span(begins + random.uniform(1.0, 20.0), closes + random.uniform(-4.0, latest))
    draft.show(worked_on, span, random.choice((REFUSED, SERVER_ERROR, HANGS)))
    draft.affect({worked_on: span})
    window = MaintenanceWindow((worked_on,), Once(START + begins, START + closes))
    note = f"the window of {worked_on} ends at {closes:.1f} s, {closes - span.ends:.1f} s after its repair"
    return draft.story(note, windows=(window,))


def cold_start(random: Random) -> Story:
    """A deploy with a cold start of 5 to 28 s."""
    topology, deployed = pick(random, random_environment, causes)
    return with_cold_start(random, Draft(random, topology).story("all is well"), deployed, start(random))


def noise_only(random: Random) -> Story:
    """Fifteen minutes in which 0.5 to 3 % of all runs fail by chance."""
    share = random.uniform(0.005, 0.03)
    draft = Draft(random, random_environment(random))
    return draft.story(f"{share:.1%} of all runs fail by chance", noise=share, seconds=WARM_UP + 900.0)


def noise_and_fault(random: Random) -> Story:
    """A plain fault among failures by chance."""
    return plain(random, noise=0.03)


def overlapping(random: Random) -> Story:
    """Two or three faults that overlap; none of them could explain another."""
    chosen: list[str] = []
    while len(chosen) < 2:
        topology = random_environment(random)
        chosen = _independent(random, TrueGraph(topology), random.choice((2, 2, 3)))
    draft = Draft(random, topology)
    first = start(random)
    longest = 0.0
    for name in chosen:
        component = topology.components[name]
        shows = random.choice((REFUSED, SERVER_ERROR, HANGS))
        longest = max(longest, confirmable(component, shows))
        begins = first + random.uniform(0.0, 90.0)
        span = Span(begins, max(first + 100.0, begins + longest) + random.uniform(20.0, 240.0))
        draft.root(name, span)
        if not component.latent:
            draft.show(name, span, shows)
        draft.affect({name: span}, shows=network)
    return draft.story(f"{' and '.join(draft.roots)} fail, and overlap")


def _independent(random: Random, graph: TrueGraph, count: int) -> list[str]:
    """Causes that share no symptom and no latent component that could be taken for the cause of both."""
    candidates = [*causes(graph), *latents(graph)]
    random.shuffle(candidates)
    chosen: list[str] = []
    taken: set[str] = set()
    for name in candidates:
        fails = set(graph.failing([name]))
        around = fails | {one for one in graph.ancestors(name) if graph.components[one].latent}
        around |= {one for f in fails for one in graph.hard(f) if graph.components[one].latent}
        if len(chosen) < count and taken.isdisjoint(around) and not _above(graph, name, chosen):
            chosen.append(name)
            taken |= around
    return chosen


def _above(graph: TrueGraph, name: str, others: list[str]) -> bool:
    return any(name in graph.ancestors(other) or other in graph.ancestors(name) for other in others)
