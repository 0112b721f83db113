"""The rate limiter as a table of times: which request waits, for how long, and what survives a reload."""

from __future__ import annotations

import pytest
from staging_exporter.core.model import Component, Layer, Observation, Outcome, Priority, Reason
from staging_exporter.engine.rate_limit import RateLimiter
from staging_exporter.options.check import Check
from staging_exporter.probes import load
from staging_exporter.probes.tcp import Tcp


def targets(**hosts: str) -> dict[str, tuple[Component, Check]]:
    """Components that ask one host each, every ten seconds: six scheduled requests in a minute."""
    return {
        name: (
            Component(name, Layer.SERVICE, Priority.P1, kind="tcp", interval=10.0),
            Tcp.model_validate({"kind": "tcp", "address": f"{host}:1"}),
        )
        for name, host in hosts.items()
    }


def spend(rate_limiter: RateLimiter, name: str, *moments: float, scheduled: bool = True) -> None:
    for moment in moments:
        assert rate_limiter.reserve(name, moment, scheduled=scheduled) == 0


def banned(component: str, ended: float, retry_after: float) -> Observation:
    facts = {"retry_after": retry_after}
    return Observation(component, ended, 0.0, Outcome.UNKNOWN, Reason.RATE_LIMITED, facts=facts)


def test_without_a_limit_nothing_waits() -> None:
    rate_limiter = RateLimiter(None, [], targets(a="a.test"))
    spend(rate_limiter, "a", *[0.0] * 1000)


def test_a_request_waits_until_the_oldest_of_a_full_minute_is_a_minute_old() -> None:
    rate_limiter = RateLimiter(7, [], targets(a="a.test"))
    spend(rate_limiter, "a", *range(7))
    assert rate_limiter.reserve("a", 10.0, scheduled=True) == pytest.approx(50.0)
    spend(rate_limiter, "a", 60.0)


def test_extra_runs_get_the_requests_that_the_schedule_leaves_over() -> None:
    rate_limiter = RateLimiter(8, [], targets(a="a.test"))
    spend(rate_limiter, "a", 0.0, 1.0, scheduled=False)
    assert rate_limiter.reserve("a", 2.0, scheduled=False) == pytest.approx(58.0)
    spend(rate_limiter, "a", 2.0)


@pytest.mark.parametrize(("shared", "waits"), [([["A.test", "b.test"]], 60.0), ([], 0.0)])
def test_hosts_of_a_shared_group_count_together(shared: list[list[str]], waits: float) -> None:
    rate_limiter = RateLimiter(12, shared, targets(a="a.test", b="b.test"))
    spend(rate_limiter, "a", *[0.0] * 12)
    assert rate_limiter.reserve("b", 0.0, scheduled=True) == pytest.approx(waits)


def test_a_retry_after_holds_for_every_check_of_the_host_and_for_an_hour_at_most() -> None:
    rate_limiter = RateLimiter(None, [], targets(a="a.test", b="a.test", other="c.test"))
    rate_limiter.note_retry_after(banned("a", ended=100.0, retry_after=30.0))
    assert [rate_limiter.blocked_until(name) for name in ("a", "b", "other")] == [130.0, 130.0, 0.0]
    rate_limiter.note_retry_after(banned("b", ended=100.0, retry_after=1e9))
    rate_limiter.note_retry_after(banned("a", ended=100.0, retry_after=1.0))
    assert (rate_limiter.blocked_until("b"), rate_limiter.blocked_until("a")) == (3700.0, 400.0)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], []),
        ([], [["a.test", "b.test"]]),
        ([["a.test", "b.test"]], []),
        ([["b.test", "c.test"], ["a.test", "d.test"]], [["a.test", "d.test"]]),
    ],
)
def test_counted_requests_and_the_retry_after_of_a_host_survive_a_reload(
    before: list[list[str]], after: list[list[str]]
) -> None:
    old = RateLimiter(7, before, targets(a="a.test", gone="z.test"))
    spend(old, "a", *range(6))
    spend(old, "a", 6.0, scheduled=False)
    old.note_retry_after(banned("a", ended=7.0, retry_after=30.0))
    new = RateLimiter(7, after, targets(renamed="a.test", fresh="y.test"))
    new.inherit(old)
    assert new.reserve("renamed", 10.0, scheduled=True) == pytest.approx(50.0)
    assert new.reserve("renamed", 61.0, scheduled=False) == pytest.approx(5.0)
    assert new.blocked_until("renamed") == 37.0
    assert new.reserve("fresh", 10.0, scheduled=True) == 0.0
    assert new.blocked_until("fresh") == 0.0


def test_a_merged_group_inherits_from_both() -> None:
    old = RateLimiter(7, [], targets(a="a.test", b="b.test"))
    spend(old, "a", 0.0, 2.0, 4.0)
    spend(old, "b", 1.0, 3.0, 5.0, 6.0)
    new = RateLimiter(7, [["a.test", "b.test"]], targets(a="a.test", b="b.test"))
    new.inherit(old)
    assert new.reserve("a", 10.0, scheduled=True) == pytest.approx(50.0)


def costly(most: int, interval: float) -> dict[str, tuple[Component, Check]]:
    """A component whose runs cost money."""
    options = {"kind": "websocket", "url": "ws://a.test/", "max_runs_per_hour": most}
    component = Component("agent", Layer.SERVICE, Priority.P1, kind="websocket", interval=interval)
    return {"agent": (component, load("websocket").model_validate(options))}


def test_an_hour_has_at_most_so_many_runs() -> None:
    rate_limiter = RateLimiter(None, [], costly(3, 1200.0))
    spend(rate_limiter, "agent", 0.0, 10.0, 20.0)
    assert rate_limiter.reserve("agent", 30.0, scheduled=True) == pytest.approx(3570.0)
    spend(rate_limiter, "agent", 3600.0)


def test_retries_get_the_runs_that_the_schedule_leaves_over() -> None:
    rate_limiter = RateLimiter(None, [], costly(14, 300.0))
    spend(rate_limiter, "agent", 0.0, 1.0, scheduled=False)
    assert rate_limiter.reserve("agent", 2.0, scheduled=False) == pytest.approx(3598.0)
    spend(rate_limiter, "agent", 2.0)


def test_a_reload_does_not_forget_the_runs_of_the_hour() -> None:
    before, after = (RateLimiter(None, [], costly(3, 1200.0)) for _ in range(2))
    spend(before, "agent", 0.0, 1.0, 2.0)
    after.inherit(before)
    assert after.reserve("agent", 3.0, scheduled=True) > 0


def test_runs_on_demand_get_a_quarter_of_what_the_schedule_leaves_over() -> None:
    rate_limiter = RateLimiter(46, [], targets(a="a.test"))
    assert [rate_limiter.reserve_on_demand("a", float(at)) for at in range(10)] == [0.0] * 10  # of 46 - 6, a quarter
    assert rate_limiter.reserve_on_demand("a", 10.0) == 50.0
    spend(rate_limiter, "a", *[10.0] * 6)
    spend(rate_limiter, "a", *[11.0] * 30, scheduled=False)
    assert rate_limiter.reserve_on_demand("a", 60.5) == 0.0
