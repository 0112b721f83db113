"""A WebSocket run that ends before its steps do tells the server so."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from staging_exporter.core.model import Component, Layer, Observation, Priority, Reason
from staging_exporter.engine.prober import Prober
from staging_exporter.probes import load
from websockets.asyncio.server import ServerConnection

from tests.probes.test_websocket import talking
from tests.support.waiting import until

NEVER: list[dict[str, Any]] = [{"send": "start"}, {"expect": {"matches": "never"}, "within": "100ms"}]
HANGS: list[dict[str, Any]] = [{"send": "start"}, {"expect": {"matches": "never"}}]


class Agent:
    """A server that remembers what it received, and the code with which it was closed."""

    def __init__(self) -> None:
        self.received: list[str] = []
        self.code: int | None = None

    async def __call__(self, socket: ServerConnection) -> None:
        async for message in socket:
            self.received.append(str(message))
        self.code = socket.close_code


async def attempt(address: str, steps: list[dict[str, Any]], timeout: float, **options: Any) -> Observation:
    check = load("websocket").model_validate(
        {"kind": "websocket", "url": f"ws://{address}/", "steps": steps, **options}
    )
    component = Component("agent", Layer.SERVICE, Priority.P1, "websocket", timeout=timeout)
    return await Prober().attempt(component, check)


@pytest.mark.parametrize(
    ("steps", "timeout"), [(NEVER, 5.0), (HANGS, 0.4)], ids=["a step fails", "the deadline ends it"]
)
async def test_the_server_is_told_when_a_run_ends_early(steps: list[dict[str, Any]], timeout: float) -> None:
    agent = Agent()
    async with talking(agent) as address:
        seen = await attempt(address, steps, timeout, cancel={"json": {"type": "stop"}})
        await until(lambda: agent.code is not None)
    assert seen.reason == Reason.TIMEOUT
    assert (agent.received, agent.code) == (["start", '{"type":"stop"}'], 1001)


async def test_the_server_is_told_when_the_exporter_stops() -> None:
    agent = Agent()
    async with talking(agent) as address:
        run = asyncio.create_task(attempt(address, HANGS, 5.0, cancel="stop"))
        await until(lambda: agent.received)
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        await until(lambda: agent.code is not None)
    assert (agent.received, agent.code) == (["start", "stop"], 1001)


async def test_a_run_that_passes_cancels_nothing() -> None:
    agent = Agent()
    async with talking(agent) as address:
        seen = await attempt(address, [{"send": "start"}], 5.0, cancel="stop")
        await until(lambda: agent.code is not None)
    assert (seen.reason, agent.received, agent.code) == (Reason.OK, ["start"], 1000)
