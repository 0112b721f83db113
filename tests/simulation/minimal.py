"""`python -m tests.simulation.minimal`: the minimal cases at many phases of the probes, as a table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from tests.simulation.counting import count
from tests.simulation.minimal_cases import CASES, Case
from tests.simulation.playing import Played, play
from tests.simulation.table import quantile
from tests.simulation.telling import tell_story


@dataclass(frozen=True)
class Outcome:
    """`wrong` and `late` are the seeds whose runs published a false root, or not all true ones in time."""

    runs: int
    wrong: tuple[str, ...]
    late: tuple[str, ...]
    named_at: tuple[float, ...]

    def good(self, case: Case) -> bool:
        """True when the case is as its name says."""
        return 100.0 * len(self.wrong) <= case.wrong * self.runs and not self.late


def check(name: str, runs: int) -> Outcome:
    """Play a case at so many phases."""
    wrong, late, named_at = [], [], []
    for number in range(runs):
        seed = str(number)
        played = play(CASES[name].story(name, seed), seed)
        if count(played).wrong_for:
            wrong.append(seed)
        named = _named(played)
        if named is not None and CASES[name].roots:
            named_at.append(named)
        if (by := CASES[name].named_by) is not None and (named is None or named > by):
            late.append(seed)
    return Outcome(runs, tuple(wrong), tuple(late), tuple(named_at))


def _named(played: Played) -> float | None:
    """When all true roots are published for the first time."""
    true = set(played.story.roots)
    return next((now for now, names in played.published if true.issubset(names)), None)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 when a case is not as its name says."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.minimal", description=__doc__)
    parser.add_argument("words", nargs="*", help="only cases whose names contain all of these words")
    parser.add_argument("--runs", type=int, default=100, help="phases of the probes [100]")
    parser.add_argument("--show", action="store_true", help="the story of one bad run of each case")
    options = parser.parse_args(arguments)
    names = [name for name in CASES if all(word in name for word in options.words)]
    bad = 0
    print(f"{'wrong':>6} {'late':>6} {'named p50/max':>14} {'by':>5}  case")
    for name in names:
        outcome = check(name, options.runs)
        good = outcome.good(CASES[name])
        bad += not good
        at = f"{quantile(outcome.named_at, 0.5):.0f}/{max(outcome.named_at, default=0.0):.0f} s"
        by = CASES[name].named_by
        shares = (f"{100 * len(some) / outcome.runs:.0f}%" for some in (outcome.wrong, outcome.late))
        print(
            f"{next(shares):>6} {next(shares):>6} {at if outcome.named_at else '-':>14} {f'{by:.0f}' if by else '-':>5}"
            f"  {'' if good else 'NOT SO: '}{name}",
            flush=True,
        )
        if options.show and (seeds := outcome.wrong or outcome.late):
            print(tell_story(f"seed {seeds[0]}", CASES[name].story(name, seeds[0]), seeds[0], trace=True))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
