"""Faults of a component that has a check, over a graph that is configured as it is."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from random import Random

from staging_exporter.core.model import Component, Outcome, Reason, Startup, Topology

from tests.simulation.environments import random_environment, with_replicas
from tests.simulation.propagation import Span, TrueGraph
from tests.simulation.stories import Draft, Story, causes, lasting, pick, start
from tests.simulation.symptoms import (
    HANGS,
    SATURATED,
    SLOW,
    Chooser,
    Growth,
    Symptom,
    effect,
    partly,
)

REFUSED = Symptom(Reason.REFUSED)
SERVER_ERROR = Symptom(Reason.SERVER_ERROR)
IDENTITY = Symptom(Reason.IDENTITY)
DENIED = Symptom(Reason.DENIED)
DNS = Symptom(Reason.DNS)
_PLAIN = (REFUSED, SERVER_ERROR, IDENTITY, DENIED, HANGS)
UNIFORM = partial(random_environment, uniform=True)


def plain(
    random: Random,
    shows: Symptom | None = None,
    *,
    uniform: bool = False,
    shortest: float = 120.0,
    longest: float = 400.0,
    onset: float = 3.0,
    noise: float = 0.0,
    effects: Chooser = effect,
) -> Story:
    """One component fails with this, or with any plain symptom, and what needs it fails as well."""
    shows = shows or random.choice(_PLAIN)
    topology, cause = pick(random, UNIFORM if uniform else random_environment, causes)
    draft = Draft(random, topology)
    begins = start(random)
    span = Span(begins, begins + lasting(random, topology.components[cause], shows, shortest, longest))
    draft.root(cause, span)
    draft.show(cause, span, shows)
    draft.affect({cause: span}, shows=effects, onset=onset)
    share = random.uniform(0.005, noise) if noise else 0.0
    return draft.story(f"{cause} shows {shows.in_words()}", noise=share)


def slow(random: Random) -> Story:
    """The cause is slow, and so is all that needs it."""
    return plain(random, SLOW, effects=lambda _random, _component: SLOW)


def partial_fault(random: Random, uniform: bool = False) -> Story:
    """30 to 70 % of the requests to one component fail; each run of a dependent makes its own, one or two of them."""
    topology, cause = pick(random, UNIFORM if uniform else random_environment, _often_probed)
    share = random.uniform(0.3, 0.7)
    draft = Draft(random, topology)
    begins = start(random)
    show_partly(draft, cause, share, Span(begins, begins + random.uniform(150.0, 600.0)))
    return draft.story(f"{share:.0%} of the requests to {cause} fail")


def show_partly(draft: Draft, cause: str, share: float, span: Span) -> None:
    """A share of the requests to `cause` fail, and so do runs of all that sends requests through it."""
    draft.root(cause, span)
    draft.show(cause, span, partly(Symptom(Reason.SERVER_ERROR), share))
    requests = {cause: 1}
    for name in draft.graph.failing([cause]):
        if name != cause:
            calls = draft.random.choice((1, 1, 1, 1, 2))
            through = sum(requests.get(one, 0) for one in draft.graph.hard(name))
            requests[name] = min(3, calls * through)
            failing = 1.0 - (1.0 - share) ** requests[name]
            draft.show(name, span, partly(effect(draft.random, draft.graph.components[name]), failing))


def _often_probed(graph: TrueGraph) -> list[str]:
    return [name for name in causes(graph) if graph.components[name].interval <= 60.0]


def degraded_cause(random: Random) -> Story:
    """The cause is only slow or saturated; most of what needs it is down."""
    shows = random.choice((SLOW, SATURATED))
    topology, cause = pick(random, random_environment, causes)
    draft = Draft(random, topology)
    begins = start(random)
    span = Span(begins, begins + lasting(random, topology.components[cause], shows, 120.0, 400.0))
    draft.root(cause, span)
    draft.show(cause, span, shows)
    draft.affect({cause: span}, shows=_down_or_slow)
    return draft.story(f"{cause} is only {shows.reason}, most of what needs it is down")


def _down_or_slow(random: Random, _component: Component) -> Symptom:
    down = (HANGS, HANGS, SERVER_ERROR, SERVER_ERROR, Symptom(Reason.CLOSED))
    return random.choice(down) if random.random() < 0.8 else SLOW


def shallow_middle(random: Random) -> Story:
    """What stands between the cause and its dependents has a check that notices nothing."""
    topology, cause = pick(random, random_environment, lambda graph: [n for n in causes(graph) if _middles(graph, n)])
    draft = Draft(random, topology)
    middle = random.choice(_middles(draft.graph, cause))
    begins = start(random)
    shows = random.choice((REFUSED, SERVER_ERROR, HANGS))
    span = Span(begins, begins + lasting(random, topology.components[cause], shows, 120.0, 400.0))
    draft.root(cause, span)
    draft.show(cause, span, shows)
    draft.spared.add(middle)
    draft.affect({cause: span})
    return draft.story(f"{cause} shows {shows.in_words()}, the check of {middle} notices nothing")


def _middles(graph: TrueGraph, cause: str) -> list[str]:
    """Dependents of the cause behind which something fails that nothing else explains."""
    direct = graph.checked(graph.dependents[cause])
    found = []
    for middle in direct:
        behind = set(graph.failing([cause])) - set(graph.failing([cause], resist=(middle,))) - {middle}
        if graph.checked(behind):
            found.append(middle)
    return found


def blind_cause(random: Random) -> Story:
    """The check of the cause is rate limited or lacks credentials while the cause fails."""
    topology, cause = pick(random, random_environment, _with_witnesses)
    reason = random.choice((Reason.RATE_LIMITED, Reason.CREDENTIALS))
    draft = Draft(random, topology)
    begins = start(random)
    span = Span(begins, begins + random.uniform(120.0, 400.0))
    blind = span if reason == Reason.RATE_LIMITED or random.random() < 0.5 else Span(5.0, span.ends)
    draft.root(cause, span)
    draft.show(cause, blind, Symptom(reason, Outcome.UNKNOWN))
    draft.affect({cause: span})
    return draft.story(f"{cause} fails and cannot be seen: {reason} from {blind.begins:.0f} s")


def _with_witnesses(graph: TrueGraph) -> list[str]:
    """Causes that are the only explanation of two or more checked direct dependents."""
    return [name for name in causes(graph) if len(graph.checked(graph.dependents[name])) > 1]


def effect_shows_dns(random: Random) -> Story:
    """The name of a dependent no longer resolves because the dependent has no ready instance."""
    topology, cause = pick(random, random_environment, lambda g: [n for n in causes(g) if g.checked(g.dependents[n])])
    draft = Draft(random, topology)
    shows = random.choice((REFUSED, SERVER_ERROR, HANGS))
    begins = start(random)
    span = Span(begins, begins + lasting(random, topology.components[cause], shows, 120.0, 400.0))
    nameless = random.choice(draft.graph.checked(draft.graph.dependents[cause]))
    draft.root(cause, span)
    draft.show(cause, span, shows)
    draft.affect({cause: span}, shows=lambda r, c: DNS if c.name == nameless else effect(r, c))
    return draft.story(f"{cause} shows {shows.in_words()}, {nameless} loses its name")


def growing_latency(random: Random) -> Story:
    """The latency of one component grows until it hangs; consumers may have the shorter timeouts."""
    topology, cause = pick(random, random_environment, _often_probed)
    draft = Draft(random, topology)
    begins = start(random)
    span = Span(begins, begins + random.uniform(180.0, 400.0))
    top = random.uniform(1.5, 4.0) * topology.components[cause].timeout
    start_at = random.uniform(0.05, 0.3)
    draft.root(cause, span)
    requests = {cause: 1}
    for name in draft.graph.failing([cause]):
        component = topology.components[name]
        if name != cause:
            calls = random.choice((1, 1, 1, 1, 1, 2))
            requests[name] = min(2, calls * max(requests.get(one, 0) for one in draft.graph.hard(name)))
        slower_than = random.uniform(0.3, 0.7) * component.timeout
        draft.show(name, span, Growth(span, start_at, top, slower_than, requests[name]))
    return draft.story(f"the latency of {cause} grows to {top:.0f} s")


def during_a_deploy(random: Random) -> Story:
    """A fault while another component is being deployed and starts cold; neither could be the cause of the other."""
    story = plain(random, shortest=40.0, longest=150.0)
    root = next(iter(story.roots))
    fails = set(story.graph.failing([root])) | story.graph.ancestors(root)
    others = [n for n, c in story.configured.components.items() if not c.latent and n not in fails]
    if not others:
        return story
    deployed = random.choice(others)
    return with_cold_start(random, story, deployed, story.begins - random.uniform(-10.0, 10.0))


def with_cold_start(random: Random, story: Story, name: str, begins: float) -> Story:
    """The same, with a component that is deployed then, and what needs it."""
    components = dict(story.configured.components)
    components[name] = replace(components[name], startup=Startup(600.0, 30.0))
    topology: Topology = replace(story.configured, components=components)
    draft = Draft(random, topology)
    draft.phases = {other: list(phases) for other, phases in story.phases.items()}
    draft.roots, draft.ends = dict(story.roots), story.seconds - 150.0
    span = Span(begins, begins + random.uniform(5.0, 28.0))
    draft.show(name, span, random.choice((REFUSED, HANGS)))
    draft.affect({name: span})
    return draft.story(f"{story.note}; {name} is deployed at {begins:.0f} s", deploys={name: begins})


def rolling(random: Random) -> Story:
    """The fault moves from replica to replica, with a short overlap or a short gap."""
    topology, chosen = pick(random, random_environment, _often_probed)
    topology, replicas = with_replicas(topology, chosen, random.randint(3, 5))
    draft = Draft(random, topology)
    begins = start(random)
    shows = random.choice((REFUSED, SERVER_ERROR, HANGS))
    felt = random.random() < 0.5
    for replica in random.sample(replicas, random.randint(2, len(replicas))):
        component = topology.components[replica]
        span = Span(begins, begins + lasting(random, component, shows, 20.0, 60.0))
        draft.root(replica, span)
        draft.show(replica, span, shows)
        if felt:
            _feel(draft, replicas, span)
        begins = span.ends + random.uniform(-5.0, 15.0)
    return draft.story(f"{', '.join(draft.roots)} show {shows.in_words()}, one after the other")


def _feel(draft: Draft, replicas: tuple[str, ...], span: Span) -> None:
    """Some requests of the dependents reach the faulty replica before it is taken out."""
    for name, groups in draft.graph.groups.items():
        if replicas in groups and not draft.graph.components[name].latent:
            draft.show(name, span, partly(SERVER_ERROR, 1.0 / len(replicas)))
