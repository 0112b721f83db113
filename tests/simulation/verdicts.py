"""`python -m tests.simulation.verdicts`: where the verdict is wrong, class by class, over many random environments."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import islice

from tests.simulation.catalogue import CLASSES
from tests.simulation.counting import Counted, count
from tests.simulation.playing import play
from tests.simulation.table import HEAD, row
from tests.simulation.telling import tell

CHUNK = 5  # runs that a process makes at a time


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 when a goal is missed."""
    options = _parser().parse_args(arguments)
    names = options.classes or list(CLASSES)
    if options.only_seed is not None:
        for name in names:
            print(tell(name, f"{options.seed}.{options.only_seed}", trace=options.trace))
        return 0
    print(HEAD, flush=True)
    missed = 0
    with ProcessPoolExecutor(options.jobs) as pool:
        for name in names:
            seeds = [f"{options.seed}.{number}" for number in range(options.runs)]
            chunks = [seeds[n : n + CHUNK] for n in range(0, len(seeds), CHUNK)]
            counted = [one for some in pool.map(run_many, [name] * len(chunks), chunks) for one in some]
            found = row(name, counted)
            missed += bool(found.misses(CLASSES[name]))
            print(found.line(CLASSES[name]), flush=True)
            for seed in islice(_worth_showing(seeds, counted, missed=options.missed), options.show):
                print(tell(name, seed, trace=options.trace))
    return 1 if missed else 0


def run_many(name: str, seeds: Sequence[str]) -> list[Counted]:
    """Some runs of a class, counted."""
    return [count(play(CLASSES[name].story(name, seed), seed)) for seed in seeds]


def _worth_showing(seeds: Sequence[str], counted: Sequence[Counted], *, missed: bool) -> Iterator[str]:
    return (seed for seed, one in zip(seeds, counted, strict=True) if (one.missed if missed else one.wrong_for))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.verdicts", description=__doc__)
    parser.add_argument("--runs", type=int, default=300, help="runs of each class [300]")
    parser.add_argument(
        "--class", dest="classes", action="append", choices=CLASSES, metavar="NAME", help="only this class; repeatable"
    )
    parser.add_argument("--seed", type=int, default=1, help="another number draws other environments [1]")
    parser.add_argument("--jobs", type=int, default=2, help="processes [2]")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="the stories of N wrong runs of each class")
    parser.add_argument("--missed", action="store_true", help="show runs that missed a root cause, not wrong ones")
    parser.add_argument("--only-seed", type=int, metavar="K", help="the story of that run, and no table")
    parser.add_argument("--trace", action="store_true", help="stories with every run and every change of state")
    return parser


if __name__ == "__main__":
    sys.exit(main())
