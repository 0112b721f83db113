"""What happens, and which pages must come of it: exactly those, and no others."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ParamSpec

from tests.paging.rig import Rig
from tests.replay.scenarios import SCENARIOS

P = ParamSpec("P")
_CATALOGUE = {scenario.id: scenario for scenario in SCENARIOS}
# What is told beside root causes, in the words of the incident: a P2 about the prober, a P1 about the tests.
_BESIDE = {
    "F12": ("P2 StagingComponentUnknown",),
    "F37": ("P2 StagingProberRateLimited",),
    "F41": ("P1 StagingTestConflict",),
}
_LINGER = 60.0  # seconds at the shipped pace, in which a page too many would come


@dataclass(frozen=True)
class Told:
    """The outcome of one story: what was told, what should have been, and after how many seconds the first came."""

    story: str
    expected: Sequence[str]
    pages: Sequence[str]
    resolved: Sequence[str]
    first: float | None
    trouble: str = ""

    @property
    def flaws(self) -> list[str]:
        """Empty when it went as it should."""
        found = [self.trouble] if self.trouble else []
        if sorted(self.pages) != sorted(self.expected):
            found.append(f"{self.story}: told {sorted(self.pages)}, expected {sorted(self.expected)}")
        if missing := set(self.expected) - set(self.resolved):
            found.append(f"{self.story}: never resolved: {sorted(missing)}")
        return found


Act = Callable[[Rig], None]


@dataclass(frozen=True)
class Story:
    """`act` breaks things; `after` happens once the pages have come, and brings those that come `later`."""

    name: str
    act: Act
    expected: tuple[str, ...]
    after: Act = lambda _rig: None
    later: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Every page that must come of it."""
        return self.expected + self.later


def of_fault(name: str) -> Story:
    """A scenario of the catalogue: one page per root cause, with its effective priority."""
    roots = _CATALOGUE[name].roots
    pages = [f"{priority} StagingRootCause{priority} {component}" for component, priority in roots.items()]
    return Story(name, lambda rig: rig.fault(name), (*pages, *_BESIDE.get(name, ())))


def tell(rig: Rig, stories: Sequence[Story], say: Callable[[str], None] = lambda _text: None) -> list[Told]:
    """One after another, each from health to health; an alert that is expected again must be over before."""
    began, trouble = [], []
    for story in stories:
        waited = _attempt(_wait_until_well, rig, story)
        began.append(time.time())
        lived = _attempt(_live_through, rig, story, began[-1])
        trouble.append(" ".join(filter(None, (waited, lived))))
        say(f"{story.name} {trouble[-1]}".rstrip())
    _attempt(rig.wait, lambda: rig.healthy() and not rig.active(), "all is well in the end")
    ends = [*began[1:], time.time()]
    for story, since in zip(stories, began, strict=True):
        _attempt(_wait_for_resolved, rig, story, since)
    return [_told(rig, *one) for one in zip(stories, began, ends, trouble, strict=True)]


def _attempt(act: Callable[P, None], *arguments: P.args, **options: P.kwargs) -> str:
    """What went wrong, if anything, so that the stories after it are told all the same."""
    try:
        act(*arguments, **options)
    except AssertionError as error:
        return str(error)
    return ""


def _wait_until_well(rig: Rig, story: Story) -> None:
    wanted = set(story.all)
    alerts = {page.split(" ", 1)[1] for page in wanted}
    rig.wait(
        lambda: rig.healthy() and not alerts & rig.active() and not wanted & rig.inbox.standing(),
        f"all is well before {story.name}",
    )


def _live_through(rig: Rig, story: Story, since: float) -> None:
    try:
        story.act(rig)
        rig.wait(lambda: set(story.expected) <= set(rig.inbox.pages(since)), f"{story.name}: {story.expected} is told")
        story.after(rig)
        rig.watch(_LINGER)
    finally:
        rig.mend()


def _wait_for_resolved(rig: Rig, story: Story, since: float) -> None:
    told = {page for page in story.all if rig.inbox.first(page, since) is not None}
    rig.wait(lambda: told <= set(rig.inbox.resolved(since)), f"{story.name}: the end of it is told")


def _told(rig: Rig, story: Story, began: float, end: float, trouble: str) -> Told:
    times = [at for page in story.expected if (at := rig.inbox.first(page, began)) is not None]
    first = min(times) - began if times else None
    pages, over = rig.inbox.pages(began, end), rig.inbox.resolved(began)
    return Told(story.name, story.all, pages, over, first, trouble)
