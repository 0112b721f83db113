"""Five scenarios end to end; `make page` plays all of them, and disturbances on the way to the page."""

from __future__ import annotations

from pathlib import Path

from tests.paging.rig import rig
from tests.paging.stories import of_fault, play

SCENARIOS = (
    "F10",
    "F01",
    "F25",
    "F14",
    "F11",
)  # a name, the database, a latent component, the edge, a certificate


def test_one_page_per_root_cause(tmp_path: Path) -> None:
    with rig(tmp_path) as live:
        outcomes = play(live, [of_fault(name) for name in SCENARIOS])
    assert [flaw for one in outcomes for flaw in one.flaws] == []
    assert len(outcomes) == len(SCENARIOS)
