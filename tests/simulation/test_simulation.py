"""The share of the simulations that every test run can afford; `python -m tests.simulation` is the whole."""

from __future__ import annotations

from random import Random

from tests.simulation.day import HOUR, faults, live


def test_hours_of_chance_failures_publish_no_root() -> None:
    day = live(Random(1), [], 6 * HOUR)
    assert day.runs > 47_000
    assert day.began == []


def test_twenty_faults_publish_those_twenty_and_nothing_else() -> None:
    planned = faults(Random(1), 20, 12 * HOUR)
    day = live(Random(2), planned, 12 * HOUR)
    assert [name for _, name in day.began] == [name for _, name in planned]
    assert all(0 < named - begins < 50 for (named, _), (begins, _) in zip(day.began, planned, strict=True))
    assert day.roots_at_the_end == ()
    assert not day.unsettled_at_the_end
