"""Plays one scenario on a virtual clock, and says what was published at every instant of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from staging_exporter.core.board import Board
from staging_exporter.core.graph import Graph
from staging_exporter.core.model import Topology
from staging_exporter.core.snapshot import Snapshot

from tests.replay.scenarios import Scenario
from tests.support.reference import reference
from tests.support.world import HEALTHY, START, Answer, VirtualRunner

WARM_UP = 25.0
AFTERWARDS = 100.0  # longer than `recovery`, so that an excuse that ends wrongly is seen


@dataclass
class Played:
    """`wrong` are the roots that were published although the scenario does not name them, each with its second."""

    at_the_end: Snapshot
    afterwards: Snapshot
    wrong: list[tuple[float, str]]
    missing: list[tuple[float, str]]
    first_named: float | None
    longest_pending: float


@dataclass
class _Watch:
    """Everything that was published, seen after every record and every tick."""

    expected: frozenset[str]
    injected: float
    wrong: list[tuple[float, str]] = field(default_factory=list)
    missing: list[tuple[float, str]] = field(default_factory=list)
    first_named: float | None = None
    pending_since: float | None = None
    longest_pending: float = 0.0
    repaired: bool = False

    def look(self, now: float, board: Board) -> None:
        roots = board.roots
        self.wrong.extend((now - self.injected, root) for root in roots if root not in self.expected)
        if self.first_named is None:
            if self.expected and self.expected == set(roots):
                self.first_named = now - self.injected
        elif not self.repaired:
            self.missing.extend((now - self.injected, root) for root in self.expected if root not in roots)
        if not board.pending:
            self.pending_since = None
        elif self.pending_since is None:
            self.pending_since = now
        else:
            self.longest_pending = max(self.longest_pending, now - self.pending_since)


def begins(scenario: Scenario, graph: Graph, random: Random, stagger: float) -> dict[str, float]:
    """When each effect begins, seconds after the injection: up to `stagger` after the last of its causes."""
    found: dict[str, float] = {}
    shared = {name: random.uniform(0.0, stagger) for name in graph.components if graph.components[name].latent}
    for name in graph.order:
        if name not in scenario.effects:
            continue
        causes = [found[cause] for cause in graph.edges[name] if cause in found]
        latents = [shared[cause] for cause in graph.edges[name] if cause in scenario.roots and cause in shared]
        found[name] = max([*causes, *latents], default=0.0) + random.uniform(0.0, stagger)
    return found


def play(scenario: Scenario, random: Random, stagger: float = 0.0, topology: Topology | None = None) -> Played:
    """`random` draws the phases of the probes, and up to `stagger` seconds for each effect and each recovery."""
    topology = topology or reference()
    runner: VirtualRunner
    injected = START + WARM_UP
    repaired = injected + scenario.lasts + 5 * stagger
    watch = _Watch(frozenset(scenario.roots), injected)
    began = begins(scenario, Graph(topology.components), random, stagger)
    ended = {name: scenario.lasts + random.uniform(5.0, 9.0) * stagger for name in scenario.effects}

    def world(name: str, now: float) -> Answer:
        effect = scenario.effects.get(name)
        if effect is None or not began[name] <= now - injected < ended[name]:
            return HEALTHY
        return effect(now - injected - began[name])

    runner = VirtualRunner(topology, world, random, look=watch.look)
    runner.run(repaired)
    at_the_end = runner.board.snapshot(repaired)
    watch.repaired = True
    runner.run(repaired + AFTERWARDS + 4 * stagger)
    return Played(
        at_the_end,
        runner.board.snapshot(runner.now),
        watch.wrong,
        watch.missing,
        watch.first_named,
        watch.longest_pending,
    )


def flaws(scenario: Scenario, played: Played) -> list[str]:
    """Everything that is not as the scenario says, in words."""
    return [*_wrong_states(scenario, played.at_the_end), *_wrong_verdict(scenario, played), *_wrong_history(played)]


def _wrong_states(scenario: Scenario, seen: Snapshot) -> list[str]:
    found = []
    for name, status in seen.components.items():
        expected = scenario.states.get(name)
        if expected is None and status.component.latent and status.state in ("up", "unknown"):
            continue
        if status.state != (expected or "up"):
            found.append(f"{name} is {status.state}, expected {expected or 'up'}")
        if name in scenario.reasons and status.reason != scenario.reasons[name]:
            found.append(f"{name} has reason {status.reason}, expected {scenario.reasons[name]}")
        if status.contradicted_by != scenario.contradicted.get(name, ()):
            found.append(f"{name} is contradicted by {status.contradicted_by}")
        if (name in scenario.conflicts) != bool(status.conflicts):
            found.append(f"{name} conflicts with {status.conflicts}")
        if status.state in ("down", "degraded") and not status.root and scenario.roots and not status.root_causes:
            found.append(f"{name} fails and is blamed on nothing")
    return found


def _wrong_verdict(scenario: Scenario, played: Played) -> list[str]:
    seen, found = played.at_the_end, []
    roots = {root.component: root.priority for root in seen.root_causes}
    if roots != dict(scenario.roots):
        found.append(f"roots are {roots}, expected {dict(scenario.roots)}")
    journey = seen.journeys["golden-path"]
    if (journey.state, journey.blocked_at) != scenario.journey:
        found.append(f"journey is {journey.state} at {journey.blocked_at}, expected {scenario.journey}")
    if seen.pending or not seen.settled:
        found.append(f"pending {seen.pending}, settled {seen.settled}")
    if any(root.stale for root in seen.root_causes):
        found.append("a root is stale")
    return found


def _wrong_history(played: Played) -> list[str]:
    after, found = played.afterwards, []
    if played.wrong:
        found.append(f"wrong roots for an instant: {played.wrong[0]} ... {len(played.wrong)} times")
    if played.missing:
        found.append(f"a root was dropped while it stood: {played.missing[0]}")
    bad = {name: s.state for name, s in after.components.items() if not s.component.latent and s.state != "up"}
    if after.root_causes or bad or after.pending or not after.settled:
        found.append(f"after the repair: {after.root_causes}, {bad}, pending {after.pending}, settled {after.settled}")
    if played.longest_pending > 40.0:
        found.append(f"pending for {played.longest_pending:.1f} s")
    return found
