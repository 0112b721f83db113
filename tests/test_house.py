"""The house in CONTRIBUTING.md has every room that there is, and no other."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
MAKE_NO_ROOM = {"__init__.py", "__main__.py", "py.typed", "__pycache__"}


def test_every_room_is_in_the_house() -> None:
    rows = [
        line
        for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines()
        if line.startswith("| `exporter/staging_exporter/")
    ]
    told = [
        name.removeprefix("exporter/staging_exporter/").rstrip("/")
        for row in rows
        for name in re.findall(r"`([^`]+)`", row.split("|")[1])
    ]
    assert sorted(told) == sorted(
        path.name for path in (ROOT / "exporter" / "staging_exporter").iterdir() if path.name not in MAKE_NO_ROOM
    )
