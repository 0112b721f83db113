"""The minimal cases at a few phases of the probes; `python -m tests.simulation.minimal` plays as many as one likes."""

from __future__ import annotations

import pytest

from tests.simulation.minimal import check
from tests.simulation.minimal_cases import CASES

RUNS = 20


@pytest.mark.parametrize("name", CASES)
def test_a_minimal_case_is_as_its_name_says(name: str) -> None:
    outcome = check(name, RUNS)
    assert outcome.good(CASES[name]), outcome
