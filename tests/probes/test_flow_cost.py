"""What a golden path costs: `make prove` measures 10,000 runs, this test enough of them to notice a leak."""

from __future__ import annotations

from tests.soak.flows import MOST_CPU, MOST_GROWTH, measure


async def test_three_hundred_runs_hold_nothing_and_are_cheap() -> None:
    cost = await measure(300)
    assert cost.after == cost.before
    assert cost.growth < MOST_GROWTH
    assert cost.cpu < MOST_CPU
