"""What the runs of one component show while something is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from staging_exporter.core.model import Component, Outcome, Reason

from tests.simulation.propagation import Span
from tests.support.world import Answer

HANG_SHARE = 0.25  # of symptoms
_QUICK = (0.02, 0.6)
_HEALTHY = (0.02, 0.3)
_CONVERSATION = (10.0, 60.0)
_MINUTES = 120.0  # seconds of timeout
_HANGS = 1e9  # seconds: longer than any timeout


@dataclass(frozen=True, slots=True)
class Symptom:
    """`share` of the runs show it, and `hangs` of those take all of the timeout instead of answering at once."""

    reason: Reason
    outcome: Outcome = Outcome.FAIL
    share: float = 1.0
    hangs: float = 0.0
    took: tuple[float, float] = _QUICK

    def answer(self, component: Component, random: Random) -> Answer | None:
        """What a run shows; None when this run is spared."""
        if self.share < 1.0 and random.random() >= self.share:
            return None
        if self.hangs and random.random() < self.hangs:
            return Answer(Outcome.FAIL, Reason.TIMEOUT, component.timeout)
        if self.reason == Reason.TIMEOUT:
            return Answer(Outcome.FAIL, Reason.TIMEOUT, _HANGS)
        return Answer(self.outcome, self.reason, min(random.uniform(*self.took), component.timeout))

    def longest(self, component: Component) -> float:
        """Seconds that a run may take."""
        return (
            component.timeout if self.reason == Reason.TIMEOUT or self.hangs else min(self.took[1], component.timeout)
        )

    def in_words(self) -> str:
        """In words."""
        share = "" if self.share == 1.0 else f" in {self.share:.0%} of its runs"
        hangs = "" if not self.hangs or self.hangs == 1.0 else f", {self.hangs:.0%} of those hanging"
        return f"{self.outcome} {self.reason}{share}{hangs}"


@dataclass(frozen=True, slots=True)
class Growth:
    """Latency that grows from `start` to `top` seconds over the time that the fault lasts.

    A run is degraded `slow` above `slower_than` seconds, and fails above the timeout.
    """

    span: Span
    start: float
    top: float
    slower_than: float
    calls: int = 1

    def at(self, now: float) -> float:
        """Seconds that a run takes."""
        part = (now - self.span.begins) / (self.span.ends - self.span.begins)
        return self.calls * (self.start + (self.top - self.start) * min(1.0, part))

    def in_words(self) -> str:
        """In words."""
        first, last = self.calls * self.start, self.calls * self.top
        return f"takes {first:.1f} to {last:.1f} s, slow above {self.slower_than:.1f} s"


@dataclass(frozen=True, slots=True)
class Phase:
    """A symptom for some time."""

    span: Span
    shows: Symptom | Growth

    def answer(self, component: Component, now: float, random: Random) -> Answer | None:
        """What a run that begins now shows; None when nothing is wrong with it."""
        if isinstance(self.shows, Symptom):
            return self.shows.answer(component, random)
        takes = self.shows.at(now) * random.uniform(0.9, 1.1)
        if takes >= component.timeout:
            return Answer(Outcome.FAIL, Reason.TIMEOUT, component.timeout)
        if takes > self.shows.slower_than:
            return Answer(Outcome.DEGRADED, Reason.SLOW, takes)
        return Answer(Outcome.PASS, Reason.OK, takes)


def healthy(component: Component, random: Random, conversations: bool = False) -> Answer:
    """A run that passes; with `conversations` one that may take minutes takes its time."""
    took = _CONVERSATION if conversations and component.timeout >= _MINUTES else _HEALTHY
    return Answer(Outcome.PASS, Reason.OK, random.uniform(*took))


Chooser = Callable[[Random, Component], Symptom]

HANGS = Symptom(Reason.TIMEOUT)
SLOW = Symptom(Reason.SLOW, Outcome.DEGRADED, took=(2.1, 4.0))
SATURATED = Symptom(Reason.SATURATED, Outcome.DEGRADED)
DEGRADED = Symptom(Reason.CONTENT, Outcome.DEGRADED)
NOISE = Symptom(Reason.SERVER_ERROR, hangs=HANG_SHARE)


def network(random: Random, _component: Component) -> Symptom:
    """A symptom of the class of network paths; a quarter of all runs hang: all of some, some of others."""
    chance = random.random()
    if chance < 0.15:
        return HANGS
    reason = random.choice((Reason.SERVER_ERROR, Reason.SERVER_ERROR, Reason.CLOSED, Reason.REFUSED))
    return Symptom(reason, hangs=0.4 if chance < 0.4 else 0.0)


def effect(random: Random, component: Component) -> Symptom:
    """What a dependent shows whose dependency is down: mostly a network symptom, at times a word in its body."""
    if random.random() < 0.1:
        return Symptom(Reason.CONTENT)
    return network(random, component)


def partly(symptom: Symptom, share: float) -> Symptom:
    """The same in a share of the runs, any one of which may hang or answer at once."""
    return replace(symptom, share=share, hangs=HANG_SHARE)
