"""The nouns, and the names of the metrics."""

from __future__ import annotations

import pytest
from staging_exporter.core import names
from staging_exporter.core.model import INCONCLUSIVE, Priority, ProbeDegraded, ProbeFailed, Reason
from staging_exporter.core.rules import CLASSES_OF

METRICS = [metric for metric in vars(names).values() if isinstance(metric, names.Metric)]


def test_priorities_are_numbers_and_the_most_urgent_is_the_least() -> None:
    assert [priority.number for priority in Priority] == [0, 1, 2]
    assert min(Priority.P2, Priority.P0, Priority.P1) == Priority.P0


def test_a_failed_probe_says_why() -> None:
    failure = ProbeDegraded(Reason.SLOW, "3 s, expected at most 2 s")
    assert isinstance(failure, ProbeFailed)
    assert (str(failure), failure.reason, failure.detail) == (
        "slow: 3 s, expected at most 2 s",
        Reason.SLOW,
        "3 s, expected at most 2 s",
    )


def test_every_reason_of_a_failure_has_a_class() -> None:
    rest = INCONCLUSIVE | {Reason.OK, Reason.STARTING, Reason.INFERRED, Reason.DISABLED}
    assert {reason for reason, classes in CLASSES_OF.items() if classes} == set(Reason) - rest


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_metrics_are_named_by_the_conventions(metric: names.Metric) -> None:
    assert metric.name.startswith("staging_")
    assert metric.name.endswith("_total") == (metric.kind == names.COUNTER)
    assert metric.help.endswith(".")
    assert names.ENVIRONMENT not in metric.labels


def test_no_metric_is_named_twice() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
