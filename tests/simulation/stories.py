"""One run of a class: the environment, what happens in it, and which root causes are true."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from staging_exporter.core.maintenance import MaintenanceWindow
from staging_exporter.core.model import Component, Outcome, Priority, Topology

from tests.simulation.propagation import Span, TrueGraph, spread
from tests.simulation.symptoms import DEGRADED, NOISE, Chooser, Growth, Phase, Symptom, effect, healthy
from tests.support.world import Answer

WARM_UP = 45.0  # seconds before the first fault
TAIL = 150.0  # seconds after the last recovery: longer than `recovery` and what follows it


@dataclass(frozen=True)
class Story:
    """Seconds count from the start of the run.

    `roots` are the true root causes and how long each lasts. `phases` are what each component shows; the first that
    covers a moment counts. `late` are symptoms that may be announced as not recovered, from when on. `places` are parts
    of the interval at which a component is probed; all others are drawn. `missing` is the edge that is not configured.
    With `conversations` runs that may take minutes take 10 to 60 s when all is well.
    """

    note: str
    configured: Topology
    roots: Mapping[str, Span]
    phases: Mapping[str, tuple[Phase, ...]]
    seconds: float
    noise: float = 0.0
    windows: tuple[MaintenanceWindow, ...] = ()
    deploys: Mapping[str, float] = field(default_factory=dict)
    late: Mapping[str, float] = field(default_factory=dict)
    places: Mapping[str, float] = field(default_factory=dict)
    true: Topology | None = None
    missing: tuple[str, str] | None = None
    conversations: bool = False

    def answer(self, name: str, now: float, random: Random) -> Answer:
        """What a run of that component shows that begins now; `random` is its own."""
        component = self.configured.components[name]
        for phase in self.phases.get(name, ()):
            if now in phase.span and (shown := phase.answer(component, now, random)) is not None:
                return shown
        if self.noise and random.random() < self.noise:
            return NOISE.answer(component, random) or healthy(component, random, self.conversations)
        return healthy(component, random, self.conversations)

    @property
    def begins(self) -> float:
        """When the first fault begins."""
        return min((span.begins for span in self.roots.values()), default=WARM_UP)

    @property
    def graph(self) -> TrueGraph:
        """The graph as it is in truth."""
        return TrueGraph(self.true or self.configured)

    def lasts(self, root: str, now: float) -> bool:
        """True while the fault of a true root, or a symptom, lasts; it may come more than once."""
        spans = [phase.span for phase in self.phases.get(root, ())] or [self.roots[root]]
        return any(now in span for span in spans)

    def priority(self, root: str) -> Priority:
        """The most urgent priority among what this true root takes down."""
        return min(self.graph.components[name].priority for name in self.graph.failing([root]))


Teller = Callable[[Random], Story]


class Draft:
    """Gathers what happens in one run."""

    def __init__(self, random: Random, configured: Topology, true: Topology | None = None) -> None:
        self.random, self.configured, self.true = random, configured, true or configured
        self.graph = TrueGraph(self.true)
        self.phases: dict[str, list[Phase]] = {}
        self.roots: dict[str, Span] = {}
        self.ends = WARM_UP
        self.spared: set[str] = set()  # whatever fails around them, they show nothing

    def show(self, name: str, span: Span, shows: Symptom | Growth) -> None:
        """A component shows this for some time."""
        if not self.graph.components[name].latent and name not in self.spared:
            self.phases.setdefault(name, []).append(Phase(span, shows))
        self.ends = max(self.ends, span.ends)

    def root(self, name: str, span: Span) -> None:
        """A true root cause."""
        old = self.roots.get(name, span)
        self.roots[name] = Span(min(old.begins, span.begins), max(old.ends, span.ends))

    def affect(
        self,
        roots: Mapping[str, Span],
        *,
        shows: Chooser = effect,
        onset: float = 3.0,
        repair: Callable[[str], float] | None = None,
        optional: bool = True,
    ) -> dict[str, Span]:
        """All that fails because of these; returns when, the roots included.

        With `optional`, half of those that merely like to have one of them are degraded.
        """
        repair = repair or (lambda _: self.random.uniform(0.0, 3.0))
        spans = spread(self.graph, roots, lambda _: self.random.uniform(0.0, onset), repair)
        for name, span in spans.items():
            if name not in roots:
                self.show(name, span, shows(self.random, self.graph.components[name]))
        if optional:
            self._degrade(spans, onset)
        return spans

    def _degrade(self, failing: Mapping[str, Span], onset: float) -> None:
        for name, component in self.graph.components.items():
            liked = [failing[other] for other in component.optional_depends_on if other in failing]
            if liked and name not in failing and not component.latent and self.random.random() < 0.5:
                begins = liked[0].begins + self.random.uniform(0.0, onset)
                ends = max(begins + 1.0, liked[0].ends + self.random.uniform(0.0, 3.0))
                self.show(name, Span(begins, ends), DEGRADED)

    def story(self, note: str, *, seconds: float | None = None, **more: Any) -> Story:
        """All of it; `more` are fields of the story."""
        phases = {name: tuple(sorted(some, key=_merely_degraded)) for name, some in self.phases.items()}
        ends = seconds or self.ends + TAIL
        return Story(note, self.configured, dict(self.roots), phases, ends, true=self.true, **more)


def _merely_degraded(phase: Phase) -> bool:
    return isinstance(phase.shows, Symptom) and phase.shows.outcome == Outcome.DEGRADED


def start(random: Random) -> float:
    """When the first fault begins: at any phase of the probes."""
    return WARM_UP + random.uniform(0.0, 15.0)


def confirmable(component: Component, symptom: Symptom) -> float:
    """Seconds after which a fault that is always seen must have been confirmed, whatever the phase of the probes."""
    if component.latent:
        return 0.0
    return component.interval + component.fall * max(symptom.longest(component), component.retry_interval)


def lasting(random: Random, component: Component, symptom: Symptom, shortest: float, longest: float) -> float:
    """Seconds that a fault lasts: between the two, and long enough to be confirmed."""
    return max(random.uniform(shortest, longest), confirmable(component, symptom) + 20.0)


def pick(
    random: Random, draw: Callable[[Random], Topology], candidates: Callable[[TrueGraph], list[str]]
) -> tuple[Topology, str]:
    """An environment, drawn until one has a candidate for the fault, and that candidate."""
    for _ in range(1000):
        topology = draw(random)
        if found := candidates(TrueGraph(topology)):
            return topology, random.choice(found)
    raise LookupError("no environment of a thousand has a candidate")


def causes(graph: TrueGraph) -> list[str]:
    """Checked components with at least one checked component that fails with them."""
    return [n for n in graph.checked(list(graph.components)) if len(graph.checked(graph.failing([n]))) > 1]
