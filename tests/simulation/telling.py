"""The story of one run for people: what is true, the graph around it, and what was seen and published when."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from staging_exporter.core.board import Board
from staging_exporter.core.model import LATENT, Component, Outcome, State
from staging_exporter.core.snapshot import Snapshot

from tests.simulation.catalogue import CLASSES
from tests.simulation.counting import Counted, count
from tests.simulation.playing import Run, play
from tests.simulation.stories import Story
from tests.support.world import START

FEW = 8  # components, all of which are worth showing
Line = tuple[float, str]


def tell(name: str, seed: str, *, trace: bool = False) -> str:
    """The story of that run of a class; with `trace` of all components that take part, else of the nearest."""
    return tell_story(f"{name} {seed}", CLASSES[name].story(name, seed), seed, trace=trace)


def tell_story(title: str, story: Story, seed: str, *, trace: bool = False) -> str:
    """Play it once more and write down what happens."""
    diary = _Diary()
    played = play(story, seed, diary.look)
    counted = count(played)
    names = _taking_part(story) | set(counted.wrong) if trace else _near(story, counted)
    names |= {name for _, roots in played.published for name in roots}
    timeline = sorted([*_runs(played.runs, names), *diary.lines(names)], key=lambda line: line[0])
    return "\n".join(
        [
            "",
            f"== {title}: {story.note}",
            *_summary(story, counted),
            "   graph (interval/timeout/fall x retry):",
            *(f"     {_component(story, name)}" for name in story.graph.order if name in names),
            "   timeline, seconds of the run:",
            *(f"   {at:8.1f}  {text}" for at, text in timeline),
        ]
    )


def _summary(story: Story, counted: Counted) -> Iterator[str]:
    for name, span in story.roots.items():
        yield f"   true root: {name} ({story.priority(name)}) {span.begins:.1f}-{span.ends:.1f} s"
    yield f"   right verdict: {', '.join(f'{t:.0f} s' for t in counted.times) or 'never'} after the fault"
    wrong = f"{', '.join(counted.wrong) or 'nobody'}, for {counted.wrong_for:.0f} s"
    yield (
        f"   wrong: {wrong}; missed: {', '.join(counted.missed) or 'nobody'};"
        f" pages {counted.pages}, ideal {counted.ideal}"
    )


def _near(story: Story, counted: Counted) -> set[str]:
    """The true and the wrong roots, what fails between and above them, and the dependents of the latent ones."""
    graph = story.graph
    shown = story.phases.keys()
    names = {*story.roots, *counted.wrong, *(shown if len(shown) <= FEW else ())}
    for wrong in counted.wrong:
        names |= {o for o in graph.ancestors(wrong) if o in shown or graph.components[o].latent}
    for name in list(names):
        if graph.components[name].latent and (name in story.roots or name in counted.wrong):
            names |= set(graph.dependents[name])
    return names


def _taking_part(story: Story) -> set[str]:
    graph = story.graph
    names = {*story.roots, *story.phases, *graph.failing(story.roots)}
    return names | {one for name in names for one in graph.hard(name)}


def _component(story: Story, name: str) -> str:
    component = story.configured.components[name]
    cadence = f"{component.interval:g}/{component.timeout:g}/{component.fall}x{component.retry_interval:g}"
    parts = [f"{name:<14} {component.priority} {LATENT if component.latent else cadence:<14}"]
    if needs := _needs(story, component):
        parts.append(f"needs {needs}")
    if phases := story.phases.get(name):
        shown = phases[:3]
        parts.append("; ".join(f"{p.shows.in_words()} {p.span.begins:.0f}-{p.span.ends:.0f} s" for p in shown))
    elif not component.latent:
        parts.append("always passes")
    return "  ".join(parts)


def _needs(story: Story, component: Component) -> str:
    true = story.graph.groups[component.name]
    words = [" or ".join(g) + ("" if g in true else " (not in truth)") for g in component.depends_on]
    words += [" or ".join(g) + " (not configured)" for g in true if g not in component.depends_on]
    words += [f"{name} (optional)" for name in component.optional_depends_on]
    return ", ".join(words)


def _runs(runs: Collection[Run], names: Collection[str]) -> Iterator[Line]:
    """Runs of one kind in a row are one line; passes before the first failure are none."""
    for name in names:
        own = [run for run in runs if run.name == name]
        first = next((n for n, run in enumerate(own) if run.answer.outcome != Outcome.PASS), len(own))
        series: list[list[Run]] = []
        for run in own[first:]:
            if series and _kind(series[-1][0]) == _kind(run):
                series[-1].append(run)
            else:
                series.append([run])
        for same in series:
            last = same[-1]
            until = f" x{len(same)} until {last.began + last.took:.1f}" if len(same) > 1 else f" took {last.took:.1f} s"
            yield same[0].began, f"{name}: {_kind(last)}{until}"


def _kind(run: Run) -> str:
    return "pass" if run.answer.outcome == Outcome.PASS else f"{run.answer.outcome} {run.answer.reason}"


@dataclass
class _Diary:
    """What changed in what is published."""

    states: list[tuple[float, str, str]] = field(default_factory=list)
    verdicts: list[Line] = field(default_factory=list)
    _known: dict[str, str] = field(default_factory=dict)
    _changes: int = -1
    _verdict: str = ""

    def look(self, now: float, board: Board) -> None:
        """After every event."""
        if board.changes == self._changes:
            return
        self._changes = board.changes
        snapshot = board.snapshot(now)
        for name, status in snapshot.components.items():
            because = f", because of {', '.join(status.root_causes)}" if status.root_causes else ""
            recovering = f", recovering from {', '.join(status.recovering_from)}" if status.recovering_from else ""
            text = f"{status.state} ({status.reason}){because}{recovering}"
            if self._known.get(name, str(State.UNKNOWN)) != text:
                self._known[name] = text
                self.states.append((now - START, name, text))
        if (verdict := _verdict(snapshot)) != self._verdict:
            self._verdict = verdict
            self.verdicts.append((now - START, f"PUBLISHED  {verdict}"))

    def lines(self, names: Collection[str]) -> Iterator[Line]:
        """Of these components, and of all verdicts; what is as it should be before anything happens is left out."""
        yield from self.verdicts
        begun = set()
        for at, name, text in self.states:
            if name in names and (name in begun or not text.startswith((State.UP, State.UNKNOWN))):
                begun.add(name)
                yield at, f"    {name} is {text}"


def _verdict(snapshot: Snapshot) -> str:
    named = []
    for root in snapshot.root_causes:
        extra = [str(root.priority), f"{root.state} {root.reason}"]
        extra += [f"suspects {', '.join(root.suspects)}"] * bool(root.suspects)
        extra += ["stale"] * root.stale + [str(getattr(root, "certainty", None) or "")]
        named.append(f"{root.component} ({'; '.join(word for word in extra if word)})")
    return " | ".join(named) or "no root cause"
