"""The durations of the last runs as a curve with axes, and failures that repeat in one row; for the templates. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from staging_exporter.core.model import Outcome
from staging_exporter.views.document_types import RunDocument
from staging_exporter.views.page.texts import precise

WIDTH, HEIGHT = 640.0, 150.0
LEFT, TOP, BOTTOM = 56.0, 8.0, 22.0  # room for the numbers of the axes
_TICKS = 4
_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the vertical axis, and its number."""

    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Point:
    """A run that did not pass."""

    x: float
    y: float
    outcome: str


@dataclass(frozen=True, slots=True)
class Curve:
    """The line of the durations, the runs that did not pass, the lines of the axis, the times at both ends."""

    line: str
    points: Sequence[Point]
    ticks: Sequence[Tick]
    begin: float
    end: float
    aria_label: str


def curve(runs: Sequence[RunDocument]) -> Curve | None:
    """The curve of at least two runs, oldest first; None for fewer."""
    if len(runs) < 2:
        return None
    times, durations = [run["started"] for run in runs], [run["duration"] for run in runs]
    top = _ceiling(max(durations))
    length = (times[-1] - times[0]) or 1.0
    xs = [LEFT + (WIDTH - LEFT - 6) * (at - times[0]) / length for at in times]
    ys = [_y(duration / top) for duration in durations]
    places = [f"{x:.1f} {y:.1f}" for x, y in zip(xs, ys, strict=True)]
    ordered = sorted(durations)
    median, slowest = ordered[len(ordered) // 2], ordered[-1]
    return Curve(
        f"M{' L'.join(places)}",
        [Point(x, y, run["outcome"]) for x, y, run in zip(xs, ys, runs, strict=True) if run["outcome"] != Outcome.PASS],
        [Tick(_y(n / _TICKS), precise(top * n / _TICKS) if n else "0") for n in range(_TICKS + 1)],
        times[0],
        times[-1],
        f"durations of the last {len(runs)} runs: median {precise(median)}, slowest {precise(slowest)}",
    )


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share


def _ceiling(value: float) -> float:
    """The next round number, so that the numbers of the axis are short."""
    if value <= 0:
        return 0.001
    power = 10.0 ** math.floor(math.log10(value))
    return next(nice * power for nice in _NICE if nice * power >= value * 0.999)


@dataclass(frozen=True, slots=True)
class Failures:
    """Failures in a row with one reason and, but for numbers, one detail; the last of them, and the first."""

    last: RunDocument
    first: RunDocument
    count: int


def folded(runs: Sequence[RunDocument]) -> list[Failures]:
    """The failures, newest first, those that repeat as one; `runs` are oldest first."""
    return list(_folded(runs))


def _folded(runs: Sequence[RunDocument]) -> Iterator[Failures]:
    group: list[RunDocument] = []
    for run in reversed(runs):
        if group and _kind(run) != _kind(group[0]):
            yield Failures(group[0], group[-1], len(group))
            group = []
        group.append(run)
    if group:
        yield Failures(group[0], group[-1], len(group))


def _kind(run: RunDocument) -> tuple[str, str, str]:
    return run["outcome"], run["reason"], re.sub(r"[0-9a-f]*\d[0-9a-f]*", "#", run["detail"])
