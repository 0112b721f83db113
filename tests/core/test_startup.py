"""When a startup budget is spent: what a snapshot says while a component is starting."""

from __future__ import annotations

from dataclasses import replace

import pytest
from staging_exporter.core.model import Reason, Startup, State

from tests.support.stage import COMPONENTS, Stage


@pytest.mark.parametrize(
    ("seconds", "reason", "state", "ends"),
    [
        pytest.param(5, Reason.STARTING, State.STARTING, 12.0, id="it runs from the first failure since it was up"),
        pytest.param(20, Reason.STARTING, State.DOWN, None, id="a spent budget has no end"),
        pytest.param(5, Reason.OK, State.UP, None, id="an up component has no end of its budget"),
        pytest.param(5, Reason.SERVER_ERROR, State.DOWN, None, id="a failure that is not a start has no budget"),
    ],
)
def test_the_end_of_the_budget(seconds: int, reason: Reason, state: State, ends: float | None) -> None:
    stage = Stage(*COMPONENTS[:3], replace(COMPONENTS[3], startup=Startup(10.0)))
    stage.play(1)
    stage.play(seconds, backend=reason)
    assert (stage["backend"].state, stage["backend"].startup_ends) == (state, ends)


def test_without_a_budget_there_is_no_end() -> None:
    stage = Stage()
    stage.play(5, backend=Reason.STARTING)
    assert stage["backend"].startup_ends is None
