"""`python -m tests.soak.flows`: 10,000 runs of a golden path, whose cost is measured; nothing may be held or grow.

Exit 1 when a run does not pass, when descriptors or tasks are more than before, when memory grows by 5 MB or more in
the second half, or when a run takes 15 ms of CPU or more. The server is a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import psutil
from staging_exporter.core.model import Component, Layer, Outcome, Priority
from staging_exporter.engine.prober import Prober
from staging_exporter.probes import load
from websockets.asyncio.server import ServerConnection, serve

from tests.soak.__main__ import Held
from tests.support.web import Seen, Web, response, serving

MOST_CPU = 0.015  # seconds of a run
MOST_GROWTH = 5.0  # MB
_EVENTS = ["agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed"]


@dataclass(frozen=True)
class Cost:
    """What some runs cost: seconds of CPU each, MB that memory grew, and what is held before and after."""

    cpu: float
    growth: float
    before: Held
    after: Held


async def _talk(socket: ServerConnection) -> None:
    await socket.send(json.dumps({"type": "welcome"}))
    asked = json.loads(await socket.recv())
    for event in _EVENTS:
        await socket.send(json.dumps({"type": event, "chat": f"chat-{asked['text']}"}))
    await socket.wait_closed()


async def _serve(ready: Connection) -> None:
    def login(request: Seen) -> bytes:
        body = json.dumps({"token": os.urandom(200).hex(), "user": {"id": 4711}}).encode()
        return response(200, body, {"Set-Cookie": f"sid={os.urandom(16).hex()}; Path=/"})

    def saved(request: Seen) -> bytes:
        return response(200, json.dumps({"chat": request.target.rpartition("/")[2]}).encode())

    web = Web({"/login": login, "/": response(200), "/logout": response(204), "*": saved})
    async with serving(web) as address, serve(_talk, "127.0.0.1", 0) as server:
        ready.send((address, "{}:{}".format(*next(iter(server.sockets)).getsockname())))
        while True:
            await asyncio.sleep(1)
            web.seen.clear()


def _server(ready: Connection) -> None:
    asyncio.run(_serve(ready))


@contextlib.contextmanager
def served() -> Iterator[tuple[str, str]]:
    """`host:port` of the service, and of its WebSocket."""
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=_server, args=(send,))
    process.start()
    try:
        yield receive.recv()
    finally:
        process.terminate()
        process.join()


def golden_path(web: str, socket: str) -> dict[str, Any]:
    """Page, login, agent run, saved answer, logout."""
    bearer = {"Authorization": "Bearer {{token}}"}
    talk = [
        {"expect": {"json": {"type": "welcome"}}},
        {"send": {"json": {"type": "ask", "text": "{{uuid}}"}}},
        {"events": {"order": _EVENTS}, "capture": {"chat": {"json": "chat"}}},
    ]
    saved = {"url": f"http://{web}/chats/{{{{chat}}}}", "expect": {"json": {"chat": "{{chat}}"}}}
    login = {"method": "POST", "body": {"form": {"user": "probe", "password": "{{password}}"}}}
    return {
        "kind": "flow",
        "secrets": {"password": {"env": "SOAK_PASSWORD"}},
        "steps": [
            {"name": "page", "http": {"url": f"http://{web}/"}},
            {
                "name": "login",
                "http": {"url": f"http://{web}/login", **login},
                "capture": {"token": {"json": "token"}, "session": {"cookie": "sid"}},
            },
            {"name": "agent", "websocket": {"url": f"ws://{socket}/", "headers": bearer, "steps": talk}},
            {"name": "saved", "http": {**saved, "headers": bearer}},
            {"name": "logout", "always": True, "http": {"url": f"http://{web}/logout"}},
        ],
    }


async def measure(runs: int, warm: int = 50) -> Cost:
    """Run the golden path so often, after `warm` runs that are not counted. Raises AssertionError when one fails."""
    os.environ["SOAK_PASSWORD"] = "correct-horse-battery"
    component, prober = Component("flow", Layer.APPLICATION, Priority.P0, "flow", timeout=10.0), Prober()
    with served() as (web, socket):
        check = load("flow").model_validate(golden_path(web, socket))

        async def some(count: int) -> None:
            for _ in range(count):
                seen = await prober.attempt(component, check)
                assert seen.outcome is Outcome.PASS, seen.detail

        await some(warm)
        before, begin = await Held.now(), time.process_time()
        await some(runs // 2)
        spent = time.process_time() - begin
        half = psutil.Process().memory_info().rss
        begin = time.process_time()
        await some(runs - runs // 2)
        cpu = (spent + time.process_time() - begin) / runs
        growth = (psutil.Process().memory_info().rss - half) / 2**20
        return Cost(cpu, growth, before, await Held.now())


def main() -> None:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=10_000)
    runs = parser.parse_args().runs
    cost = asyncio.run(measure(runs))
    print(f"{runs} runs: {cost.cpu * 1000:.1f} ms of CPU each, memory {cost.growth:+.1f} MB in the second half")
    print(f"held before: {cost.before}, after: {cost.after}")
    sys.exit(not (cost.cpu < MOST_CPU and cost.growth < MOST_GROWTH and cost.after == cost.before))


if __name__ == "__main__":
    main()
