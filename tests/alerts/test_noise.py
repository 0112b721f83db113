"""Noise wakes nobody, and a fault within the noise does."""

from __future__ import annotations

from pathlib import Path

from staging_exporter.core.model import Outcome, Reason

from tests.alerts.noise import flaws
from tests.support.world import HEALTHY, START, Answer

HOURS = 1.5


def test_nothing_fires_for_single_failures(tmp_path: Path) -> None:
    failed, said = flaws(tmp_path, HOURS)
    assert said == ""
    assert failed > 20


def test_a_fault_among_them_fires(tmp_path: Path) -> None:
    def world(name: str, now: float) -> Answer:
        broken = name == "dns-api" and 600 < now - START < 720
        return Answer(Outcome.FAIL, Reason.DNS) if broken else HEALTHY

    _, said = flaws(tmp_path, 0.5, world)
    assert said.count('alertname="StagingRootCauseP0"') == 1
    assert 'component="dns-api"' in said
