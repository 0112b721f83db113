"""Random failures of single probes fire no alert, a real fault among them does."""

from __future__ import annotations

from pathlib import Path

from staging_exporter.core.model import Outcome, Reason

from tests.alerts.noise import flaws
from tests.support.world import HEALTHY, START, Answer

HOURS = 1.5


def test_single_failures_fire_no_alert(tmp_path: Path) -> None:
    failed, output = flaws(tmp_path, HOURS)
    assert output == ""
    assert failed > 20


def test_a_fault_among_single_failures_fires_one_alert(tmp_path: Path) -> None:
    def world(name: str, now: float) -> Answer:
        broken = name == "dns-api" and 600 < now - START < 720
        return Answer(Outcome.FAIL, Reason.DNS) if broken else HEALTHY

    _, output = flaws(tmp_path, 0.5, world)
    assert output.count('alertname="StagingRootCauseP0"') == 1
    assert 'component="dns-api"' in output
