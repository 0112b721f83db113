"""Five scenarios through everything that is real; `make page` takes all of them, and what goes wrong on the way."""

from __future__ import annotations

from pathlib import Path

from tests.paging.rig import rig
from tests.paging.stories import of_fault, tell

SCENARIOS = ("F10", "F01", "F25", "F14", "F11")  # a name, the database, what nobody can probe, the edge, a certificate


def test_one_page_per_root_cause(tmp_path: Path) -> None:
    with rig(tmp_path) as live:
        told = tell(live, [of_fault(name) for name in SCENARIOS])
    assert [flaw for one in told for flaw in one.flaws] == []
    assert len(told) == len(SCENARIOS)
