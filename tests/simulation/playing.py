"""Plays one story through the real schedule and board on a virtual clock, and records what was published."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from staging_exporter.core.board import Board
from staging_exporter.core.model import Outcome
from staging_exporter.core.snapshot import Deploy

from tests.simulation.seen import Root, roots_of, suggested_edges
from tests.simulation.stories import Story
from tests.support.world import START, Answer, VirtualRunner

SCRAPE = 5.0  # seconds


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

    `runs` are those that did not pass, or all of them where that was asked for. `suggested` are the edges suggested at
    the end, as (dependent, dependency).
    """

    story: Story
    scrapes: list[tuple[float, tuple[Root, ...]]] = field(default_factory=list)
    published: list[tuple[float, tuple[str, ...]]] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    suggested: frozenset[tuple[str, str]] = frozenset()


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

    places = _Places(story, seed)
    runner = VirtualRunner(story.configured, world, places, look=look if also else watch.look)
    for window in story.windows:
        runner.board.maintain(window, START)
    for name, at in sorted(story.deploys.items(), key=lambda item: item[1]):
        runner.run(START + at)
        runner.board.deploy((name,), Deploy(START + at, "next"))
    runner.run(START + story.seconds)
    played.suggested = suggested_edges(runner.board)
    return played


class _Places(Random):
    """Draws the place of each component in its interval, in their order, but those that the story says."""

    def __init__(self, story: Story, seed: str) -> None:
        super().__init__(f"{seed} phases")
        checked = [name for name, component in story.configured.components.items() if not component.latent]
        self._given = [story.places.get(name) for name in checked]

    def random(self) -> float:
        """The next place."""
        drawn = super().random()
        given = self._given.pop(0) if self._given else None
        return drawn if given is None else given


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
            self._scraped = roots_of(board.snapshot(now)) if self._names else ()
        self._played.scrapes.append((now - START, self._scraped))
