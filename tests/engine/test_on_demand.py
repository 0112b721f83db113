"""Runs on demand by strangers: nobody spoils the result of others, or has a target asked more than once a second."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise
from typing import Any, Literal

import pytest
from staging_exporter.clock import now
from staging_exporter.core.model import Component, Layer, Outcome, Priority, Reason
from staging_exporter.engine.on_demand import OnDemand
from staging_exporter.engine.prober import Prober
from staging_exporter.engine.rate_limit import RateLimiter
from staging_exporter.net.context import ProbeContext
from staging_exporter.options.check import Check

TARGET = Component("target", Layer.SERVICE, Priority.P1, kind="scripted", timeout=30.0)


class Scripted(Check):
    """A kind whose run is given by the test."""

    kind: Literal["scripted"] = "scripted"
    script: Any

    async def run(self, context: ProbeContext) -> None:
        await self.script(context)


class Asked:
    """A target whose runs end when the gate is open."""

    def __init__(self, timeout: float = 30.0) -> None:
        self.began: list[float] = []
        self.gate = asyncio.Event()
        targets: dict[str, tuple[Component, Check]] = {
            "target": (replace(TARGET, timeout=timeout), Scripted(script=self._run))
        }
        self.demand = OnDemand(targets, Prober(), RateLimiter(None, [], targets))

    async def _run(self, _context: ProbeContext) -> None:
        self.began.append(now())
        await self.gate.wait()


async def test_an_impatient_requester_does_not_shorten_the_run_of_others() -> None:
    asked = Asked()
    impatient = asyncio.create_task(asked.demand.probe("target", 0.02))
    await asyncio.sleep(0)
    patient = asyncio.create_task(asked.demand.probe("target", 20.0))
    while not asked.began:
        await asyncio.sleep(0.005)
    asked.gate.set()
    results = await asyncio.gather(impatient, patient)
    assert [(result.timeout, result.seen.outcome) for result in results] == [(20.0, Outcome.PASS)] * 2


async def test_a_patient_requester_does_not_join_a_shorter_run_under_way() -> None:
    asked = Asked()
    impatient = asyncio.create_task(asked.demand.probe("target", 0.3))
    while not asked.began:
        await asyncio.sleep(0.005)
    patient = asyncio.create_task(asked.demand.probe("target", 20.0))
    assert (await impatient).seen.reason == Reason.TIMEOUT
    asked.gate.set()
    assert (await patient).seen.outcome == Outcome.PASS
    assert len(asked.began) == 2


@pytest.mark.parametrize(("longest", "timeout"), [(0.0, 0.25), (0.02, 0.25), (5.0, 5.0), (90.0, 30.0), (None, 30.0)])
async def test_the_timeout_of_a_run_has_a_floor_and_a_limit(longest: float | None, timeout: float) -> None:
    asked = Asked()
    asked.gate.set()
    assert (await asked.demand.probe("target", longest)).timeout == timeout


async def test_runs_of_a_component_are_a_second_apart_however_many_ask() -> None:
    asked = Asked()
    asked.gate.set()

    async def ask() -> None:
        for _ in range(3):
            await asked.demand.probe("target", 0.02)

    await asyncio.gather(*(ask() for _ in range(20)))
    assert len(asked.began) <= 4
    assert all(later - earlier >= 1.0 for earlier, later in pairwise(asked.began))
