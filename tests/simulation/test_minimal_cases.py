"""The minimal cases at a few phases of the probes; `python -m tests.simulation.minimal` plays as many as one likes."""

from __future__ import annotations

import pytest

from tests.simulation.minimal import check
from tests.simulation.minimal_cases import CASES

RUNS = 20
# How often these are so is a figure of the table, not a promise: thresholds are random, and bounds are near.
MEASURED = {
    "a chain of four that fails in a third of its runs has one root cause",
    "a dependent that hangs and one that is slow speak for one network",
}


@pytest.mark.parametrize("name", [name for name in CASES if name not in MEASURED])
def test_a_minimal_case_is_as_its_name_says(name: str) -> None:
    outcome = check(name, RUNS)
    assert outcome.good(CASES[name]), outcome
