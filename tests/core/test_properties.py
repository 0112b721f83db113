"""Properties of the rules on random environments, against an oracle that was written from their prose."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from staging_exporter.core.diagnosis import diagnose
from staging_exporter.core.graph import Graph
from staging_exporter.core.model import Reason, State, Topology
from staging_exporter.core.rules import Condition

from tests.core.oracle import Oracle
from tests.core.oracle_of_runs import FAILS, Seen
from tests.support.faults import Effect, at, spread
from tests.support.graphs import random_topology
from tests.support.sketch import observations, recent
from tests.support.world import HEALTHY, START, VirtualRunner

REASONS = (
    *(Reason.REFUSED, Reason.TIMEOUT, Reason.SERVER_ERROR, Reason.TIMEOUT, Reason.CONTENT, Reason.IDENTITY),
    *(Reason.DNS, Reason.TLS_NAME, Reason.DENIED, Reason.SLOW, Reason.FAILED, Reason.SATURATED, Reason.UNSTABLE),
)
STATES = (*[State.DOWN] * 8, *[State.UP] * 3, State.DEGRADED, State.DEGRADED, State.FLAPPING, State.UNKNOWN)
UNSEEN = (Reason.OK, Reason.RATE_LIMITED, Reason.PROBE_ERROR)
FAULTS_AFTER = 15.0
HIDDEN = (State.STARTING, State.MAINTENANCE)
# What the last runs of a component in this state may have been; one of "" is none at all.
LETTERS = {
    State.UP: (
        "PPPP",
        "PPPP",
        "PPFPFP",
        "PFPPPFPP",
        "PPFFPP",
        "PFFFPFPPPPPP",
        "PPPPPSSSS",
        "PPFPPPSSSS",
        "PPPPPPPPPPPP",
    ),
    State.DOWN: ("PFFF", "PPFFFF", "PPPFPFFF", "FFF", "PFPPPPPPPPPPPPFFF"),
    State.DEGRADED: ("PDDD", "PPDFD", "DDD", "PPDPPPPPPP"),
    State.FLAPPING: ("PFPFPFPFPF", "FPFPFPFPFP", "PFPFPFPFPFPPPPPP"),
    State.UNKNOWN: ("PPPP", "PPFF", ""),
    State.STARTING: ("PFFF",),
    State.MAINTENANCE: ("PPPP", "PFFF"),
}

bounded = settings(max_examples=400, deadline=None, derandomize=True, database=None)


def random_seen(random: Random, topology: Topology) -> dict[str, Seen]:
    """Any mixture of states, most of them bad, that began at a few times, with the runs that led there or without."""
    found = {}
    states = STATES + HIDDEN * random.choice((0, 0, 1))
    few_reasons = random.sample(REASONS, random.choice((1, 2, 6)))
    with_runs = random.random() < 0.75
    for component in topology.components.values():
        if not component.latent:
            state = random.choice(states)
            reason = random.choice(
                few_reasons if state in FAILS else UNSEEN if state == State.UNKNOWN else (Reason.OK,)
            )
            at = 1000.0 + random.choice((0.0, 0.0, 0.0, 5.0, 15.0, 25.0, 300.0))
            letters = random.choice(LETTERS[state]) if with_runs else ""
            every = component.interval
            runs = tuple(observations(letters, at - every * max(0, letters.find("F"), letters.find("D")), every))
            seen = Seen(state, reason, at, at, every, runs)
            failing = state in FAILS or state == State.STARTING or (state == State.UP and letters.endswith("F"))
            found[component.name] = replace(seen, failing_since=(seen.onset or at) if failing else None)
    return found


def conditions(seen: Mapping[str, Seen]) -> dict[str, Condition]:
    """The same, as the rules know it."""
    return {
        name: Condition(s.state, s.reason, s.failing_since, since=s.since, recent=recent(s.runs), interval=s.interval)
        for name, s in seen.items()
    }


def random_environment(random: Random, size: int) -> Topology:
    """One in which some components are probed less often."""
    topology = random_topology(random, size, suites=True)
    components = {n: replace(c, interval=random.choice((10.0, 10.0, 30.0))) for n, c in topology.components.items()}
    return replace(topology, components=components)


def roots(topology: Topology, conditions: dict[str, Condition]) -> set[str]:
    return {name for name, verdict in diagnose(Graph(topology.components), conditions).items() if verdict.root}


@bounded
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_roots_are_those_of_the_oracle(seed: int, size: int) -> None:
    random = Random(seed)
    topology = random_environment(random, size)
    seen = random_seen(random, topology)
    assert roots(topology, conditions(seen)) == Oracle(topology, seen).roots()


@bounded
@given(st.integers(0, 2**32), st.integers(2, 40))
def test_no_order_of_anything_changes_a_verdict(seed: int, size: int) -> None:
    random = Random(seed)
    topology = random_environment(random, size)
    seen = conditions(random_seen(random, topology))
    names = random.sample(list(topology.components), len(topology.components))
    shuffled = Topology("random", {name: topology.components[name] for name in names})
    shuffled_conditions = {name: seen[name] for name in sorted(seen, key=lambda _: random.random())}
    expected = diagnose(Graph(topology.components), seen)
    assert diagnose(Graph(shuffled.components), shuffled_conditions) == expected


def settled_roots(topology: Topology, effects: dict[str, Effect], random: Random, noise: float) -> set[str]:
    """What is published a minute after the faults, probed at random moments with some chance failures."""
    runner = VirtualRunner(topology, lambda name, now: at(effects, name, now), random, noise)
    runner.run(START + FAULTS_AFTER + 60.0)
    while runner.board.pending:
        runner.run(runner.now + 0.25)
    return set(runner.board.roots)


@settings(bounded, max_examples=150)
@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 3))
def test_settled_roots_are_those_of_the_oracle(seed: int, size: int, count: int) -> None:
    random = Random(seed)
    topology = random_topology(random, size)
    faulty = random.sample(list(topology.components), min(count, size))
    effects = spread(topology, faulty, random, START + FAULTS_AFTER, math.inf, delay=0.5)
    assert settled_roots(topology, effects, random, noise=0.005) == truth(topology, effects)


@settings(bounded, max_examples=15)
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_chance_failures_never_publish_a_root(seed: int, size: int) -> None:
    random = Random(seed)
    topology = random_topology(random, size)
    published: set[str] = set()
    runner = VirtualRunner(
        topology, lambda *_: HEALTHY, random, 0.005, look=lambda _now, board: published.update(board.roots)
    )
    runner.run(START + 600.0)
    assert published == set()


def truth(topology: Topology, effects: dict[str, Effect]) -> set[str]:
    """The roots by the oracle, when all effects have come, and each was seen at once."""
    seen = {name: _seen("PPPPPP", START) for name, component in topology.components.items() if not component.latent}
    for name in seen.keys() & effects.keys():
        effect = effects[name]
        seen[name] = replace(_seen("PPDDDD", effect.begins), state=effect.state, reason=effect.answer.reason)
    return Oracle(topology, seen).roots()


def _seen(letters: str, since: float) -> Seen:
    return Seen(State.UP, Reason.OK, since, since, runs=tuple(observations(letters, since - 20.0)))


@settings(bounded, max_examples=100)
@given(st.integers(0, 2**32), st.integers(1, 40), st.booleans())
def test_nothing_but_the_verdict_on_one_fault_is_ever_published(seed: int, size: int, already: bool) -> None:
    """From before it begins, or from a start in the middle of it, until a minute and a half after its repair."""
    random = Random(seed)
    topology = random_topology(random, size)
    faulty = random.choice([name for name, component in topology.components.items() if not component.latent])
    ends = START + FAULTS_AFTER + random.uniform(50.0, 90.0)
    begins = START - 60.0 if already else START + FAULTS_AFTER
    effects = spread(topology, [faulty], random, begins, ends, delay=0.5)
    published: set[str] = set()
    runner = VirtualRunner(
        topology, lambda n, now: at(effects, n, now), random, look=lambda _now, board: published.update(board.roots)
    )
    runner.run(ends + 90.0)
    assert published == truth(topology, effects)
    assert runner.board.roots == ()
