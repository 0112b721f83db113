"""The instrument itself: stories are coherent, runs are repeatable, and hand-made timelines are counted right."""

from __future__ import annotations

from random import Random

import pytest
from staging_exporter.core.board import Board
from staging_exporter.core.model import Component, Layer, Outcome, Priority, Reason, Topology

from tests.simulation.catalogue import CLASSES
from tests.simulation.counting import count
from tests.simulation.environments import random_environment
from tests.simulation.minimal_cases import CASES
from tests.simulation.pages import alerts, notifications, pages
from tests.simulation.playing import SCRAPE, Played, Run, play
from tests.simulation.propagation import Span, TrueGraph, spread
from tests.simulation.seen import Root
from tests.simulation.stories import Draft, Story
from tests.simulation.symptoms import DEGRADED, Phase, Symptom
from tests.support.world import Answer

P0, P1, P2 = Priority
REFUSED = Symptom(Reason.REFUSED)


@pytest.mark.parametrize("name", CLASSES)
def test_only_what_depends_on_a_true_root_shows_anything(name: str) -> None:
    for number in range(4):
        story = CLASSES[name].story(name, f"0.{number}")
        graph = story.graph
        begun = {*story.roots, *story.deploys, *(n for window in story.windows for n in window.components)}
        reached = set(graph.failing(begun))
        liking = {n for n, c in graph.components.items() if not reached.isdisjoint(c.optional_depends_on)}
        behind_replicas = {n for n in graph.components if not begun.isdisjoint(graph.hard(n))}
        assert story.phases.keys() <= reached | liking | behind_replicas
        assert all(phase.span.begins < phase.span.ends for some in story.phases.values() for phase in some)
        assert story.seconds >= max((span.ends for span in story.roots.values()), default=0.0) + 100.0


@pytest.mark.parametrize("name", ["partial", "latent-nested", "noise-and-fault", "maintenance-ends", "cold-start"])
def test_a_seed_always_gives_the_same_run(name: str) -> None:
    first, second = (play(CLASSES[name].story(name, "0.1"), "0.1") for _ in range(2))
    assert first.scrapes == second.scrapes
    assert first.runs == second.runs


def test_a_look_at_changes_sees_all_that_is_published() -> None:
    seen: list[tuple[str, ...]] = [()]

    def look(_now: float, board: Board) -> None:
        if board.roots != seen[-1]:
            seen.append(board.roots)

    for name in ("partial", "overlapping", "growing-latency"):
        seen[1:] = []
        played = play(CLASSES[name].story(name, "0.3"), "0.3", look)
        assert [names for _, names in played.published] == seen[1:]


def test_environments_have_all_that_real_ones_have() -> None:
    drawn = [random_environment(Random(seed)) for seed in range(200)]
    sizes = [len(topology.components) for topology in drawn]
    assert min(sizes) >= 8
    assert max(sizes) <= 60
    components = [(TrueGraph(t), c) for t in drawn for c in t.components.values()]
    assert {c.interval for _, c in components} == {1.0, 5.0, 10.0, 15.0, 30.0, 60.0, 300.0}
    assert any(len(group) > 1 for _, c in components for group in c.depends_on)
    assert any(c.optional_depends_on for _, c in components)
    assert any(c.latent and any(g.components[n].latent for n in g.hard(c.name)) for g, c in components)
    assert max(_depth(graph) for graph in map(TrueGraph, drawn)) == 8


def _depth(graph: TrueGraph) -> int:
    depth: dict[str, int] = {}
    for name in graph.order:
        depth[name] = 1 + max((depth[one] for one in graph.hard(name)), default=0)
    return max(depth.values())


def _graph(**needs: tuple[tuple[str, ...], ...]) -> Topology:
    return Topology("small", {n: Component(n, Layer.SERVICE, P1, "http", groups) for n, groups in needs.items()})


