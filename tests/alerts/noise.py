"""A simulated day without faults, on which one probe in 200 fails by chance, through the real rules.

`python -m tests.alerts.noise` simulates the whole day; the tests take some hours of it.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from staging_exporter.core.board import Board
from staging_exporter.core.names import PROBE_FAILURES
from staging_exporter.views.exporter_status import ExporterStatus
from staging_exporter.views.exposition import TEXT
from staging_exporter.views.metrics import Metrics

from tests.alerts.derive import notation
from tests.alerts.promtool import GROUPS, run_tests
from tests.support.reference import reference
from tests.support.world import HEALTHY, START, Answer, VirtualRunner, World

NOISE = 0.005
_STATUS = ExporterStatus(reload_successful=True, loaded_at=0.0)
_FIRED = 'max_over_time(ALERTS{alertname!="StagingWatchdog",alertstate="firing"}[2d])'
# Alerts every 15 seconds, error budgets every minute: promtool evaluates all groups at one pace.
_PACES = ((False, 15.0), (True, 60.0))


def healthy(_name: str, _now: float) -> Answer:
    """A world without faults."""
    return HEALTHY


@dataclass
class Recording:
    """Every series that the rules use, a value per scrape; `failed` counts probes that did not pass."""

    metrics: frozenset[str]
    step: float
    scrapes: int = 0
    failed: float = 0.0
    values: dict[str, list[float | None]] = field(default_factory=dict)
    _metrics: Metrics = field(default_factory=Metrics)

    def scrape(self, now: float, board: Board) -> None:
        """Scrape when the next scrape is due."""
        if now - START < self.scrapes * self.step:
            return
        self.failed = 0.0
        for name, value in self._seen(board, now):
            row = self.values.setdefault(name, [])
            row += [None] * (self.scrapes - len(row)) + [value]
        self.scrapes += 1

    def _seen(self, board: Board, now: float) -> Iterator[tuple[str, float]]:
        for line in "".join(self._metrics.pieces(board.snapshot(now), _STATUS, TEXT)).splitlines():
            sample, _, value = line.rpartition(" ")
            name = sample.partition("{")[0]
            if name in self.metrics:
                begin = START if name.endswith("_timestamp_seconds") else 0.0  # in promtool time begins at zero
                self.failed += float(value) if name == PROBE_FAILURES.name else 0.0
                yield sample, round(float(value) - begin, 3)

    def series(self) -> list[dict[str, str]]:
        """The series in the notation of promtool."""
        return [{"series": name, "values": notation(row)} for name, row in self.values.items()]


def flaws(directory: Path, hours: float, world: World = healthy) -> tuple[float, str]:
    """The number of failed probes, and the output of promtool when an alert fired, else nothing."""
    failed, output = 0.0, ""
    for budgets, step in _PACES:
        groups = [group for group in GROUPS if group["name"].startswith("staging-slo") == budgets]
        asked = re.findall(
            r"\bstaging_\w+(?=\{)", " ".join(rule["expr"] for group in groups for rule in group["rules"])
        )
        recording = Recording(frozenset(asked) | {PROBE_FAILURES.name}, step)
        VirtualRunner(reference(), world, Random(1), NOISE, recording.scrape).run(START + hours * 3600)
        check = {"expr": _FIRED, "eval_time": f"{(recording.scrapes - 1) * step:.0f}s", "exp_samples": []}
        test = {"interval": f"{step:.0f}s", "input_series": recording.series(), "promql_expr_test": [check]}
        output += run_tests(directory, [test], step, groups)
        failed = recording.failed
    return failed, output


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        failures, wrong = flaws(Path(name), 24.0)
    print(f"A day with {failures:.0f} failed probes of noise: {wrong or 'no alert fired.'}")
    sys.exit(bool(wrong))
