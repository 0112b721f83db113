"""When to probe: cadence, spread, no overlap, faster while confirming, at once when asked, and a quick end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from staging_exporter.clock import now
from staging_exporter.core.board import Board
from staging_exporter.core.journal import Journal
from staging_exporter.core.maintenance import MaintenanceWindow, Once
from staging_exporter.core.memory import Memory
from staging_exporter.core.model import Component, Layer, Observation, Outcome, Priority, Reason, State, Topology
from staging_exporter.core.schedule import next_turn, place_of
from staging_exporter.engine.rate_limit import RateLimiter
from staging_exporter.engine.scheduler import Scheduler
from staging_exporter.options.check import Check
from staging_exporter.probes.tcp import Tcp

from tests.support.waiting import held_up, until

_NOTICED = 0.05  # seconds after which the scheduler knows that a run has ended
CHECK = Tcp.model_validate({"kind": "tcp", "address": "target.test:1"})


def component(name: str, *depends_on: str, interval: float = 0.2) -> Component:
    return Component(
        name,
        Layer.SERVICE,
        Priority.P1,
        kind="tcp",
        depends_on=tuple((other,) for other in depends_on),
        interval=interval,
        timeout=interval,
        retry_interval=interval / 10,
    )


class Bench:
    """A scheduler whose runs are scripted; notes when each run began and ended."""

    def __init__(self, *components: Component, limit: int | None = None) -> None:
        self.runs: list[Observation] = []
        self.requested: list[bool] = []
        self.script: Callable[[str], Reason] = lambda _name: Reason.OK
        self.takes = 0.0
        self.facts: dict[str, float] = {}
        topology = Topology("test", {c.name: c for c in components})
        self.board = Board(topology, now())
        targets = {c.name: (c, CHECK) for c in components}
        self.scheduler = Scheduler(self.board, targets, self.attempt, RateLimiter(limit, [], targets))

    async def attempt(self, component: Component, _check: Check, lag: float, requested: bool) -> Observation:
        self.requested.append(requested)
        started, reason = now(), self.script(component.name)
        if self.takes:
            await asyncio.sleep(self.takes)
        outcome = {Reason.OK: Outcome.PASS, Reason.RATE_LIMITED: Outcome.UNKNOWN}.get(reason, Outcome.FAIL)
        seen = Observation(component.name, started, now() - started, outcome, reason, lag=lag, facts=self.facts)
        self.runs.append(seen)
        return seen

    def asking(self, reason: Reason) -> Callable[[str], Reason]:
        """A script in which each run ends so, and is asked for once more while it goes on."""

        def script(name: str) -> Reason:
            self.scheduler.request([name])
            return reason

        return script

    def of(self, name: str) -> list[Observation]:
        return [run for run in self.runs if run.component == name]

    async def __aenter__(self) -> Bench:
        self.scheduler.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.scheduler.stop()


def due(run: Observation) -> float:
    """When a run should have started, however late a busy machine started it."""
    return run.started - run.lag


def skipped_turns(runs: list[Observation], interval: float) -> list[float]:
    """The turns of `a` without a run although the run before had ended."""
    wanted = [(next_turn(place_of("a"), interval, a.ended + _NOTICED), due(b)) for a, b in pairwise(runs)]
    return [turn for turn, taken in wanted if taken > turn + 0.01]


def extra_runs(runs: list[Observation], interval: float) -> int:
    """How many runs of `a` there were beside one for each turn."""
    return len(runs) - len({next_turn(place_of("a"), interval, run.started) for run in runs})


async def test_runs_start_on_the_grid_whatever_they_take() -> None:
    async with Bench(component("a")) as bench:
        bench.takes = 0.05
        await until(lambda: len(bench.runs) >= 6)
    turns = [due(run) for run in bench.runs[1:]]
    assert all((b - a) / 0.2 == pytest.approx(round((b - a) / 0.2), abs=0.01) for a, b in pairwise(turns))


async def test_no_turn_is_skipped_where_the_retry_interval_is_as_long_as_the_interval() -> None:
    async with Bench(replace(component("a", interval=0.5), retry_interval=0.5)) as bench:
        await until(lambda: len(bench.runs) >= 5)
    assert skipped_turns(bench.runs[1:], 0.5) == []


async def test_no_turn_is_skipped_where_the_run_was_requested_as_well() -> None:
    async with Bench(replace(component("a", interval=0.5), retry_interval=0.5)) as bench:
        ask = bench.asking(Reason.OK)
        bench.script = lambda name: ask(name) if len(bench.runs) == 2 else Reason.OK
        await until(lambda: len(bench.runs) >= 5)
    assert skipped_turns(bench.runs[1:], 0.5) == []


async def test_the_first_run_comes_within_one_interval_however_wide_the_spread() -> None:
    async with Bench(component("a")) as bench:
        started = now()
        await until(lambda: bench.runs)
    assert place_of("a") > 0.9  # of two seconds of spread, or of an interval of 0.2 s
    assert due(bench.runs[0]) - started < 0.2


async def test_one_request_adds_one_run() -> None:
    async with Bench(component("a", interval=2.0)) as bench:
        await until(lambda: bench.runs)
        bench.scheduler.request(["a"])
        await until(lambda: len(bench.runs) >= 3)
    asked, turn = bench.runs[1:3]
    assert due(turn) == pytest.approx(next_turn(place_of("a"), 2.0, asked.started + 0.2), abs=0.01)


async def test_a_failure_that_ends_after_a_request_answers_it() -> None:
    async with Bench(component("a", interval=0.5)) as bench:
        bench.script = bench.asking(Reason.REFUSED)
        await until(lambda: bench.board.roots == ("a",))
        known = len(bench.runs)
        await until(lambda: len(bench.runs) >= known + 3)
    assert all(due(b) - due(a) > 0.4 for a, b in pairwise(bench.runs[known:]))


async def test_runs_of_one_component_never_overlap() -> None:
    async with Bench(component("a")) as bench:
        bench.takes = 0.25
        bench.scheduler.request(["a"])
        await until(lambda: len(bench.runs) >= 3)
    assert all(a.ended <= b.started for a, b in pairwise(bench.runs))


async def test_a_failure_is_confirmed_at_the_retry_interval() -> None:
    async with Bench(component("a", interval=2.0)) as bench:
        bench.script = lambda _name: Reason.REFUSED
        await until(lambda: bench.board.roots == ("a",))
    for a, b in pairwise(bench.runs[:3]):
        assert due(b) == pytest.approx(max(a.started + 0.2, a.ended), abs=_NOTICED)


async def test_a_maintenance_from_before_a_restart_holds_from_the_first_run() -> None:
    bench = Bench(component("a"))
    window = MaintenanceWindow(("a",), Once(now() - 60.0, now() + 60.0))
    bench.board.recall(Memory("test", journal=Journal(windows=(window,))))
    bench.script = lambda _name: Reason.REFUSED
    async with bench:
        await until(lambda: len(bench.runs) >= 5)
    assert bench.board.journal.incidents == ()
    assert bench.board.snapshot(now()).components["a"].state == State.MAINTENANCE


async def test_a_round_probes_dependencies_at_once() -> None:
    async with Bench(component("database", interval=30.0), component("backend", "database", interval=0.5)) as bench:
        await until(lambda: not bench.board.unheard)
        bench.script = lambda name: Reason.REFUSED if name == "backend" else Reason.OK
        await until(lambda: bench.board.roots == ("backend",))
        assert len(bench.of("database")) >= 2


async def test_the_rate_limit_delays_retries_and_not_the_schedule() -> None:
    # 0.5 s: 120 scheduled requests in a minute, and a limit that leaves room for one more
    async with Bench(component("a", interval=0.5), limit=121) as bench:
        bench.script = lambda _name: Reason.REFUSED
        await until(lambda: len(bench.runs) >= 6)
    assert extra_runs(bench.runs, 0.5) <= 1


async def test_the_rate_limit_delays_requested_runs() -> None:
    async with Bench(component("a", interval=0.5), limit=121) as bench:
        bench.script = bench.asking(Reason.OK)
        await until(lambda: len(bench.runs) >= 6)
    assert extra_runs(bench.runs, 0.5) <= 1


async def test_a_retry_after_holds_for_every_check_of_the_host() -> None:
    async with Bench(component("a", interval=0.1), component("b", interval=0.1)) as bench:
        await until(lambda: not bench.board.unheard)
        bench.facts = {"retry_after": 30.0}
        bench.script = lambda _name: Reason.RATE_LIMITED
        status = lambda name: bench.board.snapshot(now()).components[name]  # noqa: E731
        await until(lambda: all(status(name).reason == Reason.RATE_LIMITED for name in ("a", "b")))
        asked = len(bench.runs)
        await until(lambda: (status("a").last_probe or 0) > bench.runs[-1].started + 0.3)
        assert len(bench.runs) <= asked + 1
        assert "with a Retry-After until" in status("a").detail or "with a Retry-After until" in status("b").detail


async def test_the_scheduler_stops_within_two_seconds_with_fifty_hanging_runs() -> None:
    bench = Bench(*(component(f"c{n}", interval=60.0) for n in range(50)))
    bench.takes = 3600.0
    started: set[str] = set()

    def script(name: str) -> Reason:
        started.add(name)
        return Reason.OK

    bench.script = script
    bench.scheduler.start()
    bench.scheduler.request([f"c{n}" for n in range(50)])
    await until(lambda: len(started) == 50)
    begin = now() - held_up()
    await bench.scheduler.stop()
    assert now() - held_up() - begin < 2.0
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def test_the_scheduler_stops_although_a_run_ignores_its_cancellation() -> None:
    bench, entered, leave = Bench(component("a")), asyncio.Event(), asyncio.Event()

    async def stubborn(component: Component, _check: Check, _lag: float, _requested: bool) -> Observation:
        entered.set()
        while not leave.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await leave.wait()
        return Observation(component.name, now(), 0.0, Outcome.PASS, Reason.OK)

    targets = {"a": (component("a"), CHECK)}
    scheduler = Scheduler(bench.board, targets, stubborn, RateLimiter(None, [], targets))
    scheduler.start()
    await entered.wait()
    begin = now() - held_up()
    await scheduler.stop()
    assert now() - held_up() - begin < 2.0
    leave.set()
    await scheduler.stop()


async def test_a_run_knows_whether_it_was_requested() -> None:
    async with Bench(component("a", interval=60.0)) as bench:
        await until(lambda: bool(bench.runs))
        bench.scheduler.request(["a"])
        await until(lambda: len(bench.runs) == 2)
    assert bench.requested == [False, True]
