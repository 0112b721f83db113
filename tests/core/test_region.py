"""What is diagnosed by region equals what is diagnosed on the whole graph, after every step of random lives."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from staging_exporter.core.board import Board
from staging_exporter.core.graph import Graph
from staging_exporter.core.model import Component, Layer, Outcome, Priority, Reason, Topology
from staging_exporter.core.publisher import Publisher
from staging_exporter.core.region import region_of
from staging_exporter.core.round import bound

from tests.core.test_lives import Life
from tests.support.graphs import random_topology
from tests.support.sketch import sketch
from tests.support.world import HEALTHY, START, Answer, VirtualRunner

GATEWAY = Component("gateway", Layer.INFRASTRUCTURE, Priority.P0, "tcp")


class WholePublisher(Publisher):
    """One that diagnoses every component whenever one of them has changed."""

    def _region(self, now: float) -> set[str]:
        super()._region(now)
        return set(self._graph.components)


class SparseLife(Life):
    """That of a few environments behind one gateway, which some of their components need."""

    def environment(self) -> Topology:
        components = {GATEWAY.name: GATEWAY}
        for number in range(self.random.choice((2, 3, 4))):
            part = random_topology(self.random, self.random.choice((3, 5, 8)), suites=True)
            for component in part.components.values():
                renamed = self._renamed(component, f"p{number}-")
                components[renamed.name] = renamed
        return Topology("sparse", components)

    def _renamed(self, component: Component, prefix: str) -> Component:
        groups = tuple(tuple(prefix + other for other in group) for group in component.depends_on)
        return replace(
            component,
            name=prefix + component.name,
            depends_on=(*groups, ("gateway",)) if self.random.random() < 0.3 else groups,
            optional_depends_on=tuple(prefix + other for other in component.optional_depends_on),
            covers=tuple(prefix + other for other in component.covers),
        )


class WholeLife(SparseLife):
    """The same life, whose board diagnoses the whole graph each time: the oracle."""

    def step(self) -> None:
        self.board._publisher.__class__ = WholePublisher
        super().step()


def known_of(board: Board, now: float) -> tuple[object, ...]:
    """All that is published, and all that later verdicts follow from."""
    published, snapshot = board._publisher.published, board.snapshot(now)
    return snapshot, published.verdicts, published.drafts, published.graces, published.last_seen, published.roots


@pytest.mark.parametrize("seed", range(12))
def test_a_region_is_diagnosed_like_the_whole(seed: int) -> None:
    life, whole = SparseLife(seed), WholeLife(seed)
    regions = 0
    for _ in range(500):
        life.step()
        whole.step()
        assert known_of(life.board, life.now) == known_of(whole.board, whole.now)
        regions += life.board._publisher._size < len(life.board.topology.components) / 2
    assert regions


SHOP = "gateway, net*: gateway, db: net, cache: net, api: db, web: api, other: gateway, suite!: web ~api"


@pytest.mark.parametrize(
    ("changed", "troubled", "expected"),
    [
        pytest.param("web", "", "web suite", id="what is up and untroubled ends a region"),
        pytest.param(
            "web", "web db", "api cache db net suite web", id="trouble behind it reaches on, to what is latent"
        ),
        pytest.param("api", "", "api suite web", id="everything that depends on it may be affected"),
        pytest.param(
            "db", "", "api cache db net suite web", id="a latent dependency is inferred from all that need it"
        ),
        pytest.param("other", "gateway", "api cache db gateway net other suite web", id="a root in trouble joins all"),
    ],
)
def test_a_region_is_what_a_change_can_change(changed: str, troubled: str, expected: str) -> None:
    components = sketch(SHOP)
    found = region_of(Graph(components), {changed}, troubled.split(), lambda name: components[name].latent)
    assert found == set(expected.split())


def test_a_burst_behind_one_root_is_one_root_at_a_cost_that_follows_its_size() -> None:
    components = {GATEWAY.name: GATEWAY}
    for number in range(150):
        for part, needs in (("api", GATEWAY.name), ("web", f"api{number}")):
            name = f"{part}{number}"
            components[name] = Component(name, Layer.SERVICE, Priority.P1, "tcp", ((needs,),))
    down, named, diagnosed, publications = set[str](), set[str](), 0, set[float]()

    def look(_now: float, board: Board) -> None:
        nonlocal diagnosed
        named.update(board.roots)
        publisher = board._publisher
        if publisher._published_at not in publications:
            publications.add(publisher._published_at)
            diagnosed += publisher._size

    failing = Answer(Outcome.FAIL, Reason.TIMEOUT, 1.0)
    world = VirtualRunner(
        Topology("burst", components), lambda name, _: failing if name in down else HEALTHY, Random(1), look=look
    )
    world.run(START + 20.0)
    assert not world.board.pending
    down.update(components)
    diagnosed = 0
    world.run(START + 20.0 + bound(GATEWAY) + 2.0)
    assert world.board.roots == ("gateway",)
    snapshot = world.board.snapshot(world.now)
    assert len(snapshot.root_causes[0].affected) == 300
    world.run(START + 60.0)
    down.clear()
    world.run(START + 120.0)
    assert named == {"gateway"}
    assert world.board.roots == ()
    assert diagnosed < 300 * len(components)  # each change of each of them would be a thousand times
