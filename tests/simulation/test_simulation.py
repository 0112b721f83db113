"""The share of the simulations that every test run can afford; `python -m tests.simulation` is the whole."""

from __future__ import annotations

from random import Random

from tests.simulation.day import HOUR, Chance, environment, faults, live
from tests.simulation.quick_succession import LATE, follow_each_other
from tests.support.world import HEALTHY, START


def test_hours_of_chance_failures_publish_no_root() -> None:
    day = live(Random(1), [], 6 * HOUR)
    assert day.runs > 47_000
    assert (day.began, day.by_chance) == ([], [])


def test_failures_by_chance_that_come_three_in_a_row_are_an_outage() -> None:
    chance = Chance(environment(), _Draws([0.0, 0.0, 1.0, 0.0, 0.0, 0.0]))
    shown = [chance.answer("backend", START + second, HEALTHY).outcome for second in range(6)]
    assert shown == ["fail", "fail", "pass", "fail", "fail", "fail"]
    assert chance.outages == [(5.0, "backend")]


class _Draws(Random):
    """Draws these numbers."""

    def __init__(self, numbers: list[float]) -> None:
        super().__init__()
        self._numbers = numbers

    def random(self) -> float:
        return self._numbers.pop(0)


def test_twenty_faults_publish_those_twenty_and_nothing_else() -> None:
    planned = faults(Random(1), 20, 12 * HOUR)
    day = live(Random(2), planned, 12 * HOUR)
    assert [name for _, name in day.began] == [name for _, name in planned]
    assert all(0 < named - begins < 50 for (named, _), (begins, _) in zip(day.began, planned, strict=True))
    assert day.roots_at_the_end == ()
    assert not day.unsettled_at_the_end


def test_what_was_over_a_moment_ago_does_not_hide_what_fails_now() -> None:
    found = follow_each_other(60, 3)
    assert [one for one in found if one.named != (one.root,)] == []
    assert [one for one in found if one.seconds > LATE] == []
