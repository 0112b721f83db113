"""Every scenario many times: phases, the order of effects and the order of repairs are drawn anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from tests.replay.play import flaws, play
from tests.replay.scenarios import SCENARIOS

STAGGER = 5.0


@dataclass(frozen=True)
class Tally:
    """What many runs of one scenario amount to; `flawed` has the seed and the flaws of each that went wrong."""

    scenario: str
    runs: int
    flawed: list[tuple[str, list[str]]]
    named_after: list[float]
    longest_pending: float


def repeat(times: int) -> Iterator[Tally]:
    """Play every scenario so many times."""
    for scenario in SCENARIOS:
        flawed, named_after, longest = [], [], 0.0
        for number in range(times):
            seed = f"{scenario.id} {number}"
            played = play(scenario, Random(seed), STAGGER)
            if found := flaws(scenario, played):
                flawed.append((seed, found))
            if played.first_named is not None:
                named_after.append(played.first_named)
            longest = max(longest, played.longest_pending)
        yield Tally(scenario.id, times, flawed, sorted(named_after), longest)