def test_a_fault_spreads_to_what_needs_it_and_not_past_an_alternative() -> None:
    graph = TrueGraph(_graph(a=(), b=(("a",),), c=(("a", "b"),), d=(), e=(("a", "d"),)))
    assert graph.failing(["a"]) == ["a", "b", "c"]
    spans = spread(graph, {"a": Span(10.0, 50.0)}, lambda _: 5.0, lambda _: 2.0)
    assert spans == {"a": Span(10.0, 50.0), "b": Span(15.0, 52.0), "c": Span(15.0, 52.0)}


def _story(roots: dict[str, Span], seconds: float = 200.0, **needs: tuple[tuple[str, ...], ...]) -> Story:
    phases = {name: (Phase(span, REFUSED),) for name, span in roots.items()}
    return Story("by hand", _graph(**(needs or {"a": (), "b": (("a",),), "c": ()})), roots, phases, seconds)


def test_what_fails_is_not_merely_degraded_by_something_else() -> None:
    draft = Draft(Random(0), _graph(a=()))
    draft.show("a", Span(0.0, 50.0), DEGRADED)
    draft.show("a", Span(20.0, 30.0), REFUSED)
    story = draft.story("both")
    shown = [story.answer("a", now, Random(0)).reason for now in (10.0, 25.0, 40.0, 60.0)]
    assert shown == [Reason.CONTENT, Reason.REFUSED, Reason.CONTENT, Reason.OK]


def _scrapes(*named: tuple[float, float, Root]) -> list[tuple[float, tuple[Root, ...]]]:
    times = [SCRAPE * n for n in range(200)]
    return [(now, tuple(root for begins, ends, root in named if begins <= now < ends)) for now in times]


def _refused(name: str, began: float) -> Run:
    return Run(name, began, 0.5, Answer(Outcome.FAIL, Reason.REFUSED, 0.5))


def test_a_false_root_counts_for_each_scrape_that_sees_it() -> None:
    scrapes = _scrapes((60.0, 105.0, Root("a", P1)), (60.0, 75.0, Root("b", P1)))
    played = Played(_story({"a": Span(50.0, 100.0)}), scrapes)
    assert count(played).wrong_for == 15.0
    assert count(played).wrong == ("b",)


def test_a_true_root_is_wrong_before_its_fault_begins() -> None:
    assert count(Played(_story({"a": Span(50.0, 100.0)}), _scrapes((40.0, 60.0, Root("a", P1))))).wrong_for == 10.0


def test_a_late_symptom_is_right_only_when_it_is_announced_as_not_recovered() -> None:
    phases = {"b": (Phase(Span(50.0, 200.0), REFUSED),)}
    story = Story("late", _graph(a=(), b=(("a",),)), {"a": Span(50.0, 100.0)}, phases, 300.0, late={"b": 160.0})
    assert count(Played(story, _scrapes((165.0, 175.0, Root("b", P1))))).wrong_for == 10.0
    assert count(Played(story, _scrapes((165.0, 175.0, Root("b", P1, not_recovered=True))))).wrong_for == 0.0
    assert count(Played(story, _scrapes((155.0, 175.0, Root("b", P1, not_recovered=True))))).wrong_for == 5.0


def test_the_right_verdict_is_the_first_with_the_true_root_and_nothing_else() -> None:
    played = Played(
        _story({"a": Span(50.0, 100.0)}),
        published=[(55.0, ("b",)), (60.0, ("a", "b")), (70.0, ("a",))],
        runs=[_refused("a", 52.0)],
    )
    counted = count(played)
    assert counted.times == (20.0,)
    assert counted.over == (70.0 - (52.0 + 3 * 1.0),)
    assert counted.missed == ()


def test_a_true_root_that_is_never_named_is_missed() -> None:
    played = Played(_story({"a": Span(50.0, 100.0), "c": Span(60.0, 100.0)}), published=[(60.0, ("a",))])
    assert count(played).missed == ("c",)


def test_a_true_root_that_is_named_a_minute_after_its_fault_is_missed() -> None:
    story = _story({"a": Span(50.0, 100.0)})
    assert count(Played(story, published=[(159.0, ("a",)), (165.0, ())])).missed == ()
    assert count(Played(story, published=[(161.0, ("a",)), (165.0, ())])).missed == ("a",)


