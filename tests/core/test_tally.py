"""The last runs and the last failures of a component: bounded, oldest first, failures outlast passes."""

from __future__ import annotations

from staging_exporter.core.model import Observation, Outcome, Reason
from staging_exporter.core.tally import FAILURES_KEPT, RUNS_KEPT, Counts, Tally


def test_a_bucket_includes_its_bound() -> None:
    counts = Counts((0.1, 1.0))
    for seconds in (0.05, 0.1, 0.11, 1.0, 1.01):
        counts.add(seconds)
    assert counts.frozen().counts == (2, 2, 1)


def test_runs_and_failures_are_kept_for_a_while() -> None:
    tally = Tally()
    for at in range(15):
        tally.add(Observation("a", float(at), 0.1, Outcome.FAIL, Reason.CLOSED, f"hung up {at}", phases={"tls": 0.1}))
    for at in range(15, 100):
        tally.add(Observation("a", float(at), 0.1, Outcome.PASS, Reason.OK, facts={"body": "x" * 1000}))
    stats = tally.frozen()
    assert (stats.runs, stats.failures) == (100, {Reason.CLOSED: 15})
    assert [run.started for run in stats.last] == list(range(100 - RUNS_KEPT, 100))
    assert [run.started for run in stats.last_failures] == list(range(15 - FAILURES_KEPT, 15))
    assert (stats.last_failures[-1].detail, stats.last_failures[-1].phases) == ("hung up 14", {"tls": 0.1})
