"""The share of the simulations that every test run can afford; `python -m tests.simulation` is the whole."""

from __future__ import annotations

from random import Random

from tests.simulation.day import faults, live


def test_a_day_of_chance_failures_publishes_no_root() -> None:
    day = live(Random(1), [])
    assert day.runs > 190_000
    assert day.began == []


def test_a_day_with_twenty_faults_publishes_those_twenty() -> None:
    planned = faults(Random(1), 20)
    day = live(Random(2), planned)
    assert [name for _, name in day.began] == [name for _, name in planned]
    assert all(0 < named - begins < 50 for (named, _), (begins, _) in zip(day.began, planned, strict=True))
    assert day.roots_at_the_end == ()
    assert not day.unsettled_at_the_end
