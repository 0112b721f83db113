"""What one run of a class amounts to. Knows the truth, not how verdicts are made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from staging_exporter.core.model import Priority

from tests.simulation.pages import pages
from tests.simulation.playing import SCRAPE, Played
from tests.simulation.propagation import Span
from tests.simulation.seen import Root
from tests.simulation.stories import Story

TOO_MANY = 2  # published roots for each true one
RECOVERY = 60.0  # seconds
SOON = 5.0  # seconds for which even the ideal verdict may wait for what else fails


@dataclass(frozen=True, slots=True)
class Counted:
    """`wrong_for` seconds a scrape saw a root that is not true, or too many; `wrong` are those that are not true.

    `missed` are true roots that were never named. `times` are seconds from each fault to the right verdict, where there
    was one; `over` those above what its probes allow. Of the `named` roots some were first published as `likely`.
    `contradicted` when a true root was said to be; `suggested` when the edge that is not configured was.
    """

    wrong_for: float
    wrong: tuple[str, ...]
    missed: tuple[str, ...]
    times: tuple[float, ...]
    over: tuple[float, ...]
    pages: int
    ideal: int
    named: int
    likely: int
    likely_and_true: int
    contradicted: bool
    suggested: bool


def count(played: Played) -> Counted:
    """Everything that is counted of one run."""
    story = played.story
    wrong_for, wrong = _wrong(played)
    times, over = _times(played)
    first = _first_seen(played)
    likely = [root for root in first if root.certainty == "likely"]
    return Counted(
        wrong_for=wrong_for,
        wrong=wrong,
        missed=tuple(name for name, span in story.roots.items() if not _named(played, name, span)),
        times=times,
        over=over,
        pages=pages(played.scrapes),
        ideal=pages(ideal(played)),
        named=len(first),
        likely=len(likely),
        likely_and_true=sum(root.name in story.roots for root in likely),
        contradicted=any(r.contradicted and r.name in story.roots for _, roots in played.scrapes for r in roots),
        suggested=story.missing in played.suggested,
    )


def is_true(story: Story, root: Root, now: float) -> bool:
    """True for a true root once its fault has begun, and for a late symptom that is announced as not recovered."""
    if root.name in story.roots:
        return now >= story.roots[root.name].begins
    return root.not_recovered and now >= story.late.get(root.name, float("inf"))


def _named(played: Played, name: str, span: Span) -> bool:
    """True when it was published while its fault lasted, or as long after as its symptoms may."""
    return any(name in names and span.begins <= now < span.ends + RECOVERY for now, names in played.published)


def _wrong(played: Played) -> tuple[float, tuple[str, ...]]:
    seconds = 0.0
    names: dict[str, None] = {}
    for now, roots in played.scrapes:
        false = [root.name for root in roots if not is_true(played.story, root, now)]
        names |= dict.fromkeys(false)
        announced = sum(root.name not in played.story.roots and root.name not in false for root in roots)
        if false or (played.story.roots and len(roots) - announced > TOO_MANY * len(played.story.roots)):
            seconds += SCRAPE
    return seconds, tuple(names)


def _times(played: Played) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """For each true root, from its fault until it is named and nothing wrong is."""
    times, over = [], []
    for name, span in played.story.roots.items():
        right = _right_from(played, name)
        if right is None:
            continue
        times.append(right - span.begins)
        if (earliest := minimum(played, name)) is not None:
            over.append(max(0.0, right - earliest))
    return tuple(times), tuple(over)


def _right_from(played: Played, name: str) -> float | None:
    true = set(played.story.roots)
    for now, names in played.published:
        if name in names and true.issuperset(names):
            return max(now, played.story.roots[name].begins)
    return None


def minimum(played: Played, name: str) -> float | None:
    """When the cadence allows the verdict on a true root at the earliest; None when its runs never do.

    It is the first failing run, of the second of the witnesses where it has no check or cannot be seen, then `fall`
    times the longer of how long that run takes and `retry_interval`.
    """
    story = played.story
    began = story.roots[name].begins
    if not story.configured.components[name].latent and not _is_blind(played, name):
        return confirmed(played, began).get(name)
    witnesses = story.graph.witnesses(name)
    ends = sorted(end for other, end in confirmed(played, began).items() if other in witnesses)
    return ends[1] if len(ends) > 1 else None


def confirmed(played: Played, began: float) -> dict[str, float]:
    """When each component may be known to fail at the earliest, of those with a failing run since then."""
    first: dict[str, float] = {}
    for run in played.runs:
        if run.began >= began and run.name not in first and run.answer.outcome in ("fail", "degraded"):
            made = played.story.configured.components[run.name]
            first[run.name] = run.began + made.fall * max(run.took, made.retry_interval)
    return first


def _is_blind(played: Played, name: str) -> bool:
    return any(run.name == name and run.answer.outcome == "unknown" for run in played.runs)


def _first_seen(played: Played) -> Sequence[Root]:
    first: dict[str, Root] = {}
    for _, roots in played.scrapes:
        for root in roots:
            first.setdefault(root.name, root)
    return tuple(first.values())


def ideal(played: Played) -> list[tuple[float, tuple[Root, ...]]]:
    """The scrapes if every true root were named as soon as it can be, with the priority that it has by then.

    Of the symptoms that do not recover with it, those are named that no other such symptom explains.
    """
    story = played.story
    shown: dict[str, list[tuple[float, Priority]]] = {}
    for name, span in story.roots.items():
        earliest = min(minimum(played, name) or span.begins + SCRAPE, span.ends - 1.0)
        known = confirmed(played, span.begins)
        fails = [other for other in story.graph.failing([name]) if other in known]
        shown[name] = [(earliest, story.configured.components[name].priority)]
        shown[name] += [(max(earliest, known[f]), story.graph.components[f].priority) for f in fails]
    return [(now, (*_due(story, shown, now), *_not_recovered(story, now))) for now, _ in played.scrapes]


def _due(story: Story, shown: Mapping[str, Sequence[tuple[float, Priority]]], now: float) -> Iterator[Root]:
    for name, known in shown.items():
        if known[0][0] <= now and story.lasts(name, now):
            yield Root(name, min(priority for at, priority in known if at <= now + SOON))


def _not_recovered(story: Story, now: float) -> Iterator[Root]:
    failing = {name for name, since in story.late.items() if since <= now and story.lasts(name, now)}
    for name in failing:
        if failing.isdisjoint(story.graph.ancestors(name)):
            yield Root(name, story.priority(name), not_recovered=True)
