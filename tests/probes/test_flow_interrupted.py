"""A run of a flow that is interrupted: what it made is cleaned up before the process exits, and within its time."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from staging_exporter.core.blackbox import NoCheck
from staging_exporter.core.model import Component, Layer, Priority
from staging_exporter.engine.on_demand import OnDemand
from staging_exporter.engine.prober import Prober
from staging_exporter.engine.rate_limit import RateLimiter
from staging_exporter.options.check import Check
from staging_exporter.probes import load

from tests.support.live import EXPORTER
from tests.support.ports import free_port
from tests.support.waiting import held_up, until
from tests.support.web import read_request, response, serving

MADE = response(200, b'{"chat": "chat-4711"}')


class Chats:
    """A server that makes chats; the paths of `silent` are never answered."""

    def __init__(self, *silent: str) -> None:
        self.silent, self.asked = silent, list[str]()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await read_request(reader)
        self.asked.append(f"{request.method} {request.target}")
        if not request.target.startswith(self.silent):
            writer.write(MADE)
            await writer.drain()
        await reader.read()


def steps(host: str) -> list[dict[str, Any]]:
    chat = f"http://{host}/chats/{{{{chat}}}}"
    return [
        {"name": "make", "http": {"url": f"http://{host}/make"}, "capture": {"chat": {"json": "$.chat"}}},
        {"name": "ask", "http": {"url": f"http://{host}/ask"}, "capture": {"answer": {"json": "$.chat"}}},
        {"name": "forget", "always": True, "http": {"url": f"http://{host}/answers/{{{{answer}}}}"}},
        {"name": "tidy-up", "always": True, "http": {"url": chat, "method": "DELETE"}},
        {"name": "log-out", "always": True, "http": {"url": f"http://{host}/logout"}},
    ]


@asynccontextmanager
async def interrupted(chats: Chats, asked: str, timeout: float = 10.0) -> AsyncIterator[float]:
    """Cancel a run when the server was asked that, and wait for its end: how many seconds that took."""
    async with serving(chats) as host:
        check = load("flow").model_validate({"kind": "flow", "steps": steps(host)})
        component = Component("user", Layer.SERVICE, Priority.P1, kind="flow", timeout=timeout)
        run = asyncio.create_task(Prober().attempt(component, check))
        await until(lambda: asked in chats.asked)
        begin = asyncio.get_running_loop().time() - held_up()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        yield asyncio.get_running_loop().time() - held_up() - begin


async def test_an_interrupted_run_cleans_up_what_its_steps_made() -> None:
    chats = Chats("/ask")
    async with interrupted(chats, "GET /ask"):
        assert chats.asked[2:] == ["DELETE /chats/chat-4711", "GET /logout"]


async def test_a_clean_up_that_is_interrupted_begins_again() -> None:
    chats = Chats("/chats")
    async with interrupted(chats, "DELETE /chats/chat-4711") as seconds:
        assert chats.asked[3:5] == ["DELETE /chats/chat-4711"] * 2
    assert seconds < 1.5


async def test_no_more_than_the_reserve_of_the_flow_is_spent() -> None:
    chats = Chats("/ask", "/chats")
    async with interrupted(chats, "GET /ask", timeout=1.2) as seconds:
        assert chats.asked[2] == "DELETE /chats/chat-4711"
    assert seconds < 0.7


async def test_runs_on_demand_clean_up_before_they_are_stopped() -> None:
    chats = Chats("/ask")
    async with serving(chats) as host:
        check: Check = load("flow").model_validate({"kind": "flow", "steps": steps(host)})
        targets = {"user": (Component("user", Layer.SERVICE, Priority.P1, kind="flow", timeout=10.0), check)}
        demand = OnDemand(targets, Prober(), RateLimiter(None, [], targets))
        asked = asyncio.create_task(demand.probe("user"))
        await until(lambda: "GET /ask" in chats.asked)
        await demand.stop()
        assert chats.asked[2:] == ["DELETE /chats/chat-4711", "GET /logout"]
        with pytest.raises(asyncio.CancelledError):
            await asked
        with pytest.raises(NoCheck):
            await demand.probe("other")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", ["check", "check --only", "run"])
async def test_a_process_that_is_stopped_cleans_up_first(command: str, number: signal.Signals, tmp_path: Path) -> None:
    chats, file = Chats("/ask"), tmp_path / "config.yml"
    async with serving(chats) as host:
        user = {"layer": "service", "priority": "P1", "interval": "1m", "timeout": "30s"}
        components = {"user": {**user, "check": {"kind": "flow", "steps": steps(host)}}}
        file.write_text(json.dumps({"environment": "test", "components": components}))
        arguments = {
            "check": ["check", str(file)],
            "check --only": ["check", str(file), "--only", "user"],
            "run": ["run", str(file), "--web.listen-address", f"127.0.0.1:{free_port()}"],
        }
        quiet = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(*EXPORTER, *arguments[command], stdout=quiet, stderr=quiet)
        try:
            await until(lambda: "GET /ask" in chats.asked, 30.0)
            process.send_signal(number)
            await asyncio.wait_for(process.wait(), 20.0)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert chats.asked[2:] == ["DELETE /chats/chat-4711", "GET /logout"]
