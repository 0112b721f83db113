"""Every scenario, with every instant of it looked at; then again with effects and repairs in random order."""

from __future__ import annotations

from random import Random

import pytest

from tests.replay.play import flaws, play
from tests.replay.scenarios import SCENARIOS, Scenario


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.id)
def test_scenario(scenario: Scenario) -> None:
    assert flaws(scenario, play(scenario, Random(scenario.id))) == []


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.id)
def test_scenario_with_staggered_effects_and_repairs(scenario: Scenario, seed: int) -> None:
    assert flaws(scenario, play(scenario, Random(f"{scenario.id} {seed}"), stagger=5.0)) == []


def test_every_scenario_of_the_incident_is_there() -> None:
    numbers = {scenario.id.split()[0] for scenario in SCENARIOS}
    assert len(numbers) == 23
