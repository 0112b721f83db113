"""`python -m tests.replay`: the scenarios of the incident through the pure core, as a table."""

from __future__ import annotations

import sys
from random import Random

from staging_exporter.core.snapshot import Snapshot

from tests.replay.play import Played, flaws, play
from tests.replay.scenarios import SCENARIOS, Scenario

_ROW = "{:<20} {:<42} {:<42} {:>7}  {}"


def main() -> int:
    """Print one row per scenario; 1 when one of them is not as expected."""
    print(_ROW.format("scenario", "expected", "seen", "seconds", "verdict"))
    flawed = [scenario for scenario in SCENARIOS if not _print_row(scenario, play(scenario, Random(scenario.id)))]
    print(f"{len(SCENARIOS) - len(flawed)} of {len(SCENARIOS)} as expected")
    return 1 if flawed else 0


def _print_row(scenario: Scenario, played: Played) -> bool:
    expected = " ".join(f"{name} {priority}" for name, priority in sorted(scenario.roots.items()))
    seconds = "" if played.first_named is None else f"{played.first_named:.1f}"
    wrong = flaws(scenario, played)
    verdict = "; ".join(wrong) or "ok"
    print(_ROW.format(scenario.id, expected or "no root", _seen(played.at_the_end) or "no root", seconds, verdict))
    return not wrong


def _seen(snapshot: Snapshot) -> str:
    return " ".join(sorted(f"{root.component} {root.priority}" for root in snapshot.root_causes))


if __name__ == "__main__":
    sys.exit(main())
