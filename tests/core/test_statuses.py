"""Statuses that are remembered equal those that are built anew, after every step of random lives."""

from __future__ import annotations

from dataclasses import replace

import pytest
from staging_exporter.core.board import Board
from staging_exporter.core.model import Observation
from staging_exporter.core.snapshot import ComponentStatus
from staging_exporter.core.statuses import Statuses

from tests.core.test_lives import Life
from tests.views.fleet import board


class ScheduledLife(Life):
    """One whose runs count for the error budget."""

    def _run(self, name: str) -> Observation:
        seen = replace(super()._run(name), scheduled=self.random.random() < 0.8)
        return replace(seen, facts={"status": 200 if self.random.random() < 0.5 else 503})


def built_anew(board: Board) -> dict[str, ComponentStatus]:
    return Statuses(board.topology.components, board._records, board._publisher).current(board.journal)


@pytest.mark.parametrize("seed", range(12))
def test_what_is_remembered_is_what_would_be_built_anew(seed: int) -> None:
    life = ScheduledLife(seed)
    for _ in range(400):
        life.step()
        remembered = life.board._statuses.current(life.board.journal)
        assert remembered == built_anew(life.board)
        assert list(remembered) == list(life.board.topology.components)


def test_only_the_status_of_a_component_that_ran_is_another_object() -> None:
    seen = board()
    before = seen.snapshot(30.0).components
    run = seen._records["model-a"].last
    assert run is not None
    seen.record(replace(run, started=31.0))
    after = seen.snapshot(32.0).components
    changed = {name for name in before if after[name] is not before[name]}
    assert changed - {"suite"} == {"model-a"}  # the conflicts of a suite are weighed for each snapshot
