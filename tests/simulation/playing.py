"""Plays one story through the real schedule and board on a virtual clock, and records what was published."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from staging_exporter.core.board import Board
from staging_exporter.core.model import Outcome, Priority
from staging_exporter.core.snapshot import Deploy, RootCause

from tests.simulation.stories import Story
from tests.support.world import START, Answer, VirtualRunner

SCRAPE = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Root:
    """One root cause as a scrape saw it; `certainty` is None where the code under test gives none."""

    name: str
    priority: Priority
    certainty: str | None = None
    coincides_with: tuple[str, ...] = ()
    not_recovered: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """One run: `began` seconds of the story, `took` seconds."""

    name: str
    began: float
    took: float
    answer: Answer


@dataclass
class Played:
    """`scrapes` are the roots seen every 5 s; `published` the names of the roots from each change on.

    `runs` are those that did not pass, or all of them where that was asked for.
    """

    story: Story
    scrapes: list[tuple[float, tuple[Root, ...]]] = field(default_factory=list)
    published: list[tuple[float, tuple[str, ...]]] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)


Look = Callable[[float, Board], None]


def play(story: Story, seed: str, also: Look | None = None) -> Played:
    """One run; `seed` draws the phases of the probes and what each run shows.

    With `also`, which is called after every event, runs that passed are recorded too.
    """
    played = Played(story)
    own = {name: Random(f"{seed} {name}") for name in story.configured.components}
    watch = _Watch(played)

    def world(name: str, now: float) -> Answer:
        answer = story.answer(name, now - START, own[name])
        if also or answer.outcome != Outcome.PASS:
            took = min(answer.duration, story.configured.components[name].timeout)
            played.runs.append(Run(name, now - START, took, answer))
        return answer

    def look(now: float, board: Board) -> None:
        watch.look(now, board)
        if also:
            also(now, board)

    runner = VirtualRunner(story.configured, world, Random(f"{seed} phases"), look=look if also else watch.look)
    for window in story.windows:
        runner.board.maintain(window, START)
    for name, at in sorted(story.deploys.items(), key=lambda item: item[1]):
        runner.run(START + at)
        runner.board.deploy((name,), Deploy(START + at, "next"))
    runner.run(START + story.seconds)
    return played


class _Watch:
    """Looks only when something that is published may have changed."""

    def __init__(self, played: Played) -> None:
        self._played = played
        self._next = START
        self._changes = -1
        self._names: tuple[str, ...] = ()
        self._scraped_at_change = -1
        self._scraped: tuple[Root, ...] = ()

    def look(self, now: float, board: Board) -> None:
        """After every event."""
        if board.changes != self._changes:
            self._changes = board.changes
            if (names := board.roots) != self._names:
                self._names = names
                self._played.published.append((now - START, names))
        if now >= self._next:
            self._next += SCRAPE
            self._scrape(now, board)

    def _scrape(self, now: float, board: Board) -> None:
        if self._changes != self._scraped_at_change:
            self._scraped_at_change = self._changes
            self._scraped = tuple(map(seen, board.snapshot(now).root_causes)) if self._names else ()
        self._played.scrapes.append((now - START, self._scraped))


def seen(root: RootCause) -> Root:
    """What is counted of a published root; fields that the code under test does not have count as absent."""
    certainty = getattr(root, "certainty", None)
    return Root(
        root.component,
        root.priority,
        None if certainty is None else str(certainty),
        tuple(getattr(root, "coincides_with", ())),
        bool(getattr(root, "not_recovered_since", None)),
    )
