"""`python -m tests.simulation [TIMES]`: every scenario TIMES [200] times, twice as many faults in
quick succession, and four days, with their figures."""

from __future__ import annotations

import sys
from random import Random

from tests.simulation import quick_succession
from tests.simulation.day import faults, live
from tests.simulation.incidents import repeat

_ROW = "{:<20} {:>6} {:>7} {:>9} {:>9} {:>9}"


def main() -> int:
    """Print one row per scenario and per day; 1 when anything was published that is not so."""
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    return 1 if _incidents(times) + quick_succession.report(2 * times, 1) + _days() else 0


def _incidents(times: int) -> int:
    print(_ROW.format("scenario", "runs", "flawed", "named p50", "named max", "pending"))
    wrong = 0
    for tally in repeat(times):
        named = tally.named_after
        middle, longest = (f"{named[len(named) // 2]:.1f} s", f"{named[-1]:.1f} s") if named else ("", "")
        pending = f"{tally.longest_pending:.1f} s"
        print(_ROW.format(tally.scenario, tally.runs, len(tally.flawed), middle, longest, pending), flush=True)
        for seed, flaws in tally.flawed[:3]:
            print(f"  {seed}: {'; '.join(flaws)}")
        wrong += len(tally.flawed)
    return wrong


def _days() -> int:
    wrong = 0
    for seed in (1, 2):
        random = Random(seed)
        for planned in ([], faults(random, 20)):
            day = live(random, planned)
            known = sorted([*planned, *day.by_chance])
            as_planned = [name for _, name in day.began] == [name for _, name in known] and not day.roots_at_the_end
            wrong += not as_planned
            print(
                f"a day with {len(planned)} faults: {day.runs} runs, {len(day.began)} root causes published, "
                f"{'as planned' if as_planned else f'planned {planned}, published {day.began}'}"
                f"{f', by chance {day.by_chance}' if day.by_chance else ''}"
            )
    return wrong


if __name__ == "__main__":
    sys.exit(main())
