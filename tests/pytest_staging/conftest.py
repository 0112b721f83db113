"""What the tests of the plugin have in common."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def at_a_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    """pytest prints its summary in another form where the variable CI is set."""
    monkeypatch.delenv("CI", raising=False)
