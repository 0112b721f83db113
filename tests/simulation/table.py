"""Many counted runs of one class -> a row of the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.simulation.catalogue import Class
from tests.simulation.counting import Counted

PAGES = 1.1  # times the ideal, at most
LIKELY = 25.0  # percent of all roots, at most
LIKELY_TRUE = 70.0  # percent of them, at least
_AT_LEAST = ("one_page", "contradicted", "suggested")
HEAD = (
    f"{'class':<24} {'runs':>5} {'wrong':>6} {'for p50/max':>12} {'missed':>7} {'time p50/p95/max':>17}"
    f" {'over p50/p95':>13} {'pages/ideal':>12} {'likely(true)':>13} {'goal':>9} ok"
)


@dataclass(frozen=True)
class Row:
    """Percent of runs, seconds, and pages per run; `likely` is a share of all roots, None where none says so."""

    name: str
    runs: int
    wrong: float
    wrong_for: tuple[float, float]
    missed: float
    times: tuple[float, float, float]
    over: tuple[float, float]
    pages: float
    ideal: float
    likely: float
    likely_true: float
    one_page: float
    contradicted: float
    suggested: float

    def misses(self, asked: Class) -> list[str]:
        """The names of the goals that it does not reach."""
        found = []
        if asked.wrong is not None and self.wrong > asked.wrong:
            found.append("wrong")
        if asked.missed is not None and self.missed > asked.missed:
            found.append("missed")
        if asked.time is not None and self.times[1] > asked.time:
            found.append("time")
        if asked.over is not None and self.over[1] > asked.over:
            found.append("over")
        if self.pages > PAGES * self.ideal + 0.02 * (not self.ideal):
            found.append("pages")
        if self.likely > LIKELY or (self.likely and self.likely_true < LIKELY_TRUE):
            found.append("likely")
        return found + [name for name in _AT_LEAST if getattr(self, name) < (getattr(asked, name) or 0.0)]

    def line(self, asked: Class) -> str:
        """As a line of the table."""
        goal = "/".join("-" if g is None else f"{g:g}" for g in (asked.wrong, asked.missed))
        misses = self.misses(asked)
        times, over = ("/".join(f"{t:.0f}" for t in some) for some in (self.times, self.over))
        likely = f"{self.likely:.0f}% ({self.likely_true:.0f}%)" if self.likely else "-"
        asked_too = [n for n in _AT_LEAST if getattr(asked, n) is not None]
        also = "".join(f"; {n.replace('_', ' ')} {getattr(self, n):.0f}% ({getattr(asked, n):g})" for n in asked_too)
        return (
            f"{self.name:<24} {self.runs:>5} {self.wrong:>5.1f}% {'/'.join(f'{s:.0f}' for s in self.wrong_for):>12}"
            f" {self.missed:>6.1f}% {times:>17} {over:>13} {f'{self.pages:.2f}/{self.ideal:.2f}':>12}"
            f" {likely:>13} {goal:>9} {', '.join(misses) or 'yes'}{also}"
        )


def row(name: str, counted: Sequence[Counted]) -> Row:
    """The row of a class; `counted` has at least one run."""
    runs = len(counted)
    wrong = [one.wrong_for for one in counted if one.wrong_for]
    times = [time for one in counted for time in one.times]
    over = [time for one in counted for time in one.over]
    named, likely = sum(one.named for one in counted), sum(one.likely for one in counted)
    return Row(
        name=name,
        runs=runs,
        wrong=100.0 * len(wrong) / runs,
        wrong_for=(quantile(wrong, 0.5), max(wrong, default=0.0)),
        missed=100.0 * sum(bool(one.missed) for one in counted) / runs,
        times=(quantile(times, 0.5), quantile(times, 0.95), max(times, default=0.0)),
        over=(quantile(over, 0.5), quantile(over, 0.95)),
        pages=sum(one.pages for one in counted) / runs,
        ideal=sum(one.ideal for one in counted) / runs,
        likely=100.0 * likely / named if named else 0.0,
        likely_true=100.0 * sum(one.likely_and_true for one in counted) / likely if likely else 0.0,
        one_page=100.0 * sum(one.pages <= one.ideal for one in counted) / runs,
        contradicted=100.0 * sum(one.contradicted for one in counted) / runs,
        suggested=100.0 * sum(one.suggested for one in counted) / runs,
    )


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
