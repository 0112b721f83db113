"""Small drawings of runs: a sparkline of the last ones, and the phases of one; numbers for the templates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from staging_exporter.core.model import Outcome

HEIGHT = 20.0
STEP = 4.0  # from one bar to the next
# Height repeats what colour says: a run that did not pass is visible without colours.
_HEIGHTS = {Outcome.FAIL: HEIGHT, Outcome.DEGRADED: 16.0, Outcome.UNKNOWN: 2.0}
_LOWEST, _HIGHEST = 4.0, 12.0  # of a pass, by its duration


@dataclass(frozen=True, slots=True)
class Sparkline:
    """One path per outcome, each bar a stroke of it; `aria_label` says it in words."""

    width: float
    paths: Mapping[str, str]
    aria_label: str


def sparkline(outcomes: Sequence[str], durations: Sequence[float]) -> Sparkline:
    """The runs from left to right, oldest first; a slow pass is higher than a quick one."""
    slowest = max(durations, default=0.0) or 1.0
    paths: dict[str, str] = {}
    for index, (outcome, duration) in enumerate(zip(outcomes, durations, strict=True)):
        height = _HEIGHTS.get(Outcome(outcome), _LOWEST + (_HIGHEST - _LOWEST) * duration / slowest)
        paths[outcome] = paths.get(outcome, "") + f"M{STEP * (index + 0.5):g} {HEIGHT:g}v{-height:.1f}"
    counted = ", ".join(f"{count} {outcome}" for outcome, count in Counter(outcomes).items())
    return Sparkline(STEP * len(outcomes), paths, f"last {len(outcomes)} runs, oldest first: {counted}")


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase of a run: seconds, and where its bar begins on a line of 100, and its width."""

    name: str
    seconds: float
    begin: float
    width: float


def phases(seconds: Mapping[str, float]) -> list[Phase]:
    """The phases, one after another."""
    total = sum(seconds.values()) or 1.0
    found: list[Phase] = []
    begin = 0.0
    for name, took in seconds.items():
        found.append(Phase(name, took, 100 * begin / total, 100 * took / total))
        begin += took
    return found
