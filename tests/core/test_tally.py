"""The last runs and the last failures of a component: bounded, oldest first, failures outlast passes."""

from __future__ import annotations

from typing import Any

import pytest
from staging_exporter.core.model import Observation, Outcome, Reason
from staging_exporter.core.snapshot import ProbeStats
from staging_exporter.core.tally import FAILURES_KEPT, RUNS_KEPT, Counts, Tally


def test_a_bucket_includes_its_bound() -> None:
    counts = Counts((0.1, 1.0))
    for seconds in (0.05, 0.1, 0.11, 1.0, 1.01):
        counts.add(seconds)
    assert counts.frozen().counts == (2, 2, 1)


def test_failures_are_kept_out_of_the_histogram() -> None:
    tally = Tally((0.1, 1.0))
    outcomes = [(Outcome.PASS, 0.05), (Outcome.DEGRADED, 0.5), (Outcome.FAIL, 5.0), (Outcome.UNKNOWN, 3.0)]
    for outcome, took in outcomes:
        tally.add(Observation("a", 0.0, took, outcome, Reason.OK))
    stats = tally.frozen()
    assert (stats.durations.counts, stats.durations.total) == ((1, 1, 0), pytest.approx(0.55))
    assert (stats.runs, stats.last_failure_duration) == (4, 5.0)


def test_other_buckets_begin_a_new_histogram_and_forget_no_run() -> None:
    tally = Tally((0.1,))
    tally.add(Observation("a", 0.0, 0.05, Outcome.PASS, Reason.OK))
    assert tally.with_buckets((0.1,)).frozen().durations.counts == (1, 0)
    stats = tally.with_buckets((1.0, 2.0)).frozen()
    assert (stats.durations.counts, stats.runs) == ((0, 0, 0), 1)


def _tally_of(*seen: dict[str, Any]) -> ProbeStats:
    tally = Tally()
    for facts in seen:
        tally.add(Observation("a", 0.0, 0.1, Outcome.PASS, Reason.OK, facts=facts))
    return tally.frozen()


ONE = {"tls_fingerprint_sha256": "1", "tls_not_after": 10.0, "tls_chain_not_after": 5.0, "tls_verified_not_after": 9.0}
OTHER = {"tls_fingerprint_sha256": "2", "tls_not_after": 20.0, "tls_chain_not_after": 20.0}


@pytest.mark.parametrize(
    ("seen", "fingerprint"),
    [
        ((ONE,), "1"),
        ((ONE, OTHER), "1"),
        ((ONE, OTHER, ONE, OTHER), "1"),
        ((ONE, OTHER, OTHER), "2"),
        ((ONE, OTHER, {}, OTHER), "2"),
    ],
    ids=["first", "once", "alternating", "twice in a row", "twice, with a run between that saw none"],
)
def test_the_info_follows_a_certificate_that_was_seen_twice_in_a_row(seen: Any, fingerprint: str) -> None:
    assert _tally_of(*seen).tls_info[-1] == fingerprint


def test_expiries_are_those_of_the_certificate_that_was_seen_last() -> None:
    before = _tally_of({**ONE, "credential_not_after": 3.0}, {}).expiries
    assert before == {"tls_not_after": 10.0, "tls_chain_not_after": 5.0, "tls_verified_not_after": 9.0,
                      "credential_not_after": 3.0}  # fmt: skip
    assert _tally_of(ONE, OTHER).expiries == {"tls_not_after": 20.0, "tls_chain_not_after": 20.0}


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
