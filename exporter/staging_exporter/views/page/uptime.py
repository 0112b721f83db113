"""Uptime bars: what the states over time amount to, as numbers, sentences and strokes for the templates. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from markupsafe import Markup

from staging_exporter.core.history import NONE, Subject
from staging_exporter.core.model import State
from staging_exporter.core.past import WORST, Bar, Past, availability, total
from staging_exporter.core.words import span
from staging_exporter.views.page.texts import clock

HEIGHT = 24.0
STEP = 6.0  # from one bar to the next
# Height repeats what colour says; maintenance, unknown and starting are also dashed, by the style sheet.
_HEIGHTS = {"blocked": HEIGHT, "down": HEIGHT, "flapping": HEIGHT, "degraded": 20.0, "starting": 20.0, NONE: 2.0}
_HEIGHT = 16.0  # of the others
_CAP = 8.0  # at least so much is of the worst state


@dataclass(frozen=True, slots=True)
class Range:
    """A length of time that is shown: its name in URLs, in words, seconds, and how many bars there are."""

    name: str
    title: str
    seconds: float
    count: int


RANGES = {
    each.name: each
    for each in (
        Range("24h", "24 hours", 86400.0, 48),
        Range("7d", "7 days", 7 * 86400.0, 42),
        Range("30d", "30 days", 30 * 86400.0, 30),
    )
}


@dataclass(frozen=True, slots=True)
class Stretch:
    """One bar in which it was not up all the time: where it is, from when to when, and the minutes in each state."""

    x: float
    begin: float
    end: float
    state: str
    words: str


@dataclass(frozen=True, slots=True)
class Uptime:
    """The bars of one subject: a path per state, and what they say in words."""

    range: Range
    width: float
    paths: Mapping[str, str]
    available: str
    words: str
    stretches: Sequence[Stretch]

    @property
    def aria_label(self) -> str:
        """All of it in a sentence."""
        return f"last {self.range.title}: {self.available} available" + (f"; {self.words}" if self.words else "")


def uptime(past: Past, subject: Subject, shown: Range, now: float) -> Uptime:
    """The bars until now, oldest first."""
    bars = past.bars(subject, shown.seconds / shown.count, shown.count, now)
    paths: dict[str, str] = {}
    stretches = []
    for index, bar in enumerate(bars):
        state, x = bar.worst, STEP * (index + 0.5)
        for part, bottom, height in _parts(bar):
            paths[part] = paths.get(part, "") + f"M{x:g} {HEIGHT - bottom:g}v-{height:g}"
        if bar.seconds.keys() - {State.UP, NONE}:
            stretches.append(Stretch(x - STEP / 2, bar.begin, bar.end, state, in_words(bar.seconds, with_up=True)))
    seconds = total(bars)
    return Uptime(shown, STEP * len(bars), paths, percent(availability(seconds)), in_words(seconds), stretches)


def bar_height(state: str) -> float:
    """How high a bar of this state is drawn."""
    return _HEIGHTS.get(state, _HEIGHT)


def _parts(bar: Bar) -> list[tuple[str, float, float]]:
    """What is drawn of one bar: state, where it begins, how high it is. A short outage is a cap on what was else."""
    worst = bar.worst
    height = bar_height(worst)
    rest = {state: took for state, took in bar.seconds.items() if state not in (worst, NONE)}
    if not rest:
        return [(worst, 0.0, height)]
    share = bar.seconds[worst] / sum(bar.seconds.values())
    cap = round(max(_CAP, height * share), 1)
    return [(max(rest, key=lambda state: rest[state]), 0.0, height - cap), (worst, height - cap, cap)]


def hovered(uptime: Uptime, now: float) -> Markup:
    """What the mouse shows over each bar with trouble, as SVG: there may be thousands on a page."""
    day = now // 86400.0
    rects = (
        f'<rect x="{each.x:.0f}" width="6" height="24">'
        f"<title>{_ends(each.begin, each.end, day)}: {each.words}</title></rect>"
        for each in uptime.stretches
    )
    return Markup("".join(rects))  # noqa: S704  # only times and names of states


@lru_cache(maxsize=256)
def _ends(begin: float, end: float, day: float) -> str:
    return f"{clock(begin, day * 86400.0)} to {clock(end, day * 86400.0)}"


def in_words(seconds: Mapping[str, float], *, with_up: bool = False) -> str:
    """`down 12 min, maintenance 2 h`: how long it was in each state that is not up, the worst first."""
    shown = [state for state in WORST if seconds.get(state, 0.0) >= 0.5 and state != NONE]
    return ", ".join(f"{state} {span(seconds[state])}" for state in shown if with_up or state != State.UP)


def percent(share: float | None) -> str:
    """`99.95 %`, never rounded up to 100; a dash when nothing is known."""
    if share is None:
        return "–"
    if share >= 1.0:
        return "100 %"
    return f"{int(share * 10000) / 100:.2f} %" if share >= 0.9 else f"{int(share * 1000) / 10:.1f} %"