def test_a_symptom_that_does_not_recover_is_a_second_page_of_the_ideal() -> None:
    phases = {
        "a": (Phase(Span(50.0, 100.0), REFUSED),),
        "b": (Phase(Span(50.0, 300.0), REFUSED),),
        "c": (Phase(Span(50.0, 300.0), REFUSED),),
    }
    graph = _graph(a=(), b=(("a",),), c=(("b",),))
    late = {"b": 160.0, "c": 160.0}
    story = Story("late", graph, {"a": Span(50.0, 100.0)}, phases, 400.0, late=late)
    assert count(Played(story, _scrapes(), runs=[_refused("a", 52.0)])).ideal == 2


@pytest.mark.parametrize("name", CASES)
def test_minimal_cases_are_of_one_environment(name: str) -> None:
    story = CASES[name].story(name, "0")
    assert story.phases.keys() | story.roots.keys() | story.places.keys() <= story.configured.components.keys()
    assert set(story.phases) <= {c.name for c in CASES[name].components if not c.latent}
    assert (CASES[name].named_by or 0.0) < story.seconds - 150.0


def test_roots_that_are_likely_are_counted_as_they_were_first_published() -> None:
    likely = (Root("a", P1, "likely"), Root("b", P1, "likely"), Root("c", P1, "observed"))
    counted = count(Played(_story({"a": Span(50.0, 100.0)}), _scrapes(*((60.0, 70.0, root) for root in likely))))
    assert (counted.named, counted.likely, counted.likely_and_true) == (3, 2, 1)


PAGES = {
    "one root is one page": (1, [(60.0, 200.0, Root("a", P0))]),
    "a root that returns within five minutes is the same page": (
        1, [(60.0, 65.0, Root("a", P0)), (300.0, 310.0, Root("a", P0))],
    ),
    "a root that returns after more is another page": (2, [(60.0, 65.0, Root("a", P0)), (370.0, 380.0, Root("a", P0))]),
    "roots that begin together are one page": (1, [(60.0, 200.0, Root("a", P0)), (65.0, 200.0, Root("b", P0))]),
    "a root that joins later is another page": (2, [(60.0, 200.0, Root("a", P0)), (90.0, 200.0, Root("b", P0))]),
    "an escalation is a page": (2, [(60.0, 200.0, Root("a", P1)), (200.0, 300.0, Root("a", P0))]),
    "a root that becomes less urgent is none": (1, [(60.0, 200.0, Root("a", P0)), (200.0, 300.0, Root("a", P1))]),
    "roots of two priorities are two pages": (2, [(60.0, 200.0, Root("a", P0)), (60.0, 200.0, Root("b", P1))]),
    "a root that coincides with another is an update of its page": (
        1, [(60.0, 200.0, Root("a", P0)), (90.0, 200.0, Root("b", P1, coincides_with=("a",)))],
    ),
    "a root of a moment and the lowest priority is over before its group is sent": (0, [(60.0, 65.0, Root("a", P2))]),
}  # fmt: skip


@pytest.mark.parametrize("case", PAGES)
def test_pages_are_counted_as_delivered(case: str) -> None:
    expected, named = PAGES[case]
    assert pages(_scrapes(*named)) == expected


def test_an_alert_keeps_firing_for_five_minutes() -> None:
    (alert,) = alerts(_scrapes((60.0, 200.0, Root("a", P0))))
    assert (alert.begins, alert.ends) == (60.0, 195.0 + 300.0)
    assert notifications([alert]) == 1


def test_a_plain_fault_among_probes_of_one_cadence_is_named_and_nothing_else_is() -> None:
    for number in range(36):
        seed = f"0.{number}"
        counted = count(play(CLASSES["plain-uniform"].story("plain-uniform", seed), seed))
        assert (counted.wrong, counted.missed) == ((), ()), seed
