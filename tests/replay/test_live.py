"""Every scenario on the demo environment, with nothing else ever published as a root."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.replay.live import Stage, stage
from tests.replay.scenarios import SCENARIOS, Scenario

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def demo() -> AsyncIterator[Stage]:
    async with stage() as ready:
        yield ready


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.id)
async def test_scenario(demo: Stage, scenario: Scenario) -> None:
    await demo.healthy()
    played = await demo.play(scenario)
    assert played.flaws == []
    assert played.longest_pending < 20.0
