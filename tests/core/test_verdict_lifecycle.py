"""Rules 6 and 7: when a verdict is published, what waits, what recovers, what stays.

The environment lives on a virtual clock and is probed as the runner does it. In a script `db=down:refused@10-40` fails
for that reason from second 10 until second 40; `unknown` is blindness, for the reason that is given.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from staging_exporter.core.board import Board
from staging_exporter.core.graph import Graph
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
from staging_exporter.core.round import bound
from staging_exporter.core.snapshot import ComponentStatus
from staging_exporter.core.verdict_lifecycle import Published, conclude

from tests.support.sketch import conditions, sketch
from tests.support.world import HEALTHY, START, Answer, VirtualRunner

OUTCOMES = {"down": Outcome.FAIL, "degraded": Outcome.DEGRADED, "unknown": Outcome.UNKNOWN}


class Play:
    """An environment that follows a script; `roots` are all verdicts that were published, each with its second."""

    def __init__(
        self, environment: str, script: str, seed: int = 1, slow: str = "", urgent: str = "", **options: Any
    ) -> None:
        components = sketch(environment, **options)
        components |= {name: replace(components[name], priority=Priority.P0) for name in urgent.split()}
        self.effects = [_effect(part) for part in script.split()]
        self.slow = slow.split()
        self.roots: list[tuple[float, str]] = []
        self.priorities: list[Priority] = []
        self.asked: list[float] = []
        self.runner = VirtualRunner(Topology("test", components), self._world, Random(seed), look=self._look)

    def until(self, second: float) -> Play:
        self.runner.run(START + second)
        return self

    def _world(self, name: str, now: float) -> Answer:
        for effect, begins, ends, answer in self.effects:
            if effect == name and begins <= now - START < ends:
                return answer
        return Answer(Outcome.PASS, Reason.OK, 4.0) if name in self.slow else HEALTHY

    def _look(self, now: float, board: Board) -> None:
        roots = " ".join(board.roots)
        if roots != (self.roots[-1][1] if self.roots else ""):
            self.roots.append((now - START, roots))
            self.priorities += [root.priority for root in board.snapshot(now).root_causes]

    @property
    def verdicts(self) -> list[str]:
        return [roots for _, roots in self.roots]

    @property
    def board(self) -> Board:
        return self.runner.board

    def __getitem__(self, name: str) -> ComponentStatus:
        return self.board.snapshot(self.runner.now).components[name]


def _effect(part: str) -> tuple[str, float, float, Answer]:
    name, _, rest = part.partition("=")
    word, _, span = rest.partition("@")
    state, _, reason = word.partition(":")
    begins, _, ends = span.partition("-")
    kind = Reason(reason or "refused")
    return (
        name,
        float(begins),
        float(ends or 1e9),
        Answer(OUTCOMES[state], kind, 9.0 if kind == Reason.TIMEOUT else 0.05),
    )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("environment", "script", "verdicts"),
    [
        pytest.param("a, b: a", "a=down@20-60 b=down@20-62", ["a", ""], id="a fault comes and goes"),
        pytest.param("a, b: a", "a=down:timeout@20-60 b=down@20-62", ["a", ""], id="a silent cause of a quick symptom"),
        pytest.param("a, b: a", "a=down@20-60 b=down@20-55", ["a", ""], id="the symptom recovers before its cause"),
        pytest.param("a, b: a", "a=down@20-60 b=down@20-110", ["a", ""], id="the symptom recovers 50 seconds later"),
        pytest.param(
            "a, b: a",
            "a=down@20-60 b=down@20-190",
            ["a", "", "b", ""],
            id="a symptom that does not recover becomes a root",
        ),
        pytest.param(
            "a, b: a, c: b", "a=down@20-60 b=down@20-90 c=down@20-120", ["a", ""], id="a chain recovers one by one"
        ),
        pytest.param(
            "net*, a: net, b: net",
            "a=down@20-60 b=down@20-80",
            ["net", ""],
            id="a latent is over when its dependents recover",
        ),
        pytest.param("a, b: a", "b=degraded@20-60", ["b", ""], id="a degraded root"),
        pytest.param(
            "a, b: a",
            "a=degraded@20-60 b=degraded@20-80",
            ["a", ""],
            id="the degraded symptom recovers 20 seconds later",
        ),
        pytest.param("a, b: ?a", "a=down@20-60 b=degraded@20-90", ["a", ""], id="an optional cause recovers first"),
        pytest.param(
            "a, b: a, c: b", "a=down@20-60 c=down@20-62", ["a", ""], id="the check in the middle notices nothing"
        ),
        pytest.param(
            "a, b: a, c: a",
            "a=unknown:rate_limited@20-100 b=down@20-101 c=down@20-101",
            ["a", ""],
            id="a cause that cannot be seen is inferred from its dependents",
        ),
        pytest.param("a, b: a", "a=down@20-60 b=down:dns@20-62", ["a", ""], id="a name is lost with its dependency"),
        pytest.param("a, b: a", "a=degraded:slow@20-60 b=down:timeout@20-62", ["a", ""], id="slowness is handed on"),
        pytest.param(
            "a, b: a", "a=down@20-23 b=down:timeout@20-23", [], id="a fault that is over before it is confirmed"
        ),
        pytest.param(
            "a, b: a",
            "a=down@20-60 b=down@20-70 b=down@80-200",
            ["a", "", "b", ""],
            id="a symptom that fails anew is a root",
        ),
    ],
)
def test_verdicts_in_time(environment: str, script: str, verdicts: list[str], seed: int) -> None:
    assert Play(environment, script, seed).until(240).verdicts == verdicts


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("environment", "script", "possible"),
    [
        pytest.param(
            "net*, a, b, c: a net, d: b net",
            "a=down@20-60 b=down@20-60 c=down@21-100 d=down@21-100",
            {"a", "b", "a b"},
            id="recovering symptoms of two causes are no evidence",
        ),
        pytest.param(
            "a, b: a", "a=down@20-36 b=down:timeout@20-44", {"a"}, id="the cause recovers before its round is over"
        ),
        pytest.param(
            "a, b: a", "a=down@20-40 b=down:timeout@30-46", {"a"}, id="the cause recovers before the symptom is sure"
        ),
        pytest.param(
            "net*, a, x: a, y: net, z: net x",
            "a=down@20-60 x=down@21-60 y=down@20-120 z=down@22-110",
            {"a", "a y", "y"},
            id="a recovering symptom and a new fault are no evidence",
        ),
    ],
)
def test_nothing_else_is_published(environment: str, script: str, possible: set[str], seed: int) -> None:
    published = set(Play(environment, script, seed).until(170).verdicts)
    assert published <= possible | {""}


def test_what_still_fails_after_a_recovery_becomes_a_root_when_its_time_is_over() -> None:
    play = Play("a, b: a", "a=down@20-60 b=down@20").until(240)
    named = next(second for second, roots in play.roots if roots == "b")
    assert 120.0 < named < 145.0


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("script", ["a=down@20-90 b=down@21-90", "a=degraded:slow@20-90 b=down:closed@21-90"])
def test_a_root_cause_is_published_with_the_priority_of_what_it_takes_down(script: str, seed: int) -> None:
    play = Play("a, b: a", script, seed, urgent="b").until(90)
    assert (play.verdicts, play.priorities) == (["a"], [Priority.P0])


@pytest.mark.parametrize("seed", range(4))
def test_a_dependent_that_is_still_up_lends_no_priority(seed: int) -> None:
    play = Play("a, b: a", "a=down@20-60", seed, urgent="b").until(90)
    assert play.priorities[:1] == [Priority.P1]


@pytest.mark.parametrize("seed", range(8))
def test_a_fault_that_was_not_confirmed_leaves_no_symptom_behind(seed: int) -> None:
    assert Play("a, b: a", "a=down:timeout@20-40 b=down@21-43", seed, fall=5).until(120).verdicts in ([], ["a", ""])


@pytest.mark.parametrize(
    ("cause", "effect", "until"),
    [
        pytest.param("flapping/PFPFPFPF", "flapping/PFPFPFPF", 500.0, id="both failed now and then"),
        pytest.param("down/PFFFFFFF", "flapping/PFPFPFPF", 260.0, id="the root cause failed at each run"),
        pytest.param("flapping/PFPFPFPF", "down/PFFFFFFF", 260.0, id="the symptom fails at each run"),
    ],
)
def test_a_fault_that_comes_and_goes_leaves_its_symptoms_more_time(cause: str, effect: str, until: float) -> None:
    components = sketch("a, b: a")
    graph = Graph(components)
    named = conclude(graph, Published(), conditions(components, f"a={cause} b={effect}"), graph.order, 100.0, 60.0)
    assert named.roots == {"a"}
    over = conclude(graph, named, conditions(components, f"b={effect}"), graph.order, 200.0, 60.0)
    assert (over.roots, over.graces["b"].until) == (frozenset(), until)


@pytest.mark.parametrize("seed", range(4))
def test_what_was_up_and_fails_anew_is_named_without_a_time_to_recover(seed: int) -> None:
    play = Play("a, b: a", "a=down@20-60 b=down@20-62 b=down@90", seed).until(180)
    assert next(second for second, roots in play.roots if roots == "b") < 115.0


@pytest.mark.parametrize("seed", range(4))
def test_what_fails_a_moment_after_a_short_fault_has_one_time_to_recover_and_no_more(seed: int) -> None:
    play = Play("a, b: a", "a=down@20-50 b=down@51", seed, interval=30.0).until(300)
    assert next(second for second, roots in play.roots if roots == "b") < 160.0


def test_evidence_that_was_too_little_is_no_recovery() -> None:
    components = sketch("db, api: db, page: api db, site: api db")
    graph = Graph(components)
    blind = "db=unknown:credentials@0 page=down@100 site=down@100"
    drafted = conclude(graph, Published(), conditions(components, blind), (), 100.0, 60.0)
    assert drafted.drafts["db"].root
    named = conclude(graph, drafted, conditions(components, f"{blind} api=down@100"), graph.order, 103.0, 60.0)
    assert (named.roots, named.graces) == ({"api"}, {})


@pytest.mark.parametrize("seed", [1, 3, 4])
def test_what_fails_a_moment_after_a_short_fault_has_a_whole_minute(seed: int) -> None:
    play = Play("a, b: a", "a=down:timeout@20-29 b=down@30", seed).until(150)
    assert play.verdicts == ["b"]
    assert 91.5 < play.roots[0][0] < 96.0


def test_what_has_not_recovered_says_from_what() -> None:
    play = Play("a, b: a", "a=down@20-60 b=down@20").until(240)
    (root,) = play.board.snapshot(play.runner.now).root_causes
    assert (root.component, root.not_recovered_from) == ("b", ("a",))


def test_what_outlasts_its_time_only_by_its_state_is_no_root() -> None:
    play = Play("a, b: a, c: b", "a=down@20-60 b=down@20-118").until(240)
    assert play.verdicts == ["a", ""]


def test_a_startup_budget_that_is_longer_than_the_recovery_is_waited_for() -> None:
    play = Play("a, b: a", "a=down@20-60 b=down@20", startup=Startup(budget=200.0)).until(400)
    named = next(second for second, roots in play.roots if roots == "b")
    assert 260.0 < named < 290.0


def test_while_it_recovers_it_says_from_what() -> None:
    play = Play("a, b: a, c: b", "a=down@20-60 b=down@20-90 c=down@20-140").until(80)
    assert (play["b"].recovering_from, play["b"].root_causes, play["b"].root) == (("a",), (), False)
    play.until(115)
    assert play["c"].recovering_from == ("a",)


def test_a_second_fault_of_the_cause_counts_at_once() -> None:
    play = Play("a, b: a", "a=down@20-50 b=down@20 a=down@70-130").until(100)
    assert play.board.roots == ("a",)
    assert play["b"].root_causes == ("a",)
    play.until(180)
    assert play.board.roots == ()
    play.until(240)
    assert play.board.roots == ("b",)


def test_a_root_that_fails_now_and_then_is_none_after_six_passes_although_no_state_changes() -> None:
    board = by_hand()
    for number in range(10):
        board.record(_run("b", 10.0 + number, Reason.REFUSED))
        board.record(_run("a", 10.0 + number, Reason.OK if number % 3 else Reason.REFUSED))
    board.tick(46.0)
    assert (board.roots, board.snapshot(46.0).components["a"].reason) == (("a",), Reason.UNSTABLE)
    for number in range(5):
        board.record(_run("a", 47.0 + number))
        board.record(_run("b", 47.0 + number, Reason.REFUSED))
    assert board.roots == ("a",)
    board.record(_run("a", 52.0))
    assert board.roots == ()


@pytest.mark.parametrize("reason", ["rate_limited", "probe_error", "no_evidence"])
def test_a_root_that_turns_unknown_stays_and_is_stale(reason: str) -> None:
    play = Play("a, b: a", f"a=down:closed@20-50 b=down@20-120 a=unknown:{reason}@50-120").until(100)
    (root,) = play.board.snapshot(play.runner.now).root_causes
    assert (root.component, root.stale, root.state, root.reason) == ("a", True, State.DOWN, Reason.CLOSED)
    assert (play["a"].state, play["a"].stale) == (State.UNKNOWN, True)
    assert play["b"].root_causes == ("a",)
    assert play.until(150).verdicts == ["a", ""]


def test_a_component_that_is_no_root_turns_unknown_without_a_trace() -> None:
    play = Play("a, b: a", "b=unknown:probe_error@20-90").until(120)
    assert play.verdicts == []


def test_a_latent_root_stays_while_its_dependents_are_unknown() -> None:
    script = "a=down@20-60 b=down@20-60 a=unknown:rate_limited@60-120 b=unknown:rate_limited@60-120"
    play = Play("net*, a: net, b: net", script).until(110)
    (root,) = play.board.snapshot(play.runner.now).root_causes
    assert (root.component, root.stale, root.inferred) == ("net", True, True)
    assert play["net"].detail == "inferred from the failures of a and b; no dependent has been seen up since"
    assert play.until(150).verdicts == ["net", ""]


def test_a_latent_root_is_over_when_its_optional_dependents_are_up() -> None:
    play = Play("net*, a: ?net, b: ?net", "a=degraded@20-60 b=degraded@20-70").until(120)
    assert play.verdicts == ["net", ""]


def test_a_latent_names_its_evidence_and_since_when() -> None:
    play = Play("net*, a: net, b: net", "a=down@20 b=down@20").until(60)
    (root,) = play.board.snapshot(play.runner.now).root_causes
    assert root.detail == "inferred from the failures of a and b, which began together and have no other explanation"
    assert root.since == pytest.approx(START + next(second for second, _ in play.roots))
    assert root.affected == ("a", "b")


@pytest.mark.parametrize(
    ("script", "detail"),
    [
        pytest.param("", "a dependent is up", id="a dependent is up"),
        pytest.param(
            "a=unknown:no_evidence@0 b=unknown:no_evidence@0",
            "no evidence from its dependents",
            id="all dependents are unknown",
        ),
        pytest.param(
            "a=down@0 b=unknown:no_evidence@0", "only a is failing; not enough evidence", id="one dependent fails"
        ),
    ],
)
def test_a_latent_that_is_no_root_says_what_is_known_of_it(script: str, detail: str) -> None:
    assert Play("net*, a: net, b: net", script).until(30)["net"].detail == detail


def test_a_chance_failure_opens_a_round_that_ends_with_the_next_pass() -> None:
    play = Play("a, b: a", "a=down@20-30.5", seed=1)
    pending = []
    play.until(20)
    while play.runner.now < START + 45:
        pending.append(play.board.pending)
        play.until(play.runner.now - START + 0.25)
    assert any(pending)
    assert not pending[-1]


def test_a_verdict_waits_for_the_cause_to_be_confirmed() -> None:
    play = Play("a, b: a", "a=down:timeout@20 b=down@20").until(60)
    (named, roots), *_ = play.roots
    assert roots == "a"
    assert named > 30.0


def test_a_dependency_that_cannot_be_asked_is_not_waited_for() -> None:
    play = Play("a, b: a", "a=unknown:rate_limited@0 b=down@20").until(60)
    assert play.verdicts == ["b"]
    assert play.roots[0][0] < 35.0
    assert play["b"].suspects == ("a",)


def test_a_dependent_that_takes_longer_than_the_bound_is_not_waited_for() -> None:
    components = {**sketch("a, b: a"), **sketch("slow: a", interval=300.0, timeout=150.0)}
    answers = {"a": Answer(Outcome.FAIL, Reason.REFUSED), "slow": Answer(Outcome.PASS, Reason.OK, 140.0)}
    published: list[tuple[float, str]] = []

    def look(now: float, board: Board) -> None:
        published.extend((now - START, root) for root in board.roots if (not published or published[-1][1] != root))

    VirtualRunner(Topology("test", components), lambda name, _: answers.get(name, HEALTHY), Random(1), look=look).run(
        START + 30.0
    )
    assert [root for _, root in published] == ["a"]


def by_hand() -> Board:
    """Two components that are up, to be probed by the test itself: a runner would time out what never answers."""
    board = Board(Topology("test", sketch("a, b: a")), 0.0)
    board.record(_run("a", 0.1))
    board.record(_run("b", 0.1))
    return board


def fail(board: Board, name: str, at: float, runs: int) -> None:
    """So many failures, one a second."""
    for number in range(runs):
        board.record(_run(name, at + number, Reason.REFUSED))


def _run(name: str, at: float, reason: Reason = Reason.OK) -> Observation:
    outcome = Outcome.PASS if reason == Reason.OK else Outcome.FAIL
    return Observation(name, at, 0.05, outcome, reason)


def test_an_overdue_round_is_published_and_names_the_silent_components() -> None:
    board = by_hand()
    assert board.record(_run("b", 10.0, Reason.REFUSED)) == {"a"}
    board.record(_run("b", 11.0, Reason.REFUSED))
    board.record(_run("b", 12.0, Reason.REFUSED))
    board.tick(28.0)
    assert board.roots == ()
    assert board.snapshot(28.0).pending
    board.tick(28.1)
    assert board.roots == ("b",)
    snapshot = board.snapshot(28.1)
    assert not snapshot.pending
    assert not snapshot.settled
    assert snapshot.components["b"].suspects == ("a",)
    board.record(_run("a", 28.2))
    assert board.snapshot(28.3).settled
    assert board.snapshot(28.3).components["b"].suspects == ()


@pytest.mark.parametrize(("fall", "rise"), [(4, 1), (1, 4)])
def test_a_round_gives_time_to_fall_and_to_rise(fall: int, rise: int) -> None:
    assert bound(sketch("a", fall=fall, rise=rise, timeout=5.0, retry_interval=1.0)["a"]) == 24.0


def test_a_pass_that_needs_no_confirmation_ends_a_root_at_once() -> None:
    board = Board(Topology("test", sketch("a", fall=1, rise=1)), 0.0)
    fail(board, "a", 0.1, 6)
    assert board.roots == ("a",)
    board.record(_run("a", 10.0))
    assert (board.roots, board.pending) == ((), False)


def test_a_failure_of_a_run_that_began_before_the_round_counts_when_it_ended_after_it() -> None:
    board = by_hand()
    fail(board, "b", 10.0, 6)
    assert board.roots == ()
    for begin in (9.0, 14.0, 19.0):
        board.record(Observation("a", begin, 5.0, Outcome.FAIL, Reason.TIMEOUT))
    board.record(_run("b", 24.1, Reason.REFUSED))
    assert board.roots == ("a",)


def test_a_pass_of_a_run_that_began_before_the_round_does_not_count() -> None:
    board = by_hand()
    fail(board, "b", 10.0, 12)
    board.record(Observation("a", 9.9, 12.0, Outcome.PASS, Reason.OK))
    assert board.roots == ()  # a round waits eight seconds for more looks, but for a first one until its bound
    board.record(_run("a", 22.0))
    assert board.roots == ("b",)


def test_a_cause_is_looked_at_once_more_when_its_effect_is_confirmed() -> None:
    board = by_hand()
    board.record(_run("b", 10.0, Reason.REFUSED))
    for number in range(6):
        assert board.looks_at("a") == (number < 5)
        board.record(_run("a", 10.1 + number / 3))
    fail(board, "b", 12.0, 1)
    assert "a" in board.record(_run("b", 13.0, Reason.REFUSED))
    assert (board.roots, board.looks_at("a")) == ((), True)
    fail(board, "a", 13.1, 2)
    assert board.roots == ()
    fail(board, "a", 15.1, 1)
    assert board.roots == ("a",)


def test_a_cause_that_passes_when_its_effect_is_confirmed_ends_the_wait() -> None:
    board = by_hand()
    board.record(_run("b", 10.0, Reason.REFUSED))
    for number in range(6):
        board.record(_run("a", 10.1 + number / 3))
    fail(board, "b", 12.0, 2)
    assert board.roots == ()
    board.record(_run("a", 13.1))
    assert (board.roots, board.looks_at("a"), board.looks_at("nobody")) == (("b",), False, False)


def test_while_it_confirms_a_component_is_probed_faster() -> None:
    board = by_hand()
    assert not board.confirming("b")
    board.record(_run("b", 10.0, Reason.REFUSED))
    assert board.confirming("b")
    board.record(_run("b", 11.0))
    assert not board.confirming("b")


def test_a_board_is_ready_when_every_check_has_run_once() -> None:
    board = Board(Topology("test", sketch("net*, a: net, b")), 0.0)
    board.record(_run("a", 0.1))
    assert board.unheard
    board.record(_run("b", 0.2))
    assert not board.unheard


def test_a_board_refuses_a_cycle_and_an_unknown_dependency() -> None:
    with pytest.raises(ValueError, match=r"^a -> b -> a$"):
        Board(Topology("test", sketch("a: b, b: a")), 0.0)
    with pytest.raises(KeyError):
        Board(Topology("test", sketch("a: nowhere")), 0.0)


@pytest.mark.parametrize("seed", range(3))
def test_at_the_start_of_a_bad_day_only_the_cause_is_published(seed: int) -> None:
    environment = "net*, a: net, b: net, c: a b, d: c, e: d|c"
    assert Play(environment, "a=down:timeout@0 c=down@0 d=down@0 e=down@0", seed).until(60).verdicts == ["a"]
    assert Play(environment, "a=down@0 b=down:timeout@0 c=down@0 d=down@0 e=down@0", seed).until(60).verdicts == ["net"]


def test_at_the_start_a_slow_component_delays_only_its_dependents() -> None:
    components = {**sketch("a, b: a"), **sketch("slow: a", interval=300.0, timeout=150.0)}
    board = Board(Topology("test", components), 0.0)
    for second in range(6):
        board.record(_run("a", second + 0.1, Reason.REFUSED))
        board.record(_run("b", second + 0.1, Reason.REFUSED))
    assert board.roots == ("a",)
    assert board.unheard


def test_a_reload_forgets_nothing_of_what_did_not_change() -> None:
    old = Play("net*, a: net, b: net, c: a", "a=down@20 b=down@20 c=down@20").until(60).board
    changed = sketch("net*, a: net, b: net, c: a, d: c")
    board = Board(Topology("test", changed), START + 60.0)
    board.inherit(old, {"a", "b", "c"}, START + 60.0)
    assert board.roots == ("net",)
    assert board.snapshot(START + 60.0).components["a"].root_causes == ("net",)
    assert board.snapshot(START + 60.0).lag == old.snapshot(START + 60.0).lag
    assert sum(board.snapshot(START + 60.0).lag.counts) > 0
    assert board.unheard
    board.record(_run("d", START + 61.0))
    assert not board.unheard
    assert not board.pending


def test_a_reload_drops_what_is_gone_and_judges_what_changed_anew() -> None:
    old = Play("a, b: a, c: b", "a=down@20 b=down@20 c=down@20").until(60).board
    board = Board(Topology("test", sketch("b, c: b")), START + 60.0)
    board.inherit(old, {"c"}, START + 60.0)
    assert board.snapshot(START + 60.0).components["b"].state == State.UNKNOWN
    fail(board, "b", START + 61.0, 3)
    board.record(_run("c", START + 63.0, Reason.REFUSED))
    assert board.roots == ("b",)
    assert board.snapshot(START + 63.0).components["c"].root_causes == ("b",)


def test_a_reload_before_the_first_run_waits_for_it() -> None:
    topology = Topology("test", sketch("a"))
    vantage = Component("vantage[0]", Layer.SERVICE, Priority.P2, "tcp")
    old = Board(topology, 0.0)
    board = Board(topology, 1.0, vantage=[vantage])
    board.inherit(old, {"a"}, 1.0)
    assert board.unheard
    assert board.pending
    assert board.snapshot(1.0).components["a"].since is None
    assert not board.confirming(vantage.name)
