"""Stories: a fault, and exactly the pages that it must cause."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ParamSpec

from tests.paging.rig import Rig
from tests.replay.scenarios import SCENARIOS
from tests.support.user_faults import OUR_PASSWORD, SEEN, leaked

P = ParamSpec("P")
_CATALOGUE = {scenario.id: scenario for scenario in SCENARIOS}
# Alerts beside those on root causes: P2 on the exporter, P1 on the tests.
_BESIDE = {
    "F12": ("P2 StagingComponentUnknown",),
    "F37": ("P2 StagingProberRateLimited",),
    "F41": ("P1 StagingTestConflict",),
    OUR_PASSWORD: ("P2 StagingComponentUnknown",),
}
_LINGER = 60.0  # seconds at the shipped pace, to see that no other page comes


@dataclass(frozen=True)
class Outcome:
    """The outcome of one story: its pages, the expected ones, and the seconds until the first one."""

    story: str
    expected: Sequence[str]
    pages: Sequence[str]
    resolved: Sequence[str]
    first: float | None
    trouble: str = ""

    @property
    def flaws(self) -> list[str]:
        """What differs from the expectation; empty when nothing does."""
        found = [self.trouble] if self.trouble else []
        if sorted(self.pages) != sorted(self.expected):
            found.append(f"{self.story}: pages {sorted(self.pages)}, expected {sorted(self.expected)}")
        if missing := set(self.expected) - set(self.resolved):
            found.append(f"{self.story}: never resolved: {sorted(missing)}")
        return found


Act = Callable[[Rig], None]


@dataclass(frozen=True)
class Story:
    """`act` causes the `expected` pages; `after` runs once they have come, and causes those in `later`."""

    name: str
    act: Act
    expected: tuple[str, ...]
    after: Act = lambda _rig: None
    later: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Every page that the story must cause."""
        return self.expected + self.later


def of_fault(name: str) -> Story:
    """A scenario of the catalogue: one page per root cause, with its effective priority.

    The notification of what only a user sees must name the failing step, and where the golden path is blocked.
    """
    if name in SEEN:
        return Story(name, lambda rig: rig.fault(name), (SEEN[name].page,), lambda rig: names_the_step(rig, name))
    roots = _CATALOGUE[name].roots if name in _CATALOGUE else {}
    pages = [f"{priority} StagingRootCause{priority} {component}" for component, priority in roots.items()]
    return Story(name, lambda rig: rig.fault(name), (*pages, *_BESIDE.get(name, ())))


def names_the_step(rig: Rig, fault: str) -> None:
    """Raises AssertionError unless the newest notification of the fault says so, and shows no captured value."""
    wanted = SEEN[fault]
    sent = [one for one in rig.inbox.all if str(one) == wanted.page and one.status == "firing"][-1]
    alerts = [one for one in sent.body["alerts"] if one["labels"].get("component") == wanted.component]
    texts = alerts[-1]["annotations"]
    begin = f"{wanted.reason}, step {wanted.step}: "
    assert texts["evidence"].startswith(begin), f"{fault}: {texts['evidence']}, expected {begin}"
    assert wanted.detail in texts["evidence"], f"{fault}: {texts['evidence']}, expected {wanted.detail}"
    assert texts["journeys"] == wanted.journeys, f"{fault}: {texts['journeys']}, expected {wanted.journeys}"
    password = (rig.environment.config.parent / "secrets" / "user-password").read_text().strip()
    assert leaked(json.dumps(sent.body), password) == set(), f"{fault}: a captured value is in the notification"


def play(rig: Rig, stories: Sequence[Story], log: Callable[[str], None] = lambda _text: None) -> list[Outcome]:
    """Play the stories one after another. Each begins when all is up and none of its alerts is still active."""
    began, trouble = [], []
    for story in stories:
        waited = _attempt(_wait_until_up, rig, story)
        began.append(time.time())
        played = _attempt(_play_one, rig, story, began[-1])
        trouble.append(" ".join(filter(None, (waited, played))))
        log(f"{story.name} {trouble[-1]}".rstrip())
    _attempt(rig.wait, lambda: rig.healthy() and not rig.active(), "everything is up at the end")
    ends = [*began[1:], time.time()]
    for story, since in zip(stories, began, strict=True):
        _attempt(_wait_for_resolved, rig, story, since)
    return [_outcome(rig, *one) for one in zip(stories, began, ends, trouble, strict=True)]


def _attempt(act: Callable[P, None], *arguments: P.args, **options: P.kwargs) -> str:
    """The message of a failed assertion, or nothing, so that the following stories are played all the same."""
    try:
        act(*arguments, **options)
    except AssertionError as error:
        return str(error)
    return ""


def _wait_until_up(rig: Rig, story: Story) -> None:
    wanted = set(story.all)
    alerts = {page.split(" ", 1)[1] for page in wanted}
    rig.wait(
        lambda: rig.healthy() and not alerts & rig.active() and not wanted & rig.inbox.unresolved(),
        f"everything is up before {story.name}",
    )


def _play_one(rig: Rig, story: Story, since: float) -> None:
    try:
        story.act(rig)
        rig.wait(lambda: set(story.expected) <= set(rig.inbox.pages(since)), f"{story.name}: {story.expected} is paged")
        story.after(rig)
        rig.watch(_LINGER)
    finally:
        rig.reset()


def _wait_for_resolved(rig: Rig, story: Story, since: float) -> None:
    paged = {page for page in story.all if rig.inbox.first(page, since) is not None}
    rig.wait(lambda: paged <= set(rig.inbox.resolved(since)), f"{story.name}: its pages are resolved")


def _outcome(rig: Rig, story: Story, began: float, end: float, trouble: str) -> Outcome:
    times = [at for page in story.expected if (at := rig.inbox.first(page, began)) is not None]
    first = min(times) - began if times else None
    pages, resolved = rig.inbox.pages(began, end), rig.inbox.resolved(began)
    return Outcome(story.name, story.all, pages, resolved, first, trouble)
