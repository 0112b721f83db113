"""A reload of the configuration in the middle of things: nothing resolves, nothing is hurried, nobody gone is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from staging_exporter.core.board import Board
from staging_exporter.core.explain import explain
from staging_exporter.core.model import (
    Component,
    Layer,
    Observation,
    Outcome,
    Priority,
    Reason,
    Startup,
    State,
    Topology,
)
from staging_exporter.core.snapshot import Snapshot

from tests.support.sketch import sketch

INCONCLUSIVE = {Reason.RATE_LIMITED, Reason.PROBE_ERROR}


class Reloaded:
    """A board that is probed by hand, and replaced by one of another configuration."""

    def __init__(self, environment: str) -> None:
        self.now = 0.0
        self.board = Board(Topology("test", sketch(environment)), 0.0)

    def run(self, name: str, reason: Reason = Reason.OK) -> frozenset[str]:
        """One run, a second after the last."""
        self.now += 1.0
        outcome = Outcome.PASS if reason == Reason.OK else Outcome.UNKNOWN if reason in INCONCLUSIVE else Outcome.FAIL
        return self.board.record(Observation(name, self.now, 0.1, outcome, reason, f"{name} saw {reason}"))

    def play(self, times: int, **seen: Reason) -> None:
        """So many runs of each."""
        for _ in range(times):
            for name, reason in seen.items():
                self.run(name, reason)

    def reload(self, environment: str, *unchanged: str) -> frozenset[str]:
        """Go on with this configuration; those that are not named `unchanged` have another check."""
        self.now += 1.0
        old, self.board = self.board, Board(Topology("test", sketch(environment)), self.now)
        return self.board.inherit(old, unchanged, self.now)

    @property
    def snapshot(self) -> Snapshot:
        return self.board.snapshot(self.now)


def test_an_inferred_latent_stays_a_root_when_one_of_its_evidence_is_removed() -> None:
    world = Reloaded("net*, a: net, b: net")
    world.play(6, a=Reason.REFUSED, b=Reason.REFUSED)
    assert world.board.roots == ("net",)
    world.reload("net*, a: net", "a")
    (root,) = world.snapshot.root_causes
    assert (root.component, root.stale, root.affected) == ("net", True, ("a",))
    assert root.detail.startswith("inferred from the failures of a;")
    world.play(2, a=Reason.OK)
    assert world.board.roots == ()


def test_no_verdict_names_a_removed_component() -> None:
    world = Reloaded("db, mid: db, api: mid, page: db")
    world.play(6, mid=Reason.RATE_LIMITED, db=Reason.REFUSED, api=Reason.REFUSED, page=Reason.OK)
    assert world.snapshot.components["api"].root_causes == ("db",)
    assert world.snapshot.components["db"].contradicted_by == ("page",)
    world.reload("db, mid, api: mid", "db", "api")
    assert world.snapshot.components["db"].contradicted_by == ()
    world.reload("mid, api: mid", "api")
    api = world.snapshot.components["api"]
    assert (api.state, api.root_causes, api.explained_by) == (State.DOWN, (), ())
    assert "db" not in explain(world.snapshot, "api")
    world.play(1, mid=Reason.OK)
    assert world.board.roots == ("api",)


def test_no_component_recovers_from_a_removed_one() -> None:
    world = Reloaded("db, mid: db, api: mid")
    world.play(3, mid=Reason.RATE_LIMITED, db=Reason.REFUSED, api=Reason.REFUSED)
    world.play(2, db=Reason.OK, api=Reason.REFUSED)
    assert world.snapshot.components["api"].recovering_from == ("db",)
    world.reload("mid, api: mid", "api")
    assert world.snapshot.components["api"].recovering_from == ()


def test_a_round_over_a_component_that_cannot_be_seen_goes_on_with_its_dependents() -> None:
    world = Reloaded("db, api: db, page: db")
    world.play(1, db=Reason.OK, api=Reason.OK, page=Reason.OK)
    world.play(1, db=Reason.RATE_LIMITED, api=Reason.REFUSED)
    assert "page" in world.reload("db, api: db, page: db", "db", "api", "page")


def test_a_root_whose_check_was_changed_stays_until_it_is_up() -> None:
    world = Reloaded("db, api: db")
    world.play(6, db=Reason.REFUSED, api=Reason.REFUSED)
    world.reload("db, api: db", "api")
    (root,) = world.snapshot.root_causes
    assert (root.component, root.stale, root.state, root.reason) == ("db", True, State.DOWN, Reason.REFUSED)
    assert world.snapshot.components["api"].root_causes == ("db",)
    world.play(3, db=Reason.TIMEOUT)
    assert [(root.stale, root.reason) for root in world.snapshot.root_causes] == [(False, Reason.TIMEOUT)]
    world.reload("db, api: db", "api")
    world.play(2, db=Reason.OK, api=Reason.OK)
    assert world.board.roots == ()


def test_a_root_that_loses_or_gains_its_check_is_judged_anew() -> None:
    world = Reloaded("db, a: db")
    world.play(6, db=Reason.REFUSED, a=Reason.REFUSED)
    world.reload("db*, a: db", "a")
    assert world.board.roots == ("a",)
    world.reload("db, a: db", "a")
    world.play(6, db=Reason.REFUSED, a=Reason.REFUSED)
    assert world.board.roots == ("db",)


def test_a_root_that_cannot_be_seen_outlives_a_reload_while_a_round_is_open() -> None:
    environment = "router, db: router, api: db, web: db"
    world = Reloaded(environment)
    world.play(2, router=Reason.OK, db=Reason.OK, api=Reason.OK, web=Reason.OK)
    world.play(6, router=Reason.OK, db=Reason.RATE_LIMITED, api=Reason.REFUSED, web=Reason.REFUSED)
    assert world.board.roots == ("db",)
    world.run("router", Reason.REFUSED)
    world.reload(environment, "router", "db", "api", "web")
    assert world.board.roots == ("db",)


def test_what_recovers_and_loses_its_check_recovers_no_longer() -> None:
    world = Reloaded("db, api: db")
    world.play(6, db=Reason.REFUSED, api=Reason.REFUSED)
    world.play(2, db=Reason.OK, api=Reason.REFUSED)
    assert world.snapshot.components["api"].recovering_from == ("db",)
    world.run("db", Reason.REFUSED)
    world.reload("db, api*: db", "db")
    world.board.tick(world.now + 60.0)
    assert world.snapshot.components["api"].recovering_from == ()


def test_a_round_that_is_open_goes_on_and_asks_again() -> None:
    world = Reloaded("db, api: db, other")
    world.play(1, db=Reason.OK, api=Reason.OK, other=Reason.OK)
    assert world.run("api", Reason.REFUSED) == {"db"}
    assert world.reload("db, api: db, other, more", "db", "api", "other") == {"db", "api"}
    world.play(2, api=Reason.REFUSED)
    assert world.snapshot.components["api"].state == State.DOWN
    assert world.board.roots == ()  # nobody has looked at db since api began to fail
    world.play(6, db=Reason.REFUSED, api=Reason.REFUSED)
    assert world.board.roots == ("db",)


def test_a_round_is_not_made_longer_by_reloads() -> None:
    world = Reloaded("db, api: db")
    world.play(1, db=Reason.OK, api=Reason.OK)
    world.play(3, api=Reason.REFUSED)
    for _ in range(18):  # its bound is three times (5 s + 1 s)
        world.reload("db, api: db", "db", "api")
    world.board.tick(world.now)
    assert world.board.roots == ("api",)
    assert not world.snapshot.settled
    world.reload("db, api: db", "db", "api")
    assert not world.snapshot.settled
    world.play(1, db=Reason.OK)
    assert world.snapshot.settled


def test_a_round_waits_for_what_is_confirming_at_the_reload() -> None:
    world = Reloaded("db, api: db")
    world.run("api", Reason.REFUSED)
    world.run("db", Reason.REFUSED)
    assert world.reload("db, api: db", "db", "api") == {"db", "api"}
    world.play(2, api=Reason.REFUSED)
    assert world.board.roots == ()
    world.play(6, db=Reason.REFUSED, api=Reason.REFUSED)
    assert world.board.roots == ("db",)


@pytest.mark.parametrize(
    ("changed", "alike"),
    [
        ({"priority": Priority.P2, "layer": Layer.PLATFORM, "links": {"owner": "dba"}}, True),
        ({"depends_on": (("db",),), "optional_depends_on": ("cache",), "intrinsic": frozenset({Reason.CONTENT})}, True),
        ({"kind": "tcp"}, False),
        ({"interval": 30.0}, False),
        ({"fall": 1}, False),
        ({"startup": Startup(60.0)}, False),
    ],
)
def test_what_is_known_holds_for_what_is_probed_and_counted_alike(changed: dict[str, Any], alike: bool) -> None:
    component = Component("api", Layer.SERVICE, Priority.P0, "http")
    assert replace(component, **changed).counts_like(component) is alike
