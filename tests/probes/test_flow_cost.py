"""What a golden path holds: `make prove` measures 10,000 runs and their CPU, this test enough to notice a leak."""

from __future__ import annotations

from tests.soak.flows import MOST_GROWTH, measure


async def test_three_hundred_runs_hold_nothing() -> None:
    cost = await measure(300)
    assert cost.after == cost.before
    assert cost.growth < MOST_GROWTH
